"""Coronary calcium: drawn rods of known area and density, planted faults, and CT that must not be scored."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread

from hounsfield.archive.local import open_source
from hounsfield.clinical.chest_ct.lungs import find_lungs
from hounsfield.clinical.chest_ct.phantom import Ball, ChestCt
from hounsfield.clinical.facts import LaboratoryValue, PatientFacts
from hounsfield.clinical.heart import calcium_reading, words
from hounsfield.clinical.heart.calcium import score_calcium
from hounsfield.clinical.heart.calcium_reading import (
    Acquisition,
    acquisition_issues,
    acquisition_of,
    calibration_of,
    read_calcium,
)
from hounsfield.clinical.heart.calcium_region import brightest_blood_hu, heart_region
from hounsfield.clinical.heart.reader import TASK
from hounsfield.clinical.subject import Subject
from hounsfield.core.finding import Presence
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels, OutOfScope
from hounsfield.image.assemble import assemble
from hounsfield.image.phantoms import write_ct

BLOOD = 40.0


def rod(hounsfield, radius_mm=4.0, spacing_mm=(3.0, 0.5, 0.5), noise_hu=0.0, slices=(2, 3, 4), place=(0.13, -0.21)):
    """Return a CT of blood with a rod across some of its slices, partial volumes as a scanner has them."""
    rows, columns = (round(40 / step) for step in spacing_mm[1:])
    parts = (np.arange(5) + 0.5) / 5 - 0.5
    y = ((np.arange(rows)[:, None] - rows / 2 + parts).ravel() * spacing_mm[1] - place[0])[:, None]
    x = ((np.arange(columns)[:, None] - columns / 2 + parts).ravel() * spacing_mm[2] - place[1])[None]
    share = (np.hypot(y, x) <= radius_mm).reshape(rows, 5, columns, 5).mean(axis=(1, 3))
    array = np.full((7, rows, columns), BLOOD)
    array[list(slices)] += share * (hounsfield - BLOOD)
    array += noise_hu * np.random.default_rng(0).standard_normal(array.shape)
    geometry = VolumeGeometry(array.shape, spacing_mm)
    return Volume(array.round().astype(np.int16), geometry, Quantity.HOUNSFIELD)


def everywhere(volume):
    return np.ones(volume.geometry.shape, bool)


def area_of_threshold(hounsfield, radius_mm, pixel_mm, threshold=130.0):
    """Area that the threshold keeps: a border pixel counts once its share of calcium lifts it to the threshold.

    The border moves outwards by half a pixel less that share, to first order.
    """
    share = (threshold - BLOOD) / (hounsfield - BLOOD)
    return np.pi * (radius_mm + pixel_mm * (0.5 - share)) ** 2


@pytest.mark.parametrize(("hounsfield", "weight"), [(160, 1), (250, 2), (350, 3), (500, 4), (1200, 4)])
@pytest.mark.parametrize("spacing_mm", [(3.0, 0.4, 0.4), (3.0, 0.3, 0.6)])
def test_the_score_of_a_rod_is_area_times_weight_for_each_slice(hounsfield, weight, spacing_mm):
    volume = rod(hounsfield, spacing_mm=spacing_mm)
    found = score_calcium(volume, everywhere(volume))
    expected = area_of_threshold(hounsfield, 4.0, np.sqrt(spacing_mm[1] * spacing_mm[2]))
    assert found.agatston == pytest.approx(3 * weight * expected, rel=0.05)
    assert found.volume_mm3 == pytest.approx(9 * expected, rel=0.05)
    assert {lesion.weight for lesion in found.lesions} == {weight}


@pytest.mark.parametrize("noise_hu", [0.0, 10.0, 20.0])
def test_noise_below_the_threshold_does_not_move_the_score(noise_hu):
    volume = rod(500, radius_mm=5.0, noise_hu=noise_hu)
    assert score_calcium(volume, everywhere(volume)).agatston == pytest.approx(
        3 * 4 * area_of_threshold(500, 5.0, 0.5), rel=0.05
    )


def test_slices_of_another_distance_are_scaled_to_three():
    thin, thick = rod(500, spacing_mm=(1.5, 0.5, 0.5)), rod(500)
    scores = [score_calcium(volume, everywhere(volume)) for volume in (thin, thick)]
    assert scores[0].agatston == pytest.approx(scores[1].agatston / 2)
    assert scores[0].volume_mm3 == pytest.approx(scores[1].volume_mm3 / 2)


@pytest.mark.parametrize(
    ("edge", "hounsfield", "weight"),
    [
        (129, 129, 0),
        (130, 130, 1),
        (199, 199, 1),
        (200, 200, 2),
        (300, 300, 3),
        (399, 399, 3),
        (400, 400, 4),
    ],
)
def test_edges_of_threshold_and_weights(edge, hounsfield, weight):
    array = np.full((1, 8, 8), 40, np.int16)
    array[0, 2:4, 2:4] = min(130, edge)
    array[0, 2, 2] = hounsfield
    volume = Volume(array, VolumeGeometry((1, 8, 8), (3.0, 1.0, 1.0)), Quantity.HOUNSFIELD)
    found = score_calcium(volume, everywhere(volume))
    assert found.agatston == pytest.approx(4.0 * weight)


def test_the_peak_of_each_slice_counts_and_touching_corners_are_one():
    array = np.full((2, 8, 8), 40, np.int16)
    array[0, 2, 2], array[0, 3, 3] = 450, 150
    array[1, 2, 2], array[1, 3, 3] = 150, 150
    volume = Volume(array, VolumeGeometry((2, 8, 8), (3.0, 1.0, 1.0)), Quantity.HOUNSFIELD)
    found = score_calcium(volume, everywhere(volume))
    assert [(lesion.area_mm2, lesion.weight) for lesion in found.lesions] == [(2.0, 4), (2.0, 1)]
    assert found.agatston == pytest.approx(10.0)


def test_specks_below_a_square_millimetre_are_left_out_and_counted():
    array = np.full((1, 8, 8), 40, np.int16)
    array[0, 2, 2:5] = 500
    array[0, 6, 1:5] = 500
    volume = Volume(array, VolumeGeometry((1, 8, 8), (3.0, 0.5, 0.5)), Quantity.HOUNSFIELD)
    found = score_calcium(volume, everywhere(volume))
    assert (len(found.lesions), found.left_out) == (1, 1)
    assert found.agatston == pytest.approx(4.0)


def test_only_the_region_counts():
    volume = rod(500)
    region = everywhere(volume)
    region[2] = False
    whole = score_calcium(volume, everywhere(volume)).agatston
    assert score_calcium(volume, region).agatston == pytest.approx(whole * 2 / 3)
    assert score_calcium(volume, np.zeros_like(region)).agatston == 0


def test_mass_is_calibration_times_density_times_volume():
    volume = rod(500, radius_mm=6.0)
    assert score_calcium(volume, everywhere(volume)).mass_mg is None
    found = score_calcium(volume, everywhere(volume), calibration_mg_ml_hu=0.8)
    exact = 0.8 * 500 * np.pi * 36 * 9 / 1000
    assert found.mass_mg == pytest.approx(exact, rel=0.05)


def test_other_values_grids_and_changed_samples_are_refused():
    volume = rod(500)
    with pytest.raises(OutOfScope):
        score_calcium(replace(volume, quantity=Quantity.ARBITRARY), everywhere(volume))
    with pytest.raises(OutOfScope):
        score_calcium(volume, everywhere(volume)[1:])
    with pytest.raises(EnhancedPixels):
        score_calcium(replace(volume, enhanced_by=("denoise",)), everywhere(volume))


CALCIUM = (Ball((8.0, -10.0, 1.5), (6.0, 6.0, 9.0), 500.0), Ball((-14.0, -20.0, 30.0), (5.0, 5.0, 9.0), 350.0))


def chest(contrast=0.0):
    """Return a chest with two lesions between the lungs, a spine behind them, and a dense spot in the wall."""
    drawn = ChestCt((3.0, 2.0, 2.0), (111.0, 180.0, 260.0), CALCIUM, noise_hu=8.0).volume()
    array = drawn.array.copy()
    x = drawn.geometry.to_patient([[0, 0, k] for k in range(array.shape[2])])[:, 0]
    y = drawn.geometry.to_patient([[0, k, 0] for k in range(array.shape[1])])[:, 1]
    array[:, np.hypot(y[:, None] - 45.0, x[None] / 1.2) < 14.0] = 400
    if contrast:
        array[:, (y[:, None] < 20) & (y[:, None] > -40) & (np.abs(x[None]) < 18)] += np.int16(contrast)
    return replace(drawn, array=array)


@pytest.fixture(scope="module")
def drawn():
    return chest()


@pytest.fixture(scope="module")
def lungs(drawn):
    return find_lungs(drawn)


@pytest.fixture(scope="module")
def region(drawn, lungs):
    return heart_region(drawn, lungs)


def subject_of(volume, facts=None):
    series = Series("1.2.3", "1.2", "CT", ())
    return Subject(Study("1.2", (series,)), series, volume, facts=facts or PatientFacts())


def test_the_region_holds_the_lesions_and_no_bone(drawn, region):
    for ball in CALCIUM:
        index = np.rint(drawn.geometry.to_index([ball.centre_mm])[0]).astype(int)
        assert region[tuple(index)]
    spine = np.rint(drawn.geometry.to_index([(0.0, 45.0, 0.0)])[0]).astype(int)
    assert not region[tuple(spine)]
    assert brightest_blood_hu(drawn, region) == pytest.approx(50, abs=15)


def test_a_reading_scores_what_lies_between_the_lungs(drawn, lungs, monkeypatch):
    monkeypatch.setattr(calcium_reading, "find_lungs", lambda volume: lungs)
    facts = PatientFacts(laboratory={"calcium_calibration": LaboratoryValue(value=0.8, unit="mg/ml")})
    found = TASK.reader(TASK, None, subject_of(drawn, facts))
    assert not found.is_refused
    alone = np.zeros(drawn.geometry.shape, bool)
    for ball in CALCIUM:
        z, y, x = np.rint(drawn.geometry.to_index([ball.centre_mm])[0]).astype(int)
        alone[z - 3 : z + 4, y - 5 : y + 6, x - 5 : x + 6] = True
    exact = score_calcium(drawn, alone)
    values = {item.concept: item.value for item in found.findings[0].measurements}
    assert values[words.AGATSTON] == pytest.approx(exact.agatston, rel=0.05)
    assert values[words.CALCIUM_MASS] > 0
    assert exact.agatston > 100
    slices = {lesion.slice_index for lesion in exact.lesions}
    assert {region.slice_index for region in found.findings[0].regions} == slices
    (conclusion,) = found.conclusions
    assert conclusion.rule.name == "cac-drs-2018"
    assert conclusion.result == ("A3" if exact.agatston >= 300 else "A2")
    assert conclusion.missing == ("vessel_count",)


def test_no_calcium_is_a_score_of_nought_and_not_an_absence(drawn):
    empty = np.zeros(drawn.geometry.shape, bool)
    empty[15:20, 35:45, 62:68] = True
    found = read_calcium(subject_of(replace(drawn, array=np.minimum(drawn.array, 60))), empty)
    assert found.findings[0].measurements[0].value == 0
    assert found.findings[0].presence is Presence.NOT_ASSESSED
    assert found.conclusions[0].result == "A0"
    assert [issue.code for issue in found.issues] == ["Q228"]


def test_contrast_in_the_heart_is_refused(region):
    found = read_calcium(subject_of(chest(contrast=220)), region)
    assert [issue.code for issue in found.issues if issue.severity is Severity.REJECT] == ["Q227"]
    assert found.findings[0].presence is Presence.NOT_ASSESSED
    assert not found.conclusions


def test_a_ct_without_lungs_has_no_region(drawn):
    solid = replace(drawn, array=np.full_like(drawn.array, 40))
    found = read_calcium(subject_of(solid))
    assert [issue.code for issue in found.issues if issue.severity is Severity.REJECT] == ["Q221"]


GOOD = Acquisition(3.0, 120.0, False, True)


@pytest.mark.parametrize(
    ("made", "code", "severity"),
    [
        (GOOD, None, None),
        (replace(GOOD, thickness_mm=2.5), "Q226", Severity.REJECT),
        (replace(GOOD, thickness_mm=5.0), "Q226", Severity.REJECT),
        (replace(GOOD, has_contrast=True), "Q227", Severity.REJECT),
        (replace(GOOD, is_gated=False), "Q228", Severity.REJECT),
        (replace(GOOD, tube_kvp=80.0), "Q228", Severity.REJECT),
        (replace(GOOD, tube_kvp=100.0), None, None),
        (replace(GOOD, is_gated=None), "Q228", Severity.WARN),
        (Acquisition(), "Q228", Severity.WARN),
    ],
)
def test_what_the_header_says_decides(made, code, severity):
    found = acquisition_issues(rod(500), made)
    assert [(issue.code, issue.severity) for issue in found] == ([] if code is None else [(code, severity)])


def test_without_a_header_the_distance_of_slices_counts():
    assert acquisition_issues(rod(500, spacing_mm=(1.0, 0.5, 0.5)), Acquisition())[0].code == "Q226"
    mr = replace(rod(500), quantity=Quantity.ARBITRARY)
    assert acquisition_issues(mr, GOOD)[0].code == "Q226"


def test_the_header_of_a_file_is_read(tmp_path):
    folder = tmp_path / "study"
    write_ct(folder)
    for path in folder.rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.ContrastBolusAgent = "IOHEXOL"
        dataset.CardiacSynchronizationTechnique = "PROSPECTIVE"
        dataset.save_as(path)
    with open_source(folder) as archive:
        volume = assemble(archive.studies[0].series[0]).volumes[0]
        made = acquisition_of(volume)
    assert (made.tube_kvp, made.has_contrast, made.is_gated) == (120.0, True, True)
    assert made.thickness_mm == pytest.approx(volume.geometry.slice_spacing_mm)
    assert acquisition_of(rod(500)) == Acquisition()


@pytest.mark.parametrize(("unit", "expected"), [("mg/ml", 0.78), ("g/l", None)])
def test_a_calibration_in_another_unit_is_not_used(unit, expected):
    facts = PatientFacts(laboratory={"calcium_calibration": LaboratoryValue(value=0.78, unit=unit)})
    assert calibration_of(facts) == expected
    assert calibration_of(PatientFacts()) is None
