"""Targets, sums and earlier visits: the arithmetic behind the response, apart from any image."""

import json

import pytest

from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.course import (
    Sized,
    Visit,
    has_new,
    read_visits,
    size_conclusions,
    sum_of,
    targets_of,
    uptake_conclusion,
)
from hounsfield.clinical.tumour.lesion_file import LesionEntry, LesionFile
from hounsfield.errors import SettingsError

LEAN, WEIGHT = "g/ml{SUVlbm(Janma)}", "g/ml{SUVbw}"


def sized(diameter, organ="", role="measure", is_node=False, state="seen") -> Sized:
    return Sized(LesionEntry(organ=organ, role=role, is_node=is_node, state=state), diameter)


def told(**changes) -> LesionFile:
    return LesionFile.model_validate({"lesion": [{"click": [[1, 2, 3]]}], **changes})


@pytest.mark.parametrize(
    ("lesions", "slice_mm", "places"),
    [
        # two of an organ, the largest
        ([sized(12, "liver"), sized(30, "liver"), sized(20, "liver"), sized(11, "lung")], 1.0, (1, 2, 3)),
        # five at the most
        ([sized(size, organ) for size, organ in zip(range(20, 32, 2), "abcdef", strict=True)], 1.0, (1, 2, 3, 4, 5)),
        # below 10 mm, and below twice a thick slice
        ([sized(9.9), sized(10.0)], 5.0, (1,)),
        ([sized(13.0), sized(16.0)], 8.0, (1,)),
        # nodes from 15 mm short axis, and all nodes are one organ
        ([sized(14.9, "a", is_node=True), sized(15.0, "b", is_node=True)], 1.0, (1,)),
        ([sized(size, organ, is_node=True) for size, organ in ((16, "a"), (17, "b"), (18, "c"))], 1.0, (1, 2)),
        # organs that nobody stated count as one
        ([sized(20), sized(21), sized(22)], 1.0, (1, 2)),
        # what is non-target, new, gone or too small is never proposed
        ([sized(40, role="non-target"), sized(40, role="new"), sized(0.0), sized(None), sized(12)], 1.0, (4,)),
        ([], 1.0, ()),
    ],
)
def test_the_largest_that_can_be_measured_are_proposed(lesions, slice_mm, places):
    assert targets_of(lesions, slice_mm) == (places, True)


def test_named_targets_stand_as_they_are_named():
    lesions = [sized(50), sized(6, role="target"), sized(30), sized(None, role="target", state="too-small")]
    targets, is_proposal = targets_of(lesions, 1.0)
    assert (targets, is_proposal) == ((1, 3), False)
    assert sum_of(lesions, targets) == 11.0
    assert sum_of([sized(0.0, role="target", state="gone")], (0,)) == 0.0


@pytest.mark.parametrize(
    ("course", "now", "response"),
    [
        ((100.0,), 70.0, "PR"), ((100.0,), 70.1, "SD"), ((100.0,), 120.0, "PD"), ((100.0,), 119.9, "SD"),
        ((100.0, 50.0), 60.0, "PD"), ((100.0, 50.0), 59.9, "PR"), ((20.0,), 24.0, "SD"), ((20.0, 10.0), 14.9, "SD"),
        ((20.0, 10.0), 15.0, "PD"), ((100.0, 80.0, 50.0, 55.0), 60.0, "PD"),
    ],
)  # fmt: skip
def test_the_nadir_is_the_smallest_sum_so_far(course, now, response):
    visits = [Visit("", value, None) for value in course]
    for rule, extra in (("recist-1.1", {"non_target": "none", "has_new_lesion": False}), ("mrecist", {})):
        said = size_conclusions([sized(now, role="target")], (0,), told(rule=rule, **extra), visits)[0]
        # mRECIST has no least growth of 5 mm
        expected = "PD" if rule == "mrecist" and now >= 1.2 * min(course) else response
        assert (said.rule.name, said.result) == (rule, expected)


def test_nodes_below_ten_millimetres_are_a_complete_response():
    lesions = [sized(9.0, role="target", is_node=True), sized(0.0, role="target", state="gone")]
    visits = [Visit("", 60.0, None)]
    settled = told(non_target="CR", has_new_lesion=False)
    assert size_conclusions(lesions, (0, 1), settled, visits)[0].result == "CR"
    lesions[0] = sized(10.0, role="target", is_node=True)
    assert size_conclusions(lesions, (0, 1), settled, visits)[0].result == "PR"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ("non_target", "has_new_lesion")),
        ({"non_target": "CR"}, ("has_new_lesion",)),
        ({"has_new_lesion": False}, ("non_target",)),
    ],
)
def test_what_the_reader_did_not_say_is_missing_not_assumed(given, missing):
    said = size_conclusions([sized(50.0, role="target")], (0,), told(**given), [Visit("", 60.0, None)])[0]
    assert said.missing == missing
    assert not said.is_applied


