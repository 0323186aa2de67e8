"""What a file says of itself beside its pixels: format, size, compression, writer; nothing that names a person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
from nibabel.filebasedimages import ImageFileError
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue

from hounsfield.cases.media import ImageKind, image_kind
from hounsfield.cases.npz_cases import image_header

FieldValue = str | float

_TEXT_LIMIT = 60
_JPEG_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Quantisation of luminance at quality 50: ITU-T T.81 (1992), table K.1."""

_EXIF = {271: "maker", 272: "model of the device", 305: "software"}
_DICOM_WORDS = (
    "Modality", "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConversionType", "ViewPosition",
    "BodyPartExamined", "PhotometricInterpretation", "LossyImageCompression", "BurnedInAnnotation",
    "SpecificCharacterSet", "ScanOptions", "ConvolutionKernel", "SequenceName",
)  # fmt: skip
_DICOM_NUMBERS = (
    "BitsAllocated", "BitsStored", "SamplesPerPixel", "PixelRepresentation", "PixelSpacing", "ImagerPixelSpacing",
    "SliceThickness", "KVP", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "NumberOfFrames",
    "MagneticFieldStrength",
)  # fmt: skip
_DICOM_SIZE = ("Rows", "Columns")
_FAULTS = (OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError, AttributeError, OverflowError,
           InvalidDicomError, ImageFileError, nrrd.NRRDError, Image.DecompressionBombError)  # fmt: skip


def file_fields(path: Path) -> Mapping[str, FieldValue]:
    """Return what a file, or the first file of a folder, says of itself, by name of the field.

    Words are cut to 60 characters. A file that cannot be read has the field ``format`` alone.
    """
    if path.is_dir():
        inside = sorted(entry for entry in path.iterdir() if entry.is_file())
        return {**(file_fields(inside[0]) if inside else {}), "files of the folder": float(len(inside))}
    kind = image_kind(path)
    try:
        if kind is ImageKind.PICTURE:
            fields = _of_picture(path)
        elif kind is ImageKind.DICOM:
            fields = _of_dicom(path)
        elif kind is ImageKind.VOLUME:
            fields = _of_volume(path)
        else:
            fields = _of_npz(path) if path.suffix.lower() == ".npz" else {}
    except _FAULTS:
        fields = {}
    found: dict[str, FieldValue] = {"format": str(kind or path.suffix.lower()[:12]), **fields}
    return {name: value[:_TEXT_LIMIT] if isinstance(value, str) else value for name, value in found.items()}


def _of_picture(path: Path) -> dict[str, FieldValue]:
    with Image.open(path) as picture:
        size: dict[str, FieldValue] = {"rows": float(picture.height), "columns": float(picture.width)}
        size["bytes a pixel"] = path.stat().st_size / max(picture.height * picture.width, 1)
        fields: dict[str, FieldValue] = {"format": picture.format or "", "mode": picture.mode, **size}
        info = {str(key): value for key, value in picture.info.items()}
        for key in ("dpi", "gamma", "interlace", "progressive", "compression", "aspect", "jfif_version"):
            fields[key] = str(info.get(key, ""))
        fields["software"] = str(info.get("Software", info.get("software", "")))
        fields["kinds of metadata"] = " ".join(sorted(key for key in info if key.isidentifier()))
        quantisation = getattr(picture, "quantization", None)
        if quantisation:
            fields["JPEG quality"] = _jpeg_quality(quantisation)
            fields["JPEG chroma"] = str([tuple(part[1:3]) for part in getattr(picture, "layer", ())])
        exif = picture.getexif() if "exif" in info or picture.format == "TIFF" else {}
        fields |= {name: str(exif[tag]) for tag, name in _EXIF.items() if tag in exif}
    return fields


def _jpeg_quality(tables: Mapping[int, Any]) -> float:
    """Return the quality 1..100 of the Independent JPEG Group's scale that the luminance table stands for.

    The scale is quality 50 at the table of T.81, ``200 - 2 q`` percent of it above and ``5000 / q`` percent below
    (libjpeg, ``jpeg_quality_scaling``).
    """
    table = np.asarray(next(iter(tables.values())), dtype=np.float64)
    free = table < 255  # coarser steps than a byte holds are cut
    scale = 100 * float(table[free].sum()) / max(float(np.array(_JPEG_LUMINANCE)[free].sum()), 1)
    return float(round((200 - scale) / 2 if scale <= 100 else 5000 / scale))


def _of_dicom(path: Path) -> dict[str, FieldValue]:
    tags = [*_DICOM_SIZE, *_DICOM_WORDS, *_DICOM_NUMBERS, "StudyDate"]
    dataset = dcmread(path, stop_before_pixels=True, specific_tags=list(tags))
    fields: dict[str, FieldValue] = {name: str(dataset.get(name) or "") for name in _DICOM_WORDS}
    for name, key in zip(_DICOM_SIZE, ("rows", "columns"), strict=True):
        fields[key] = _number(dataset.get(name))
    fields |= {name: _number(dataset.get(name)) for name in _DICOM_NUMBERS}
    fields["year of the study"] = str(dataset.get("StudyDate") or "")[:4]
    fields |= _of_dicom_meta(dataset)
    size = float(fields["rows"]) * float(fields["columns"])
    fields["bytes a pixel"] = path.stat().st_size / size if size > 0 else float("nan")
    return fields


def _of_dicom_meta(dataset: FileDataset) -> dict[str, FieldValue]:
    meta = dataset.file_meta
    syntax, written = meta.get("TransferSyntaxUID"), meta.get("ImplementationVersionName")
    return {"transfer syntax": str(syntax or ""), "written by": str(written or "")}


def _number(value: object) -> float:
    """Return a number, the first of several, or NaN."""
    first = value[0] if isinstance(value, MultiValue) and len(value) else value
    try:
        return float(str(first))
    except ValueError:
        return float("nan")


def _of_npz(path: Path) -> dict[str, FieldValue]:
    """Return what the header of the array ``image`` says; its bytes are told as those of a compressed picture are."""
    found = image_header(path)
    if found is None:
        return {}
    shape, dtype = found
    is_colour = len(shape) == 3 and shape[-1] in (1, 3)
    rows, columns = shape[:2] if is_colour else shape[-2:]
    slices = shape[0] if len(shape) == 3 and not is_colour else 1
    size: dict[str, FieldValue] = {"rows": float(rows), "columns": float(columns), "slices": float(slices)}
    return {**size, "mode": "colour" if is_colour else "grey", "sample type": str(dtype)}


def _of_volume(path: Path) -> dict[str, FieldValue]:
    if ".nii" in path.name.lower():
        header: Any = nibabel.load(path).header
        sizes, spacings = header.get_data_shape(), header.get_zooms()
        words = {"sample type": str(header.get_data_dtype()), "description": bytes(header["descrip"]).decode("latin-1")}
    else:
        found = nrrd.read_header(str(path))
        sizes, spacings = found["sizes"], np.linalg.norm(np.atleast_2d(found.get("space directions", np.nan)), axis=1)
        words = {"sample type": str(found["type"]), "compression": str(found.get("encoding", ""))}
    size = {name: float(value) for name, value in zip(("columns", "rows", "slices"), sizes, strict=False)}
    names = ("column spacing", "row spacing", "slice spacing")
    spacing = {name: round(float(value), 4) for name, value in zip(names, spacings, strict=False)}
    return {**words, **size, **spacing, "bytes a pixel": path.stat().st_size / max(float(np.prod(sizes)), 1)}
