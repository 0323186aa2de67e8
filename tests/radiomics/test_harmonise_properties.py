"""ComBat commutes with what means nothing: units, names and order; what does not match its cases is refused."""

import numpy as np
import numpy.typing as npt
import pytest

from hounsfield.errors import DatasetError
from hounsfield.radiomics.harmonise import learn_harmonisation

Table = npt.NDArray[np.float64]
BATCHES = ["x"] * 14 + ["y"] * 11 + ["z"] * 9


def seen(seed: int = 0) -> tuple[Table, Table]:
    chance = np.random.default_rng(seed)
    age = chance.normal(60, 8, (34, 1))
    shift = np.repeat([[0.0], [5.0], [-3.0]], (14, 11, 9), axis=0)
    scale = np.repeat([[1.0], [2.0], [0.7]], (14, 11, 9), axis=0)
    return shift + 0.2 * age + scale * chance.normal(0, 1, (34, 6)), age


def harmonised(table: Table, batches: list[str], age: Table | None) -> Table:
    return learn_harmonisation(table, batches, age).apply(table, batches, age)


def test_the_unit_of_a_feature_does_not_matter() -> None:
    table, age = seen()
    factor, offset = np.array([1e-3, 10, 2.5, 3, 1e4, 7]), np.array([0, 5, -3, 1, 0, 1e3])
    expected = factor * harmonised(table, BATCHES, age) + offset
    assert harmonised(factor * table + offset, BATCHES, age) == pytest.approx(expected, rel=1e-7)


def test_names_of_batches_and_units_of_covariates_do_not_matter() -> None:
    table, age = seen(1)
    plain = harmonised(table, BATCHES, age)
    renamed = [{"x": "scanner 9", "y": "A", "z": "机型"}[one] for one in BATCHES]
    assert harmonised(table, renamed, age) == pytest.approx(plain)
    assert harmonised(table, BATCHES, 12 * age - 100) == pytest.approx(plain)
    assert harmonised(table, BATCHES, age[:, 0]) == pytest.approx(plain)


def test_the_order_of_cases_and_features_does_not_matter() -> None:
    table, age = seen(2)
    plain = harmonised(table, BATCHES, age)
    cases, features = np.random.default_rng(3).permutation(34), [3, 1, 5, 0, 2, 4]
    mixed = harmonised(table[cases], [BATCHES[case] for case in cases], age[cases])
    assert mixed == pytest.approx(plain[cases])
    assert harmonised(table[:, features], BATCHES, age) == pytest.approx(plain[:, features])


def test_within_a_batch_every_feature_keeps_its_order_of_cases() -> None:
    table, _ = seen(4)
    found = harmonised(table, BATCHES, None)
    for name in "xyz":
        rows = [place for place, one in enumerate(BATCHES) if one == name]
        for feature in range(6):
            assert np.corrcoef(table[rows, feature], found[rows, feature])[0, 1] == pytest.approx(1)


def test_batches_that_do_not_differ_are_hardly_changed() -> None:
    table = np.random.default_rng(5).normal(10, 2, (300, 8))
    batches = [("a", "b", "c")[place % 3] for place in range(300)]
    assert np.abs(harmonised(table, batches, None) - table).mean() < 0.25
    assert harmonised(table, ["a"] * 300, None).mean(axis=0) == pytest.approx(table.mean(axis=0))


def test_a_second_time_there_is_less_left_to_change() -> None:
    table, _ = seen(6)
    once = harmonised(table, BATCHES, None)
    twice = harmonised(once, BATCHES, None)
    assert np.abs(twice - once).mean() < np.abs(once - table).mean() / 10


@pytest.mark.parametrize("fault", ["nan", "infinite", "fewer covariates", "a number", "fewer batches"])
def test_what_is_not_there_for_each_case_is_refused_in_both_languages(fault: str) -> None:
    table, age = seen(7)
    batches, covariates = list(BATCHES), age.copy()
    if fault == "nan":
        covariates[3] = np.nan
    elif fault == "infinite":
        covariates[3] = np.inf
    elif fault == "fewer covariates":
        covariates = covariates[:20]
    elif fault == "a number":
        covariates = np.array(60.0)
    else:
        batches.pop()
    with pytest.raises(DatasetError) as caught:
        learn_harmonisation(table, batches, covariates)
    assert caught.value.code == "E984"
    assert "batch" in caught.value.text("en")
    assert "批次" in caught.value.text("zh")


def test_what_is_applied_to_other_cases_is_not_stretched_to_fit() -> None:
    """One batch and two cases would otherwise be laid on each other without a word."""
    table, age = seen(8)
    learned = learn_harmonisation(table, BATCHES, age)
    wrong: list[tuple[list[str], Table | None]] = [
        (["x"], age[:2]),
        (["x", "y", "z"], age[:2]),
        (["x", "y"], age[:1]),
        (["x", "y"], None),
        (["x", "y"], np.hstack([age, age])[:2]),
    ]
    for batches, covariates in wrong:
        with pytest.raises(DatasetError, match="E984"):
            learned.apply(table[:2], batches, covariates)
    assert learned.apply(table[:2], ["x", "y"], age[:2]).shape == (2, 6)
