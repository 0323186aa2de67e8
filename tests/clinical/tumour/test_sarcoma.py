"""Real soft-tissue sarcomas: SUV against the values that the data set publishes, masks against the radiologists'."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.archive.local import open_source
from hounsfield.cases.dicom_masks import read_mask_object, read_regions
from hounsfield.cases.label_maps import read_label_map
from hounsfield.clinical.desk import Desk
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.lesion_file import LesionFile
from hounsfield.clinical.tumour.measure import measure_lesion
from hounsfield.clinical.tumour.prompt import Method, Place, Prompt
from hounsfield.clinical.tumour.reader import TASK, read_tumour
from hounsfield.clinical.tumour.segmenting import segment
from hounsfield.clinical.tumour.suv import SuvKind, measure_uptake
from hounsfield.core.codes import concept
from hounsfield.core.quantities import Quantity
from hounsfield.image.assemble import assemble
from hounsfield.opening import read_volumes
from tests.clinical.tumour.drawn import dice


@pytest.fixture
def sarcoma(shared_data: Path) -> Path:
    folder = shared_data / "sarcoma"
    if not folder.is_dir():
        pytest.skip("the sarcomas are not here")
    return folder


def opened(sarcoma, patient, kind):
    """The image of a patient as NIfTI, and the radiologists' mask."""
    folder = sarcoma / "nifti" / patient
    volume = read_volumes(folder / f"{kind}_image.nii.gz").volumes[0]
    return volume, read_label_map(folder / f"{kind}_mask.nii.gz").array > 0


def test_suv_from_the_header_is_the_suv_that_the_data_set_publishes(sarcoma):
    volume = read_volumes(sarcoma / "dicom/STS_004/PET/image").volumes[0]
    published, mask = opened(sarcoma, "STS_004", "PET")
    contours = read_mask_object(next((sarcoma / "dicom/STS_004/PET/mask").iterdir()))
    inside = dict(read_regions(contours, volume.geometry))[1]
    assert np.count_nonzero(inside) == np.count_nonzero(mask)
    found = measure_uptake(volume, inside, SuvKind.BODY_WEIGHT, 1.0)
    assert found.highest == pytest.approx(float(published.array[mask].max()), rel=1e-5)
    assert found.mean == pytest.approx(float(published.array[mask].mean(dtype=np.float64)), rel=1e-5)
    assert found.above.volume_ml <= found.fixed.volume_ml
    assert found.mean < found.peak < found.highest


def test_the_task_measures_the_structure_set_of_the_study(sarcoma):
    with open_source(sarcoma / "dicom/STS_004/PET") as archive:
        study = archive.studies[0]
        series = next(one for one in study.series if one.modality == "PT")
        reading = read_tumour(TASK, Desk(), Subject(study, series, assemble(series).volumes[0]))
    measured = {one.concept: one.value for one in reading.findings[0].measurements}
    assert measured[words.SUV_MAX] == pytest.approx(5.36743, abs=1e-4)
    assert measured[concept("volume")] == pytest.approx(5962 * 3.27 * 3.90625**2 / 1000, rel=1e-3)
    assert measured[concept("long-axis")] < 120
    assert not reading.is_refused


@pytest.mark.parametrize(
    ("patient", "kind", "least"),
    [("STS_002", "CT", 0.7), ("STS_003", "CT", 0.8), ("STS_003", "MR_T1", 0.8), ("STS_003", "PET", 0.8)],
)
def test_a_box_about_a_sarcoma_gives_the_radiologists_mask_nearly(sarcoma, patient, kind, least):
    volume, mask = opened(sarcoma, patient, kind)
    places = np.argwhere(mask)
    box = tuple(Place(tuple(float(at) for at in corner)) for corner in (places.min(axis=0), places.max(axis=0)))
    found = segment(volume, Prompt(Method.WALKER, box=box))
    assert dice(found.inside, mask) > least


def test_a_click_on_a_hot_sarcoma_takes_41_percent_of_its_maximum(sarcoma):
    volume, mask = opened(sarcoma, "STS_003", "PET")
    volume = volume.with_array(volume.array, quantity=Quantity.SUV_BW)
    top = np.unravel_index(int(np.where(mask, volume.array, 0).argmax()), mask.shape)
    found = segment(volume, Prompt(Method.THRESHOLD, (Place(tuple(float(at) for at in top)),)))
    inside = volume.array[found.inside]
    assert inside.min() >= 0.41 * inside.max()
    assert dice(found.inside, mask) > 0.8


def test_two_visits_of_one_patient_by_the_same_masks_are_stable(sarcoma, tmp_path):
    """The mask of a patient as baseline and follow-up: the sum does not change, and the answer says so."""
    from tests.clinical.tumour.test_tumour_task import report

    folder = sarcoma / "nifti/STS_008"
    volume = read_volumes(folder / "CT_image.nii.gz").volumes[0]
    entry = {"mask": str(folder / "CT_mask.nii.gz"), "role": "target", "organ": "soft tissue"}
    first = told(volume, {"lesion": [entry]})
    total = next(one.value for one in first.findings[-1].measurements if one.concept == words.SUM)
    later = {"prior": [report(tmp_path, total)], "non_target": "none", "has_new_lesion": False}
    again = told(volume, {"lesion": [entry], **later})
    assert again.conclusions[0].result == "SD"
    assert total == pytest.approx(
        measure_lesion(volume, read_label_map(folder / "CT_mask.nii.gz").array > 0).axes.long_mm
    )


def told(volume, lesions):
    from hounsfield.core.study import Series, Study

    series = Series("1.2.3", "1.2", "CT", ())
    subject = Subject(Study("1.2", (series,)), series, volume, lesions=LesionFile.model_validate(lesions))
    return read_tumour(TASK, Desk(), subject)
