"""RECIST 1.1 and its relatives against sums by hand, at and beside each limit."""

import itertools

import pytest

from hounsfield.clinical.rules import (
    are_targets_gone,
    irecist_response,
    is_measurable,
    mrecist_target_response,
    rano_target_response,
    recist_course,
    recist_node,
    recist_response,
    recist_target_response,
    recist_targets,
    rule,
    sum_of_diameters_mm,
)
from hounsfield.errors import SettingsError


@pytest.mark.parametrize(
    ("size", "slice_mm", "is_radiograph", "expected"),
    [
        (10, 5, False, True), (9.9, 5, False, False), (9.9, 1, False, False), (13.9, 7, False, False),
        (14, 7, False, True), (20, 5, True, True), (19.9, 5, True, False),
    ],
)  # fmt: skip
def test_what_can_be_measured(size, slice_mm, is_radiograph, expected):
    assert is_measurable(size, slice_mm, is_radiograph) is expected


@pytest.mark.parametrize(
    ("size", "kind"), [(15, "target"), (14.9, "non-target"), (10, "non-target"), (9.9, "normal"), (0, "normal")]
)
def test_nodes_by_their_short_axis(size, kind):
    assert recist_node(size) == kind


@pytest.mark.parametrize(
    ("sizes", "organs", "nodes", "expected"),
    [
        ([30, 20, 10], ["liver"] * 3, [False] * 3, (0, 1)),
        ([10, 50, 9], ["lung", "liver", "lung"], [False] * 3, (1, 0)),
        ([14, 15, 40], ["neck", "groin", "axilla"], [True] * 3, (2, 1)),
        ([60, 50, 40, 30, 20, 12], list("abcdef"), [False] * 6, (0, 1, 2, 3, 4)),
        ([20, 20, 20], ["axilla", "groin", "neck"], [True] * 3, (0, 1)),
        ([9], ["liver"], [False], ()),
    ],
)
def test_targets_are_the_largest_five_and_two_of_an_organ(sizes, organs, nodes, expected):
    assert recist_targets(sizes, organs, nodes) == expected


def test_thick_slices_need_larger_targets():
    assert recist_targets([15, 17], ["a", "b"], [False, False], slice_thickness_mm=8) == (1,)
    with pytest.raises(ValueError, match="zip"):
        recist_targets([15, 17], ["a"], [False, False])


def test_what_is_too_small_to_measure_counts_five_millimetres_and_what_is_gone_nothing():
    assert sum_of_diameters_mm([20.0, None, 0.0, 12.5]) == 37.5
    assert sum_of_diameters_mm([]) == 0


@pytest.mark.parametrize(
    ("sizes", "nodes", "is_gone"),
    [
        ([0, 0], [False, False], True), ([0, 9.9], [False, True], True), ([0, 10], [False, True], False),
        ([None, 0], [False, False], False), ([0, None], [False, True], True), ([1, 0], [False, True], False),
    ],
)  # fmt: skip
def test_nodes_need_only_be_small(sizes, nodes, is_gone):
    assert are_targets_gone(sizes, nodes) is is_gone


@pytest.mark.parametrize(
    ("baseline", "nadir", "now", "expected"),
    [
        (100, 100, 70, "PR"), (100, 100, 70.1, "SD"), (100, 100, 119.9, "SD"), (100, 100, 120, "PD"),
        (100, 50, 59.9, "PR"), (100, 50, 60, "PD"), (100, 20, 24, "PR"), (100, 20, 25, "PD"), (20, 20, 24.9, "SD"),
        (20, 20, 25, "PD"), (100, 80, 95.9, "SD"), (100, 80, 96, "PD"), (100, 0, 4, "PR"), (100, 0, 5, "PD"),
        (30, 30, 36, "PD"), (100, 100, 100, "SD"),
    ],
)  # fmt: skip
def test_targets_by_hand(baseline, nadir, now, expected):
    """PD is 20 % over the smallest sum and 5 mm; it goes before PR, which is 30 % under the baseline."""
    assert recist_target_response(baseline, nadir, now) == expected
    assert recist_target_response(baseline, nadir, now, are_all_gone=True) == "CR"
    assert mrecist_target_response(baseline, nadir, now, is_all_gone=True) == "CR"


def test_the_smallest_sum_is_remembered_and_the_baseline_counts():
    sums = [100, 65, 40, 47, 48, 110, 18]
    assert recist_course(sums, [False] * 7) == ("PR", "PR", "PR", "PD", "PD", "PR")
    assert recist_course([100, 110, 119, 120], [False] * 4) == ("SD", "SD", "PD")
    assert recist_course([40, 8, 8, 14], [False, True, True, False]) == ("CR", "CR", "PD")
    assert recist_course([100], [False]) == ()


