"""Chambers of drawn hearts: volumes by discs against formulas, planted faults of a segmentation, motion."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers, is_apex_last, largest_part, repaired
from hounsfield.clinical.heart.cycle import cycle_of, thickening_percent
from hounsfield.clinical.heart.wall import NOT_MEASURED, WallMeasures
from hounsfield.core.geometry import Calibration, VolumeGeometry
from tests.clinical.heart.drawn import DrawnHeart

SPACINGS = [(8.0, 1.5, 1.5), (10.0, 1.2, 1.8), (6.0, 3.0, 3.0), (10.0, 0.6, 0.6)]


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_volumes_fraction_and_mass_are_those_of_the_formulas(spacing_mm):
    fraction, wall_mm = (0.6, 13.0) if spacing_mm[0] < 10 else (0.25, 10.0)
    drawn = DrawnHeart(spacing_mm=spacing_mm)
    cycle = cycle_of([drawn.chambers(), drawn.ejected(fraction, wall_mm).chambers()])
    first, last = cycle.volumes_ml(LEFT)
    assert first == pytest.approx(drawn.cavity_ml, rel=0.05)
    assert last == pytest.approx(drawn.cavity_ml * (1 - fraction), rel=0.05)
    assert cycle.ejection_percent(LEFT) == pytest.approx(100 * fraction, abs=3)
    assert cycle.stroke_ml(LEFT) == pytest.approx(drawn.cavity_ml * fraction, rel=0.07)
    assert cycle.mass_g() == pytest.approx(1.05 * drawn.muscle_ml, rel=0.05)


def test_ends_of_the_beat_are_found_wherever_the_series_begins():
    drawn = DrawnHeart(spacing_mm=(10.0, 2.5, 2.5))
    fractions = [0.55 * (1 - np.cos(2 * np.pi * k / 10)) / 2 for k in range(10)]
    phases = [drawn.ejected(fraction, 9.0).chambers() for fraction in fractions]
    for start in (0, 3, 7):
        cycle = cycle_of([*phases[start:], *phases[:start]])
        assert (cycle.diastole, cycle.systole) == ((10 - start) % 10, (15 - start) % 10)
        assert cycle.ejection_percent(LEFT) == pytest.approx(55, abs=3)


def test_one_phase_that_stands_out_is_no_end_of_the_beat():
    drawn = DrawnHeart(spacing_mm=(10.0, 2.5, 2.5))
    phases = [drawn.ejected(0.5 * np.sin(np.pi * k / 10) ** 2, 9.0).chambers() for k in range(10)]
    phases[2] = replace(phases[2], labels=np.where(phases[2].labels == LEFT, MUSCLE, phases[2].labels))
    assert cycle_of(phases).systole == 5


def test_without_spacing_only_the_fraction_is_known():
    labels = [phase.labels for phase in (DrawnHeart().chambers(), DrawnHeart().ejected(0.5, 12).chambers())]
    geometry = VolumeGeometry(labels[0].shape, calibration=Calibration.NONE)
    cycle = cycle_of([Chambers(one, geometry) for one in labels])
    assert cycle.volumes_ml(LEFT) == (None, None)
    assert cycle.stroke_ml(LEFT) is None
    assert cycle.mass_g() is None
    assert cycle.ejection_percent(LEFT) == pytest.approx(50, abs=3)
    assert cycle.walls() == (NOT_MEASURED, NOT_MEASURED)


def test_one_phase_has_no_fraction():
    cycle = cycle_of([DrawnHeart().chambers()])
    assert not cycle.is_moving
    assert cycle.ejection_percent(LEFT) is None
    assert cycle.stroke_ml(LEFT) is None
    assert cycle.volumes_ml(LEFT)[0] is not None


def spoilt(fault: str) -> Chambers:
    """A drawn heart with one planted fault of a segmentation."""
    phase = DrawnHeart().chambers()
    labels = phase.labels.copy()
    middle = tuple(int(value) for value in np.argwhere(labels == LEFT).mean(axis=0).round())
    match fault:
        case "far cavity":
            labels[3, 2:8, 2:8] = LEFT
        case "far muscle":
            labels[:4, -9:-3, -9:-3] = MUSCLE
        case "far right":
            labels[3, -9:-3, 2:8] = RIGHT
        case "hole":
            labels[3, middle[1], middle[2]] = 0
        case "muscle within":
            labels[3, middle[1] : middle[1] + 2, middle[2]] = MUSCLE
        case "right within":
            labels[2, middle[1], middle[2]] = RIGHT
        case "cavity in the wall":
            row = int(np.argwhere(labels[3, :, middle[2]] == MUSCLE)[-2, 0])
            labels[3, row, middle[2]] = LEFT
    return replace(phase, labels=labels)


FAULTS = ["far cavity", "far muscle", "far right", "hole", "muscle within", "right within", "cavity in the wall"]


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_repaired(fault):
    clean, broken = DrawnHeart().chambers().labels, spoilt(fault)
    assert not np.array_equal(broken.labels, clean)
    np.testing.assert_array_equal(repaired(broken).labels, clean)


def test_a_whole_heart_stays_as_it_is_and_the_input_untouched():
    phase = DrawnHeart().chambers()
    before = phase.labels.copy()
    np.testing.assert_array_equal(repaired(phase).labels, before)
    np.testing.assert_array_equal(phase.labels, before)


def test_nothing_is_invented_where_nothing_was_found():
    empty = Chambers(np.zeros((3, 8, 8), np.uint8), VolumeGeometry((3, 8, 8)))
    assert not repaired(empty).labels.any()


def test_largest_part_does_not_join_over_corners():
    flags = np.zeros((1, 4, 4), bool)
    flags[0, :2, :2] = flags[0, 2, 2] = True
    assert largest_part(flags).sum() == 4


def test_the_apex_is_where_the_ventricle_is_narrow():
    phase = DrawnHeart().chambers()
    assert is_apex_last(phase)
    assert not is_apex_last(replace(phase, labels=phase.labels[::-1].copy()))


def test_thickening_is_told_only_where_both_ends_were_measured():
    first = WallMeasures((10.0, 8.0, None) + (None,) * 13, (1, 2, 3))
    last = WallMeasures((14.0, None, 9.0) + (None,) * 13, (1, 2, 3))
    assert thickening_percent(first, last)[:3] == (pytest.approx(40.0), None, None)
