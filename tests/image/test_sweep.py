"""Every slice of whole folders is what pydicom or nibabel gives, or refused with a code; all ways of a folder are gone.

``HOUNSFIELD_SWEEP=all`` takes every file of pydicom and of shared as a series of copies of itself, which takes minutes.
"""

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.archive.limits import Limits
from hounsfield.header_walk import FEWEST
from hounsfield.messages import catalogue
from hounsfield.opening import Opened, read_volumes
from tests.conftest import SHARED_DATA
from tests.image.helpers import PYDICOM_FILES
from tests.image.sweep import COPIES, Sweep, copies, sweep, sweep_copies

pytestmark = pytest.mark.filterwarnings("ignore")

EVERYTHING = os.environ.get("HOUNSFIELD_SWEEP") == "all"
FILES = (
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_padded.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEGLSNearLossless_16.dcm",
    "JPEGLSNearLossless_08.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "examples_palette.dcm",
    "rtdose_1frame.dcm",
    "ExplVR_BigEnd.dcm",
)
SHARED_FILES = (
    "HTJ2KLossless_08_RGB.dcm",
    "JLSL_16_15_1_1F.dcm",
    "SC_rgb_32bit.dcm",
    "SC_rgb_expb_16bit.dcm",
    "SC_ybr_full_uncompressed.dcm",
    "OBXXXX1A_rle.dcm",
    "emri_small_RLE.dcm",
    "mlut_18.dcm",
)


def assert_accounted(said: Sweep) -> None:
    assert said.different == []
    assert set(said.refused) <= set(catalogue())


@pytest.mark.parametrize("name", FILES)
def test_a_series_of_each_encoding(tmp_path: Path, name: str) -> None:
    assert copies(PYDICOM_FILES / name, tmp_path / "copies")
    said = sweep(tmp_path / "copies")
    assert_accounted(said)
    assert said.equal + said.lossy >= FEWEST, said


@pytest.mark.parametrize("name", SHARED_FILES)
def test_a_series_of_each_encoding_of_shared(tmp_path: Path, shared_data: Path, name: str) -> None:
    assert copies(shared_data / "dicom" / "pydicom_data" / name, tmp_path / "copies")
    said = sweep(tmp_path / "copies")
    assert_accounted(said)
    assert said.equal >= FEWEST, said


def test_the_files_of_pydicom_in_one_folder() -> None:
    said = sweep(PYDICOM_FILES)
    assert_accounted(said)
    assert said.equal >= 80
    # Truncated, contradictory and repeated files are among them.
    assert {"E111", "E164", "E313"} <= set(said.refused)


FOLDERS = [("dicom/pydicom_data", 40), ("whole_body/example_ct_dicom", 20), ("sarcoma/dicom", 200)]
WHOLE = [("dicom", 50), ("whole_body", 1700), ("sarcoma", 2200), ("spinal_cord", 3400)]


@pytest.mark.parametrize(("name", "fewest"), WHOLE if EVERYTHING else FOLDERS)
def test_folders_of_shared(shared_data: Path, name: str, fewest: int) -> None:
    said = sweep(shared_data / name)
    assert_accounted(said)
    assert said.equal >= fewest


def test_the_spinal_cord_and_its_displacement_fields(shared_data: Path) -> None:
    said = sweep(shared_data / "spinal_cord" / "t2")
    assert_accounted(said)
    assert said.equal >= 500
    assert dict(said.refused) == {"E317": 1}


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not EVERYTHING, reason="minutes: HOUNSFIELD_SWEEP=all")
def test_every_file_as_a_series(tmp_path: Path) -> None:
    files = [*sorted(PYDICOM_FILES.glob("*.dcm")), *sorted((SHARED_DATA / "dicom").rglob("*.dcm"))]
    said = sweep_copies(files, tmp_path)
    assert_accounted(said)
    assert said.equal > 1000


def test_isolated_decoding_gives_the_same_folder() -> None:
    here, there = (read_volumes(PYDICOM_FILES, limits=Limits(isolated=isolated)) for isolated in (False, True))
    assert len(here.volumes) == len(there.volumes)
    for one, other in zip(here.volumes, there.volumes, strict=True):
        assert one.array.dtype == other.array.dtype
        assert one.array.tobytes() == other.array.tobytes()
    assert [issue.code for issue in here.issues] == [issue.code for issue in there.issues]
    assert [file.error.code for file in here.refused] == [file.error.code for file in there.refused]


# ---- the sweep itself, with faults planted


@pytest.fixture
def good(tmp_path: Path) -> tuple[Path, Opened]:
    assert copies(PYDICOM_FILES / "CT_small.dcm", tmp_path / "good")
    return tmp_path / "good", read_volumes(tmp_path / "good")


def test_copies_are_one_series_of_slices_in_a_row(good: tuple[Path, Opened]) -> None:
    folder, opened = good
    (volume,) = opened.volumes
    assert volume.geometry.shape == (COPIES, 128, 128)
    assert volume.geometry.spacing_mm[0] == pytest.approx(5.0)
    assert sweep(folder, opened).equal == COPIES


@pytest.mark.parametrize("value", [1, -1, 4000])
def test_one_sample_that_differs_is_found(good: tuple[Path, Opened], value: int) -> None:
    folder, opened = good
    opened.volumes[0].array[3, 60, 61] += value
    said = sweep(folder, opened)
    assert (said.equal, len(said.different)) == (COPIES - 1, 1)


def test_slices_in_the_wrong_order_are_found(good: tuple[Path, Opened]) -> None:
    folder, opened = good
    path = folder / "5.dcm"
    dataset = pydicom.dcmread(path)
    dataset.PixelData = np.roll(dataset.pixel_array, 7, axis=1).tobytes()
    dataset.save_as(path)
    assert len(sweep(folder, opened).different) == 1


def test_what_is_no_image_has_no_copies(tmp_path: Path) -> None:
    assert not copies(PYDICOM_FILES / "rtplan.dcm", tmp_path / "plan")
    assert not copies(Path(__file__), tmp_path / "text")
    said = sweep_copies([PYDICOM_FILES / "rtplan.dcm", PYDICOM_FILES / "MR_small.dcm"], tmp_path / "both")
    assert (said.equal, said.different) == (COPIES, [])
    assert str(said).startswith(f"slices equal {COPIES}, ")
