"""What each column of a smaller picture covers, against areas computed with fractions."""

from fractions import Fraction

import numpy as np
import pytest

from hounsfield.image.radiograph_kernels import average_areas, cover_columns


def area(columns: int, targets: int, target: int, source: int) -> Fraction:
    """Return the exact part of a source column that a target column covers."""
    start, stop = Fraction(target * columns, targets), Fraction((target + 1) * columns, targets)
    return max(min(stop, Fraction(source + 1)) - max(start, Fraction(source)), Fraction(0))


@pytest.mark.parametrize(("columns", "targets"), [(7, 7), (7, 3), (8, 4), (224, 223), (13, 1), (100, 51)])
def test_every_column_is_covered_just_once(columns: int, targets: int) -> None:
    covered = cover_columns(columns, targets)
    found = np.zeros((targets, columns))
    for target in range(targets):
        np.add.at(found[target], covered.places[:, target], covered.weights[:, target])
    exact = [[float(area(columns, targets, target, source)) for source in range(columns)] for target in range(targets)]
    np.testing.assert_allclose(found, exact, atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=2e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_the_mean_of_the_whole_picture_stays(kind: type) -> None:
    chance = np.random.default_rng(2)
    limits = np.iinfo(kind)
    samples = chance.integers(limits.min, limits.max, (41, 53), endpoint=True).astype(kind)
    out = np.empty((9, 11), np.float32)
    average_areas(samples, out, 0.5, -7.0)
    assert out.mean(dtype=np.float64) == pytest.approx(samples.mean(dtype=np.float64) * 0.5 - 7, rel=1e-5)


def test_a_picture_of_the_same_size_stays_what_it_is() -> None:
    samples = np.arange(30, dtype=np.uint16).reshape(5, 6)
    out = np.empty((5, 6), np.float32)
    average_areas(samples, out, 1.0, 0.0)
    assert np.array_equal(out, samples)
