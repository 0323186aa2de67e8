"""Conformance of a series: what is told, of how many files, with which evidence, and nothing of the patient."""

import pydicom
import pytest
from pydicom import config
from pydicom.dataelem import DataElement

from hounsfield.core.quality import CheckVerdict, Severity
from hounsfield.image.conformance.element import header_of
from hounsfield.image.conformance.judge import MOST_FILES, check_conformance, conformance_of
from hounsfield.image.phantoms import write_chest, write_ct, write_head, write_pet
from tests.image.helpers import PYDICOM_FILES, file_series, instance_of

CT_SMALL = PYDICOM_FILES / "CT_small.dcm"


def plant(folder, edit, name="CT_small.dcm"):
    dataset = pydicom.dcmread(PYDICOM_FILES / name)
    edit(dataset)
    path = folder / "planted.dcm"
    dataset.save_as(path)
    return path


def raw(dataset, keyword: str, value) -> None:
    element = dataset[keyword]
    dataset[keyword] = DataElement(element.tag, element.VR, value, validation_mode=config.IGNORE)


def found_in(path) -> set[tuple[str, str]]:
    return {(name, one.subject.split()[-1]) for name, one in conformance_of(path)}


def test_what_we_write_ourselves_conforms(tmp_path):
    paths = [
        *write_ct(tmp_path / "ct")[:2],
        write_chest(tmp_path / "chest"),
        *write_head(tmp_path / "head")[:1],
        *write_pet(tmp_path / "pet")[:1],
    ]
    for path in paths:
        assert found_in(path) == set()


@pytest.mark.parametrize(
    ("check", "keyword", "edit"),
    [
        ("required", "Modality", lambda d: d.__delitem__("Modality")),
        ("required", "Modality", lambda d: setattr(d, "Modality", "")),
        ("type-2", "PatientID", lambda d: d.__delitem__("PatientID")),
        ("values", "StudyDate", lambda d: raw(d, "StudyDate", "2004.01.19")),
        ("multiplicity", "PixelSpacing", lambda d: raw(d, "PixelSpacing", [0.5])),
        ("enumerated", "PhotometricInterpretation", lambda d: setattr(d, "PhotometricInterpretation", "GREY")),
        ("pixels", "HighBit", lambda d: setattr(d, "HighBit", 11)),
        ("pixels", "BitsStored", lambda d: setattr(d, "BitsStored", 17)),
        ("pixels", "PixelData", lambda d: setattr(d, "Rows", 127)),
        ("pixels", "PlanarConfiguration", lambda d: setattr(d, "PlanarConfiguration", 0)),
        ("pixels", "SamplesPerPixel", lambda d: setattr(d, "SamplesPerPixel", 3)),
        ("identifiers", "SeriesInstanceUID", lambda d: setattr(d, "SeriesInstanceUID", d.StudyInstanceUID)),
        ("identifiers", "MediaStorageSOPInstanceUID", lambda d: setattr(d, "SOPInstanceUID", "1.2.3")),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found_by_its_own_check(tmp_path, check, keyword, edit):
    expected = (f"conformance-{check}", keyword)

    def whole(dataset):
        edit(dataset)
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"

    before, after = found_in(CT_SMALL), found_in(plant(tmp_path, whole))
    assert expected not in before
    assert expected in after


def test_a_vr_that_is_not_of_the_dictionary_is_found(tmp_path):
    bad = CT_SMALL.read_bytes().replace(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00SH")
    (tmp_path / "vr.dcm").write_bytes(bad)
    assert ("conformance-representation", "Modality") in found_in(tmp_path / "vr.dcm")


def test_a_series_is_sampled_and_says_so(tmp_path):
    paths = write_ct(tmp_path)
    for path in paths:
        dataset = pydicom.dcmread(path)
        raw(dataset, "StudyDate", "2004.01.19")
        dataset.save_as(path)
    checks = {check.name: check for check in check_conformance([instance_of(path) for path in paths], "1.2.3")}
    values = checks["conformance-values"]
    seen, total = values.looked_at
    assert total == len(paths) > MOST_FILES >= seen > 1
    assert [(one.subject, one.files) for one in values.evidence] == [("(0008,0020) StudyDate", seen)]
    assert values.issue.facts["total"] == len(paths)
    assert values.issue.uid == "1.2.3"
    assert checks["conformance-pixels"].verdict is CheckVerdict.PASS


def test_every_finding_says_what_where_and_why_in_both_languages():
    evidence = [one for name in ("MR_truncated.dcm", "SC_rgb_rle_2frame.dcm", "badVR.dcm", "JPEG-lossy.dcm")
                for _, one in conformance_of(PYDICOM_FILES / name)]  # fmt: skip
    assert len(evidence) >= 5
    for one in evidence:
        assert one.source.startswith("PS3.")
        for language in ("en", "zh"):
            for words in (one.found(language), one.required(language)):
                assert words
                assert "?" not in words
                assert not words.startswith("ui.")


def test_nothing_of_the_patient_is_told(tmp_path):
    def edit(dataset):
        for keyword in ("PatientName", "PatientID", "InstitutionName", "ReferringPhysicianName"):
            dataset.add(DataElement(pydicom.tag.Tag(keyword), "LO", "Secret\x07" * 12, validation_mode=config.IGNORE))

        raw(dataset, "PatientSex", "SECRET")
        raw(dataset, "Modality", "Secret")

    checks = check_conformance([instance_of(plant(tmp_path, edit))])
    assert any(check.issue for check in checks)
    for check in checks:
        assert "secret" not in str(check).lower()


def test_nothing_is_rejected_and_type_2_is_a_note():
    checks = check_conformance([instance_of(PYDICOM_FILES / "MR_truncated.dcm")])
    assert {check.issue.severity for check in checks if check.issue} <= {Severity.WARN, Severity.NOTE}
    assert all(check.threshold == "> 0" for check in checks)


def test_what_has_no_header_or_no_table_is_not_checked(tmp_path):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"not looked at")
    for check in check_conformance(file_series(picture, "image/png").instances):
        assert check.reason == "unchecked-no-header"
    plan = {check.name: check for check in check_conformance([instance_of(PYDICOM_FILES / "rtplan.dcm")])}
    assert plan["conformance-required"].reason == "unchecked-class"
    assert plan["conformance-values"].verdict is not CheckVerdict.NOT_CHECKED
    gone = instance_of(CT_SMALL).__class__("1.2", "", tmp_path / "gone.dcm", "application/dicom", "")
    assert {check.reason for check in check_conformance([gone])} == {"unchecked-header"}


def test_a_header_is_bounded(monkeypatch):
    monkeypatch.setattr("hounsfield.image.conformance.element.MOST_ELEMENTS", 10)
    dataset = pydicom.dcmread(CT_SMALL, stop_before_pixels=True)
    assert len(header_of(dataset).elements) == 10
