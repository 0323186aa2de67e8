"""ComBat: planted shifts and scales are found, what is kept stays, and nothing is learned of what is tested."""

import numpy as np
import numpy.typing as npt
import pytest

from hounsfield.errors import DatasetError
from hounsfield.radiomics.harmonise import learn_harmonisation

Table = npt.NDArray[np.float64]


def planted(
    seed: int, counts: tuple[int, ...] = (60, 80, 50), features: int = 12
) -> tuple[Table, Table, list[str], Table]:
    """Features of one scale, the same as three scanners would give them, the scanners, and a covariate of effect 4."""
    chance = np.random.default_rng(seed)
    total = sum(counts)
    age = chance.normal(0, 1, (total, 1))
    clean = 10 + 4 * age + chance.normal(0, 2, (total, features))
    batches = [name for name, count in zip("abc", counts, strict=True) for _ in range(count)]
    shift, scale = {"a": 0.0, "b": 8.0, "c": -5.0}, {"a": 1.0, "b": 3.0, "c": 0.5}
    error = clean - 10 - 4 * age
    seen = (
        10 + 4 * age + np.array([[shift[one]] for one in batches]) + np.array([[scale[one]] for one in batches]) * error
    )
    return clean, seen, batches, age


def test_planted_shifts_and_scales_are_taken_away() -> None:
    _, seen, batches, age = planted(0)
    found = learn_harmonisation(seen, batches, age).apply(seen, batches, age)
    rows = {name: np.array([one == name for one in batches]) for name in "abc"}
    residual = found - age @ np.linalg.lstsq(age, found - found.mean(axis=0), rcond=None)[0]
    means = [residual[row].mean() for row in rows.values()]
    spreads = [residual[row].std() for row in rows.values()]
    assert np.ptp(means) < 0.15
    assert max(spreads) / min(spreads) < 1.1
    before = [seen[row].std() for row in rows.values()]
    assert max(before) / min(before) > 1.5


def test_the_effect_of_a_covariate_stays() -> None:
    _, seen, batches, age = planted(1)
    found = learn_harmonisation(seen, batches, age).apply(seen, batches, age)
    slope = np.polyfit(age[:, 0], found.mean(axis=1), 1)[0]
    assert slope == pytest.approx(4, abs=0.15)


def test_one_feature_is_standardised_batch_by_batch() -> None:
    _, seen, batches, _ = planted(2, features=1)
    found = learn_harmonisation(seen, batches).apply(seen, batches)
    groups = [found[[one == name for one in batches], 0] for name in "abc"]
    assert [group.mean() for group in groups] == pytest.approx([seen.mean()] * 3)
    assert [group.std(ddof=1) for group in groups] == pytest.approx([groups[0].std(ddof=1)] * 3)


def test_the_estimate_satisfies_johnson_s_equations() -> None:
    _, seen, batches, _ = planted(3, (9, 7, 8))
    learned = learn_harmonisation(seen, batches)
    plain = (seen - learned.mean) / learned.deviation
    group = plain[[one == "b" for one in batches]]
    count, shift, variance = len(group), group.mean(axis=0), group.var(axis=0, ddof=1)
    moved, scaled = learned.shifts[1], learned.variances[1]
    spread, mean, width = shift.var(ddof=1), variance.mean(), variance.var(ddof=1)
    alpha, beta = (2 * width + mean**2) / width, (mean * width + mean**3) / width
    assert moved == pytest.approx(
        (count * spread * shift + scaled * shift.mean()) / (count * spread + scaled), abs=1e-5
    )
    assert scaled == pytest.approx((beta + ((group - moved) ** 2).sum(axis=0) / 2) / (count / 2 + alpha - 1), abs=1e-5)
    # drawn towards the middle, so less spread than the plain estimates
    assert np.ptp(moved) < np.ptp(shift)
    assert np.ptp(scaled) < np.ptp(variance)


def test_a_test_case_changes_nothing_that_was_learned() -> None:
    _, seen, batches, age = planted(4)
    learned = learn_harmonisation(seen, batches, age)
    alone = learned.apply(seen[:1] + 1000, ["a"], age[:1])
    among = learned.apply(np.vstack([seen[:1] + 1000, seen]), ["a", *batches], np.vstack([age[:1], age]))
    assert alone == pytest.approx(among[:1])
    assert learn_harmonisation(seen, batches, age).shifts == pytest.approx(learned.shifts)


def test_a_feature_that_never_changes_is_left_as_it_is() -> None:
    _, seen, batches, _ = planted(5)
    seen[:, 3] = 7.0
    found = learn_harmonisation(seen, batches).apply(seen, batches)
    assert np.array_equal(found[:, 3], seen[:, 3])
    assert np.isfinite(found).all()


def test_an_unknown_batch_is_refused() -> None:
    _, seen, batches, _ = planted(6)
    with pytest.raises(DatasetError) as caught:
        learn_harmonisation(seen, batches).apply(seen[:1], ["d"])
    assert (caught.value.code, caught.value.facts["found"]) == ("E983", "d")


@pytest.mark.parametrize("fault", ["single", "nan", "confounded", "empty"])
def test_batches_that_say_nothing_are_refused(fault: str) -> None:
    _, seen, batches, age = planted(7)
    if fault == "single":
        batches[0] = "lonely"
    elif fault == "nan":
        seen[3, 2] = np.nan
    elif fault == "confounded":
        age = np.array([[float(one == "b")] for one in batches])
    else:
        seen, batches, age = seen[:0], [], age[:0]
    with pytest.raises(DatasetError) as caught:
        learn_harmonisation(seen, batches, age)
    assert caught.value.code == "E984"
    assert caught.value.text("zh") != caught.value.text("en")
