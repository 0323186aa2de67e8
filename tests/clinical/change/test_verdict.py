"""What became of a lesion: the published vectors, both limits of the error of measurement, and nothing said of places
that the other examination does not show."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.change.lesion import Examination, days_between
from hounsfield.clinical.change.verdict import VOLUME_ERROR_FRACTION, Fate, compare, fate_of
from hounsfield.core.conclusion import ConclusionKind
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import ImageError
from tests.clinical.change.test_match import lesion

THIN = VolumeGeometry((200, 100, 100), (1.0, 1.0, 1.0))


def examination(date, *lesions, geometry=THIN, kernel="B", software="hounsfield 0"):
    return Examination(date, lesions, geometry, kernel, software)


def only(changes):
    (change,) = changes
    return change


@pytest.mark.parametrize(
    ("first", "second", "fate"),
    [
        (100.0, 125.0, Fate.GROWN),
        (100.0, 124.9, Fate.STABLE),
        (100.0, 100.0, Fate.STABLE),
        (100.0, 80.1, Fate.STABLE),
        (100.0, 80.0, Fate.SHRUNK),
        (100.0, 0.0, Fate.SHRUNK),
    ],
)
def test_the_error_of_measurement_is_a_quarter(first, second, fate):
    assert fate_of(first, second) is fate


def test_growing_and_shrinking_mirror_each_other():
    mirrored = {Fate.GROWN: Fate.SHRUNK, Fate.SHRUNK: Fate.GROWN, Fate.STABLE: Fate.STABLE}
    for first, second in np.random.default_rng(2).uniform(20, 400, (200, 2)):
        assert fate_of(second, first) is mirrored[fate_of(first, second)]


@pytest.mark.parametrize(
    ("first", "second", "later", "days", "expected"),
    [
        (113.1, 268.1, "20260401", 90, 72.3),
        (100.0, 125.0, "20260401", 90, 279.6),
        (100.0, 200.0, "20270205", 400, 400.0),
    ],
)
def test_doubling_times_of_the_reference(first, second, later, days, expected):
    change = only(
        compare(
            examination("20260101", lesion("a", (50, 50, 50), first)),
            examination(later, lesion("b", (50, 50, 50), second)),
        )
    )
    assert (change.fate, change.days) == (Fate.GROWN, days)
    assert change.volume_change_percent == pytest.approx(100 * (second - first) / first)
    grown, doubling = change.conclusions
    assert grown.result == "grown"
    assert doubling.measurement.value == pytest.approx(expected, abs=0.05)
    assert doubling.measurement.unit.code == "d"
    assert doubling.tracking_uids == ("b",)
    assert doubling.missing == ()
    facts = {item.name: item.value for item in doubling.inputs}
    assert facts == {
        "first_volume_mm3": first,
        "second_volume_mm3": second,
        "interval_days": days,
        "volume_error_fraction": VOLUME_ERROR_FRACTION,
    }


def test_the_interval_holds_what_repeated_measuring_gives():
    """The doubling time of volumes measured with the assumed error lies in the interval 95 times of 100."""
    first, second, days = 300.0, 900.0, 365
    change = only(
        compare(
            examination("20260101", lesion("a", (50, 50, 50), first)),
            examination("20270101", lesion("b", (50, 50, 50), second)),
        )
    )
    interval = change.conclusions[1].measurement.interval
    random = np.random.default_rng(5)
    measured = np.exp(random.normal(0, VOLUME_ERROR_FRACTION, (20_000, 2))) * (first, second)
    growth = np.log(measured[:, 1] / measured[:, 0])
    inside = (growth >= days * np.log(2) / interval.high) & (growth <= days * np.log(2) / interval.low)
    assert inside.mean() == pytest.approx(0.95, abs=0.01)


def test_an_interval_without_upper_end_stands_in_words():
    change = only(
        compare(
            examination("20260101", lesion("a", (50, 50, 50), 100.0)),
            examination("20260401", lesion("b", (50, 50, 50), 126.0)),
        )
    )
    doubling = change.conclusions[1]
    assert doubling.measurement.interval is None
    assert "cannot be excluded" in doubling.wording.en
    assert "不能排除" in doubling.wording.zh


def test_the_band_is_said_of_solid_nodules_alone():
    def said(kind):
        earlier = examination("20260101", lesion("a", (50, 50, 50), 113.1))
        later = examination("20260401", lesion("b", (50, 50, 50), 268.1, nodule_type=kind))
        return only(compare(earlier, later)).conclusions[1].wording.en

    assert "suspicious" in said("solid")
    assert "suspicious" not in said("non-solid")
    assert "suspicious" not in said("")


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"kernel": "C"}, "same_kernel"),
        ({"kernel": ""}, "same_kernel"),
        ({"software": "other 1"}, "same_software"),
        ({"geometry": VolumeGeometry((50, 100, 100), (4.0, 1.0, 1.0))}, "thin_slices"),
        ({"study_date": ""}, "interval_days"),
    ],
)
def test_what_a_doubling_time_wants_is_named(changes, missing):
    earlier = examination("20260101", lesion("a", (50, 50, 50), 100.0))
    later = replace(examination("20260701", lesion("b", (50, 50, 50), 300.0)), **changes)
    doubling = only(compare(earlier, later)).conclusions[1]
    assert doubling.missing == (missing,)
    assert doubling.is_applied is (missing != "interval_days")


def test_too_short_an_interval_gives_no_doubling_time():
    earlier = examination("20260101", lesion("a", (50, 50, 50), 100.0))
    change = only(compare(earlier, examination("20260120", lesion("b", (50, 50, 50), 300.0))))
    assert not change.conclusions[1].is_applied
    assert change.conclusions[1].measurement is None
    assert "30 days" in change.conclusions[1].wording.en


def test_new_and_gone_where_both_show_the_place():
    here, there = lesion("a", (20, 20, 20)), lesion("b", (70, 70, 120))
    found = compare(examination("20260101", here), examination("20260701", there))
    assert {(change.fate, change.conclusions[0].result) for change in found} == {(Fate.GONE, "gone"), (Fate.NEW, "new")}
    assert {change.volume_change_percent for change in found} == {None}
    assert all(change.conclusions[0].kind is ConclusionKind.CHANGE for change in found)


def test_a_place_that_was_not_shown_is_not_compared():
    half = VolumeGeometry((100, 100, 100), (1.0, 1.0, 1.0))
    above, edge = lesion("b", (70, 70, 150)), lesion("c", (70, 70, 98.0))
    for other in (above, edge):
        change = only(compare(examination("20260101", geometry=half), examination("20260701", other)))
        assert change.fate is Fate.NOT_COMPARED, other
        change = only(compare(examination("20260101", other), examination("20260701", geometry=half)))
        assert change.fate is Fate.NOT_COMPARED, other
    inside = lesion("d", (70, 70, 90.0))
    assert only(compare(examination("20260101", geometry=half), examination("20260701", inside))).fate is Fate.NEW


def test_transforms_go_both_ways():
    shift = np.array([0.0, 0.0, 1000.0])
    moved = replace(THIN, origin_mm=(0.0, 0.0, 1000.0))
    earlier = examination("20260101", lesion("a", (50, 50, 50)), lesion("x", (20, 20, 20)))
    later = examination("20260701", lesion("b", (50, 50, 1050)), lesion("y", (80, 80, 1100)), geometry=moved)
    found = compare(earlier, later, lambda points: points + shift, lambda points: points - shift)
    assert [change.fate for change in found] == [Fate.STABLE, Fate.GONE, Fate.NEW]
    without = compare(earlier, later)
    assert {change.fate for change in without} == {Fate.NOT_COMPARED}


def test_dates_in_the_wrong_order_are_refused():
    with pytest.raises(ImageError) as caught:
        compare(examination("20260701", lesion("a", (0, 0, 0))), examination("20260101"))
    assert caught.value.code == "E230"
    assert days_between(examination("20260101"), examination("20260101")) == 0
    assert days_between(examination("2026"), examination("20260101")) is None


def test_words_are_in_both_languages_and_never_call_a_place_clear():
    found = compare(
        examination("20260101", lesion("a", (20, 20, 20))), examination("20260701", lesion("b", (70, 70, 70)))
    )
    for change in found:
        for conclusion in change.conclusions:
            assert conclusion.wording.zh != conclusion.wording.en
            assert "{" not in conclusion.wording.en + conclusion.wording.zh
            assert "normal" not in conclusion.wording.en.lower()
