"""DICOM files written byte by byte, or through pydicom, so that each test plants exactly what it looks for."""

import io
import struct
import warnings
import zipfile
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

PYDICOM_DATA = Path(pydicom.__file__).parent / "data"
LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF


def pydicom_files() -> list[Path]:
    """Return the DICOM files that pydicom installs; pydicom's own finder would download the others."""
    folders = [PYDICOM_DATA / name for name in ("test_files", "charset_files", "palettes")]
    found = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    others = {".txt", ".md", ".json", ".dump", ".icc", ".gz", ".py"}
    return [path for path in found if path.suffix not in others and path.name != "README"]


def element(group: int, number: int, vr: str, value: bytes = b"", length: int | None = None) -> bytes:
    """Return an explicit little endian data element, with a false length where one is given."""
    size = len(value) if length is None else length
    head = struct.pack("<HH", group, number) + vr.encode()
    return head + (struct.pack("<HL", 0, size) if vr in LONG else struct.pack("<H", size)) + value


def implicit(group: int, number: int, value: bytes = b"", length: int | None = None) -> bytes:
    """Return an implicit little endian data element."""
    return struct.pack("<HHL", group, number, len(value) if length is None else length) + value


def item(value: bytes = b"", length: int | None = None) -> bytes:
    return implicit(0xFFFE, 0xE000, value, length)


ITEM_END = implicit(0xFFFE, 0xE00D)
SEQUENCE_END = implicit(0xFFFE, 0xE0DD)


def uid(text: str) -> bytes:
    raw = text.encode()
    return raw + b"\0" * (len(raw) % 2)


def part10(dataset: bytes, transfer_syntax: str = ExplicitVRLittleEndian, sop_class: str = CTImageStorage) -> bytes:
    """Return a DICOM file around the bytes of a data set."""
    meta = element(2, 2, "UI", uid(sop_class)) + element(2, 3, "UI", uid("1.2.3.4"))
    meta += element(2, 0x10, "UI", uid(transfer_syntax))
    return bytes(128) + b"DICM" + element(2, 0, "UL", struct.pack("<L", len(meta))) + meta + dataset


def ct_dataset(rows: int = 8, columns: int = 8, **changes: object) -> Dataset:
    """Return a small CT image; keywords replace elements, None removes one."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = "1.2.826.1.1"
    dataset.SeriesInstanceUID = "1.2.826.1.1.1"
    dataset.Modality = "CT"
    dataset.PatientID = "P1"
    dataset.PatientName = "Nemo^Nobody"
    dataset.StudyDate = "20240102"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = bytes(range(256))[: 2 * rows * columns].ljust(2 * rows * columns, b"\1")
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def encode(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a data set as a DICOM file, valid or not."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    dataset.file_meta = meta
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def write_ct(path: Path, transfer_syntax: str = ExplicitVRLittleEndian, **changes: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(ct_dataset(**changes), transfer_syntax))
    return path


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


__all__ = ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian"]
