"""The structured report: valid to dciodvfy and dsrdump, read back by highdicom and pydicom, bound to its source."""

import json
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from hounsfield.core.codes import CodedConcept, concept, local_concept
from hounsfield.core.finding import Laterality, Presence, Region
from hounsfield.core.report import Report
from hounsfield.errors import Unencodable
from hounsfield.report.document import device_uid, series_description
from hounsfield.report.structured import FILE_NAME, write_structured
from hounsfield.report.structured_content import LONGEST_OUTLINE
from tests.report.examples import (
    MODEL,
    key_image,
    pneumonia,
    refused_report,
    report_on,
    series_of,
    square,
    square_region,
    write_source,
)

INSTALLED = Path(pydicom.__file__).parent / "data" / "test_files"
INSTALLED_SOURCES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "examples_ybr_color.dcm",
    "SC_rgb_rle_2frame.dcm",
    "GDCMJ2K_TextGBR.dcm",
    "ExplVR_BigEnd.dcm",
    "JPEG2000.dcm",
    "JPGExtended.dcm",
    "MR_small_implicit.dcm",
)


def errors_of(tool: Path, path: Path) -> list[str]:
    out = subprocess.run([tool, "-new", path], capture_output=True, encoding="utf-8", check=False)
    return [line for line in (out.stdout + out.stderr).splitlines() if line.startswith("Error")]


def read_back(path: Path) -> hd.sr.Comprehensive3DSR:
    return hd.sr.srread(path)


def comments(document) -> list[str]:
    root = document.content[0].ContentSequence
    return [item.TextValue for item in root[-1].ContentSequence]


@pytest.fixture
def report(tmp_path) -> Report:
    return report_on(series_of(write_source(tmp_path / "source.dcm", BodyPartExamined="CHEST")))


@pytest.mark.parametrize("modality", ["CR", "DX", "CT", "MR", "US", "OT"])
def test_dciodvfy_and_dsrdump_accept_every_modality(modality, tmp_path, debian_tool):
    report = report_on(series_of(write_source(tmp_path / "source.dcm", modality)))
    path = write_structured(report, tmp_path / "out").path
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []
    dump = subprocess.run([debian_tool("dsrdump", "dcmtk"), path], capture_output=True, encoding="utf-8", check=False)
    assert dump.returncode == 0
    assert "Pneumonia" in dump.stdout
    assert "UNVERIFIED" in dump.stdout
    assert "PRELIMINARY" in dump.stdout


@pytest.mark.parametrize("name", INSTALLED_SOURCES)
def test_dciodvfy_accepts_reports_on_files_as_they_are_found(name, tmp_path, debian_tool):
    report = report_on(series_of(INSTALLED / name))
    path = write_structured(report, tmp_path).path
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []
    dump = subprocess.run([debian_tool("dsrdump", "dcmtk"), path], capture_output=True, encoding="utf-8", check=False)
    assert dump.returncode == 0


def test_reports_on_shared_images(shared_data, tmp_path, debian_tool):
    tool = debian_tool("dciodvfy", "dicom3tools")
    folder = shared_data / "dicom" / "highdicom"
    for name in ("ct_image.dcm", "dx_image.dcm", "sm_image.dcm"):
        path = write_structured(report_on(series_of(folder / name)), tmp_path / name).path
        assert errors_of(tool, path) == [], name


def test_the_template_reads_back(report, tmp_path):
    document = read_back(write_structured(report, tmp_path).path)
    assert isinstance(document, hd.sr.Comprehensive3DSR)
    (group,) = document.content.get_planar_roi_measurement_groups()
    finding = report.findings[0]
    assert group.tracking_uid == finding.tracking_uid
    assert group.tracking_identifier == "chest-xray: Pneumonia"
    assert (group.finding_type.value, group.finding_type.scheme_designator) == ("233604007", "SCT")
    assert group.finding_sites[0].value.value == concept("lung").value
    (probability,) = group.get_measurements(codes.DCM.Probability)
    assert (probability.value, probability.unit.value) == (0.931, "{0:1}")
    (share,) = [item for item in group.get_measurements() if item.name.value == "ATTENDED_AREA"]
    assert (share.value, share.unit.value) == (12.5, "%")
    (presence,) = group.get_qualitative_evaluations(codes.DCM.PresenceOfProperty)
    assert presence.value == codes.SCT.Present


