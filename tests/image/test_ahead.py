"""Reading ahead never changes a volume: a right guess gives the same samples, a wrong one is given up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import Undecodable
from hounsfield.image import ahead as module
from hounsfield.image import phantoms
from hounsfield.image.ahead import ReadAhead
from hounsfield.image.assemble import assemble
from hounsfield.image.limits import PixelLimits
from hounsfield.image.native import NativeCells, NativeReading
from hounsfield.opening import read_volumes
from tests.image.helpers import series_of

SLICES = 12
Change = Callable[[pydicom.Dataset, int], None]


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "core_count", lambda: 2)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each question for pixels read ahead was answered."""
    answers: list[bool] = []
    before = ReadAhead.take

    def take(self: ReadAhead, cells: NativeCells) -> NativeReading | None:
        found = before(self, cells)
        answers.append(found is not None)
        return found

    monkeypatch.setattr(ReadAhead, "take", take)
    return answers


def write(folder: Path, change: Change | None = None) -> list[Path]:
    """Write a series whose files are named against their order, each changed."""
    phantoms.write_ct(folder, phantoms.BodyPhantom(geometry=VolumeGeometry((SLICES, 32, 40), (2.0, 0.8, 0.6))))
    chance = np.random.default_rng(0)
    paths = sorted(folder.iterdir())
    for index, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = chance.integers(0, 4000, (32, 40)).astype(np.int16).tobytes()
        if change:
            change(dataset, index)
        dataset.save_as(path)
        path.rename(folder / f"{(index * 7) % SLICES:03d}.dcm")
    return sorted(folder.iterdir())


def expected_of(paths: list[Path], *, as_float: bool) -> np.ndarray:
    """Return the samples that pydicom gives, sorted by position."""
    datasets = sorted(map(pydicom.dcmread, paths), key=lambda item: float(item.ImagePositionPatient[2]))
    kind: Any = np.float64 if as_float else np.int64
    values = [item.pixel_array.astype(kind) * kind(item.RescaleSlope) for item in datasets]
    return np.stack([value + kind(item.RescaleIntercept) for value, item in zip(values, datasets, strict=True)])


@pytest.mark.parametrize("as_float", [False, True])
def test_a_right_guess_is_taken_and_gives_the_pixels_of_pydicom(
    tmp_path: Path, taken: list[bool], as_float: bool
) -> None:
    paths = write(tmp_path)
    volume = read_volumes(tmp_path, as_float=as_float).volumes[0]
    assert taken == [True]
    assert volume.array.dtype == (np.float32 if as_float else np.int16)
    assert np.array_equal(volume.array, expected_of(paths, as_float=as_float))


