from pathlib import Path

import numpy as np
import pydicom
import pytest

import hounsfield
from hounsfield.core.quality import Severity
from hounsfield.errors import NotFound, Refused
from hounsfield.image import phantoms
from hounsfield.opening import read_volumes
from tests.image.helpers import PYDICOM_FILES


def test_a_folder_of_slices_becomes_one_volume(tmp_path: Path):
    phantoms.write_ct(tmp_path)
    opened = read_volumes(tmp_path)
    (volume,) = opened.volumes
    datasets = sorted((pydicom.dcmread(path) for path in tmp_path.iterdir()), key=lambda d: d.ImagePositionPatient[2])
    expected = np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in datasets])
    assert np.array_equal(volume.array, expected)
    assert opened.series[0].modality == "CT"
    assert opened.refused == ()


def test_floats_on_request(tmp_path: Path):
    phantoms.write_ct(tmp_path)
    whole, floats = read_volumes(tmp_path).volumes[0], read_volumes(str(tmp_path), as_float=True).volumes[0]
    assert floats.array.dtype == np.float32
    assert np.array_equal(floats.array, whole.array)
    assert floats.geometry == whole.geometry
    assert floats.quantity is whole.quantity


def test_what_cannot_be_made_is_told_beside_what_can(tmp_path: Path):
    phantoms.write_ct(tmp_path / "ct")
    dataset = pydicom.dcmread(PYDICOM_FILES / "MR_small_jp2klossless.dcm")
    dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(100)])
    dataset.save_as(tmp_path / "broken.dcm")
    opened = read_volumes(tmp_path)
    assert len(opened.volumes) == 1
    assert any(issue.severity is Severity.REJECT for issue in opened.issues)


def test_a_file_that_is_no_scan_is_named(tmp_path: Path):
    phantoms.write_ct(tmp_path)
    (tmp_path / "cut.dcm").write_bytes((PYDICOM_FILES / "MR_small.dcm").read_bytes()[:3000])
    assert [item.name for item in read_volumes(tmp_path).refused] == ["cut.dcm"]


def test_nothing_to_read(tmp_path: Path):
    with pytest.raises(NotFound):
        read_volumes(tmp_path / "none")
    with pytest.raises(Refused):
        read_volumes(tmp_path)


def test_it_is_public():
    assert hounsfield.read_volumes is read_volumes


def test_a_source_without_any_image_says_what_it_is():
    found = read_volumes(PYDICOM_FILES / "reportsi.dcm")
    assert not found.volumes
    assert [(issue.code, issue.severity) for issue in found.issues] == [("E305", Severity.REJECT)]
    assert "Basic Text SR" in found.issues[0].text()