def test_the_algorithm_is_named_with_version_weights_and_threshold(report, tmp_path):
    text = json.dumps(pydicom.dcmread(write_structured(report, tmp_path).path).to_json_dict())
    for part in (
        MODEL.name,
        MODEL.version,
        MODEL.weights_digest,
        "operating threshold: 0.42",
        "0.9720 (0.9510 to 0.9860",
    ):
        assert part in text


def test_a_square_is_outlined_where_it_is(report, tmp_path):
    """The phantom's square covers rows 32..47 and columns 40..59: its outer corners are 40, 32 and 60, 48."""
    document = read_back(write_structured(report, tmp_path).path)
    (group,) = document.content.get_planar_roi_measurement_groups()
    assert group.roi.graphic_type == hd.sr.GraphicTypeValues.POLYLINE
    outline = np.asarray(group.roi.value)
    np.testing.assert_allclose(outline, report.findings[0].region.polygons[0])
    assert np.array_equal(outline[0], outline[-1])
    assert outline.min(axis=0).tolist() == [40.0, 32.0]
    assert outline.max(axis=0).tolist() == [60.0, 48.0]
    image = report.key_images[0].pixels
    inside = image[32:48, 40:60]
    assert (inside == 230).all()
    assert np.count_nonzero(image == 230) == inside.size


def test_several_outlines_share_the_tracking_uid_and_one_answer(report, tmp_path):
    uid = report.key_images[0].sop_instance_uid
    region = Region(uid, 1, (square(5, 5, 9, 9), square(20, 20, 50, 50), square(60, 60, 70, 70)))
    changed = replace(report, findings=(replace(report.findings[0], region=region),))
    document = read_back(write_structured(changed, tmp_path).path)
    groups = document.content.get_planar_roi_measurement_groups()
    assert len(groups) == 3
    assert {group.tracking_uid for group in groups} == {report.findings[0].tracking_uid}
    assert [len(group.get_measurements(codes.DCM.Probability)) for group in groups] == [1, 0, 0]
    np.testing.assert_allclose(np.asarray(groups[0].roi.value), region.polygons[1])


def test_a_very_long_outline_fits_its_encoding(report, tmp_path):
    angle = np.linspace(0, 2 * np.pi, 20_000)
    circle = np.stack([40 + 45 * np.cos(angle), 48 + 30 * np.sin(angle)], axis=1)
    region = Region(report.key_images[0].sop_instance_uid, 1, (circle,))
    changed = replace(report, findings=(replace(report.findings[0], region=region),))
    document = read_back(write_structured(changed, tmp_path).path)
    outline = np.asarray(document.content.get_planar_roi_measurement_groups()[0].roi.value)
    assert len(outline) <= LONGEST_OUTLINE + 1
    # Nothing lies outside the 80 columns of the image.
    assert outline[:, 0].min() == 0.0
    assert outline[:, 0].max() == 80.0


def test_frames_of_a_multi_frame_source_are_named(tmp_path, debian_tool):
    source = write_source(
        tmp_path / "source.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1", Modality="US", NumberOfFrames=5
    )
    series = series_of(source)
    image = key_image(series, frame_number=3)
    path = write_structured(report_on(series, image), tmp_path).path
    (group,) = read_back(path).content.get_planar_roi_measurement_groups()
    reference = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedFrameNumber == 3
    assert reference.ReferencedSOPInstanceUID == image.sop_instance_uid
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


def test_retired_image_classes_are_taken(tmp_path, debian_tool):
    """Ultrasound Image Storage (Retired), which many archives hold."""
    source = write_source(tmp_path / "source.dcm", "US", SOPClassUID="1.2.840.10008.5.1.4.1.1.6")
    path = write_structured(report_on(series_of(source)), tmp_path).path
    assert len(read_back(path).content.get_planar_roi_measurement_groups()) == 1
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


def test_a_source_without_identity_says_how(tmp_path, debian_tool):
    source = write_source(tmp_path / "source.dcm", PatientIdentityRemoved="YES")
    path = write_structured(report_on(series_of(source)), tmp_path).path
    assert pydicom.dcmread(path).PatientIdentityRemoved == "YES"
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