def test_slopes_of_their_own_make_floats_ahead(tmp_path: Path, taken: list[bool]) -> None:
    def change(dataset: pydicom.Dataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1 + index / 8, -index

    paths = write(tmp_path, change)
    volume = read_volumes(tmp_path).volumes[0]
    assert taken == [True]
    np.testing.assert_allclose(volume.array, expected_of(paths, as_float=True), rtol=1e-6)


def _another_echo(dataset: pydicom.Dataset, index: int) -> None:
    dataset.EchoNumbers = index % 2
    dataset.ImagePositionPatient = [0, 0, index // 2]


def _lookup_table(dataset: pydicom.Dataset, index: int) -> None:
    item = pydicom.Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [4096, 0, 16], "HU", np.full(4096, 7, np.uint16).tobytes()
    dataset.ModalityLUTSequence = pydicom.Sequence([item])


@pytest.mark.parametrize("change", [_another_echo, _lookup_table])
def test_a_wrong_guess_is_given_up(tmp_path: Path, taken: list[bool], change: Change) -> None:
    paths = write(tmp_path, change)
    opened = read_volumes(tmp_path)
    assert True not in taken
    alone = assemble(series_of(paths))
    assert len(opened.volumes) == len(alone.volumes)
    for volume, other in zip(opened.volumes, alone.volumes, strict=True):
        assert np.array_equal(volume.array, other.array)


def _big_cells(dataset: pydicom.Dataset, index: int) -> None:
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = bytes(32 * 40)
    dataset.PixelRepresentation = 0


def _no_place(dataset: pydicom.Dataset, index: int) -> None:
    if index == 3:
        dataset.ImagePositionPatient = None


def _another_size(dataset: pydicom.Dataset, index: int) -> None:
    if index == 5:
        dataset.Rows, dataset.PixelData = 30, bytes(30 * 40 * 2)


def _another_series(dataset: pydicom.Dataset, index: int) -> None:
    if index == 5:
        dataset.SeriesInstanceUID = "1.2.3"


@pytest.mark.parametrize("change", [_big_cells, _no_place, _another_size, _another_series])
def test_what_is_no_plain_stack_is_not_read_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    paths = write(tmp_path, change)
    started: list[int] = []
    monkeypatch.setattr(NativeReading, "start", lambda self, threads: started.append(threads))
    monkeypatch.setattr("hounsfield.image.native.core_count", lambda: 1)
    opened = read_volumes(tmp_path)
    assert not started
    assert sum(volume.geometry.shape[0] for volume in opened.volumes) == len(paths)


def test_a_file_cut_short_is_refused_as_it_is_without_guessing(tmp_path: Path) -> None:
    paths = write(tmp_path)
    whole = paths[4].read_bytes()
    ahead = ReadAhead(PixelLimits(), as_float=False)
    series = series_of(paths)
    from hounsfield.header_walk import walk_headers

    walked = walk_headers(paths, [0x00080018])
    paths[4].write_bytes(whole[:-500])  # after it was walked
    ahead.see(paths, walked)
    with pytest.raises(Undecodable) as caught:
        assemble(series, ahead=ahead)
    assert caught.value.code == "E302"
    ahead.close()


def test_nothing_is_read_ahead_where_memory_is_scarce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write(tmp_path)
    monkeypatch.setattr(module, "available_memory", lambda: 4 * SLICES * 32 * 40 * 2)
    monkeypatch.setattr(NativeReading, "start", lambda self, threads: pytest.fail("read ahead"))
    monkeypatch.setattr("hounsfield.image.native.core_count", lambda: 1)
    assert np.array_equal(read_volumes(tmp_path).volumes[0].array, expected_of(paths, as_float=False))


def test_what_nobody_takes_is_stopped_and_let_go(tmp_path: Path) -> None:
    paths = write(tmp_path)
    from hounsfield.header_walk import walk_headers

    ahead = ReadAhead(PixelLimits(), as_float=False)
    ahead.see(paths, walk_headers(paths, [0x00080018]))
    reading = ahead._reading
    assert reading is not None
    ahead.close()
    assert reading.array.size == 0
    assert ahead._reading is None


def test_headers_are_walked_from_memory_and_in_the_order_of_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hounsfield.header_walk import walk_headers

    paths = write(tmp_path)
    walked = walk_headers(paths, [0x00080018])
    ahead = ReadAhead(PixelLimits(), as_float=False)
    monkeypatch.setattr(module, "core_count", lambda: 1)
    ahead.see(paths, walked)
    series = series_of(list(reversed(paths)))
    assert [instance.path for instance in ahead.in_order(series.instances)] == paths
    assert list(ahead.in_order(series.instances[:5])) == list(series.instances[:5])
    fresh = walk_headers(paths[2:5], [0x00200032])
    monkeypatch.setattr(module, "walk_headers", lambda *given: pytest.fail("read again"))
    assert ahead.walk(paths[2:5], [0x00200032]).values(0) == fresh.values(0)
    monkeypatch.setattr(module, "walk_headers", lambda *given: fresh)
    assert ahead.walk([tmp_path / "another"], [0x00200032]) is fresh
