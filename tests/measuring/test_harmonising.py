"""ComBat over tables: learned of the training part, kept in a file, and as neuroHarmonize has it."""

import json
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cli import main
from hounsfield.errors import DatasetError
from hounsfield.measuring.feature_table import FeatureTable, read_features
from hounsfield.measuring.harmonising import (
    Covariate,
    batch_share,
    learn_of_table,
    parameters_json,
    read_parameters,
    write_parameters,
)
from hounsfield.radiomics.harmonise import learn_harmonisation
from tests.measuring.tables import TAGS, scanners, write_table

ABOUT = ("batch", "age", "stage", "split")
BATCHES = ["a"] * 9 + ["b"] * 7 + ["c"] * 8
NEUROHARMONIZE = [
    [28.2377238, 277.3240905, 2.473793, 137.1922626],
    [29.0455516, 302.8181265, 3.1051315, 157.1322191],
    [21.6499562, 218.0540761, 2.3649265, 118.7147774],
]
"""Rows 0, 10 and 20 of ``other()`` by neuroHarmonize 2.4.5 (with neuroCombat 0.2.12, numpy 2.4.6)."""


def other() -> tuple[np.ndarray, np.ndarray]:
    """Cases and their age that neuroHarmonize was given."""
    chance = np.random.default_rng(7)
    age = chance.normal(60, 9, 24).round(1)
    offsets = np.array([{"a": 0, "b": 3, "c": -2}[one] for one in BATCHES])
    values = chance.normal(10, 2, (24, 4)) + 0.3 * age[:, None] + offsets[:, None] * chance.uniform(0.5, 1.5, 4)
    return (values * np.array([1, 10, 0.1, 5.0])).round(3), age


@pytest.fixture
def table(tmp_path: Path) -> FeatureTable:
    return read_features(write_table(tmp_path / "all.csv", scanners()), ABOUT)


def test_values_are_those_of_neuroharmonize() -> None:
    """It stops its estimate at 1e-4, hence the tolerance."""
    values, age = other()
    found = learn_harmonisation(values, BATCHES, age).apply(values, BATCHES, age)
    assert found[[0, 10, 20]] == pytest.approx(np.array(NEUROHARMONIZE), rel=2e-6)


def test_values_are_those_of_neuroharmonize_where_it_is_installed() -> None:
    package = pytest.importorskip("neuroHarmonize")
    pandas = pytest.importorskip("pandas")
    values, age = other()
    _, expected = package.harmonizationLearn(values, pandas.DataFrame({"SITE": BATCHES, "age": age}))
    assert learn_harmonisation(values, BATCHES, age).apply(values, BATCHES, age) == pytest.approx(expected, rel=2e-6)


def test_scanners_are_told_apart_no_more_and_age_still_is(table: FeatureTable) -> None:
    learned = learn_of_table(table, "batch", ("age", "stage"))
    found = learned.apply(table)
    batches = table.column("batch")
    assert batch_share(table.values, batches) > 0.4
    assert batch_share(found.values, batches) < 0.02
    age = np.array(table.column("age"), dtype=float)
    stage = np.array([len(text) for text in table.column("stage")], dtype=float)
    design = np.stack([age, stage, np.ones(len(age))], axis=1)
    slopes = np.linalg.lstsq(design, found.values, rcond=None)[0]
    assert slopes[0] == pytest.approx([0.5] * 5, abs=0.1)
    assert slopes[1] == pytest.approx([6.0] * 5, abs=1.2)
    assert found.about == table.about


def test_test_rows_change_nothing_that_was_learned(tmp_path: Path, table: FeatureTable) -> None:
    learned = learn_of_table(table, "batch", ("age",), "split")
    assert learned.training_count == 40
    rows = scanners()
    for row in rows:
        if row["split"] == "test":
            row |= dict.fromkeys(TAGS, 1e6)
    spoiled = read_features(write_table(tmp_path / "spoiled.csv", rows), ABOUT)
    again = learn_of_table(spoiled, "batch", ("age",), "split")
    told, expected = parameters_json(again), parameters_json(learned)
    assert told | {"table_sha256": ""} == expected | {"table_sha256": ""}
    everything = learn_of_table(spoiled, "batch", ("age",))
    assert parameters_json(everything)["mean"] != expected["mean"]


def test_what_was_learned_goes_through_a_file_and_back(tmp_path: Path, table: FeatureTable) -> None:
    learned = learn_of_table(table, "batch", ("age", "stage"), "split")
    again = read_parameters(write_parameters(learned, tmp_path / "combat.json"))
    assert np.array_equal(again.apply(table).values, learned.apply(table).values)
    assert again.covariates == (Covariate("age"), Covariate("stage", ("I", "II", "III")))
    plain = learn_of_table(table, "batch")
    assert np.array_equal(
        read_parameters(write_parameters(plain, tmp_path / "b.json")).apply(table).values, plain.apply(table).values
    )


