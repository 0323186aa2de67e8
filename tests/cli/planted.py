"""Sixty and more mistakes that users make, each planted as a file or folder and named after what went wrong."""

import gzip
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

Planter = Callable[[Path], list[str]]
MISTAKES: dict[str, Planter] = {}


def mistake(planter: Planter) -> Planter:
    """Put a planter on the list under its name."""
    MISTAKES[planter.__name__] = planter
    return planter


def installed(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert found is not None, name
    return Path(found)


def film(rows: int = 64, columns: int = 64, **fields: object) -> Dataset:
    """A small CR data set without any fault, for a mistake to be made in."""
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.Modality = "P1", "Planted^Mistake", "CR"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    samples = np.random.default_rng(5).integers(0, 4095, (rows, columns), dtype=np.uint16)
    dataset.PixelData = samples.tobytes()
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    return dataset


def saved(dataset: Dataset, path: Path) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def analysed(path: Path, folder: Path, *more: str) -> list[str]:
    return ["analyse", str(path), "-o", str(folder / "out"), *more]


def picture(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


# ---- paths and folders


@mistake
def path_that_does_not_exist(folder: Path) -> list[str]:
    return analysed(folder / "nowhere", folder)


@mistake
def empty_folder(folder: Path) -> list[str]:
    (folder / "in").mkdir()
    return analysed(folder / "in", folder)


@mistake
def folder_of_text(folder: Path) -> list[str]:
    (folder / "in").mkdir()
    (folder / "in" / "notes.txt").write_text("nothing to see", encoding="utf-8")
    return analysed(folder / "in", folder)


@mistake
def a_named_pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe.dcm")
    return analysed(folder / "pipe.dcm", folder)


@mistake
def output_is_a_file(folder: Path) -> list[str]:
    (folder / "out").write_text("I am a file", encoding="utf-8")
    return analysed(installed("CT_small.dcm"), folder)


# ---- files that are not what they say


def renamed(name: str, content: bytes) -> Planter:
    def planter(folder: Path) -> list[str]:
        (folder / "scan.dcm").write_bytes(content)
        return analysed(folder / "scan.dcm", folder)

    planter.__name__ = name
    return mistake(planter)


renamed("text_renamed_dcm", b"This is not an image. " * 50)
renamed("html_renamed_dcm", b"<!DOCTYPE html><html><body>login</body></html>")
renamed("pdf_renamed_dcm", b"%PDF-1.7\n" + b"x" * 500)
renamed("elf_renamed_dcm", b"\x7fELF\x02\x01\x01" + bytes(600))
renamed("windows_program_renamed_dcm", b"MZ" + bytes(600))
renamed("empty_file", b"")
renamed("one_byte", b"D")
renamed("preamble_alone", bytes(128) + b"DICM")
renamed("random_bytes", np.random.default_rng(3).bytes(4000))
renamed("spreadsheet_rows", b"id;name;date\n1;a;2026\n" * 40)


# ---- archives


@mistake
def empty_zip(folder: Path) -> list[str]:
    return analysed(archive(folder / "s.zip", {}), folder)


@mistake
def zip_with_parent_paths(folder: Path) -> list[str]:
    content = installed("CT_small.dcm").read_bytes()
    return analysed(archive(folder / "s.zip", {"../../evil.dcm": content}), folder)


@mistake
def zip_with_absolute_path(folder: Path) -> list[str]:
    content = installed("CT_small.dcm").read_bytes()
    return analysed(archive(folder / "s.zip", {"/tmp/evil.dcm": content}), folder)


@mistake
def zip_with_a_link(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "s.zip", "w") as packed:
        member = zipfile.ZipInfo("link.dcm")
        member.external_attr = 0o120777 << 16
        packed.writestr(member, "/etc/passwd")
    return analysed(folder / "s.zip", folder)


@mistake
def zip_bomb(folder: Path) -> list[str]:
    return analysed(archive(folder / "s.zip", {"a.dcm": bytes(64 * 2**20)}), folder)


@mistake
def zip_cut_in_half(folder: Path) -> list[str]:
    path = archive(folder / "s.zip", {"a.dcm": installed("CT_small.dcm").read_bytes()})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return analysed(path, folder)


@mistake
def zip_with_a_password(folder: Path) -> list[str]:
    path = archive(folder / "s.zip", {"a.dcm": b"secret" * 100})
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + offset] |= 1
    path.write_bytes(bytes(raw))
    return analysed(path, folder)


@mistake
def zip_without_images(folder: Path) -> list[str]:
    return analysed(archive(folder / "s.zip", {"readme.txt": b"hello"}), folder)


@mistake
def zip_of_renamed_text(folder: Path) -> list[str]:
    return analysed(archive(folder / "s.zip", {"IM0001": b"hello " * 100, "IM0002": b"there " * 100}), folder)


# ---- DICOM that is broken


@mistake
def half_a_file(folder: Path) -> list[str]:
    raw = installed("CT_small.dcm").read_bytes()
    (folder / "half.dcm").write_bytes(raw[: len(raw) // 2])
    return analysed(folder / "half.dcm", folder)


@mistake
def cut_in_the_header(folder: Path) -> list[str]:
    (folder / "cut.dcm").write_bytes(installed("CT_small.dcm").read_bytes()[:700])
    return analysed(folder / "cut.dcm", folder)


@mistake
def unknown_modality(folder: Path) -> list[str]:
    return analysed(saved(film(Modality="XQ"), folder / "a.dcm"), folder)


@mistake
def no_pixel_data(folder: Path) -> list[str]:
    dataset = film()
    del dataset.PixelData
    return analysed(saved(dataset, folder / "a.dcm"), folder)


@mistake
def hundred_nested_sequences(folder: Path) -> list[str]:
    dataset = film()
    inner = Dataset()
    inner.CodeValue = "1"
    for _ in range(100):
        outer = Dataset()
        outer.ConceptCodeSequence = Sequence([inner])
        inner = outer
    dataset.AcquisitionContextSequence = Sequence([inner])
    return analysed(saved(dataset, folder / "a.dcm"), folder)


@mistake
def header_declares_8_gb(folder: Path) -> list[str]:
    dataset = film(NumberOfFrames=1_000)
    dataset.Rows = dataset.Columns = 2048
    return analysed(saved(dataset, folder / "a.dcm"), folder)


@mistake
def element_declares_4_gb(folder: Path) -> list[str]:
    path = saved(film(), folder / "a.dcm")
    path.write_bytes(path.read_bytes() + struct.pack("<HH2sHI", 0x7FE1, 0x0010, b"OB", 0, 0xFFFFFFFE) + b"abc")
    return analysed(path, folder)


@mistake
def no_rows(folder: Path) -> list[str]:
    return analysed(saved(film(Rows=0), folder / "a.dcm"), folder)


@mistake
def seven_bits(folder: Path) -> list[str]:
    return analysed(saved(film(BitsAllocated=7), folder / "a.dcm"), folder)


@mistake
def five_samples_a_pixel(folder: Path) -> list[str]:
    return analysed(saved(film(SamplesPerPixel=5), folder / "a.dcm"), folder)


@mistake
def unknown_photometric_interpretation(folder: Path) -> list[str]:
    return analysed(saved(film(PhotometricInterpretation="PURPLE"), folder / "a.dcm"), folder)


@mistake
def unknown_transfer_syntax(folder: Path) -> list[str]:
    path = saved(film(), folder / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.9.9\0\0\0"))
    return analysed(path, folder)


@mistake
def garbage_instead_of_jpeg(folder: Path) -> list[str]:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    dataset = film(BitsAllocated=8, BitsStored=8, HighBit=7)
    dataset.PixelData = encapsulate([b"\xff\xd8" + b"garbage " * 40])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return analysed(saved(dataset, folder / "a.dcm"), folder)


@mistake
def invalid_study_uid(folder: Path) -> list[str]:
    dataset = film()
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        dataset.StudyInstanceUID = "../../../etc"
        saved(dataset, folder / "a.dcm")
    finally:
        pydicom.config.settings.writing_validation_mode = None
    return analysed(folder / "a.dcm", folder)


@mistake
def all_black_film(folder: Path) -> list[str]:
    dataset = film()
    dataset.PixelData = bytes(len(dataset.PixelData))
    return analysed(saved(dataset, folder / "a.dcm"), folder)


@mistake
def saturated_film(folder: Path) -> list[str]:
    dataset = film()
    dataset.PixelData = np.full((64, 64), 4095, np.uint16).tobytes()
    return analysed(saved(dataset, folder / "a.dcm"), folder)


@mistake
def one_pixel(folder: Path) -> list[str]:
    return analysed(saved(film(1, 1), folder / "a.dcm"), folder)


@mistake
def noise_called_a_film(folder: Path) -> list[str]:
    return analysed(saved(film(256, 256), folder / "a.dcm"), folder)


@mistake
def one_study_two_patients(folder: Path) -> list[str]:
    (folder / "in").mkdir()
    first, second = film(), film()
    second.StudyInstanceUID, second.SeriesInstanceUID = first.StudyInstanceUID, first.SeriesInstanceUID
    second.PatientID = "P2"
    saved(first, folder / "in" / "a.dcm")
    saved(second, folder / "in" / "b.dcm")
    return analysed(folder / "in", folder)


@mistake
def one_uid_two_contents(folder: Path) -> list[str]:
    (folder / "in").mkdir()
    first = film()
    saved(first, folder / "in" / "a.dcm")
    first.PixelData = first.PixelData[::-1]
    saved(first, folder / "in" / "b.dcm")
    return analysed(folder / "in", folder)


# ---- objects and images that no task takes


def test_file(name: str) -> Planter:
    def planter(folder: Path) -> list[str]:
        return analysed(installed(name), folder)

    planter.__name__ = "object_" + name.partition(".")[0].replace("-", "_")
    return mistake(planter)


test_file("test-SR.dcm")
test_file("rtplan.dcm")
test_file("rtdose.dcm")
test_file("CT_small.dcm")
test_file("waveform_ecg.dcm")


@mistake
def lateral_film(folder: Path) -> list[str]:
    return analysed(saved(film(256, 256, ViewPosition="LL", BodyPartExamined="CHEST"), folder / "a.dcm"), folder)


@mistake
def film_of_a_hand(folder: Path) -> list[str]:
    return analysed(saved(film(256, 256, BodyPartExamined="HAND"), folder / "a.dcm"), folder)


@mistake
def ct_for_the_film_task(folder: Path) -> list[str]:
    return analysed(installed("CT_small.dcm"), folder, "--task", "chest-xray")


@mistake
def dicomdir_whose_files_are_gone(folder: Path) -> list[str]:
    (folder / "DICOMDIR").write_bytes(installed("DICOMDIR").read_bytes())
    return analysed(folder / "DICOMDIR", folder)


# ---- pictures and volumes


@mistake
def colour_photograph(folder: Path) -> list[str]:
    from skimage import data

    return analysed(picture(folder / "a.png", data.astronaut()), folder)


@mistake
def grey_photograph(folder: Path) -> list[str]:
    from skimage import data

    return analysed(picture(folder / "a.png", data.camera()), folder)


@mistake
def scanned_page_of_text(folder: Path) -> list[str]:
    from skimage import data

    return analysed(picture(folder / "a.jpg", data.page()), folder)


@mistake
def constant_picture(folder: Path) -> list[str]:
    return analysed(picture(folder / "a.png", np.full((128, 128), 77, np.uint8)), folder)


@mistake
def cut_jpeg(folder: Path) -> list[str]:
    path = picture(folder / "a.jpg", np.random.default_rng(1).integers(0, 255, (200, 200), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:3000])
    return analysed(path, folder)


@mistake
def png_that_declares_ten_gigapixels(folder: Path) -> list[str]:
    buffer = io.BytesIO()
    Image.new("L", (2, 2)).save(buffer, "png")
    raw = bytearray(buffer.getvalue())
    raw[16:24] = struct.pack(">II", 100_000, 100_000)
    import zlib

    raw[29:33] = struct.pack(">I", zlib.crc32(bytes(raw[12:29])))
    (folder / "a.png").write_bytes(bytes(raw))
    return analysed(folder / "a.png", folder)


@mistake
def nifti_that_declares_18_gb(folder: Path) -> list[str]:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_shape((3000, 3000, 1000))
    header.set_data_dtype(np.int16)
    (folder / "a.nii").write_bytes(header.binaryblock + bytes(29))
    return analysed(folder / "a.nii", folder)


@mistake
def nifti_cut_short(folder: Path) -> list[str]:
    import nibabel

    image = nibabel.Nifti1Image(np.random.default_rng(2).normal(size=(20, 20, 20)), np.eye(4))
    raw = gzip.compress(image.to_bytes())
    (folder / "a.nii.gz").write_bytes(raw[: len(raw) // 2])
    return analysed(folder / "a.nii.gz", folder)


@mistake
def nifti_full_of_nan(folder: Path) -> list[str]:
    import nibabel

    nibabel.Nifti1Image(np.full((64, 64, 3), np.nan, np.float32), np.eye(4)).to_filename(folder / "a.nii")
    return analysed(folder / "a.nii", folder)


@mistake
def nrrd_that_points_elsewhere(folder: Path) -> list[str]:
    (folder / "a.nrrd").write_text(
        "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 4 4\nencoding: raw\ndata file: /etc/passwd\n\n",
        encoding="utf-8",
    )
    return analysed(folder / "a.nrrd", folder)


@mistake
def npz_with_a_pickle(folder: Path) -> list[str]:
    np.savez(folder / "a.npz", image=np.array([{"x": 1}], dtype=object))
    return analysed(folder / "a.npz", folder)


# ---- models


@mistake
def model_that_is_not_there(folder: Path) -> list[str]:
    return analysed(installed("CT_small.dcm"), folder, "--model", str(folder / "missing.model"))


@mistake
def model_that_is_text(folder: Path) -> list[str]:
    (folder / "a.model").write_text("hello", encoding="utf-8")
    return analysed(installed("CT_small.dcm"), folder, "--model", str(folder / "a.model"))


def starter(name: str = "chest-xray-pneumonia") -> bytes:
    from importlib.resources import files

    return files("hounsfield").joinpath("starters", f"{name}.model").read_bytes()


@mistake
def model_with_one_byte_changed(folder: Path) -> list[str]:
    raw = bytearray(starter())
    raw[len(raw) // 2] ^= 1
    (folder / "a.model").write_bytes(bytes(raw))
    return analysed(installed("CT_small.dcm"), folder, "--model", str(folder / "a.model"))


@mistake
def model_cut_short(folder: Path) -> list[str]:
    (folder / "a.model").write_bytes(starter()[:-100])
    return analysed(installed("CT_small.dcm"), folder, "--model", str(folder / "a.model"))


@mistake
def model_with_a_pickle_inside(folder: Path) -> list[str]:
    path = archive(folder / "a.model", {"manifest.json": b"{}", "weights.pkl": b"cos\nsystem\n(S'true'\ntR."})
    return analysed(installed("CT_small.dcm"), folder, "--model", str(path))


@mistake
def task_nobody_knows(folder: Path) -> list[str]:
    return analysed(installed("CT_small.dcm"), folder, "--task", "palm-reading")


# ---- words


def words(name: str, *arguments: str) -> Planter:
    def planter(folder: Path) -> list[str]:
        return list(arguments)

    planter.__name__ = name
    return mistake(planter)


words("verb_nobody_knows", "analyze-all")
words("flag_nobody_knows", "info", "--colour")
words("no_output_named", "analyse", "somewhere")
words("language_nobody_speaks", "info", "--language", "fr")
words("model_nobody_has", "models", "crystal-ball")


# ---- data sets


def trained(folder: Path) -> list[str]:
    return ["train", str(folder / "data"), "-o", str(folder / "out.model")]


def class_folder(folder: Path, **counts: int) -> None:
    generator = np.random.default_rng(0)
    for name, count in counts.items():
        (folder / "data" / name).mkdir(parents=True)
        for index in range(count):
            picture(folder / "data" / name / f"{index}.png", generator.integers(0, 255, (28, 28), dtype=np.uint8))


@mistake
def data_that_is_not_there(folder: Path) -> list[str]:
    return trained(folder)


@mistake
def data_with_one_class(folder: Path) -> list[str]:
    class_folder(folder, only=30)
    return trained(folder)


@mistake
def data_without_images(folder: Path) -> list[str]:
    (folder / "data" / "a").mkdir(parents=True)
    (folder / "data" / "b").mkdir()
    (folder / "data" / "a" / "x.txt").write_text("x", encoding="utf-8")
    return trained(folder)


@mistake
def data_with_one_case_in_a_class(folder: Path) -> list[str]:
    class_folder(folder, many=30, one=1)
    return trained(folder)


@mistake
def data_of_broken_images(folder: Path) -> list[str]:
    for name in ("a", "b"):
        (folder / "data" / name).mkdir(parents=True)
        for index in range(20):
            (folder / "data" / name / f"{index}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return trained(folder)


@mistake
def npz_whose_labels_do_not_match(folder: Path) -> list[str]:
    (folder / "data").mkdir()
    images = np.zeros((10, 28, 28), np.uint8)
    np.savez(folder / "data" / "x.npz", train_images=images, train_labels=np.zeros((7, 1), np.uint8))
    return trained(folder)


@mistake
def npz_of_pickles_as_data(folder: Path) -> list[str]:
    (folder / "data").mkdir()
    np.savez(folder / "data" / "x.npz", train_images=np.array([None, {}], object), train_labels=np.array([0, 1]))
    return trained(folder)


@mistake
def table_that_points_outside(folder: Path) -> list[str]:
    (folder / "data").mkdir()
    (folder / "data" / "cases.csv").write_text("path,label\n../../etc/passwd,a\n/etc/hostname,b\n", encoding="utf-8")
    return trained(folder)


@mistake
def evaluation_with_an_unknown_model(folder: Path) -> list[str]:
    class_folder(folder, normal=5, pneumonia=5)
    return ["evaluate", "crystal-ball", str(folder / "data")]


@mistake
def evaluation_with_strange_classes(folder: Path) -> list[str]:
    class_folder(folder, cats=5, dogs=5)
    return ["evaluate", "chest-xray-pneumonia", str(folder / "data")]
