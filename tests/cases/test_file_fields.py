"""What a file says of itself is what the program that wrote it was told to write."""

from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.data import get_testdata_file

from hounsfield.cases.file_fields import file_fields
from tests.cases.examples import picture


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 97])
def test_the_quality_of_a_jpeg_is_the_one_it_was_written_with(tmp_path: Path, quality: int) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "a.jpg", quality=quality)
    assert file_fields(tmp_path / "a.jpg")["JPEG quality"] == pytest.approx(quality, abs=1)


def test_a_picture_says_size_format_and_writer(tmp_path: Path) -> None:
    note = PngInfo()
    note.add_text("Software", "painter 3")
    Image.fromarray(picture(1, 40)[:30]).save(tmp_path / "a.png", pnginfo=note, dpi=(72, 72))
    fields = file_fields(tmp_path / "a.png")
    assert (fields["format"], fields["mode"], fields["rows"], fields["columns"]) == ("PNG", "L", 30.0, 40.0)
    assert fields["software"] == "painter 3"
    assert "dpi" in str(fields["kinds of metadata"])
    assert fields["bytes a pixel"] == (tmp_path / "a.png").stat().st_size / 1200


def test_the_camera_of_an_exif_block_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[272] = "Maker", "Model 5"
    Image.fromarray(picture(1)).save(tmp_path / "a.jpg", exif=exif)
    fields = file_fields(tmp_path / "a.jpg")
    assert (fields["maker"], fields["model of the device"]) == ("Maker", "Model 5")


def test_a_dicom_file_says_its_header_and_no_person() -> None:
    path = Path(str(get_testdata_file("CT_small.dcm")))
    dataset = pydicom.dcmread(path)
    fields = file_fields(path)
    assert fields["Manufacturer"] == dataset.Manufacturer
    assert fields["KVP"] == float(dataset.KVP)
    assert fields["PixelSpacing"] == float(dataset.PixelSpacing[0])
    assert fields["transfer syntax"] == dataset.file_meta.TransferSyntaxUID
    assert fields["year of the study"] == dataset.StudyDate[:4]
    said = " ".join(str(value) for value in fields.values())
    assert str(dataset.PatientName) not in said
    assert str(dataset.PatientID) not in said


def test_a_folder_is_asked_by_its_first_file(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        Image.fromarray(picture(1, 20 if name == "a.png" else 30)).save(tmp_path / name)
    fields = file_fields(tmp_path)
    assert (fields["rows"], fields["files of the folder"]) == (20.0, 2.0)


def test_volumes_say_grid_and_samples(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), np.diag([2.0, 3.0, 4.0, 1.0]))
    image.header["descrip"] = b"made by hand"
    image.to_filename(tmp_path / "a.nii.gz")
    fields = file_fields(tmp_path / "a.nii.gz")
    assert (fields["columns"], fields["rows"], fields["slices"]) == (5.0, 6.0, 7.0)
    assert (fields["column spacing"], fields["slice spacing"]) == (2.0, 4.0)
    assert (fields["sample type"], str(fields["description"]).rstrip("\0")) == ("int16", "made by hand")
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((4, 5, 6), np.uint8), {"encoding": "raw"})
    assert file_fields(tmp_path / "a.nrrd")["slices"] == 6.0


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", bytes(128) + b"DICM", b"NRRD0004\n", b"II*\0"])
def test_a_broken_file_says_its_kind_at_most(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a").write_bytes(head + b"junk" * 30)
    fields = file_fields(tmp_path / "a")
    assert "format" in fields
    assert "rows" not in fields or np.isnan(float(fields["rows"]))


def test_words_are_cut(tmp_path: Path) -> None:
    note = PngInfo()
    note.add_text("Software", "x" * 5000)
    Image.fromarray(picture(1)).save(tmp_path / "a.png", pnginfo=note)
    assert len(str(file_fields(tmp_path / "a.png")["software"])) == 60
