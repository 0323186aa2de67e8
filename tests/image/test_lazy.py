"""A volume read part by part, or mapped from a file, is the one that is read as a whole."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.errors import ImageError, Undecodable, UnsupportedModality
from hounsfield.image import phantoms
from hounsfield.image.assemble import assemble
from hounsfield.image.lazy import LazyVolume, open_lazily
from hounsfield.image.limits import PixelLimits
from tests.image.helpers import PYDICOM_FILES, series_of

SLICES = 12


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    geometry = VolumeGeometry((SLICES, 40, 50), (2.0, 0.8, 0.6), (-5.0, -6.0, 40.0))
    phantoms.write_ct(tmp_path / "ct", phantoms.BodyPhantom(geometry=geometry))
    return sorted((tmp_path / "ct").iterdir())


def lazy_of(paths: list[Path], limits: PixelLimits | None = None) -> LazyVolume:
    (volume,) = open_lazily(series_of(paths), limits or PixelLimits())
    return volume


def test_all_of_it_is_the_volume(paths: list[Path]):
    whole = assemble(series_of(paths)).volumes[0]
    lazy = lazy_of(paths)
    read = lazy.read()
    assert np.array_equal(read.array, whole.array)
    assert lazy.geometry == read.geometry == whole.geometry
    assert read.instances == whole.instances
    assert read.presentation == whole.presentation
    assert lazy.dtype == read.array.dtype
    assert lazy.size_bytes == read.array.nbytes


def test_a_part_lies_where_it_lies_in_the_whole(paths: list[Path]):
    whole = assemble(series_of(paths)).volumes[0]
    part = lazy_of(paths).read(3, 7)
    assert np.array_equal(part.array, whole.array[3:7])
    assert np.allclose(part.geometry.to_patient([[0, 5, 6]]), whole.geometry.to_patient([[3, 5, 6]]))
    assert part.source_of(2) == whole.source_of(5)


def test_slabs_cover_it_once(paths: list[Path]):
    whole = assemble(series_of(paths)).volumes[0]
    lazy = lazy_of(paths)
    parts = list(lazy.slabs(slab_bytes=lazy.size_bytes // 5))
    assert len(parts) > 3
    assert [start for start, _ in parts] == sorted({start for start, _ in parts})
    assert np.array_equal(np.concatenate([part.array for _, part in parts]), whole.array)


def test_a_mapped_volume_is_on_disk_and_the_same(paths: list[Path], tmp_path: Path):
    whole = assemble(series_of(paths)).volumes[0]
    mapped = lazy_of(paths).mapped(tmp_path / "volume.raw")
    assert isinstance(mapped.array, np.memmap)
    assert np.array_equal(mapped.array, whole.array)
    assert (tmp_path / "volume.raw").stat().st_size == whole.array.nbytes
    with pytest.raises(ValueError, match="read-only"):
        mapped.array[0, 0, 0] = 1


def test_a_broken_slice_leaves_no_half_written_file(paths: list[Path], tmp_path: Path):
    lazy = lazy_of(paths)
    paths[6].write_bytes(paths[6].read_bytes()[:-100])
    with pytest.raises(Undecodable):
        lazy.mapped(tmp_path / "volume.raw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ct"]


def test_only_what_is_asked_for_is_read(paths: list[Path]):
    lazy = lazy_of(paths)
    for path in paths:
        number = int(pydicom.dcmread(path, stop_before_pixels=True).InstanceNumber)
        if number not in (SLICES, SLICES - 1, 1, 2):
            path.unlink()
    assert lazy.read(0, 2).array.shape == (2, 40, 50)


def test_the_limit_holds_for_what_is_read_at_a_time(paths: list[Path]):
    limits = PixelLimits(max_pixel_bytes=5 * 40 * 50 * 2)
    with pytest.raises(Undecodable, match="E303"):
        assemble(series_of(paths), limits)
    lazy = lazy_of(paths, limits)
    assert lazy.read(0, 5).array.shape[0] == 5
    with pytest.raises(Undecodable, match="E303"):
        lazy.read(0, 6)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 3), (4, 2), (0, SLICES + 1)])
def test_slices_that_are_not_there(paths: list[Path], start: int, stop: int):
    with pytest.raises(ImageError, match="E337"):
        lazy_of(paths).read(start, stop)


@pytest.mark.parametrize(
    ("bits", "intercept", "expected"), [(16, -1024, np.int32), (12, -1024, np.int16), (12, 0.5, np.float32)]
)
def test_the_type_follows_from_the_headers_alone(paths: list[Path], bits: int, intercept: float, expected: type):
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
        dataset.RescaleIntercept = intercept
        dataset.PixelData = np.full((40, 50), 7, np.uint16).tobytes()
        dataset.save_as(path)
    lazy = lazy_of(paths)
    assert lazy.dtype == expected
    assert lazy.read(1, 3).array.dtype == expected
    assert (lazy.read(1, 2).array == 7 + intercept).all()


def test_scaled_samples_are_shown_as_the_whole_is(tmp_path: Path):
    phantoms.write_pet(tmp_path / "pet")
    paths = sorted((tmp_path / "pet").iterdir())
    for number, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.WindowCenter, dataset.WindowWidth = 500 + number, 1000
        dataset.save_as(path)
    whole, lazy = assemble(series_of(paths)).volumes[0], lazy_of(paths)
    assert whole.quantity is Quantity.SUV_BW
    assert lazy.read().presentation == whole.presentation
    assert np.array_equal(lazy.read().array, whole.array)


def test_frames_of_one_object(tmp_path: Path):
    path = PYDICOM_FILES / "rtdose.dcm"
    whole = assemble(series_of([path])).volumes[0]
    part = lazy_of([path]).read(2, 5)
    assert np.array_equal(part.array, whole.array[2:5])
    assert part.source_of(0) == whole.source_of(2)


def test_colour_is_read_as_a_whole():
    with pytest.raises(UnsupportedModality, match="E338"):
        open_lazily(series_of([PYDICOM_FILES / "SC_rgb_small_odd.dcm"]))
