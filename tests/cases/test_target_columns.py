"""Columns of a manifest: which hold numbers, which labels, and what is said of a value that is neither."""

import numpy as np
import pytest

from hounsfield.cases.manifest import find_table
from hounsfield.cases.target_columns import columns_named, numeric_column, read_columns, target_columns
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError


def manifest(folder, header, rows, name="manifest.csv"):
    for row in rows:
        (folder / row.split(",")[0]).write_bytes(b"picture")
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_describing_columns_are_no_targets_unless_asked_for(tmp_path):
    rows = [f"{index}.png,{30 + index},{index % 2},{index % 2},{(index + 1) % 2}" for index in range(8)]
    path = manifest(tmp_path, "path,age,sex,mass,cyst", rows)
    found = target_columns(path)
    assert found.labels == ("mass", "cyst")
    assert found.task is LearningTask.MULTI_LABEL
    assert target_columns(path, ("age",)).task is LearningTask.REGRESSION


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0.5, 1, 2, 3], LearningTask.REGRESSION),
        (range(21), LearningTask.REGRESSION),
        (range(20), LearningTask.CLASSIFICATION),
        ([1, 2, 3, "x"], LearningTask.CLASSIFICATION),
    ],
)
def test_measured_numbers_have_fractions_or_are_many(tmp_path, values, task):
    path = manifest(tmp_path, "file,label", [f"{index}.png,{value}" for index, value in enumerate(values)])
    assert target_columns(path).task is task


@pytest.mark.parametrize("blank", ["", "NA", "nan", "None", "n/a"])
def test_blanks_of_every_spelling_are_not_assessed(tmp_path, blank):
    path = manifest(tmp_path, "path,mass,cyst", ["a.png,1,0", f"b.png,{blank},1"])
    found = target_columns(path)
    table, values = read_columns(path, found.labels, found.rows, found.header)
    np.testing.assert_array_equal(values, [[1, 0], [np.nan, 1]])
    assert len(table) == 2


def test_a_value_that_is_no_number_is_named(tmp_path):
    path = manifest(tmp_path, "path,volume", ["a.png,12.5", "b.png,large"])
    found = target_columns(path, ("volume",))
    with pytest.raises(DatasetError) as caught:
        read_columns(path, ("volume",), found.rows, found.header)
    assert (caught.value.code, caught.value.facts["found"], caught.value.facts["column"]) == ("E858", "large", "volume")


def test_the_table_of_a_folder_is_found_by_its_paths_and_its_name(tmp_path):
    assert find_table(tmp_path) is None
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert find_table(tmp_path) is None
    first = manifest(tmp_path, "path,mass", ["a.png,1"])
    assert find_table(tmp_path) == find_table(first) == first
    manifest(tmp_path, "path,mass", ["a.png,1"], "second.csv")
    assert find_table(tmp_path) == first


def test_columns_are_found_by_name_without_case_and_signs(tmp_path):
    path = manifest(tmp_path, "path,Pleural Effusion,mass,label", ["a.png,1,0,2"])
    assert columns_named(path, ("pleural_effusion", "label", "nodule")) == ("label", "Pleural Effusion")


def test_numeric_columns_hold_finite_numbers():
    assert numeric_column(["1", "-2.5", "1e3"])
    assert not any(map(numeric_column, ([], ["1", "x"], ["inf"], ["nan"], [""])))
