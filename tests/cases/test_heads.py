"""Heads: what columns hold, what was asked for, blanks that are not assessed, strata for a split, and refusals."""

import csv

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.guard import examine
from hounsfield.cases.heads import JOINT_LABELS, AskedHead, draw_heads, indicators, settle, values_of
from hounsfield.cases.several import read_several
from hounsfield.cases.splits import split_cases
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError

ROWS = [
    {"kind": "cyst", "size": "3.5", "grade": "1", "oedema": "1", "bleeding": "0", "note": f"seen by reader {index}"}
    for index in range(30)
]
for place, row in enumerate(ROWS):
    row |= {"kind": ("cyst", "Mass", "mass", "")[place % 4], "size": f"{place / 7:.2f}", "grade": str(place % 3)}
    row |= {"oedema": str(place % 2), "bleeding": ("", "0", "1")[place % 3]}
COLUMNS = ("kind", "size", "grade", "oedema", "bleeding", "note")


def test_each_column_becomes_the_head_that_it_holds():
    found = draw_heads(ROWS, COLUMNS)
    assert [(head.name, head.task.value, head.names) for head in found] == [
        ("kind", "classification", ("Mass", "cyst")),
        ("size", "regression", ("size",)),
        ("grade", "ordinal", ("0", "1", "2")),
        (JOINT_LABELS, "multi-label", ("oedema", "bleeding")),
    ]
    assert found[3].columns == ("oedema", "bleeding")
    assert [head.name for head in draw_heads(ROWS, ("oedema",))] == ["oedema"]


def test_whole_numbers_are_grades_only_where_the_name_speaks_of_them():
    rows = [{"centre": str(index % 4), "BI-RADS": str(index % 4), "stage": str(index % 2)} for index in range(12)]
    tasks = {head.name: head.task for head in draw_heads(rows, ("centre", "BI-RADS"))}
    assert tasks == {"centre": LearningTask.CLASSIFICATION, "BI-RADS": LearningTask.ORDINAL}
    assert draw_heads(rows, ("stage",))[0].task is LearningTask.MULTI_LABEL


@pytest.mark.parametrize("texts", [["a"] * 5, [""] * 5, ["NA"] * 5, [f"case {index}" for index in range(30)]])
def test_columns_that_tell_nothing_apart_or_hold_notes_are_no_head(texts):
    assert draw_heads([{"column": text} for text in texts], ("column",)) == ()


def test_a_blank_cell_is_not_assessed_whatever_the_head():
    heads = {head.name: head for head in draw_heads(ROWS, COLUMNS)}
    kind = values_of(heads["kind"], ROWS)
    assert kind.shape == (30, 1)
    assert np.isnan(kind[3::4]).all()
    assert kind[:3, 0].tolist() == [1, 0, 0]
    labels = values_of(heads[JOINT_LABELS], ROWS)
    assert labels.shape == (30, 2)
    assert np.isnan(labels[::3, 1]).all()
    assert np.isfinite(labels[:, 0]).all()
    assert values_of(heads["size"], [{"size": "2.5"}, {"size": "n/a"}])[0, 0] == 2.5
    assert np.isnan(values_of(heads["size"], [{"size": "n/a"}])).all()


def test_the_word_none_is_a_class_of_classes_and_a_blank_of_numbers():
    texts = ["none", "mild", "severe", "none", ""]
    rows = [{"column": text} for text in texts]
    (head,) = draw_heads(rows, ("column",))
    assert head.names == ("mild", "none", "severe")
    assert values_of(head, rows)[:, 0].tolist()[:4] == [1, 0, 2, 1]
    assert np.isnan(values_of(head, rows)[4, 0])
    number = settle(AskedHead("column", task=LearningTask.REGRESSION), rows)
    assert np.isnan(values_of(number, [{"column": "none"}])).all()
    two = settle(AskedHead("column", names=("mild", "severe")), rows)
    assert np.isnan(values_of(two, rows[:1])).all()


def test_what_is_asked_for_wins_over_what_columns_hold():
    grades = AskedHead("how bad", ("word",), LearningTask.ORDINAL, ("none", "mild", "severe"), weight=2.0)
    rows = [{"word": text} for text in ("severe", "None", "mild", "")]
    head = settle(grades, rows)
    assert (head.name, head.names, head.weight) == ("how bad", ("none", "mild", "severe"), 2.0)
    assert values_of(head, rows)[:3, 0].tolist() == [2, 0, 1]
    found = settle(AskedHead("signs", ("oedema", "bleeding")), ROWS)
    assert (found.task, found.names) == (LearningTask.MULTI_LABEL, ("oedema", "bleeding"))
    assert settle(AskedHead("oedema"), ROWS).task is LearningTask.MULTI_LABEL
    assert settle(AskedHead("size"), ROWS).task is LearningTask.REGRESSION


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (AskedHead("kind", task=LearningTask.ORDINAL), "E857"),
        (AskedHead("oedema", task=LearningTask.ORDINAL), "E857"),
        (AskedHead("both", ("size", "grade"), LearningTask.REGRESSION), "E931"),
    ],
)
def test_heads_that_their_columns_do_not_make_are_refused(asked, code):
    with pytest.raises(DatasetError) as caught:
        settle(asked, ROWS)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (AskedHead("size", task=LearningTask.MULTI_LABEL), "E931"),
        (AskedHead("kind", task=LearningTask.REGRESSION), "E858"),
        (AskedHead("kind", names=("cyst",)), "E806"),
    ],
)
def test_values_that_are_none_of_their_head_are_refused(asked, code):
    with pytest.raises(DatasetError) as caught:
        values_of(settle(asked, ROWS), ROWS)
    assert caught.value.code == code


