"""Headers as they are found: what stays, what is emptied, what is refused."""

import warnings

import pydicom
import pytest

from hounsfield.core.report import Report
from hounsfield.errors import Unencodable
from hounsfield.report.header import OPTIONAL_SUBJECT, REQUIRED_SUBJECT, frame_numbers, read_headers
from tests.report.examples import report_on, series_of, write_source


def read(tmp_path, **elements):
    """Write a source with any header there may be and read it back cleaned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pydicom.config.disable_value_validation():
            source = write_source(tmp_path / "source.dcm", **elements)
        return read_headers(report_on(series_of(source)), "document")


def test_a_good_header_stays_as_it_is(tmp_path):
    headers = read(tmp_path, PatientAge="004Y", StudyDescription="Chest", BodyPartExamined="CHEST")
    subject = headers.subject
    assert str(subject.PatientName) == "Example^Ann"
    assert (subject.PatientID, subject.PatientSex, subject.PatientBirthDate) == ("EX-1", "F", "20220101")
    assert (subject.PatientAge, subject.StudyDescription, subject.BodyPartExamined) == ("004Y", "Chest", "CHEST")
    assert (subject.Rows, subject.Columns, subject.NumberOfFrames) == (96, 80, 1)
    assert list(subject.PatientOrientation) == ["L", "F"]
    assert "PixelData" not in subject


@pytest.mark.parametrize("keyword", REQUIRED_SUBJECT)
def test_a_missing_element_of_type_2_is_there_and_empty(keyword, tmp_path):
    subject = read(tmp_path, **{keyword: None}).subject
    assert keyword in subject
    assert not subject[keyword].value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "31.12.2020"),
        ("PatientBirthDate", "20201332"),
        ("StudyDate", "2026-02-28"),
        ("StudyTime", "25:00"),
        ("StudyID", "more than sixteen letters"),
        ("PatientSex", "female"),
        ("PatientSex", "U"),
    ],
)
def test_an_impossible_value_of_type_2_is_emptied(keyword, value, tmp_path):
    assert not read(tmp_path, **{keyword: value}).subject[keyword].value


@pytest.mark.parametrize(("keyword", "value"), [("PatientAge", "4 years"), ("BodyPartExamined", "chest")])
def test_an_impossible_optional_value_is_left_out(keyword, value, tmp_path):
    assert keyword in (*OPTIONAL_SUBJECT, "BodyPartExamined")
    assert keyword not in read(tmp_path, **{keyword: value}).subject


@pytest.mark.parametrize(("stated", "expected"), [("7", 7), ("0", 1), (None, 1), ("-3", 1)])
def test_the_number_of_frames_is_a_number(stated, expected, tmp_path):
    assert read(tmp_path, NumberOfFrames=stated).subject.NumberOfFrames == expected


def test_identifiers_that_are_missing_come_from_the_archive(tmp_path):
    report = report_on(series_of(write_source(tmp_path / "source.dcm", SeriesInstanceUID=None)))
    assert read_headers(report, "document").subject.SeriesInstanceUID == report.series.series_instance_uid


@pytest.mark.parametrize("uid", ["1.2.840.0113.0007", "2.25.0"])
def test_old_uids_stay_who_they_are(uid, tmp_path):
    assert read(tmp_path, SOPInstanceUID=uid).subject.SOPInstanceUID == uid


@pytest.mark.parametrize("uid", ["1." * 40 + "1", "not a uid", "1.2.3\\4.5.6"])
def test_what_is_no_uid_is_refused(uid, tmp_path):
    with pytest.raises(Unencodable) as caught:
        read(tmp_path, StudyInstanceUID=uid)
    assert caught.value.code == "E602"
    assert "StudyInstanceUID" in str(caught.value)


def test_frames_are_named_for_multi_frame_classes_alone(tmp_path):
    multi = read(tmp_path, NumberOfFrames="3", SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1").subject
    assert frame_numbers(multi, 2) == [2]
    assert frame_numbers(read(tmp_path, NumberOfFrames="3").subject, 2) is None
    assert frame_numbers(read(tmp_path).subject, 1) is None


def test_headers_are_found_by_instance(tmp_path):
    headers = read(tmp_path)
    assert headers.of(headers.subject.SOPInstanceUID) is headers.subject
    assert headers.of("2.25.404") is None


@pytest.mark.parametrize("content", [b"", b"not DICOM at all, but long enough to be looked at" * 20])
def test_a_file_that_is_no_dicom_any_more_is_said(content, tmp_path):
    source = write_source(tmp_path / "source.dcm")
    report: Report = report_on(series_of(source))
    source.write_bytes(content)
    with pytest.raises(Unencodable) as caught:
        read_headers(report, "document")
    assert caught.value.code == "E601"


def test_a_file_that_holds_another_object_now_is_no_source(tmp_path):
    report = report_on(series_of(write_source(tmp_path / "source.dcm")))
    write_source(tmp_path / "source.dcm", PatientName="Somebody^Else")
    with pytest.raises(Unencodable) as caught:
        read_headers(report, "document")
    assert caught.value.code == "E601"
    assert "another object" in str(caught.value)
