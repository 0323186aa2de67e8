"""Numbers that are equal are one class, however a spreadsheet writes them; numbers that differ stay apart."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.cases.manifest import equal_numbers, read_manifest
from hounsfield.cases.names import match_names, plain
from hounsfield.cases.several import read_several
from hounsfield.cases.targets import read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError
from tests.cases.examples import codes, save_picture

NUMBERS = st.from_regex(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?", fullmatch=True)


def manifest(root: Path, columns: dict[str, list[str]]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    count = len(next(iter(columns.values())))
    for number in range(count):
        save_picture(root / f"{number}.png", number)
    rows = [",".join(["path", *columns])]
    rows += [",".join([f"{number}.png", *(held[number] for held in columns.values())]) for number in range(count)]
    path = root / "cases.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@settings(deadline=None, max_examples=300)
@given(NUMBERS, NUMBERS)
def test_two_numbers_are_one_name_when_they_are_equal(one: str, other: str) -> None:
    """Checked by the decimal arithmetic of Python, which is exact."""
    assert (plain(one) == plain(other)) == (Decimal(one) == Decimal(other))


@settings(deadline=None, max_examples=200)
@given(NUMBERS)
def test_a_number_keeps_its_value(text: str) -> None:
    assert Decimal(plain(text)) == Decimal(text)


@pytest.mark.parametrize("text", ["1.2.3", "v1.0", "1-0", "2.0 mm", "grade 01", "BI-RADS 4.0", "1_0", "1e3"])
def test_what_is_no_number_is_left_alone(text: str) -> None:
    """Checked by what the rule for names gave before: letters and signs alone."""
    expected = {"1.2.3": "1.2.3", "v1.0": "v1.0", "1-0": "10", "2.0 mm": "2.0mm", "grade 01": "grade01"}
    expected |= {"BI-RADS 4.0": "birads4.0", "1_0": "10", "1e3": "1e3"}
    assert plain(text) == expected[text]


@pytest.mark.parametrize(
    ("texts", "names", "labels", "found"),
    [
        (["0", "1", "1.0", "0.0"], ("0", "1"), [0, 1, 1, 0], "0 = 0.0, 1 = 1.0"),
        (["1", "01", "2", "2"], ("1", "2"), [0, 0, 1, 1], "1 = 01"),
        (["0.5", "0.50", "1", "1"], ("0.5", "1"), [0, 0, 1, 1], "0.5 = 0.50"),
        (["-1", "-1.0", "1", "+1"], ("-1", "+1"), [0, 0, 1, 1], "-1 = -1.0, 1 = +1"),
        (["1.0", "1", "no", "no"], ("1", "no"), [0, 0, 1, 1], "1 = 1.0"),
        (["10", "9.0", "9", "10.0"], ("9", "10"), [1, 0, 0, 1], "10 = 10.0, 9 = 9.0"),
    ],
)
def test_equal_numbers_are_one_class_of_a_manifest_and_are_said(tmp_path, texts, names, labels, found) -> None:
    table = read_manifest(manifest(tmp_path, {"label": texts}))
    assert set(table.class_names) == set(names)
    assert [table.class_names[label] for label in table.labels] == [names[label] for label in labels]
    said = [issue for issue in table.issues if issue.code == "Q623"]
    assert [dict(issue.facts) for issue in said] == [{"count": found.count("="), "found": found}]


@pytest.mark.parametrize("texts", [["0", "1", "0", "1"], ["a", "A", "b", "b"], ["1.5", "15", "1.5", "15"]])
def test_nothing_is_said_where_each_number_is_written_in_one_way(tmp_path, texts) -> None:
    table = read_manifest(manifest(tmp_path, {"label": texts}))
    assert len(table.class_names) == 2
    assert "Q623" not in codes(table.issues)


def test_equal_numbers_count_through_given_names(tmp_path) -> None:
    path = manifest(tmp_path, {"label": ["0", "1.0", "1", "0.0"]})
    assert read_manifest(path, ["benign", "malignant"]).labels.tolist() == [0, 1, 1, 0]
    with pytest.raises(DatasetError, match="E806"):
        read_manifest(manifest(tmp_path, {"label": ["0", "2.0", "1", "0.0"]}), ["benign", "malignant"])
    with pytest.raises(DatasetError, match="E806"):
        read_manifest(manifest(tmp_path, {"label": ["0", "0.5", "1", "0.0"]}), ["benign", "malignant"])


def test_long_rows_of_digits_stay_apart() -> None:
    """As floating-point numbers the two would be one."""
    assert match_names(["9007199254740993"], ["9007199254740992", "9007199254740993"], "x") == {"9007199254740993": 1}
    assert equal_numbers(["9007199254740992", "9007199254740993"]) == ()


def test_heads_of_classes_and_grades_take_equal_numbers_as_one(tmp_path) -> None:
    kinds = ["1", "1.0", "2", "3", "2.0", "3"]
    grades = ["1.0", "2", "3", "1", "2.0", "3.0"]
    table = read_several(manifest(tmp_path, {"kind": kinds, "grade": grades}))
    assert {head.name: head.names for head in table.heads} == {"kind": ("1", "2", "3"), "grade": ("1", "2", "3")}
    assert table.heads[1].task is LearningTask.ORDINAL
    for column, values in zip((kinds, grades), table.values, strict=True):
        np.testing.assert_array_equal(values[:, 0] + 1, [float(text) for text in column])
    assert [issue.facts["count"] for issue in table.table.issues if issue.code == "Q623"] == [3]


def test_ordered_classes_take_equal_numbers_as_one(tmp_path) -> None:
    found = read_targets(manifest(tmp_path, {"label": ["0", "1.0", "2", "1", "2.0", "0.0"]}), LearningTask.ORDINAL)
    assert found.names == ("0", "1", "2")
    assert found.values[:, 0].tolist() == [0, 1, 2, 1, 2, 0]