def test_a_feature_with_gaps_in_training_stays_as_it_is(tmp_path: Path) -> None:
    rows = scanners()
    rows[3]["stat_var"] = ""
    table = read_features(write_table(tmp_path / "a.csv", rows), ABOUT)
    learned = learn_of_table(table, "batch")
    found = learned.apply(table)
    assert learned.tags == tuple(tag for tag in TAGS if tag != "stat_var")
    assert np.array_equal(found.values[:, 1], table.values[:, 1], equal_nan=True)
    assert not np.allclose(found.values[:, 0], table.values[:, 0])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"batch": "new"}, "E983"),
        ({"age": ""}, "E711"),
        ({"age": "old"}, "E711"),
        ({"age": "nan"}, "E711"),
        ({"stage": "IV"}, "E711"),
    ],
)
def test_a_new_case_that_was_not_learned_for_is_refused(
    tmp_path: Path, table: FeatureTable, change: dict[str, object], code: str
) -> None:
    learned = learn_of_table(table, "batch", ("age", "stage"))
    rows = [scanners(1)[0] | change]
    with pytest.raises(DatasetError) as caught:
        learned.apply(read_features(write_table(tmp_path / "new.csv", rows), ABOUT))
    assert caught.value.code == code


def test_a_table_without_a_learned_feature_or_training_row_is_refused(tmp_path: Path, table: FeatureTable) -> None:
    learned = learn_of_table(table, "batch")
    rows = [{name: value for name, value in row.items() if name != "stat_var"} for row in scanners(1)]
    with pytest.raises(DatasetError) as caught:
        learned.apply(read_features(write_table(tmp_path / "new.csv", rows), ABOUT))
    assert (caught.value.code, caught.value.facts["found"]) == ("E711", "stat_var")
    with pytest.raises(DatasetError, match="E711"):
        learn_of_table(table, "batch", (), "stage")


FAULTS = {
    "format": "other",
    "batches": ["a", "b"],
    "features": ["x"],
    "mean": [1.0],
    "variances": [[0.0] * 5] * 3,
    "deviation": [-1.0] * 5,
    "effects": [[1.0]],
    "shifts": "no",
    "covariates": [{"column": "age"}],
}


@pytest.mark.parametrize("key", [*FAULTS, "missing", "no json", "no file", "a list"])
def test_parameters_that_do_not_fit_together_are_refused(tmp_path: Path, table: FeatureTable, key: str) -> None:
    told = parameters_json(learn_of_table(table, "batch"))
    told |= {key: FAULTS[key]} if key in FAULTS else {}
    if key == "missing":
        del told["table_sha256"]
    text = {"no json": "{", "a list": "[]"}.get(key, json.dumps(told))
    if key != "no file":
        (tmp_path / "combat.json").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        read_parameters(tmp_path / "combat.json")
    assert caught.value.code == "E713"
    assert "combat.json" in caught.value.text("zh")


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ([[0], [0], [2], [2]], 1.0),
        ([[0], [2], [0], [2]], 0.0),
        ([[0, 7], [1, 7], [2, 7], [3, 7]], 0.8),
        ([[7], [7], [7], [7]], np.nan),
        ([[0, np.nan], [0, 1], [2, 1], [2, 0]], 1.0),
    ],
)
def test_the_share_of_the_batches_is_eta_squared(values: list[list[float]], share: float) -> None:
    assert batch_share(np.array(values, dtype=float), "aabb") == pytest.approx(share, nan_ok=True)


def test_the_verb_learns_writes_and_applies(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    rows = scanners()
    old, new = (write_table(tmp_path / name, part) for name, part in (("old.csv", rows[:45]), ("new.csv", rows[45:])))
    words = ["features", str(old), "--harmonise", "batch", "--keep", "age", "--keep", "stage", "--split", "split"]
    words += ["--parameters", str(tmp_path / "combat.json"), "-o", str(tmp_path / "a.csv"), "--json", "--quiet"]
    assert main(words) == 0
    found = json.loads(capfd.readouterr().out)["harmonised"]
    assert found["batch_share"]["before"] > 10 * found["batch_share"]["after"]
    assert (found["training_regions"], found["batches"], found["features"]) == (40, ["a", "b", "c"], 5)
    applied = ["features", str(new), "--apply", str(tmp_path / "combat.json"), "-o", str(tmp_path / "b.csv")]
    assert main(applied) == 0
    assert "->" in capfd.readouterr().out
    learned = read_parameters(tmp_path / "combat.json")
    expected = learned.apply(read_features(new, ABOUT)).values
    assert np.array_equal(read_features(tmp_path / "b.csv", ABOUT).values, expected)
    assert main(words) == 2
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E340"
