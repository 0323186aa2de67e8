"""Targets: which task a data set asks for and why, blanks as not assessed, strata that splits can hold, refusals."""

import csv

import numpy as np
import pytest

from hounsfield.cases.splits import split_cases
from hounsfield.cases.targets import read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError
from tests.train.targets import LABELS, pictures, write_grades, write_labels, write_manifest, write_numbers


def table(folder, columns, rows):
    images, _ = pictures(len(rows))
    return write_manifest(folder, images, columns, rows)


def test_several_columns_of_zero_and_one_are_labels_and_blank_is_not_assessed(tmp_path):
    found = read_targets(write_labels(tmp_path))
    assert (found.task, found.names, found.reason) == (LearningTask.MULTI_LABEL, LABELS, "ui.train.task.multi-label")
    with (tmp_path / "manifest.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    wanted = [[float(row[name]) if row[name] else np.nan for name in LABELS] for row in rows]
    np.testing.assert_array_equal(found.values, wanted)
    assert 0.1 < np.isnan(found.values).mean() < 0.3
    assert [issue.facts["count"] for issue in found.table.issues if issue.code == "Q840"] == [np.isnan(wanted).sum()]
    assert found.table.cases[4].patient == "p3"
    assert dict(found.table.cases[4].attributes) == {"age": "44"}


def test_measured_numbers_as_label_are_a_number(tmp_path):
    found = read_targets(write_numbers(tmp_path))
    assert (found.task, found.names) == (LearningTask.REGRESSION, ("label",))
    strata = found.table.labels
    assert set(strata) == {0, 1, 2, 3}
    ordered = found.values[np.argsort(found.values[:, 0]), 0]
    np.testing.assert_array_equal(np.sort(strata), np.searchsorted(np.quantile(ordered, (0.25, 0.5, 0.75)), ordered))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (("label",), [[str(index % 3)] for index in range(40)]),
        (("label",), [["ill" if index % 2 else "well"] for index in range(40)]),
        (("label", "smoker", "treated"), [[index % 2, index % 2, 1] for index in range(40)]),
    ],
)
def test_classes_stay_classes(tmp_path, columns, rows):
    assert read_targets(table(tmp_path, columns, rows)) is None


def test_columns_and_tasks_that_are_asked_for_are_taken(tmp_path):
    rows = [[index % 2, index % 3 == 0, 30 + index] for index in range(60)]
    data = table(tmp_path, ("label", "smoker", "volume"), [[int(value) for value in row] for row in rows])
    assert read_targets(data, "regression").names == ("label",)
    asked = read_targets(data, "auto", ("volume",))
    assert (asked.task, asked.names) == (LearningTask.REGRESSION, ("volume",))
    np.testing.assert_array_equal(asked.values[:, 0], [row[2] for row in rows])
    both = read_targets(data, "auto", ("label", "smoker"))
    assert (both.task, both.names) == (LearningTask.MULTI_LABEL, ("label", "smoker"))
    assert read_targets(data, "classification") is None


def test_a_case_that_was_not_assessed_at_all_is_left_out_of_every_part(tmp_path):
    rows = [["", ""] if index % 10 == 0 else [index % 2, index % 3 == 1] for index in range(120)]
    found = read_targets(table(tmp_path, ("mass", "cyst"), [[int(v) if v != "" else "" for v in row] for row in rows]))
    parts = np.array(split_cases(found.table, range(120)))
    assert set(parts[::10]) == {"excluded"}
    assert (np.delete(parts, np.arange(0, 120, 10)) != "excluded").all()


def test_rare_labels_share_a_stratum_that_every_part_can_hold(tmp_path):
    rows = [[index % 2, int(index < 3)] for index in range(120)]
    found = read_targets(table(tmp_path, ("common", "rare"), rows))
    assert found.table.class_names == ("-", "common")
    parts = np.array(split_cases(found.table, range(120)))
    for part in ("training", "tuning"):
        assert (np.bincount(found.table.labels[parts == part], minlength=2) >= 2).all()


def test_medmnist_of_many_labels_takes_the_published_names(tmp_path):
    images, _ = pictures(50)
    labels = np.random.default_rng(0).integers(0, 2, (50, 14)).astype(np.uint8)
    np.savez(
        tmp_path / "chestmnist.npz", train_images=images, train_labels=labels, val_images=images, val_labels=labels
    )
    found = read_targets(tmp_path / "chestmnist.npz")
    assert found.task is LearningTask.MULTI_LABEL
    assert found.names[:2] == ("atelectasis", "cardiomegaly")
    assert found.names[13] == "hernia"
    np.testing.assert_array_equal(found.values[50:], labels)
    assert [case.split for case in found.table.cases[48:52]] == ["training"] * 2 + ["tuning"] * 2
    np.testing.assert_allclose(found.table.read_volume(found.table.cases[3]).array[0] * 255, images[3], atol=1e-4)


def test_medmnist_of_published_order_is_ordinal_and_others_can_be_asked_for(tmp_path):
    found = read_targets(write_grades(tmp_path))
    assert (found.task, found.names) == (LearningTask.ORDINAL, ("0", "1", "2", "3"))
    np.testing.assert_array_equal(found.values[:8, 0], [0, 1, 2, 3] * 2)
    (tmp_path / "retinamnist.npz").rename(tmp_path / "grades.npz")
    assert read_targets(tmp_path) is None
    assert read_targets(tmp_path, "ordinal").task is LearningTask.ORDINAL
    assert read_targets(tmp_path, "regression").names == ("value",)


def test_names_without_an_order_need_one(tmp_path):
    names = ("severe", "mild", "none")
    data = table(tmp_path, ("label",), [[names[index % 3]] for index in range(30)])
    with pytest.raises(DatasetError) as caught:
        read_targets(data, "ordinal")
    assert caught.value.code == "E857"
    found = read_targets(data, "ordinal", class_names=("none", "mild", "severe"))
    np.testing.assert_array_equal(found.values[:3, 0], [2, 1, 0])


@pytest.mark.parametrize(
    ("asked", "columns", "code"),
    [
        ("multi-label", (), "E854"),
        ("regression", (), "E854"),
        ("auto", ("weight",), "E854"),
        ("auto", ("label",), "E858"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path, asked, columns, code):
    data = table(tmp_path, ("label",), [["ill" if index % 2 else "well"] for index in range(30)])
    with pytest.raises(DatasetError) as caught:
        read_targets(data, asked, columns)
    assert caught.value.code == code
    assert "{" not in caught.value.text() + caught.value.text("zh")
