"""Lesions of masks: SEG and RTSTRUCT of the study or beside the file, and what the header says of the body."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from hounsfield.archive.local import open_source
from hounsfield.clinical.desk import Desk
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.findings import missing_finding, site_of
from hounsfield.clinical.tumour.lesion_file import LesionEntry, LesionFile
from hounsfield.clinical.tumour.lesions import lesions_of
from hounsfield.clinical.tumour.reader import TASK, body_of, read_tumour
from hounsfield.clinical.tumour.suv import Body
from hounsfield.core.codes import PRIVATE_SCHEME, concept
from hounsfield.core.finding import Presence
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Mask
from hounsfield.errors import SettingsError
from hounsfield.image import phantoms
from hounsfield.image.assemble import assemble
from hounsfield.report.segmentation import Segments, write_segmentation

MODEL = ModelIdentity("lesion-prompt", "1.0", "tumour", "ab" * 32)
GRID = VolumeGeometry((5, 40, 60), (4.0, 1.5, 1.0))


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory):
    """A CT series and a DICOM Segmentation of two lesions made on it."""
    folder = tmp_path_factory.mktemp("study")
    phantoms.write_ct(folder / "ct", phantoms.BodyPhantom(geometry=GRID))
    with open_source(folder / "ct") as archive:
        series = archive.studies[0].series[0]
        volume = assemble(series).volumes[0]
        array = np.zeros(volume.geometry.shape, np.uint8)
        array[1:4, 10:20, 30:42], array[2, 30:36, 4:10] = 1, 2
        mask = Mask(array, volume.geometry, {1: concept("neoplasm"), 2: concept("neoplasm")})
        write_segmentation(Segments(mask, MODEL, {1: "big", 2: "small"}), series, folder / "seg.dcm")
    return folder


@pytest.fixture
def subject(study_folder):
    with open_source(study_folder) as archive:
        study = archive.studies[0]
        series = next(one for one in study.series if one.modality == "CT")
        yield Subject(study, series, assemble(series).volumes[0])


def value(finding, code):
    return next(one.value for one in finding.measurements if one.concept == code)


def test_segments_of_the_study_are_measured_without_a_prompt(subject):
    reading = read_tumour(TASK, Desk(), subject)
    big, small, total = reading.findings
    assert value(big, concept("volume")) == pytest.approx(3 * 10 * 12 * 4.0 * 1.5 / 1000)
    assert value(small, concept("volume")) == pytest.approx(6 * 6 * 4.0 * 1.5 / 1000)
    assert value(big, concept("long-axis")) == pytest.approx(np.hypot(10 * 1.5, 12), abs=1.2)
    assert value(total, words.SUM) == pytest.approx(sum(value(one, concept("long-axis")) for one in (big, small)))
    assert reading.conclusions == ()  # nobody said anything about the course
    assert [one.entry.name for one in lesions_of(subject, subject.volume)] == ["big", "small"]


def test_the_outline_lies_on_the_slices_of_the_lesion(subject):
    big = read_tumour(TASK, Desk(), subject).findings[0]
    assert sorted(region.slice_index for region in big.regions) == [1, 2, 3]
    uids = {region.sop_instance_uid for region in big.regions}
    assert uids <= {instance.sop_instance_uid for instance in subject.series.instances}
    corners = np.concatenate([polygon for region in big.regions for polygon in region.polygons])
    np.testing.assert_allclose(corners.min(axis=0), (30, 10), atol=0.01)
    np.testing.assert_allclose(corners.max(axis=0), (42, 20), atol=0.01)


def test_a_segmentation_of_another_series_is_left_alone(subject):
    other = replace(subject.series, series_instance_uid="1.2.3.4")
    reading = read_tumour(TASK, Desk(), replace(subject, series=other))
    assert [issue.code for issue in reading.issues] == ["Q240"]


def test_a_segmentation_beside_the_file_is_read_by_its_label(subject, study_folder):
    entries = [{"mask": str(study_folder / "seg.dcm"), "label": 2, "role": "target"}]
    told = replace(subject, lesions=LesionFile.model_validate({"lesion": entries}))
    found = lesions_of(told, subject.volume)
    assert [(one.entry.name, one.entry.role, int(one.inside.sum())) for one in found] == [("small", "target", 36)]


def structure_set(study_folder, path, contours) -> str:
    """Write an RT Structure Set of closed contours in patient millimetres."""
    source = pydicom.dcmread(next((study_folder / "ct").iterdir()))
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = source.StudyInstanceUID, pydicom.uid.generate_uid()
    region, roi = pydicom.Dataset(), pydicom.Dataset()
    region.ROINumber, region.ROIName, roi.ReferencedROINumber = 1, "GTV", 1
    roi.ContourSequence = []
    for points in contours:
        contour = pydicom.Dataset()
        contour.ContourGeometricType, contour.ContourData = "CLOSED_PLANAR", [float(at) for at in np.ravel(points)]
        roi.ContourSequence.append(contour)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [region], [roi]
    dataset.save_as(path, enforce_file_format=True)
    return str(path)


def test_a_structure_set_is_read_slice_by_slice(subject, study_folder, tmp_path):
    corners = [(10, 30), (10, 40), (20, 40), (20, 30)]
    contours = [
        subject.volume.geometry.to_patient([(plane, row - 0.5, column - 0.5) for row, column in corners])
        for plane in (1, 2)
    ]
    path = structure_set(study_folder, tmp_path / "rt.dcm", contours)
    told = replace(subject, lesions=LesionFile.model_validate({"lesion": [{"mask": path}]}))
    found = lesions_of(told, subject.volume)[0]
    wanted = np.zeros(subject.volume.geometry.shape, bool)
    wanted[1:3, 10:20, 30:40] = True
    np.testing.assert_array_equal(found.inside, wanted)
    assert found.entry.name == "GTV"


@pytest.mark.parametrize("name", ["nowhere.nii.gz", "broken.dcm"])
def test_a_mask_that_cannot_be_read_is_a_warning_of_its_lesion(subject, name, tmp_path):
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM")
    told = LesionFile.model_validate({"lesion": [{"mask": str(tmp_path / name)}]})
    reading = read_tumour(TASK, Desk(), replace(subject, lesions=told))
    assert [one.presence for one in reading.findings] == [Presence.NOT_ASSESSED]
    assert len(reading.issues) == 1
    assert not reading.is_refused


@pytest.mark.parametrize(
    ("state", "presence"),
    [("gone", Presence.ABSENT), ("too-small", Presence.NOT_ASSESSED), ("seen", Presence.NOT_ASSESSED)],
)
def test_only_a_reader_can_say_that_a_lesion_is_gone(state, presence):
    entry = LesionEntry(state=state, organ="liver tip")
    found = missing_finding((3, entry), concept("entire-body"), MODEL, "1.2")
    assert (found.presence, found.number) == (presence, 3)
    again = missing_finding((3, entry), concept("entire-body"), MODEL, "1.2")
    assert found.tracking_uid == again.tracking_uid


def test_an_organ_has_its_code_or_one_of_our_own():
    assert site_of("", concept("entire-body")) == concept("entire-body")
    assert site_of("lung", concept("entire-body")) == concept("lung")
    assert site_of("spleen", concept("entire-body")).scheme == PRIVATE_SCHEME


# ---- the body


def pet_subject(folder, facts=None, **header) -> Subject:
    paths = phantoms.write_pet(folder, phantoms.PetPhantom(geometry=VolumeGeometry((2, 8, 8), (4.0, 4.0, 4.0))))
    for path in paths:
        dataset = pydicom.dcmread(path)
        for keyword, value_ in header.items():
            if value_ is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value_)
        dataset.save_as(path)
    with open_source(folder) as archive:
        study = archive.studies[0]
        return Subject(study, study.series[0], None, facts=facts or PatientFacts())


@pytest.mark.parametrize(
    ("header", "facts", "body"),
    [
        ({"PatientSize": 1.8}, PatientFacts(sex="M"), Body(70.0, 180.0, "M")),
        ({}, PatientFacts(height_cm=170), Body(70.0, 170.0, None)),
        ({"PatientWeight": None}, PatientFacts(weight_kg=66, height_cm=170, sex="F"), Body(66.0, 170.0, "F")),
        ({"PatientSize": 1.8}, PatientFacts(height_cm=150, weight_kg=72), Body(70.0, 180.0, None)),
    ],
)
def test_the_header_comes_before_the_facts(header, facts, body, tmp_path):
    assert body_of(pet_subject(tmp_path, facts, **header)) == body


def test_a_weight_that_contradicts_the_header_is_refused(tmp_path):
    with pytest.raises(SettingsError) as told:
        body_of(pet_subject(tmp_path, PatientFacts(weight_kg=90)))
    assert (told.value.code, told.value.facts["expected"]) == ("E250", "70")


def test_what_is_no_dicom_has_the_facts_alone():
    series = Series("1.2.3", "1.2", "PT", ())
    subject = Subject(Study("1.2", (series,)), series, None, facts=PatientFacts(weight_kg=80, sex="M"))
    assert body_of(subject) == Body(80.0, None, "M")
