"""Targets of odd columns and odd numbers: recognised or refused by code; strata that hold parts and whole patients."""

import numpy as np
import pytest

from hounsfield.cases.guard import examine
from hounsfield.cases.manifest import find_table
from hounsfield.cases.splits import fold_cases, split_cases
from hounsfield.cases.target_columns import columns_named, numeric_column, target_columns
from hounsfield.cases.targets import LEAST_STRATUM, MOST_STRATA, read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError
from tests.train.targets import pictures, write_manifest


def listed(folder, columns, rows, delimiter=",", split=()):
    """Write a table of files that hold nothing: targets are read without opening an image."""
    header = ["path", "patient_id", *(["split"] if split else []), *columns]
    lines = [delimiter.join(header)]
    for index, row in enumerate(rows):
        name = f"{index:03d}.png"
        (folder / name).touch()
        part = [split[index]] if split else []
        lines.append(delimiter.join([name, f"p{index // 2}", *part, *map(str, row)]))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def refusal(data, *asked):
    with pytest.raises(DatasetError) as caught:
        read_targets(data, *asked)
    for language in ("en", "zh"):
        assert "{" not in caught.value.text(language)
    return caught.value


@pytest.mark.parametrize(
    "text", ["2_1", "1_000", "_1", "1,5", "1 000", "0x10", "-inf", "infinity", "１_２", "5 mm", "1/2"]
)
def test_a_text_that_a_reader_would_not_take_for_a_number_is_none(text):
    assert not numeric_column(["1", text])


@pytest.mark.parametrize("text", ["+1", "-0", "1.", ".5", "1E-3", "007"])
def test_a_number_may_be_spelt_in_many_ways(text):
    assert numeric_column([text])


def test_grades_with_underscores_stay_classes(tmp_path):
    rows = [[("1_0", "2_5")[index % 2]] for index in range(30)]
    assert target_columns(listed(tmp_path, ("label",), rows) / "manifest.csv").task is LearningTask.CLASSIFICATION


@pytest.mark.parametrize(
    ("value", "delimiter"), [("12,5", ";"), ("large", ","), ("3_5", ","), ("inf", ","), ("?", ",")]
)
def test_a_value_that_is_no_number_is_named_with_its_column(tmp_path, value, delimiter):
    rows = [[value if index == 7 else index] for index in range(20)]
    error = refusal(listed(tmp_path, ("volume",), rows, delimiter), "auto", ("volume",))
    assert (error.code, error.facts["found"], error.facts["column"]) == ("E858", value, "volume")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_every_delimiter_hold_the_same_numbers(tmp_path, delimiter):
    found = read_targets(listed(tmp_path, ("label",), [[index / 4] for index in range(24)], delimiter))
    assert found.task is LearningTask.REGRESSION
    np.testing.assert_array_equal(found.values[:, 0], np.arange(24) / 4)


@pytest.mark.parametrize("blank", ["", "NA", "none"])
@pytest.mark.parametrize("columns", [("volume",), ("volume", "mass")])
def test_columns_of_blanks_alone_hold_no_targets(tmp_path, blank, columns):
    data = listed(tmp_path, columns, [[blank] * len(columns)] * 12)
    error = refusal(data, "auto", columns)
    assert (error.code, error.facts["found"]) == ("E854", ", ".join(columns))


def test_one_value_among_blanks_is_a_target(tmp_path):
    rows = [["3.5" if index == 4 else ""] for index in range(12)]
    found = read_targets(listed(tmp_path, ("volume",), rows), "auto", ("volume",))
    assert np.isfinite(found.values).sum() == 1
    assert [case.label for case in found.table.cases] == [0 if index == 4 else None for index in range(12)]
    (note,) = [issue for issue in found.table.issues if issue.code == "Q840"]
    assert (note.facts["count"], note.facts["total"]) == (11, 12)


@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_labels_hold_zero_and_one_alone(tmp_path, value):
    rows = [[index % 2, value if index == 3 else 1] for index in range(12)]
    data = listed(tmp_path, ("mass", "cyst"), rows)
    assert target_columns(data / "manifest.csv").labels == ("mass",)
    assert refusal(data, "auto", ("mass", "cyst")).code == "E854"


def test_mixed_columns_give_the_labels_and_keep_the_rest_as_attributes(tmp_path):
    rows = [[index % 2, "left", index / 3, 1 - index % 2] for index in range(12)]
    found = read_targets(listed(tmp_path, ("mass", "lobe", "volume", "cyst"), rows))
    assert (found.task, found.names) == (LearningTask.MULTI_LABEL, ("mass", "cyst"))
    assert dict(found.table.cases[3].attributes) == {"lobe": "left", "volume": "1.0"}


def test_floats_of_zero_and_one_are_labels(tmp_path):
    rows = [[f"{index % 2}.0", f"{index % 3 == 0:d}.00"] for index in range(12)]
    found = read_targets(listed(tmp_path, ("mass", "cyst"), rows))
    assert found.task is LearningTask.MULTI_LABEL
    np.testing.assert_array_equal(found.values[:, 1], [index % 3 == 0 for index in range(12)])


