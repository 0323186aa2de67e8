"""Places by the clock: segments as Cerqueira 2002 draws them, and classes of calcium at their edges."""

import numpy as np
import pytest

from hounsfield.clinical.heart.calcium import CalciumLesion, CalciumScore
from hounsfield.clinical.heart.calcium_reading import calcium_class, calcium_finding
from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers
from hounsfield.clinical.heart.cycle import cycle_of
from hounsfield.clinical.heart.wall import Septum, segment_numbers
from hounsfield.core.finding import Presence
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

MODEL = ModelIdentity("calcium", "1", "heart", "0" * 64)

# level (0 base, 1 middle, 2 apex), direction on the image in degrees from the right downwards, segment: anterior is up,
# the septum left, and the numbers run against the clock from the anterior wall
CLOCK = [
    (0, 10, 5),
    (0, 40, 5),
    (0, 70, 4),
    (0, 100, 4),
    (0, 130, 3),
    (0, 160, 3),
    (0, 190, 2),
    (0, 220, 2),
    (0, 250, 1),
    (0, 280, 1),
    (0, 310, 6),
    (0, 340, 6),
    (1, 10, 11),
    (1, 40, 11),
    (1, 70, 10),
    (1, 100, 10),
    (1, 130, 9),
    (1, 160, 9),
    (1, 190, 8),
    (1, 220, 8),
    (1, 250, 7),
    (1, 280, 7),
    (1, 310, 12),
    (1, 340, 12),
    (2, 10, 16),
    (2, 50, 15),
    (2, 90, 15),
    (2, 130, 15),
    (2, 170, 14),
    (2, 210, 14),
    (2, 250, 13),
    (2, 290, 13),
    (2, 330, 16),
]


@pytest.mark.parametrize(("level", "degrees", "segment"), CLOCK)
def test_the_segment_of_each_direction_of_the_image(level, degrees, segment):
    septum = Septum(np.pi, -1)
    assert segment_numbers(septum, level)[degrees] == segment


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_mirrored_septum_mirrors_the_clock(level):
    left, right = segment_numbers(Septum(np.pi, -1), level), segment_numbers(Septum(0.0, 1), level)
    for degrees in range(5, 360, 30):
        assert left[degrees] == right[(180 - degrees) % 360]


def score(agatston, lesions=()):
    return CalciumScore(lesions, agatston, 10.0, None, 130.0, 1.0, 0)


# Agatston score, class of CAC-DRS (Hecht 2018), classic class (0, 1-10, 11-100, 101-400, above)
CLASSES = [
    (0.0, "A0", "0"),
    (0.4, "A1", "1-10"),
    (1.0, "A1", "1-10"),
    (10.0, "A1", "1-10"),
    (11.0, "A1", "11-100"),
    (99.9, "A1", "11-100"),
    (100.0, "A2", "11-100"),
    (101.0, "A2", "101-400"),
    (299.0, "A2", "101-400"),
    (300.0, "A3", "101-400"),
    (400.0, "A3", "101-400"),
    (401.0, "A3", ">400"),
    (2500.0, "A3", ">400"),
]


@pytest.mark.parametrize(("agatston", "grade", "classic"), CLASSES)
def test_the_class_of_a_score_at_its_edges(agatston, grade, classic):
    found = calcium_class(score(agatston), "u")
    assert found.result == grade
    assert f"(class {classic})" in found.wording.en
    assert f"分级 {classic}" in found.wording.zh
    assert found.missing == ("vessel_count",)
    assert found.tracking_uids == ("u",)
    facts = {fact.name: fact.value for fact in found.inputs}
    assert facts["threshold_hu"] == 130.0
    assert facts["vessel_count"] is None


def lesion(index, rows):
    mask = np.zeros((12, 12), bool)
    mask[rows, 3:6] = True
    return CalciumLesion(index, mask, float(mask.sum()), 400.0, 300.0, 4)


def test_lesions_of_one_slice_are_outlined_together_the_widest_slice_first():
    geometry = VolumeGeometry((6, 12, 12), (3.0, 1.0, 1.0))
    volume = Volume(np.zeros(geometry.shape, np.int16), geometry, Quantity.HOUNSFIELD)
    lesions = (lesion(1, slice(2, 3)), lesion(4, slice(2, 4)), lesion(4, slice(8, 10)))
    found = calcium_finding(volume, score(120.0, lesions), MODEL, "1.2")
    assert found.presence is Presence.PRESENT
    assert [region.slice_index for region in found.regions] == [4, 1]
    assert [len(region.polygons) for region in found.regions] == [2, 1]
    assert found.tracking_uid == calcium_finding(volume, score(0.0), MODEL, "1.2").tracking_uid
    assert calcium_finding(volume, score(0.0), MODEL, "1.2").region is None


def phase(left, right=20, muscle=30):
    labels = np.zeros((1, 20, 20), np.uint8)
    flat = labels.ravel()
    flat[:left] = LEFT
    flat[left : left + right] = RIGHT
    flat[left + right : left + right + muscle] = MUSCLE
    return Chambers(labels, VolumeGeometry(labels.shape, (10.0, 1.0, 1.0)))


# cavity of each phase, end-diastole, end-systole, fraction
BEATS = [
    ((100, 40), 0, 1, 60.0),
    ((40, 100), 1, 0, 60.0),
    ((100, 100), 0, 0, None),
    ((100,), 0, 0, None),
    ((80, 100, 60, 50, 70), 1, 3, 50.0),
    ((50, 60, 100, 90), 2, 0, 50.0),
    ((100, 90, 70, 50, 40, 50, 70, 90), 0, 4, 60.0),
    ((70, 50, 40, 50, 70, 90, 100, 90), 6, 2, 60.0),
]


@pytest.mark.parametrize(("sizes", "diastole", "systole", "fraction"), BEATS)
def test_ends_and_fraction_of_beats_worked_out_by_hand(sizes, diastole, systole, fraction):
    found = cycle_of([phase(size) for size in sizes])
    assert (found.diastole, found.systole) == (diastole, systole)
    if fraction is None:
        assert found.ejection_percent(LEFT) is None
        assert found.stroke_ml(LEFT) is None
        assert not found.is_moving
    else:
        assert found.ejection_percent(LEFT) == pytest.approx(fraction)
        assert found.stroke_ml(LEFT) == pytest.approx((max(sizes) - min(sizes)) * 0.01)
    assert found.mass_g() == pytest.approx(1.05 * 30 * 0.01)
    assert found.volumes_ml(LEFT)[0] == pytest.approx(max(sizes) * 0.01)


def test_a_right_ventricle_that_was_lost_in_one_phase_is_not_known():
    found = cycle_of([phase(100), phase(40, right=0)])
    assert found.has_seen(LEFT)
    assert not found.has_seen(RIGHT)


def test_an_empty_cavity_has_no_fraction():
    found = cycle_of([phase(0), phase(0)])
    assert found.ejection_percent(LEFT) is None