@pytest.mark.parametrize(
    ("presence", "code"), [(Presence.ABSENT, "272519000"), (Presence.NOT_ASSESSED, "NOT_ASSESSED")]
)
def test_absent_and_not_assessed_are_said(presence, code, report, tmp_path, debian_tool):
    score = None if presence is Presence.NOT_ASSESSED else 0.1
    finding = replace(report.findings[0], presence=presence, score=score, region=None, measurements=())
    path = write_structured(replace(report, findings=(finding,)), tmp_path).path
    document = read_back(path)
    assert document.content.get_planar_roi_measurement_groups() == []
    (group,) = document.content.get_image_measurement_groups()
    (evaluation,) = group.get_qualitative_evaluations(codes.DCM.PresenceOfProperty)
    assert evaluation.value.value == code
    assert len(group.get_measurements(codes.DCM.Probability)) == (0 if score is None else 1)
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


@pytest.mark.parametrize(
    ("side", "code"), [(Laterality.LEFT, "7771000"), (Laterality.RIGHT, "24028007"), (Laterality.BILATERAL, "51440002")]
)
def test_the_side_goes_with_the_site(side, code, report, tmp_path):
    changed = replace(report, findings=(replace(report.findings[0], laterality=side),))
    document = read_back(write_structured(changed, tmp_path).path)
    site = document.content.get_planar_roi_measurement_groups()[0].finding_sites[0]
    assert site.laterality.value == code


def test_it_is_filed_in_the_study_of_the_image(report, tmp_path):
    source = pydicom.dcmread(report.series.instances[0].path)
    written = pydicom.dcmread(write_structured(report, tmp_path).path)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "PatientSex", "StudyDate", "AccessionNumber"):
        assert written[keyword].value == source[keyword].value
    assert written.SeriesInstanceUID != source.SeriesInstanceUID
    assert written.SOPInstanceUID != source.SOPInstanceUID
    assert written.Modality == "SR"
    assert "chest-xray-pneumonia 1.0.0" in written.SeriesDescription
    assert (written.PreliminaryFlag, written.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    evidence = written.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert [item.ReferencedSOPInstanceUID for item in evidence] == [source.SOPInstanceUID]
    makers = {item.Manufacturer for item in written.ContributingEquipmentSequence}
    assert {"Maker", "Hounsfield (research software)"} <= makers


def test_every_image_of_a_series_is_in_the_library(tmp_path):
    study, series_uid = "2.25.11", "2.25.12"
    paths = [
        write_source(tmp_path / f"{index}.dcm", "CT", StudyInstanceUID=study, SeriesInstanceUID=series_uid)
        for index in range(4)
    ]
    series = series_of(*paths)
    document = read_back(write_structured(report_on(series), tmp_path / "out").path)
    evidence = document.get_evidence()
    assert {str(row[2]) for row in evidence} == {item.sop_instance_uid for item in series.instances}
    root = document.content[0].ContentSequence
    (library,) = [item for item in root if item.name == codes.DCM.ImageLibrary]
    assert len(library.ContentSequence[0].ContentSequence) == 4


def test_words_say_what_codes_cannot(report, tmp_path):
    lines = comments(read_back(write_structured(report, tmp_path).path))
    assert "not a medical device" in lines[0]
    assert any(line.startswith("Quality warn Q953") for line in lines)
    assert any(line.startswith("Limit of the model: It knows no disease") for line in lines)
    assert any(report.series.instances[0].sha256 in line for line in lines)
    assert any("weights SHA-256" in line and MODEL.weights_digest in line for line in lines)
    assert not any("normal" in line.lower() for line in lines)


def test_a_refused_input_can_be_filed_as_not_assessed(report, tmp_path):
    lines = comments(read_back(write_structured(refused_report(report.series), tmp_path).path))
    assert any("Quality reject E951" in line for line in lines)
    assert any("not assessed" in line for line in lines)


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("GB18030", "王^小明"),
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 192", "김^희중"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ],
)
def test_names_in_any_script_come_through(character_set, name, tmp_path, debian_tool):
    source = write_source(tmp_path / "source.dcm", SpecificCharacterSet=character_set, PatientName=name)
    path = write_structured(report_on(series_of(source)), tmp_path).path
    written = pydicom.dcmread(path)
    assert str(written.PatientName) == name
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