def test_a_table_without_paths_rows_or_utf8_is_not_taken_for_one(tmp_path):
    (tmp_path / "a.csv").write_text("path,mass\n", encoding="utf-8")
    (tmp_path / "b.csv").write_bytes("path,größe\nä.png,1\n".encode("latin-1"))
    (tmp_path / "c.tsv").write_text("patient\tmass\nx\t1\n", encoding="utf-8")
    assert find_table(tmp_path) is None
    assert columns_named(tmp_path, ("mass",)) == ()
    assert refusal(tmp_path, "regression").code == "E854"
    assert read_targets(tmp_path) is None


@pytest.mark.parametrize("count", [LEAST_STRATUM - 1, 2 * LEAST_STRATUM, 10 * LEAST_STRATUM])
def test_ranges_hold_equally_many_cases_and_as_many_as_a_part_needs(tmp_path, count):
    values = np.random.default_rng(count).permutation(count) + 0.5
    table = read_targets(listed(tmp_path, ("label",), values[:, None])).table
    sizes = np.bincount(table.labels)
    assert len(sizes) == max(1, min(MOST_STRATA, count // LEAST_STRATUM)) == len(table.class_names)
    assert sizes.max() - sizes.min() <= 1
    for stratum in range(len(sizes) - 1):
        assert values[table.labels == stratum].max() < values[table.labels > stratum].min()


def test_a_number_of_one_value_is_one_stratum_whatever_the_count(tmp_path):
    rows = [[3.5]] * (3 * LEAST_STRATUM) + [[7.5]]
    table = read_targets(listed(tmp_path, ("label",), rows)).table
    used = set(table.labels[:-1].tolist())
    assert len(used) == 1


@pytest.mark.parametrize(("kind", "seed"), [("number", 0), ("labels", 1)])
def test_no_patient_is_torn_and_every_part_spans_the_strata(tmp_path, kind, seed):
    images, _ = pictures(100, seed + 20)
    chance = np.random.default_rng(seed)
    if kind == "number":
        data = write_manifest(tmp_path, images, ("label",), chance.gamma(2, 3, (100, 1)).round(3))
    else:
        data = write_manifest(tmp_path, images, ("mass", "cyst"), (chance.random((100, 2)) < 0.4).astype(int))
    table = read_targets(data).table
    groups = examine(table).groups
    parts = np.array(split_cases(table, groups, seed=seed))
    folds = fold_cases(table, groups, 4, seed)
    patients = np.array([case.patient for case in table.cases])
    for patient in np.unique(patients):
        assert len(set(parts[patients == patient])) == len(set(folds[patients == patient])) == 1
    for part in ("training", "tuning", "test"):
        shares = np.bincount(table.labels[parts == part], minlength=len(table.class_names)) / (parts == part).sum()
        assert (shares > 0).all()


def test_a_label_that_a_declared_part_lacks_makes_no_stratum(tmp_path):
    split = ["train"] * 80 + ["val"] * 40
    rows = [[index % 2, int(index < 40)] for index in range(120)]
    found = read_targets(listed(tmp_path, ("common", "early"), rows, split=split))
    assert found.table.class_names == ("-", "common")
    assert found.names == ("common", "early")


def test_a_selection_keeps_targets_beside_their_cases(tmp_path):
    found = read_targets(listed(tmp_path, ("label",), [[index + 0.5] for index in range(30)]))
    some = found.select([20, 3, 11])
    assert [case.identifier for case in some.table.cases] == ["020.png", "003.png", "011.png"]
    np.testing.assert_array_equal(some.values[:, 0], [20.5, 3.5, 11.5])
    assert (some.task, some.names, some.reason) == (found.task, found.names, found.reason)


@pytest.mark.parametrize("names", [("0", "1"), ("1", "2")])
def test_two_classes_have_no_order_to_learn(tmp_path, names):
    data = listed(tmp_path, ("label",), [[names[index % 2]] for index in range(20)])
    assert refusal(data, "ordinal").code == "E857"


def test_grades_in_numbers_are_ordered_as_numbers_and_blank_is_not_assessed(tmp_path):
    grades = [2, 10, 1, ""]
    found = read_targets(listed(tmp_path, ("label",), [[grades[index % 4]] for index in range(20)]), "ordinal")
    assert found.names == ("1", "2", "10")
    np.testing.assert_array_equal(found.values[:4, 0], [1, 2, 0, np.nan])
    assert found.table.cases[3].label is None


@pytest.mark.parametrize(("width", "names", "code"), [(3, ("a", "b"), "E854"), (3, (), None), (1, (), "E854")])
def test_medmnist_labels_need_as_many_names_as_columns(tmp_path, width, names, code):
    images, _ = pictures(12)
    labels = np.random.default_rng(0).integers(0, 2, (12, width)).astype(np.uint8)
    np.savez(tmp_path / "own.npz", train_images=images, train_labels=labels)
    if code:
        assert refusal(tmp_path / "own.npz", "multi-label", (), names).code == code
        return
    found = read_targets(tmp_path)
    assert found.names == ("label 1", "label 2", "label 3")
    assert refusal(tmp_path, "regression").code == "E854"