OVERALL = [
    ("CR", "CR", False, "CR"), ("CR", "none", False, "CR"), ("CR", "non-CR/non-PD", False, "PR"),
    ("CR", "NE", False, "PR"), ("PR", "non-CR/non-PD", False, "PR"), ("PR", "CR", False, "PR"),
    ("PR", "NE", False, "PR"), ("SD", "non-CR/non-PD", False, "SD"), ("SD", "NE", False, "SD"),
    ("NE", "non-CR/non-PD", False, "NE"), ("NE", "CR", False, "NE"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "non_target", "has_new", "expected"), OVERALL)
def test_overall(target, non_target, has_new, expected):
    assert recist_response(target, non_target, has_new) == expected


@pytest.mark.parametrize(
    ("target", "non_target"),
    list(itertools.product(["CR", "PR", "SD", "PD", "NE"], ["CR", "non-CR/non-PD", "PD", "NE", "none"])),
)
def test_anything_that_progresses_is_progression(target, non_target):
    assert recist_response(target, non_target, has_new_lesion=True) == "PD"
    is_progressive = "PD" in (target, non_target)
    assert (recist_response(target, non_target, has_new_lesion=False) == "PD") is is_progressive


@pytest.mark.parametrize(
    ("response", "was_unconfirmed", "weeks", "expected"),
    [
        ("PD", False, 0, "iUPD"), ("PD", True, 3.9, "iUPD"), ("PD", True, 4, "iCPD"), ("PD", True, 8, "iCPD"),
        ("PD", True, 8.1, "iUPD"), ("PR", True, 5, "iPR"), ("CR", False, 0, "iCR"), ("SD", True, 6, "iSD"),
    ],
)  # fmt: skip
def test_progression_under_immunotherapy_is_confirmed(response, was_unconfirmed, weeks, expected):
    assert irecist_response(response, was_unconfirmed, weeks) == expected


@pytest.mark.parametrize(
    ("baseline", "nadir", "now", "expected"),
    [
        (1000, 1000, 500, "PR"), (1000, 1000, 501, "SD"), (1000, 1000, 1249, "SD"), (1000, 1000, 1250, "PD"),
        (1000, 400, 499, "PR"), (1000, 400, 500, "PD"), (1000, 0, 1, "PD"), (1000, 0, 0, "PR"),
    ],
)  # fmt: skip
def test_products_of_diameters(baseline, nadir, now, expected):
    assert rano_target_response(baseline, nadir, now) == expected
    assert rano_target_response(baseline, nadir, 0, is_all_gone=True) == "CR"


def test_a_rise_of_the_enhancing_part():
    assert mrecist_target_response(50, 50, 35) == "PR"
    assert mrecist_target_response(50, 50, 60) == "PD"
    assert mrecist_target_response(50, 50, 59) == "SD"


def test_dicom_has_these_codes():
    from pydicom.sr.codedict import codes

    expected = {"CR": "112041", "PR": "112042", "PD": "112043", "SD": "112044"}
    for key, value in expected.items():
        assert rule("recist-1.1").row(key).text("code") == f"DCM {value}"
    names = ("CompleteResponse", "PartialResponse", "ProgressiveDisease", "StableDisease")
    known = {getattr(codes.DCM, f"TargetLesion{name}").value for name in names}
    assert known == set(expected.values())


@pytest.mark.parametrize(
    "call",
    [
        lambda: recist_target_response(0, 0, 10),
        lambda: recist_target_response(100, 110, 10),
        lambda: recist_target_response(100, 90, -1),
        lambda: recist_response("iCR", "CR", False),
        lambda: recist_response("CR", "SD", False),
        lambda: sum_of_diameters_mm([-1.0]),
        lambda: is_measurable(10, 0),
        lambda: irecist_response("iUPD", True, 5),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(SettingsError, match="E202"):
        call()


@pytest.mark.parametrize("scale", [0.5, 2.0, 7.0])
def test_shares_do_not_depend_on_the_unit_beyond_the_five_millimetres(scale):
    """Doubling every sum changes nothing while growth is above 5 mm."""
    for baseline, nadir, now in ((100, 100, 60), (100, 40, 70), (200, 150, 160), (100, 90, 95)):
        scaled = recist_target_response(baseline * scale, nadir * scale, now * scale)
        assert scaled == recist_target_response(baseline, nadir, now)


def test_a_worse_answer_never_makes_the_whole_better():
    rank = {"CR": 0, "PR": 1, "SD": 2, "PD": 3}
    for non_target in ("CR", "non-CR/non-PD", "PD"):
        overall = [rank[recist_response(target, non_target, has_new_lesion=False)] for target in rank]
        assert overall == sorted(overall)
    for target in rank:
        overall = [
            rank[recist_response(target, other, has_new_lesion=False)] for other in ("CR", "non-CR/non-PD", "PD")
        ]
        assert overall == sorted(overall)