def test_plain_names_need_no_character_set(report, tmp_path):
    assert "SpecificCharacterSet" not in pydicom.dcmread(write_structured(report, tmp_path).path)


def test_a_chinese_class_name_does_not_break_the_character_set(report, tmp_path, debian_tool):
    changed = replace(report, findings=(pneumonia(type=local_concept("肺结核")),))
    path = write_structured(changed, tmp_path).path
    assert read_back(path).content.get_image_measurement_groups()[0].finding_type.meaning == "肺结核"
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


def test_long_meanings_and_names_are_cut_to_their_representation(report, tmp_path, debian_tool):
    long = CodedConcept("LONG", "99HNSF", "m" * 100)
    model = replace(MODEL, name="n" * 90, version="1.0.0+" + "b" * 30)
    changed = replace(report, findings=(pneumonia(type=long, model=model),))
    path = write_structured(changed, tmp_path).path
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []
    assert len(series_description(changed)) <= 64


BAD_HEADERS = {
    "PatientBirthDate": ["20221399", None, ""],
    "StudyDate": ["yesterday", None],
    "StudyTime": ["99:99", None],
    "PatientSex": ["W", None],
    "StudyID": ["x" * 40, None],
    "PatientName": [None, "no caret"],
    "AccessionNumber": [None],
    "ReferringPhysicianName": [None],
    "Manufacturer": [None, ""],
    "PatientAge": ["4 years"],
    "BodyPartExamined": ["lower case?"],
    "Rows": [None],
}


@pytest.mark.parametrize(
    ("keyword", "value"), [(keyword, value) for keyword, values in BAD_HEADERS.items() for value in values]
)
def test_a_bad_or_missing_element_of_the_source_does_not_stop_the_report(keyword, value, tmp_path, debian_tool):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pydicom.config.disable_value_validation():
            source = write_source(tmp_path / "source.dcm", **{keyword: value})
        path = write_structured(report_on(series_of(source)), tmp_path).path
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


def test_an_identity_that_cannot_be_kept_is_not_shortened(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pydicom.config.disable_value_validation():
            source = write_source(tmp_path / "source.dcm", PatientID="7" * 80)
        with pytest.raises(Unencodable) as caught:
            write_structured(report_on(series_of(source)), tmp_path)
    assert caught.value.code == "E602"
    assert "7777" not in str(caught.value)
    assert not (tmp_path / FILE_NAME).exists()


def test_a_source_that_is_gone_or_no_dicom_is_said(report, tmp_path):
    report.series.instances[0].path.unlink()
    with pytest.raises(Unencodable) as caught:
        write_structured(report, tmp_path)
    assert caught.value.code == "E601"
    instance = replace(report.series.instances[0], media_type="image/png")
    with pytest.raises(Unencodable) as caught:
        write_structured(replace(report, series=replace(report.series, instances=(instance,))), tmp_path)
    assert caught.value.code == "E604"
    with pytest.raises(Unencodable) as caught:
        write_structured(replace(report, series=None), tmp_path)
    assert caught.value.code == "E604"


def test_a_report_without_findings_is_no_document(report, tmp_path):
    with pytest.raises(Unencodable) as caught:
        write_structured(replace(report, findings=()), tmp_path)
    assert caught.value.code == "E603"


def test_a_region_on_an_unknown_instance_is_left_out(report, tmp_path):
    region = replace(square_region(report.key_images[0]), sop_instance_uid="2.25.999")
    changed = replace(report, findings=(replace(report.findings[0], region=region),))
    assert read_back(write_structured(changed, tmp_path).path).content.get_planar_roi_measurement_groups() == []


def test_the_device_is_the_same_for_the_same_software_and_weights(report):
    other = replace(report, findings=(replace(report.findings[0], model=replace(MODEL, weights_digest="9" * 64)),))
    assert device_uid(report) == device_uid(report)
    assert device_uid(report) != device_uid(other)