def test_presences_of_classes_are_unknown_where_the_class_is():
    head = settle(AskedHead("grade", task=LearningTask.ORDINAL), ROWS)
    found = indicators(head, np.array([[2.0], [np.nan], [0.0]]))
    np.testing.assert_array_equal(found, [[0, 0, 1], [np.nan] * 3, [1, 0, 0]])
    signs = settle(AskedHead("signs", ("oedema", "bleeding")), ROWS)
    values = np.array([[1.0, np.nan]])
    assert indicators(signs, values) is values


def write(folder, columns, count=90, header=("path", "patient_id"), split=None):
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(0)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*header, *(["split"] if split else []), *columns])
        for index in range(count):
            Image.fromarray(chance.integers(0, 255, (12, 12)).astype(np.uint8)).save(folder / f"{index:03d}.png")
            cells = [texts[index % len(texts)] for texts in columns.values()]
            writer.writerow(
                [f"{index:03d}.png", f"p{index // 3}", *([split[index % len(split)]] if split else []), *cells]
            )
    return folder


GOOD = {"kind": ["a", "b", "", "a"], "size": [f"{number}.5" for number in range(37)]}


def test_a_data_set_of_two_heads_keeps_patients_together_and_each_class_in_each_part(tmp_path):
    several = read_several(write(tmp_path / "data", GOOD, count=240))
    table = several.table
    assert table.name == "data"
    assert [head.name for head in several.heads] == ["kind", "size"]
    assert several.is_assessed[:, 1].all()
    assert several.is_assessed[:, 0].mean() == 0.75
    assert [issue.code for issue in table.issues].count("Q840") == 1
    assert min(table.counts().values()) >= 30
    chosen = np.array(split_cases(table, examine(table).groups, {"training": 0.6, "tuning": 0.2, "test": 0.2}))
    patients = np.array([case.patient for case in table.cases])
    assert all(len(set(chosen[patients == patient])) == 1 for patient in set(patients))
    for part in ("training", "tuning", "test"):
        kinds = several.values[0][chosen == part, 0]
        assert {0.0, 1.0} <= set(kinds[np.isfinite(kinds)])
    assert all("kind" not in dict(case.attributes) for case in table.cases)


def test_a_case_of_which_nothing_was_assessed_has_no_place_in_a_split(tmp_path):
    columns = {"kind": ["a", "b", "", ""], "signs": ["1", "", "0", ""]}
    several = read_several(write(tmp_path / "data", columns, count=120))
    is_bare = ~several.is_assessed.any(axis=1)
    assert is_bare.sum() == 30
    assert [case.label is None for case in several.table.cases] == is_bare.tolist()
    parts = split_cases(several.table, list(range(120)), {"training": 0.6, "tuning": 0.4})
    assert [part == "excluded" for part in parts] == is_bare.tolist()


def test_cases_of_which_nothing_was_assessed_make_no_stratum_of_their_own(tmp_path):
    columns = {"kind": ["a", "b", ""], "sort": ["x", "y", ""]}
    several = read_several(write(tmp_path / "data", columns, count=180))
    counts = several.table.counts()
    assert sum(counts.values()) == 120
    assert min(counts.values()) >= 30
    alone = read_several(write(tmp_path / "one", columns, count=180), (AskedHead("kind"),))
    assert alone.table.counts() == {"kind a": 60, "kind b": 60}


def test_strata_that_a_declared_part_could_not_hold_are_joined(tmp_path):
    columns = {"kind": ["a"] * 40 + ["b"] * 8, "size": [f"{number}.5" for number in range(31)]}
    several = read_several(write(tmp_path / "data", columns, count=192, split=["train"] * 10 + ["val"]))
    counts = several.table.counts()
    assert min(counts.values()) >= 30
    for part in ("training", "tuning"):
        inside = several.table.select([i for i, case in enumerate(several.table.cases) if case.split == part])
        assert min(inside.counts().values()) >= 2


@pytest.mark.parametrize(
    ("columns", "asked", "code"),
    [
        ({"kind": ["a", "b"]}, (), "E932"),
        ({"age": ["20.5", "40.2"], "kind": ["a", "b"]}, (), "E932"),
        (GOOD, (AskedHead("colour"), AskedHead("kind")), "E931"),
        (GOOD, (AskedHead("one", ("kind",)), AskedHead("One", ("size",))), "E933"),
    ],
)
def test_manifests_that_do_not_make_several_heads_are_refused(tmp_path, columns, asked, code):
    with pytest.raises(DatasetError) as caught:
        read_several(write(tmp_path / "data", columns, count=8), asked)
    assert caught.value.code == code
    assert all("{" not in caught.value.text(language) for language in ("en", "zh"))


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(DatasetError) as caught:
        read_several(tmp_path)
    assert caught.value.code == "E930"


def test_columns_can_be_named_and_describing_ones_are_then_taken(tmp_path):
    columns = {"age": ["20.5", "40.2", "61"], "kind": ["a", "b"], "size": ["1.5", "2.5"]}
    data = write(tmp_path / "data", columns, count=36)
    assert [head.name for head in read_several(data, columns=("age", "kind")).heads] == ["age", "kind"]
    assert [head.name for head in read_several(data).heads] == ["kind", "size"]
    assert [head.name for head in read_several(data / "cases.csv").heads] == ["kind", "size"]
