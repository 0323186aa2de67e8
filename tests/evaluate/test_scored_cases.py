"""Comparisons and tables from scored cases alone: order of cases and classes, who is told what, refusals, groups."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as oracle

from hounsfield.core.codes import concept_for
from hounsfield.core.prediction import Interval, ModelIdentity, OperatingPoint, PredictedClass
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError
from hounsfield.evaluate.compare import COMPARED, compare_evaluations
from hounsfield.evaluate.compare_result import comparison_csv, comparison_json, comparison_page
from hounsfield.evaluate.origin import Evidence, Origin, OriginKind
from hounsfield.evaluate.page import chance_text, interval_text
from hounsfield.evaluate.result import Evaluation, ScoredCase, Subject
from hounsfield.evaluate.run import EvaluateOptions
from hounsfield.evaluate.scoring import Scored, measure, measure_at_prevalence, trials_of
from hounsfield.evaluate.subgroups import MAX_SUBGROUPS, MIN_SUBGROUP_CASES, subgroup_rows
from hounsfield.evaluate.tables import class_rows
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.paired import holm

FEW = EvaluateOptions(resamples=60)
TWO, THREE = ("normal", "pneumonia"), ("a", "b", "c")
COUNT = 60


def scored_cases(classes=2, noise=1.0, seed=0, groups=None):
    chance = np.random.default_rng(seed)
    labels = np.arange(COUNT) % classes
    weights = np.exp(chance.normal(0, noise, (COUNT, classes)) + 1.5 * np.eye(classes)[labels])
    probabilities = (weights / weights.sum(axis=1, keepdims=True)).round(3)
    groups = np.arange(COUNT) if groups is None else groups
    return Scored(labels, probabilities, groups, 1 if classes == 2 else None, 0.5)


def evaluation(scored, names=TWO, digest="a", issues=(), identifiers=None):
    classes = tuple(PredictedClass(name, concept_for(name)) for name in names)
    origin = Origin(OriginKind.UNKNOWN, Evidence.NOTHING, (), False)
    identity = ModelIdentity(f"model <i>{digest}", "1.0.0", "chest-xray", digest * 64)
    subject = Subject(identity, digest * 64, classes, "data & <b>more", "test", COUNT, origin)
    identifiers = identifiers or [f"{index}.png" for index in range(len(scored.labels))]
    cases = tuple(ScoredCase(name, int(group), False) for name, group in zip(identifiers, scored.groups, strict=True))
    facts = {"software_version": "1", "runtime": "r", "resamples": 60, "seed": 0, "time": "t"}
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    return Evaluation(subject, {}, scored, cases, (), (), matrix, None, (), issues, facts)


def arranged(found, order):
    """Return an evaluation with its cases in another order, or some of them."""
    scored = found.scored
    moved = replace(
        scored, labels=scored.labels[order], probabilities=scored.probabilities[order], groups=scored.groups[order]
    )
    return replace(found, scored=moved, cases=tuple(found.cases[index] for index in order))


def renamed(found, order):
    """Return an evaluation of a model that has its classes in another order."""
    scored, classes = found.scored, found.subject.classes
    rank = np.argsort(order)
    moved = replace(
        scored,
        labels=rank[scored.labels],
        probabilities=scored.probabilities[:, order],
        positive=None if scored.positive is None else int(rank[scored.positive]),
    )
    return replace(found, scored=moved, subject=replace(found.subject, classes=tuple(classes[i] for i in order)))


def figures(found):
    return [
        (row.name, row.first, row.second, row.difference, row.p_value, row.p_adjusted, row.test) for row in found.rows
    ]


@pytest.fixture(scope="module")
def pair():
    return evaluation(scored_cases()), evaluation(scored_cases(noise=2.0, seed=1), digest="b")


def test_cases_are_matched_by_name_in_whatever_order_the_second_has_them(pair):
    order = np.random.default_rng(0).permutation(COUNT)
    mixed = compare_evaluations(pair[0], arranged(pair[1], order), FEW)
    assert figures(mixed) == figures(compare_evaluations(*pair, FEW))
    assert mixed.cases == pair[0].cases


@pytest.mark.parametrize("classes", [2, 3])
def test_a_model_with_its_classes_in_another_order_compares_alike(classes):
    names, order = (TWO, [1, 0]) if classes == 2 else (THREE, [2, 0, 1])
    first, second = (evaluation(scored_cases(classes, 1 + seed, seed), names, "ab"[seed]) for seed in (0, 1))
    expected = compare_evaluations(first, second, FEW)
    assert figures(compare_evaluations(first, renamed(second, order), FEW)) == figures(expected)
    both = compare_evaluations(renamed(first, order), renamed(second, order), FEW)
    for one, other in zip(both.rows, expected.rows, strict=True):
        assert one.first.value == pytest.approx(other.first.value), one.name
        assert one.difference.value == pytest.approx(other.difference.value, abs=1e-12), one.name
    assert both.mcnemar == expected.mcnemar


def test_figures_are_on_the_common_cases_alone_and_the_others_are_counted(pair):
    first, second = arranged(pair[0], np.arange(50)), arranged(pair[1], np.arange(8, COUNT))
    found = compare_evaluations(first, second, FEW)
    assert [case.identifier for case in found.cases] == [f"{index}.png" for index in range(8, 50)]
    keep = slice(8, 50)
    for side, whole in (("first", pair[0]), ("second", pair[1])):
        row = next(row for row in found.rows if row.name == "auroc")
        area = oracle.roc_auc_score(whole.scored.labels[keep], whole.scored.scores[keep])
        assert getattr(row, side).value == pytest.approx(area)
    (issue,) = [issue for issue in found.issues if issue.code == "Q858"]
    assert (issue.facts["count"], issue.facts["total"]) == (18, COUNT)


@pytest.mark.parametrize("kept", [np.arange(0), np.arange(1), np.arange(0, COUNT, 2)])
def test_fewer_than_two_classes_in_common_are_refused(pair, kept):
    with pytest.raises(DatasetError) as caught:
        compare_evaluations(pair[0], arranged(pair[1], kept), FEW)
    assert caught.value.code == "E846"
    for language in ("en", "zh"):
        assert str(len(kept)) in caught.value.text(language)


def test_each_issue_is_told_once_of_whom_it_concerns(pair):
    shared, own, other = (QualityIssue(code, Severity.WARN, {}) for code in ("Q850", "Q856", "Q857"))
    first = replace(pair[0], issues=(shared, own, own))
    found = compare_evaluations(first, replace(pair[1], issues=(shared, other)), FEW)
    assert [(who, issue.code) for who, issue in found.told] == [("", "Q850"), ("A", "Q856"), ("B", "Q857")]
    told = comparison_json(found)["issues"]
    assert [(issue["model"], issue["code"]) for issue in told] == [(None, "Q850"), ("a", "Q856"), ("b", "Q857")]


def test_the_page_and_the_table_say_what_the_json_says(pair):
    issues = (QualityIssue("Q851", Severity.WARN, {"part": "<script>"}),)
    found = compare_evaluations(replace(pair[0], issues=issues), pair[1], FEW)
    told, page = json.loads(json.dumps(comparison_json(found), allow_nan=False)), comparison_page(found, {})
    for name, row in told["measures"].items():
        for part in ("a", "b", "difference"):
            assert f'<td class="number">{interval_text(Interval(**row[part]))}</td>' in page, name
        assert f'<td class="number">{chance_text(row["p_adjusted"])}</td>' in page
    assert "<i>" not in page
    assert "<b>more" not in page
    assert page.count("<script>") == 1
    rows = list(csv.DictReader(io.StringIO(comparison_csv(found))))
    right = {side: sum(row[f"{side}_is_right"] == "yes" for row in rows) for side in "ab"}
    assert right["a"] / COUNT == pytest.approx(told["measures"]["accuracy"]["a"]["value"])
    assert right["a"] - right["b"] == told["mcnemar"]["only_a_right"] - told["mcnemar"]["only_b_right"]


def test_adjusted_p_values_are_holms_of_all_measures(pair):
    found = compare_evaluations(*pair, FEW)
    adjusted = holm([row.p_value for row in found.rows])
    assert [row.p_adjusted for row in found.rows] == adjusted.tolist()
    assert len(found.rows) == len(COMPARED)
    assert [row.is_significant for row in found.rows] == (adjusted <= 0.05).tolist()


def test_patients_widen_the_interval_of_a_difference_and_move_no_value():
    """Every case four times, as four images of a patient: by image the interval would be half as wide."""
    same = np.repeat(np.arange(COUNT), 4)
    wide = [arranged(evaluation(scored_cases(noise=1 + seed, seed=seed)), same) for seed in (0, 1)]
    names = [f"{index}.png" for index in range(len(same))]
    together = [replace(own, cases=evaluation(own.scored, identifiers=names).cases) for own in wide]
    alone = [replace(own, scored=replace(own.scored, groups=np.arange(len(same)))) for own in together]
    by_patient, by_image = (compare_evaluations(*sides, FEW) for sides in (together, alone))
    assert by_patient.has_groups
    assert not by_image.has_groups
    one, two = (next(row for row in side.rows if row.name == "auroc").difference for side in (by_patient, by_image))
    assert one.value == pytest.approx(two.value)
    assert (one.high - one.low) / (two.high - two.low) == pytest.approx(2, rel=0.1)


def test_the_row_of_a_class_at_its_own_point_is_counted_at_that_point():
    scored = scored_cases(3)
    unknown = Interval(float("nan"), float("nan"), float("nan"))
    points = [None, OperatingPoint(0.2, unknown, unknown, "d"), OperatingPoint(0.7, unknown, unknown, "d")]
    classes = [PredictedClass(name, concept_for(name), True, point) for name, point in zip(THREE, points, strict=True)]
    rows = class_rows(scored, classes)
    assert rows[0].at_point is None
    for index, row in enumerate(rows):
        is_class, called = scored.labels == index, scored.called == index
        assert row.positive_predictive_value.value == pytest.approx(oracle.precision_score(is_class, called))
        if row.at_point is not None:
            found = int((scored.probabilities[is_class, index] >= row.threshold).sum())
            spared = int((scored.probabilities[~is_class, index] < row.threshold).sum())
            assert row.at_point == (wilson(found, 20), wilson(spared, 40))
    assert rows[1].at_point[0].value > rows[2].at_point[0].value
    assert sum(row.called for row in rows) == COUNT


def test_a_class_without_cases_has_a_row_without_figures():
    scored = scored_cases(3)
    scored = replace(scored, labels=np.minimum(scored.labels, 1))
    row = class_rows(scored, [PredictedClass(name, concept_for(name)) for name in THREE])[2]
    assert row.cases == 0
    assert np.isnan([row.auroc.value, row.sensitivity.value]).all()
    assert row.specificity.value == pytest.approx(1 - row.called / COUNT)


def test_trials_are_patients_and_no_case_more_makes_a_perfect_run_surer():
    labels = np.arange(40) % 2
    probabilities = np.stack([1.0 - labels, labels], axis=1)
    alone = Scored(labels, probabilities, np.arange(40), 1, 0.5)
    patients = replace(alone, groups=np.arange(40) // 4)
    assert trials_of(patients)["sensitivity"] == trials_of(patients)["accuracy"] == 10
    one, two = (measure(scored, 50, 0, ("sensitivity", "auroc")) for scored in (alone, patients))
    assert one["sensitivity"] == wilson(20, 20)
    assert two["sensitivity"] == wilson(10, 10)
    assert two["auroc"].low < one["auroc"].low < one["auroc"].value == 1


def test_predictive_values_at_a_prevalence_follow_bayes():
    scored = scored_cases(noise=2.0)
    own = measure(scored, 20, 0)
    found = measure_at_prevalence(scored, 0.1, 20, 0)["positive_predictive_value_at_prevalence"].value
    true, false = 0.1 * own["sensitivity"].value, 0.9 * (1 - own["specificity"].value)
    assert found == pytest.approx(true / (true + false))
    assert found < own["positive_predictive_value"].value


def attributes(**columns):
    return [tuple((name, str(column[index])) for name, column in columns.items()) for index in range(COUNT)]


def test_other_names_for_the_values_give_the_same_rows():
    scored, coil = scored_cases(noise=2.0), np.random.default_rng(3).integers(0, 3, COUNT)
    plain = subgroup_rows(scored, attributes(coil=coil), 40, 0)
    named = subgroup_rows(scored, attributes(reel=np.array(list("xyz"))[coil]), 40, 0)
    assert [replace(row, column="coil", value=str(index)) for index, row in enumerate(named)] == list(plain)


def test_the_order_of_the_cases_moves_no_value_of_a_subgroup():
    scored, coil = scored_cases(noise=2.0), np.random.default_rng(4).integers(0, 3, COUNT)
    order = np.random.default_rng(5).permutation(COUNT)
    mixed = arranged(evaluation(scored), order).scored
    one = subgroup_rows(scored, attributes(coil=coil), 40, 0)
    two = subgroup_rows(mixed, attributes(coil=coil[order]), 40, 0)
    for first, second in zip(one, two, strict=True):
        assert (first.cases, first.class_counts) == (second.cases, second.class_counts)
        for name, item in first.measures.items():
            assert second.measures[name].value == pytest.approx(item.value), name
    assert sum(row.cases for row in one) == COUNT


def test_a_column_is_a_grouping_from_two_values_up_to_twelve():
    scored, index = scored_cases(), np.arange(COUNT)
    columns = {"one": index * 0, "many": index % (MAX_SUBGROUPS + 1), "most": index % MAX_SUBGROUPS}
    rows = subgroup_rows(scored, attributes(**columns), 20, 0)
    assert {row.column for row in rows} == {"most"}
    assert len(rows) == MAX_SUBGROUPS
    assert all(row.measures is None and row.cases < MIN_SUBGROUP_CASES for row in rows)
