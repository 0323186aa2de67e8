"""Cells read by compiled code are those that lie in the files, whoever reads them and whenever."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hounsfield.image import native as module
from hounsfield.image.native import NativeCells, NativeReading, reading_of

SHAPE = (9, 6, 7)
HEAD = 13
"""Bytes before the cells of each file: an odd number, so that they lie askew."""


def write(folder: Path, dtype: str = "<u2", bits: int = 16) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """Write random cells, one file a slice, and return them with the paths."""
    chance = np.random.default_rng(3)
    low, high = (0, 1 << bits) if dtype[1] == "u" else (-(1 << (bits - 1)), 1 << (bits - 1))
    cells = chance.integers(low, high, SHAPE).astype(dtype)
    paths = tuple(str(folder / f"slice {index}") for index in range(len(cells)))
    for path, plane in zip(paths, cells, strict=True):
        Path(path).write_bytes(b"x" * HEAD + plane.tobytes() + b"behind")
    return cells, paths


def cells_of(paths: tuple[str, ...], form: tuple[int, bool] = (16, False), intercept: int | None = 0) -> NativeCells:
    scales = np.ones((0 if intercept is not None else len(paths), 3))
    return NativeCells(paths, np.full(len(paths), HEAD, dtype=np.int64), SHAPE, form, intercept, scales)


def reading(cells: NativeCells) -> NativeReading:
    found = reading_of(cells)
    assert found is not None
    return found


@pytest.mark.parametrize(("dtype", "bits"), [("<u2", 12), ("<i2", 16), ("<i2", 11)])
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_whole_numbers_with_their_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, bits: int, cores: int
) -> None:
    monkeypatch.setattr(module, "core_count", lambda: cores)
    stored, paths = write(tmp_path, dtype, bits)
    under_way = reading(cells_of(paths, (bits, dtype[1] == "i"), -1024))
    expected = stored.astype(np.int64) - 1024
    assert under_way.finish() == (None, expected.min(), expected.max())
    assert under_way.array.dtype == np.int16
    assert np.array_equal(under_way.array, expected.astype(np.int16))


@pytest.mark.parametrize("dtype", ["<u2", "<i2"])
def test_floats_take_the_scale_of_their_slice(tmp_path: Path, dtype: str) -> None:
    stored, paths = write(tmp_path, dtype)
    scales = np.stack([np.linspace(0.5, 2, 9), np.arange(9) - 4.25, np.geomspace(1, 3, 9)], axis=1)
    under_way = reading(replace(cells_of(paths, (16, dtype[1] == "i"), None), scales=scales))
    assert under_way.finish() == (None, 0, 0)
    slope, intercept, factor = (scales[:, place, None, None] for place in range(3))
    expected = (stored.astype(np.float64) * slope + intercept).astype(np.float32) * factor.astype(np.float32)
    np.testing.assert_allclose(under_way.array, expected, rtol=1e-6, atol=1e-4)


def test_what_was_begun_before_is_finished_without_a_difference(tmp_path: Path) -> None:
    stored, paths = write(tmp_path)
    early, late = reading(cells_of(paths)), reading(cells_of(paths))
    early.start(3)
    early.finish()
    late.finish()
    assert np.array_equal(early.array, late.array)
    assert np.array_equal(early.array.view(np.uint16), stored)


@pytest.mark.parametrize("victim", [0, 5, 8])
def test_the_slice_that_cannot_be_read_is_told(tmp_path: Path, victim: int) -> None:
    _, paths = write(tmp_path)
    Path(paths[victim]).write_bytes(b"x" * (HEAD + 3))
    assert reading(cells_of(paths)).finish()[0] == victim
    Path(paths[victim]).unlink()
    assert reading(cells_of(paths, intercept=None)).finish()[0] == victim


def test_a_reading_that_was_stopped_holds_nothing(tmp_path: Path) -> None:
    _, paths = write(tmp_path)
    under_way = reading(cells_of(paths))
    under_way.start(2)
    under_way.stop()
    assert under_way.array.size == 0


def test_cells_are_the_same_only_when_everything_is(tmp_path: Path) -> None:
    _, paths = write(tmp_path)
    cells = cells_of(paths, intercept=None)
    assert cells.is_same(cells_of(paths, intercept=None))
    others = (
        replace(cells, paths=(*paths[:-1], "elsewhere")),
        replace(cells, offsets=cells.offsets + 1),
        replace(cells, shape=(9, 7, 6)),
        replace(cells, form=(12, False)),
        replace(cells, form=(16, True)),
        replace(cells, intercept=0),
        replace(cells, scales=cells.scales * 2),
    )
    assert not any(cells.is_same(other) for other in others)


def test_a_path_that_is_none_is_left_to_others(tmp_path: Path) -> None:
    _, paths = write(tmp_path)
    assert reading_of(cells_of((*paths[:-1], "with\0zero"))) is None
