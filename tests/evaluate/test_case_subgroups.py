"""Subgroups and origin of masks, boxes and targets: means by hand, intervals by group, planted columns and copies."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.cases.boxed import Annotation, BoxedCase, BoxTable
from hounsfield.evaluate import boxes as box_evaluation
from hounsfield.evaluate.case_subgroups import case_subgroups, groups_by_patient
from hounsfield.evaluate.masks import evaluate_masks
from hounsfield.evaluate.run import EvaluateOptions
from hounsfield.evaluate.subgroups import MAX_SUBGROUPS, MIN_SUBGROUP_CASES
from hounsfield.model.statements import DataSource, DataStatement
from tests.evaluate.test_mask_cases import bands, boxes, image_of, table_of

OPTIONS = EvaluateOptions(resamples=200, threads=1)
ALONE = np.arange(40)


def rows_of(values, column, groups=ALONE, resamples=200, **more):
    attributes = [tuple((name, texts[index]) for name, texts in {"site": column, **more}.items())
                  for index in range(len(values))]  # fmt: skip
    return case_subgroups({"dice": np.asarray(values, dtype=np.float64)}, attributes, groups, resamples, 0)


def test_each_value_has_the_mean_of_its_cases() -> None:
    chance = np.random.default_rng(0)
    values, column = chance.random(40), ["a"] * 25 + ["b"] * 15
    first, second = rows_of(values, column)
    assert (first.column, first.value, first.cases, first.patients) == ("site", "a", 25, 25)
    assert first.measures["dice"].value == pytest.approx(values[:25].mean())
    assert second.measures["dice"].value == pytest.approx(values[25:].mean())
    for row in (first, second):
        assert row.measures["dice"].low < row.measures["dice"].value < row.measures["dice"].high


def test_the_interval_is_about_that_of_the_central_limit() -> None:
    """1.96 standard errors of the mean to each side, for many cases that are alike and independent."""
    values = np.random.default_rng(1).normal(0.7, 0.1, 2000)
    row = rows_of(values, ["a", "b"] * 1000, np.arange(2000), 500)[0]
    half = 1.96 * values[::2].std() / 1000**0.5
    assert row.measures["dice"].high - row.measures["dice"].value == pytest.approx(half, rel=0.2)
    assert row.measures["dice"].value - row.measures["dice"].low == pytest.approx(half, rel=0.2)


def test_cases_of_one_patient_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(2).random(4), 10)
    column = ["a"] * 20 + ["b"] * 20
    alone, together = rows_of(values, column)[0], rows_of(values, column, np.repeat(np.arange(4), 10))[0]
    assert (alone.patients, together.patients) == (20, 2)
    width = [row.measures["dice"].high - row.measures["dice"].low for row in (alone, together)]
    assert width[1] > 2 * width[0]


def test_cases_without_a_figure_do_not_count_in_its_mean() -> None:
    values = np.ones(40)
    values[:5], values[5:10] = np.nan, 0.0
    row = rows_of(values, ["a"] * 20 + ["b"] * 20)[0]
    assert row.cases == 20
    assert row.measures["dice"].value == pytest.approx(10 / 15)


def test_too_few_cases_are_counted_and_not_measured() -> None:
    few = MIN_SUBGROUP_CASES - 1
    first, second = rows_of(np.ones(40), ["a"] * few + ["b"] * (40 - few))
    assert (first.cases, first.measures) == (few, None)
    assert second.measures is not None
    assert first.as_json() == {"column": "site", "value": "a", "n": few, "groups": few, "metrics": None}


@pytest.mark.parametrize(
    "column",
    [["a"] * 40, [str(number) for number in range(40)], [str(number % (MAX_SUBGROUPS + 1)) for number in range(40)]],
    ids=["one value", "identifiers", "too many values"],
)
def test_columns_that_group_nothing_are_left_out(column) -> None:
    assert rows_of(np.ones(40), column) == ()


def test_ages_become_groups_and_columns_keep_their_order() -> None:
    found = rows_of(np.ones(40), ["a", "b"] * 20, age=["30"] * 20 + ["70"] * 20)
    assert [(row.column, row.value) for row in found] == [
        ("site", "a"), ("site", "b"), ("age", "18-39"), ("age", "60-79"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("patients", "expected"), [(["p", None, "p", None], 3), ([None] * 4, 4), (["p"] * 4, 1), (["1", None], 2)]
)
def test_a_case_without_a_patient_is_alone(patients, expected) -> None:
    groups = groups_by_patient(patients)
    assert len(set(groups.tolist())) == expected
    known = [group for group, patient in zip(groups, patients, strict=True) if patient]
    assert len(set(known)) == len({patient for patient in patients if patient})


def masked(count: int = 24):
    """Return a table whose second half is shifted, and says so in its column."""
    good, bad = image_of(boxes()), image_of(boxes(), boxes(2).astype(np.float32) * 2)
    table = table_of(*([good] * (count // 2) + [bad] * (count // 2)), split="test")
    more = [(("scanner", "old" if index >= count // 2 else "new"), ("mask_2", f"{index % 3}.png"))
            for index in range(count)]  # fmt: skip
    cases = tuple(replace(case, attributes=pairs) for case, pairs in zip(table.cases, more, strict=True))
    return replace(table, cases=cases)


def test_masks_tell_a_planted_difference_of_a_column() -> None:
    found = evaluate_masks(bands().package, masked(), options=OPTIONS)
    rows = {row.value: row for row in found.subgroups}
    assert {row.column for row in found.subgroups} == {"scanner"}
    assert rows["new"].measures["dice"].value == pytest.approx(1)
    assert rows["old"].measures["dice"].value == pytest.approx(5 / 6)
    written = {row["value"]: row for row in found.as_json()["subgroups"]}
    assert written["old"]["metrics"]["dice"]["value"] == pytest.approx(5 / 6)
    assert (written["old"]["n"], written["old"]["groups"]) == (12, 12)


@pytest.mark.parametrize(("source", "test"), [("made", "internal"), ("elsewhere", "unknown")])
def test_masks_say_where_the_data_come_from(source, test) -> None:
    package = bands().package
    statement = DataStatement(sources=[DataSource(name=source, licence="CC0-1.0")])
    package = replace(package, manifest=package.manifest.model_copy(update={"data": statement}))
    found = evaluate_masks(package, masked(), options=OPTIONS).as_json()["origin"]
    assert (found["test"], found["sources_of_the_model"], found["copies_checked"]) == (test, [source], False)


def test_boxes_have_the_f1_of_each_value(tmp_path) -> None:
    none = np.zeros(0, dtype=bool)
    empty = Annotation(np.zeros((0, 4)), np.zeros(0, dtype=np.int64), none, none)
    cases = tuple(
        BoxedCase(str(index), tmp_path / "x.png", empty, attributes=(("stain", "red" if index % 2 else "blue"),))
        for index in range(24)
    )
    f1 = {index: 0.5 if index % 2 else 1.0 for index in range(24)}
    rows = box_evaluation._subgroups(BoxTable("cells", ("cell",), cases, (), "coco"), f1, OPTIONS)
    assert [(row.value, row.cases, row.measures["f1"].value) for row in rows] == [("blue", 12, 1.0), ("red", 12, 0.5)]
