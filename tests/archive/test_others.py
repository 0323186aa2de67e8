"""What dcmtk and pydicom say about the same files, and what the doubtful ones among the real files give."""

import subprocess
import warnings

import pydicom
import pytest

from hounsfield.archive.entries import Entry
from hounsfield.archive.limits import DEFAULT_LIMITS
from hounsfield.archive.local import open_source
from hounsfield.archive.record import read_record
from hounsfield.errors import ArchiveError
from tests.archive.samples import ct_dataset, encode, pydicom_files

DOUBTFUL = {
    "bad_sequence.dcm": None,
    "explicit_VR-UN.dcm": None,
    "emri_small_jpeg_2k_lossless_too_short.dcm": "E111",
    "MR_truncated.dcm": "E111",
    "rtplan_truncated.dcm": "E111",
    "no_meta.dcm": "E108",
    "badVR.dcm": None,
    "UN_sequence.dcm": None,
    "no_meta_group_length.dcm": None,
    "meta_missing_tsyntax.dcm": None,
    "JPEG2000-embedded-sequence-delimiter.dcm": None,
    "SC_rgb_jpeg.dcm": None,
    "OT-PAL-8-face.dcm": None,
    "ExplVR_BigEndNoMeta.dcm": None,
    "liver_nonbyte_aligned_deflate.dcm": None,
    "GDCMJ2K_TextGBR.dcm": None,
    "gdcm-US-ALOKA-16_big.dcm": None,
}
STRICTER_THAN_DCMDUMP = {"emri_small_jpeg_2k_lossless_too_short.dcm"}


def verdict(path):
    """Return the code of the refusal of a file, or None when it is taken."""
    try:
        with open_source(path):
            return None
    except ArchiveError as error:
        return error.code


@pytest.mark.parametrize(("name", "code"), DOUBTFUL.items())
def test_doubtful_files(name, code, request):
    path = next((path for path in pydicom_files() if path.name == name), None)
    if path is None:
        path = request.getfixturevalue("shared_data") / "dicom" / "pydicom_data" / name
    assert verdict(path) == code


def test_every_real_file_is_taken_but_for_those_above(shared_data):
    files = [*pydicom_files(), *sorted((shared_data / "dicom").rglob("*.dcm"))]
    refused = {path.name: verdict(path) for path in files if not path.name.startswith("DICOMDIR")}
    expected = {name: code for name, code in DOUBTFUL.items() if code}
    assert {name: code for name, code in refused.items() if code} == expected


@pytest.mark.filterwarnings("ignore")
def test_frames_of_the_shared_files_as_pydicom_counts_them(shared_data):
    for path in sorted((shared_data / "dicom").rglob("*.dcm")):
        if DOUBTFUL.get(path.name):
            continue
        header = read_record(Entry(path.name, path), DEFAULT_LIMITS).header
        dataset = pydicom.dcmread(path, force=True)
        has_pixels = any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
        assert header.number_of_frames == (int(dataset.get("NumberOfFrames") or 1) if has_pixels else 0), path.name
        assert header.rows == (dataset.get("Rows") or 0), path.name


def test_what_dcmdump_cannot_read_is_refused_and_what_it_reads_is_taken(debian_tool):
    tool = debian_tool("dcmdump", "dcmtk")
    files = [path for path in pydicom_files() if not path.name.startswith(("DICOMDIR", "IM0"))][::3]
    for path in files:
        done = subprocess.run([tool, "-q", path], capture_output=True, check=False)
        has_meta = path.read_bytes()[128:132] == b"DICM"
        if has_meta and path.name not in ("SC_rgb_jpeg.dcm", "meta_missing_tsyntax.dcm"):  # mislabelled, readable
            assert (done.returncode == 0) == (verdict(path) is None), path.name


def test_dcmftest_agrees_on_what_is_a_dicom_file(debian_tool, tmp_path):
    tool = debian_tool("dcmftest", "dcmtk")
    (tmp_path / "text.dcm").write_text("text", encoding="utf-8")
    (tmp_path / "zeros").write_bytes(bytes(500))
    (tmp_path / "scan").write_bytes(encode(ct_dataset()))
    for path in tmp_path.iterdir():
        done = subprocess.run([tool, path], capture_output=True, encoding="utf-8", check=False)
        assert done.stdout.startswith("yes") == (verdict(path) is None), path.name


def test_what_pydicom_takes_for_whole_is_refused(tmp_path):
    path = tmp_path / "half"
    content = encode(ct_dataset(rows=64, columns=64))
    path.write_bytes(content[: len(content) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert pydicom.dcmread(path).Rows == 64
    assert verdict(path) == "E111"


def test_the_sarcoma_study(shared_data):
    with open_source(shared_data / "sarcoma" / "dicom") as archive:
        (study,) = archive.studies
        assert study.patient_id == "STS_004"
        counts = {(series.modality, len(series.instances)) for series in study.series}
        assert counts == {("CT", 85), ("PT", 85), ("MR", 60), ("RTSTRUCT", 1)}
        assert archive.refused == ()
        assert archive.issues == ()
