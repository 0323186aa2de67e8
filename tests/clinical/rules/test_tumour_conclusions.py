"""Conclusions about tumours and bones: the answer of the rule, its inputs, and what stops it."""

import pytest

from hounsfield.clinical.rules import (
    bi_rads_conclusion,
    cns_conclusion,
    compression_conclusion,
    irecist_conclusion,
    li_rads_conclusion,
    options,
    recist_conclusion,
)
from hounsfield.core.conclusion import Certainty, ConclusionKind


def inputs(conclusion):
    return {fact.name: fact.value for fact in conclusion.inputs}


@pytest.mark.parametrize(
    ("sums", "gone", "non_target", "has_new", "result", "target"),
    [
        ([100, 69], [False, False], "none", False, "PR", "PR"),
        ([100, 60, 72], [False] * 3, "none", False, "PD", "PD"),
        ([100, 60, 71], [False] * 3, "non-CR/non-PD", False, "SD", "SD"),
        ([100, 60, 61], [False] * 3, "CR", False, "PR", "PR"),
        ([40, 8], [False, True], "CR", False, "CR", "CR"),
        ([40, 8], [False, True], "non-CR/non-PD", False, "PR", "CR"),
        ([40, 8], [False, True], "CR", True, "PD", "CR"),
        ([100, 69], [False, False], "PD", False, "PD", "PR"),
    ],
)
def test_recist_over_visits(sums, gone, non_target, has_new, result, target):
    """71 is 29 % under the baseline and 18 % over the nadir of 60, so neither PR nor PD."""
    said = recist_conclusion(sums, gone, non_target, has_new)
    assert said.kind is ConclusionKind.RESPONSE
    assert said.result == result
    assert inputs(said)["target_response"] == target
    assert inputs(said)["nadir_mm"] == min(sums[:-1])
    assert [value for name, value in inputs(said).items() if name.startswith("sum_")] == sums
    assert said.rule.certainty is Certainty.SECONDARY
    assert said.wording.zh.startswith("总体评价")


@pytest.mark.parametrize(
    ("sums", "non_target", "has_new", "missing"),
    [
        ([100, 69], None, False, ("non_target",)),
        ([100, 69], "CR", None, ("has_new_lesion",)),
        ([100], "CR", False, ("nadir_mm",)),
        ([], None, None, ("nadir_mm", "non_target", "has_new_lesion")),
    ],
)
def test_recist_is_not_applied_without_all_three(sums, non_target, has_new, missing):
    said = recist_conclusion(sums, [False] * len(sums), non_target, has_new)
    assert not said.is_applied
    assert said.missing == missing


def test_unconfirmed_progression_leads_to_an_option_and_confirmed_does_not():
    first = irecist_conclusion("PD", was_unconfirmed=False)
    second = irecist_conclusion("PD", was_unconfirmed=True, weeks_since=6)
    assert (first.result, second.result) == ("iUPD", "iCPD")
    assert "iUPD" in first.wording.zh
    (again,) = options([first])
    assert "image again" in again.wording.en
    assert options([second]) == ()


@pytest.mark.parametrize(
    ("size", "features", "result"),
    [
        (25, (True, True, False, False), "LR-5"),
        (15, (True, False, True, False), "LR-4"),
        (15, (True, True, False, False), "LR-5"),
        (15, (False, False, False, False), "LR-3"),
    ],
)
def test_liver(size, features, result):
    said = li_rads_conclusion(size, features, True, "1.2")
    assert said.result == result
    assert result in said.wording.en
    assert said.rule.certainty is Certainty.MEMORY
    assert inputs(said)["has_nonrim_enhancement"] is features[0]
    assert inputs(said)["has_threshold_growth"] is features[3]


def test_the_liver_rule_stops_where_risk_is_not_there_or_not_known():
    nobody = li_rads_conclusion(25, (True, True, True, True), False, "1.2")
    assert not nobody.is_applied
    assert "does not apply" in nobody.wording.en
    unknown = li_rads_conclusion(25, (True, True, True, True), None, "1.2")
    assert unknown.missing == ("is_at_risk_of_liver_cancer",)
    assert not unknown.is_applied


@pytest.mark.parametrize(
    ("probability", "category"), [(0.01, "3"), (0.07, "4A"), (0.3, "4B"), (0.8, "4C"), (0.97, "5")]
)
def test_breast_is_a_suggestion_from_memory(probability, category):
    said = bi_rads_conclusion(probability, "1.2")
    assert said.result == category
    assert "a suggestion" in said.wording.en
    assert said.rule.certainty is Certainty.MEMORY
    assert said.rule.edition == "v2025"
    assert said.tracking_uids == ("1.2",)


def test_brain_says_a_pattern():
    said = cns_conclusion("glioma", 0.93, "1.2")
    assert "suggests a glioma" in said.wording.en
    assert inputs(said) == {"image_class": "glioma", "probability": 0.93}


@pytest.mark.parametrize(
    ("height", "grade", "is_compressed"),
    [(25, "0", False), (20, "1", False), (19.5, "1", True), (17, "2", True), (10, "3", True)],
)
def test_vertebra(height, grade, is_compressed):
    said = compression_conclusion(height, 25, "1.2")
    assert said.result == grade
    assert inputs(said)["is_compressed"] is is_compressed
    assert inputs(said)["height_loss_percent"] == pytest.approx((25 - height) / 25 * 100, abs=0.05)
    assert said.rule.certainty is Certainty.MEMORY
