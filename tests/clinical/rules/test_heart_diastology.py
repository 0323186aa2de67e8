"""Filling of the left ventricle: criteria of 2016 and markers of 2025 at their limits, and what is not known."""

from dataclasses import replace

import pytest

from hounsfield.clinical.rules.heart_diastology import (
    Filling,
    diastolic_grade_2016,
    diastology_2016,
    diastology_2025,
    filling_pressure_in_fibrillation,
)
from hounsfield.core.conclusion import Certainty

QUIET = Filling(
    early_cm_s=80.0,
    late_cm_s=60.0,
    septal_e_prime_cm_s=9.0,
    lateral_e_prime_cm_s=12.0,
    tricuspid_velocity_m_s=2.2,
    la_volume_index_ml_m2=28.0,
)
BUSY = Filling(100.0, 70.0, 5.0, 6.0, 3.1, la_volume_index_ml_m2=40.0)


def test_ratios_are_those_of_the_velocities() -> None:
    assert BUSY.average_e_prime_cm_s == 5.5
    assert BUSY.average_e_ratio == pytest.approx(100 / 5.5)
    assert (BUSY.septal_e_ratio, BUSY.lateral_e_ratio) == (20.0, pytest.approx(100 / 6))
    assert Filling(early_cm_s=80.0).ea_ratio is None
    assert Filling(80.0, 0.0).ea_ratio is None


def test_more_than_half_of_the_criteria_are_needed() -> None:
    assert diastology_2016(QUIET).result == "none"
    assert diastology_2016(BUSY).result == "dysfunction"
    two = replace(QUIET, tricuspid_velocity_m_s=2.9, la_volume_index_ml_m2=35.0)
    assert diastology_2016(two).result == "indeterminate"
    assert diastology_2016(replace(two, septal_e_prime_cm_s=6.9)).result == "dysfunction"
    assert diastology_2016(replace(two, tricuspid_velocity_m_s=2.8)).result == "none"


def test_too_few_criteria_say_nothing() -> None:
    found = diastology_2016(Filling(tricuspid_velocity_m_s=3.5, la_volume_index_ml_m2=50.0))
    assert found.result == ""
    assert found.missing == ("average_e_ratio", "e_prime")
    assert found.source.certainty is Certainty.MEMORY


@pytest.mark.parametrize(
    ("filling", "expected"),
    [
        (Filling(50.0, 62.5), "1"),
        (Filling(51.0, 64.0, 9.0, 12.0, 2.2), "1"),
        (Filling(100.0, 50.0), "3"),
        (BUSY, "2"),
        (QUIET, "1"),
        (replace(BUSY, septal_e_prime_cm_s=None, tricuspid_velocity_m_s=2.0), "indeterminate"),
        (Filling(80.0, 60.0, tricuspid_velocity_m_s=3.0), ""),
        (replace(BUSY, late_cm_s=None), ""),
    ],
)
def test_grade_of_2016(filling: Filling, expected: str) -> None:
    assert diastolic_grade_2016(filling).result == expected


MARKERS = [
    ("septal_e_prime_cm_s", 6.0, 6.1),
    ("lateral_e_prime_cm_s", 7.0, 7.1),
    ("tricuspid_velocity_m_s", 2.8, 2.7),
    ("pulmonary_pressure_mmhg", 35.0, 34.0),
    ("la_volume_index_ml_m2", 34.1, 34.0),
    ("la_reservoir_strain_percent", 18.0, 18.1),
    ("pulmonary_vein_ratio", 0.67, 0.68),
    ("relaxation_time_ms", 70.0, 71.0),
]


@pytest.mark.parametrize(("name", "beyond", "not_beyond"), MARKERS)
def test_markers_of_2025_at_both_sides_of_their_limits(name: str, beyond: float, not_beyond: float) -> None:
    found = diastology_2025(Filling(**{name: beyond}))
    assert (found.result, found.positive) == ("marker", (name,))
    other = diastology_2025(Filling(**{name: not_beyond}))
    assert (other.result, other.negative) == ("none", (name,))
    assert len(found.missing) == 11


def test_ratios_are_markers_of_2025_with_limits_of_their_own() -> None:
    found = diastology_2025(Filling(early_cm_s=98.0, septal_e_prime_cm_s=6.5, lateral_e_prime_cm_s=7.5))
    assert set(found.positive) == {"septal_e_ratio", "lateral_e_ratio"}
    assert set(found.negative) == {
        "average_e_ratio",
        "septal_e_prime_cm_s",
        "lateral_e_prime_cm_s",
        "average_e_prime_cm_s",
    }
    assert diastology_2025(Filling()).result == ""


def test_fibrillation_counts_three_of_four() -> None:
    all_four = Filling(100.0, None, 9.0, tricuspid_velocity_m_s=2.9, deceleration_ms=160.0)
    assert filling_pressure_in_fibrillation(all_four).result == "raised"
    assert filling_pressure_in_fibrillation(replace(all_four, deceleration_ms=161.0)).result == "raised"
    two = replace(all_four, deceleration_ms=161.0, tricuspid_velocity_m_s=2.8)
    assert filling_pressure_in_fibrillation(two).result == "indeterminate"
    one = replace(two, septal_e_prime_cm_s=10.0)
    assert filling_pressure_in_fibrillation(one).result == "not raised"
    assert filling_pressure_in_fibrillation(replace(one, pulmonary_pressure_mmhg=36.0)).result == "indeterminate"


def test_fibrillation_is_silent_where_the_missing_could_change_the_answer() -> None:
    found = filling_pressure_in_fibrillation(Filling(early_cm_s=110.0, septal_e_prime_cm_s=9.0))
    assert (found.result, found.missing) == ("", ("tricuspid_or_pulmonary", "deceleration_ms"))
    sure = filling_pressure_in_fibrillation(Filling(110.0, None, 9.0, tricuspid_velocity_m_s=3.0))
    assert sure.result == "raised"