@pytest.mark.parametrize(
    ("roles", "given", "expected"),
    [((), None, None), ((), False, False), ((), True, True), (("new",), None, True), (("new",), False, True)],
)
def test_a_lesion_marked_as_new_is_one(roles, given, expected):
    lesions = [{"click": [[1, 1, 1]]}, *({"click": [[1, 1, 1]], "role": role} for role in roles)]
    assert has_new(LesionFile.model_validate({"lesion": lesions, "has_new_lesion": given})) is expected


def test_an_earlier_visit_without_a_sum_is_refused():
    with pytest.raises(SettingsError, match="E249"):
        size_conclusions([sized(50.0, role="target")], (0,), told(), [Visit("", None, 3.0)])


@pytest.mark.parametrize(
    ("peak", "unit", "liver", "visits", "new", "result"),
    [
        (4.0, LEAN, 1.5, [Visit("", None, 6.0, LEAN)], False, "PMR"),
        (1.2, LEAN, 1.5, [Visit("", None, 6.0, LEAN)], False, "CMR"),
        (9.0, LEAN, 1.5, [Visit("", None, 6.0, LEAN)], False, "PMD"),
        (6.0, LEAN, 1.5, [Visit("", None, 6.0, LEAN), Visit("", None, 1.0, LEAN)], False, "SMD"),
        (6.0, LEAN, 1.5, [Visit("", None, 6.0, LEAN)], True, "PMD"),
        (6.0, LEAN, None, [Visit("", None, 6.0, LEAN)], False, ""),
        (6.0, LEAN, 1.5, [], False, ""),
        (None, LEAN, 1.5, [Visit("", None, 6.0, LEAN)], False, ""),
        (6.0, WEIGHT, 1.5, [], False, ""),
        (6.0, LEAN, 1.5, [Visit("", None, 6.0, LEAN)], None, ""),
    ],
)
def test_metabolic_response_is_against_the_baseline(peak, unit, liver, visits, new, result):
    assert uptake_conclusion(peak, unit, liver, told(has_new_lesion=new), visits).result == result


def test_peaks_of_another_kind_are_not_compared():
    with pytest.raises(SettingsError) as error:
        uptake_conclusion(4.0, LEAN, 1.5, told(), [Visit("", None, 6.0, WEIGHT)])
    assert WEIGHT in str(error.value.facts["reason"])


def report(folder, name, *measured, date=None) -> str:
    rows = [
        {"value": value, "unit": unit, "code": {"value": code.value, "scheme": code.scheme}}
        for code, value, unit in measured
    ]
    data = {"study_date": date, "findings": [{"measurements": [row]} for row in rows]}
    (folder / name).write_text(json.dumps(data), encoding="utf-8")
    return str(folder / name)


def test_a_visit_is_its_sum_and_its_hottest_peak(tmp_path):
    path = report(
        tmp_path, "a.json", (words.SUM, 41.5, "mm"), (words.SUV_PEAK, 3.0, LEAN), (words.SUV_PEAK, 7.0, LEAN),
        (words.SUV_MAX, 99.0, LEAN), date="20250102",
    )  # fmt: skip
    empty = report(tmp_path, "b.json", date="20250301")
    assert read_visits([path, empty], "20250401") == (Visit("20250102", 41.5, 7.0, LEAN), Visit("20250301", None, None))


@pytest.mark.parametrize(
    ("dates", "study_date", "fits"),
    [
        (("20250101", "20250201"), "20250301", True),
        (("20250101", "20250101"), "20250101", True),
        (("", "20250201"), "", True),
        (("20250201", "20250101"), "", False),
        (("20250101",), "20241231", False),
    ],
)
def test_visits_come_in_the_order_of_their_dates(dates, study_date, fits, tmp_path):
    paths = [report(tmp_path, f"{place}.json", date=date) for place, date in enumerate(dates)]
    if fits:
        assert len(read_visits(paths, study_date)) == len(dates)
        return
    with pytest.raises(SettingsError) as error:
        read_visits(paths, study_date)
    assert error.value.facts["reason"] == "order of the dates"
