"""Header facts against pydicom, on every file it installs."""

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from hounsfield.archive.entries import Entry
from hounsfield.archive.header import content_element, image_classes, parse_date
from hounsfield.archive.limits import DEFAULT_LIMITS
from hounsfield.archive.record import read_record
from hounsfield.core.study import DICOM_MEDIA_TYPE
from tests.archive.samples import encode, pydicom_files, write_ct

REFUSED = ("MR_truncated.dcm", "rtplan_truncated.dcm", "no_meta.dcm")
OBJECTS = [path for path in pydicom_files() if path.name not in REFUSED and not path.name.startswith("DICOMDIR")]
PLAIN = {
    "sop_class_uid": "SOPClassUID",
    "sop_instance_uid": "SOPInstanceUID",
    "study_instance_uid": "StudyInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
    "study_date": "StudyDate",
    "accession_number": "AccessionNumber",
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "patient_id": "PatientID",
    "patient_birth_date": "PatientBirthDate",
    "view_position": "ViewPosition",
    "photometric_interpretation": "PhotometricInterpretation",
}
NUMBERS = {
    "rows": "Rows",
    "columns": "Columns",
    "bits_allocated": "BitsAllocated",
    "samples_per_pixel": "SamplesPerPixel",
}


def header_of(path):
    return read_record(Entry(path.name, path), DEFAULT_LIMITS).header


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_facts_as_pydicom_reads_them(path):
    header = header_of(path)
    dataset = pydicom.dcmread(path, force=True)
    meta = dataset.file_meta
    for name, keyword in PLAIN.items():
        expected = str(dataset.get(keyword) or "").strip("\0 ")
        if name.startswith("sop_") and not expected:
            expected = str(meta.get("MediaStorage" + keyword, ""))
        assert getattr(header, name) == expected, name
    for name, keyword in NUMBERS.items():
        assert getattr(header, name) == (dataset.get(keyword) or 0), name
    has_pixels = any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
    frames = str(dataset.get("NumberOfFrames") or 1)
    assert header.number_of_frames == ((int(frames) if frames.isdigit() else 1) if has_pixels else 0)  # badVR has '1A'
    assert header.series_number == (None if dataset.get("SeriesNumber") is None else int(dataset.SeriesNumber))
    image_type = dataset.get("ImageType") or ()
    image_type = [image_type] if isinstance(image_type, str) else image_type
    assert list(header.image_type) == [part.strip() for part in image_type if part]


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_same_facts_in_every_encoding(tmp_path, transfer_syntax):
    facts = {
        "BodyPartExamined": "CHEST",
        "ImageLaterality": "L",
        "ViewPosition": "PA",
        "SeriesNumber": 3,
        "InstanceNumber": 7,
        "PatientSex": "F",
        "PatientAge": "045Y",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Manufacturer": "ACME ",
    }
    header = header_of(write_ct(tmp_path / "a", transfer_syntax, **facts))
    assert header.body_part_examined == "CHEST"
    assert (header.laterality, header.view_position) == ("L", "PA")
    assert (header.series_number, header.instance_number) == (3, 7)
    assert (header.patient_sex, header.patient_age_years) == ("F", 45)
    assert header.image_type == ("ORIGINAL", "PRIMARY")
    assert header.manufacturer == "ACME"
    assert (header.rows, header.columns, header.number_of_frames) == (8, 8, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PatientAge": "030Y"}, 30),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "026W"}, pytest.approx(0.5, abs=0.01)),
        ({"PatientAge": "010D"}, pytest.approx(10 / 365.25, abs=0.001)),
        ({"PatientBirthDate": "19800102"}, pytest.approx(44, abs=0.01)),
        ({"PatientBirthDate": "1980.01.02"}, pytest.approx(44, abs=0.01)),
        ({"PatientAge": "old", "PatientBirthDate": "19800102"}, pytest.approx(44, abs=0.01)),
        ({"PatientBirthDate": "20250102"}, None),
        ({"PatientBirthDate": "18000101"}, None),
        ({"PatientBirthDate": "19801399"}, None),
        ({"StudyDate": "", "PatientBirthDate": "19800102"}, None),
        ({"StudyDate": "", "SeriesDate": "20200102", "PatientBirthDate": "19800102"}, pytest.approx(40, abs=0.01)),
        ({}, None),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_age(tmp_path, changes, expected):
    assert header_of(write_ct(tmp_path / "a", **changes)).patient_age_years == expected


def test_body_part_and_side_of_enhanced_objects(tmp_path):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "39607008", "SCT", "Lung"
    anatomy = Dataset()
    anatomy.FrameLaterality = "R"
    anatomy.AnatomicRegionSequence = [code]
    shared = Dataset()
    shared.FrameAnatomySequence = [anatomy]
    header = header_of(write_ct(tmp_path / "a", SharedFunctionalGroupsSequence=[shared]))
    assert (header.body_part_examined, header.laterality) == ("LUNG", "R")


def test_what_a_class_must_hold():
    assert content_element("1.2.840.10008.5.1.4.1.1.88.33") == 0x0040A730
    assert content_element("1.2.840.10008.5.1.4.1.1.104.1") == 0x00420011
    assert content_element("1.2.840.10008.5.1.4.1.1.481.5") is None
    assert {
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.66.4",
        "1.2.840.10008.5.1.4.1.1.66.7",
    } <= image_classes()
    assert not {"1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.481.2"} & image_classes()


@pytest.mark.parametrize("text", ["", "2024", "2024010", "20240230", "abcdefgh", "２０２４０１０１", "99999999"])
def test_what_is_no_date(text):
    assert parse_date(text) is None


def test_a_record_holds_the_digest_and_no_name(tmp_path):
    import hashlib

    path = write_ct(tmp_path / "a")
    record = read_record(Entry("a", path), DEFAULT_LIMITS)
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.kind.media_type == DICOM_MEDIA_TYPE
    assert "Nemo" not in repr(record)


def test_an_object_of_another_kind_has_no_frames(tmp_path):
    path = tmp_path / "plan"
    plan = Dataset()
    plan.SOPClassUID, plan.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.5", "1.2.3"
    plan.Modality = "RTPLAN"
    path.write_bytes(encode(plan))
    header = header_of(path)
    assert header.number_of_frames == 0
    assert not header.is_image
