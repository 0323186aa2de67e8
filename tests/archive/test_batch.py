"""A source read by the compiled walk gives what the same source gives file by file."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.archive import reader
from hounsfield.archive.local import LocalArchive, open_source
from hounsfield.image import phantoms
from tests.image.helpers import PYDICOM_FILES

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def opened(source: Path, monkeypatch: pytest.MonkeyPatch, fewest: int, digests: bool = True) -> LocalArchive:
    monkeypatch.setattr(reader, "FEWEST", fewest)
    with open_source(source, digests=digests) as archive:
        return archive


def refusals(archive: LocalArchive) -> list[tuple[str, str]]:
    return [(item.name, item.error.code) for item in archive.refused]


def assert_same(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, together = opened(source, monkeypatch, 1 << 30), opened(source, monkeypatch, 1)
    assert together.studies == alone.studies
    assert refusals(together) == refusals(alone)
    assert together.issues == alone.issues


def test_pydicoms_files(monkeypatch: pytest.MonkeyPatch):
    assert_same(PYDICOM_FILES, monkeypatch)


@pytest.mark.parametrize("folder", ["dicom", "sarcoma", "whole_body"])
def test_real_files(folder: str, monkeypatch: pytest.MonkeyPatch):
    if not (SHARED / folder).is_dir():
        pytest.skip("../shared/data is absent")
    assert_same(SHARED / folder, monkeypatch)


def test_a_series_of_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    phantoms.write_ct(tmp_path)
    assert_same(tmp_path, monkeypatch)


def test_files_with_damage_here_and_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    chance = np.random.default_rng(3)
    for number, path in enumerate(sorted(PYDICOM_FILES.glob("*.dcm"))):
        raw = bytearray(path.read_bytes()[: 1 << 17])
        for _ in range(int(chance.integers(0, 4))):
            raw[int(chance.integers(0, min(len(raw), 4000)))] = int(chance.integers(256))
        (tmp_path / f"{number:03d}.dcm").write_bytes(bytes(raw))
    assert_same(tmp_path, monkeypatch)


def test_compressed_slices_and_their_fragments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(9):
        dataset = pydicom.dcmread(PYDICOM_FILES / "JPEG2000.dcm")
        dataset.SOPInstanceUID = f"1.2.3.{number + 1}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(tmp_path / f"{number}.dcm")
    cut = tmp_path / "3.dcm"
    cut.write_bytes(cut.read_bytes()[:-20])
    assert_same(tmp_path, monkeypatch)
    archive = opened(tmp_path, monkeypatch, 1)
    assert sum(len(series.instances) for study in archive.studies for series in study.series) == 8


def test_without_digests_the_rest_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    phantoms.write_ct(tmp_path)
    archive = opened(tmp_path, monkeypatch, 1, digests=False)
    instances = [instance for study in archive.studies for series in study.series for instance in series.instances]
    assert {instance.sha256 for instance in instances} == {""}
    full = opened(tmp_path, monkeypatch, 1)
    assert [study.study_instance_uid for study in archive.studies] == [
        study.study_instance_uid for study in full.studies
    ]
    assert archive.issues == full.issues


@pytest.mark.parametrize("fewest", [1, 1 << 30])
def test_without_digests_a_second_content_of_one_uid_is_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewest: int
):
    files = sorted(phantoms.write_ct(tmp_path / "one"))
    shutil.copy(files[0], tmp_path / "one" / "copy.dcm")
    changed = pydicom.dcmread(files[1])
    changed.PatientAge = "007Y"
    changed.save_as(tmp_path / "one" / "other.dcm")
    archive = opened(tmp_path, monkeypatch, fewest, digests=False)
    codes = {issue.code for issue in archive.issues}
    assert {"Q103", "Q104"} <= codes
    assert [code for _, code in refusals(archive)] == ["E164"]


@pytest.mark.parametrize("fewest", [1, 1 << 30])
def test_without_digests_a_missing_uid_is_still_derived_from_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewest: int
):
    for number, path in enumerate(sorted(phantoms.write_ct(tmp_path))[:3]):
        dataset = pydicom.dcmread(path)
        del dataset.StudyInstanceUID, dataset.PatientID, dataset.StudyDate, dataset.AccessionNumber
        dataset.InstanceNumber = 100 + number
        dataset.save_as(path)
    with_digests = opened(tmp_path, monkeypatch, fewest)
    without = opened(tmp_path, monkeypatch, fewest, digests=False)
    assert {study.study_instance_uid for study in without.studies} == {
        study.study_instance_uid for study in with_digests.studies
    }


@pytest.mark.parametrize("fewest", [1, 1 << 30])
def test_slices_without_study_and_series_that_share_a_frame_of_reference_are_one_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewest: int
):
    paths = sorted(phantoms.write_ct(tmp_path))
    for path in paths:
        dataset = pydicom.dcmread(path)
        del dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SeriesNumber
        del dataset.PatientID, dataset.StudyDate, dataset.AccessionNumber
        dataset.FrameOfReferenceUID = "1.2.3.4.5"
        dataset.save_as(path)
    (study,) = opened(tmp_path, monkeypatch, fewest).studies
    (series,) = study.series
    assert len(series.instances) == len(paths)


def test_pixels_of_another_kind_and_the_same_length_are_another_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Samples as floats differ from whole ones in nothing but the tag of their element."""
    dataset = pydicom.dcmread(PYDICOM_FILES / "MR_small.dcm")
    for number in range(6):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        dataset.InstanceNumber = number
        dataset.save_as(tmp_path / f"{number}.dcm")
        if number == 2:
            raw = dataset.PixelData
            del dataset.PixelData
            dataset.FloatPixelData = raw
        elif number == 4:
            dataset.PixelData = dataset.FloatPixelData
            dataset["PixelData"].VR = "OW"
            del dataset.FloatPixelData
    assert_same(tmp_path, monkeypatch)


def test_identifiers_of_a_batch_that_no_standard_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number, uid in enumerate(("1.2.3", "01.2.03", "abc", "", "1..2", "1.2.3.4")):
        dataset = pydicom.dcmread(PYDICOM_FILES / "MR_small.dcm")
        dataset.SeriesInstanceUID = uid
        dataset.SOPInstanceUID = f"1.2.3.{number}" if number % 2 else uid
        dataset.save_as(tmp_path / f"{number}.dcm", enforce_file_format=False)
    assert_same(tmp_path, monkeypatch)
