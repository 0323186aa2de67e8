"""Image and mask on one grid, and stored values as indices of labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.masked_files import FileMaskReader, require_one_grid
from hounsfield.cases.masked_table import MaskedCase
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.errors import DatasetError, HounsfieldError
from tests.cases.examples import picture
from tests.cases.masked_examples import disc, grains, noise, save, solid

GRID = VolumeGeometry((4, 5, 6), (3.0, 2.0, 1.0))


def shifted(millimetres: float, axis: int) -> VolumeGeometry:
    origin = [0.0, 0.0, 0.0]
    origin[axis] = millimetres
    return replace(GRID, origin_mm=tuple(origin))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rounded_positions_are_one_grid(axis: int) -> None:
    require_one_grid("x", GRID, shifted(0.09, axis))
    with pytest.raises(DatasetError) as caught:
        require_one_grid("x", GRID, shifted(0.11, axis))
    assert caught.value.code == "E881"


def test_a_small_turn_of_a_large_grid_is_found() -> None:
    large = replace(GRID, shape=(4, 500, 500))
    angle = np.radians(0.2)
    turned = ((0.0, np.sin(angle), np.cos(angle)), (0.0, np.cos(angle), -np.sin(angle)), (1.0, 0.0, 0.0))
    straight = replace(large, direction=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    with pytest.raises(DatasetError) as caught:
        require_one_grid("x", straight, replace(straight, direction=turned))
    assert caught.value.code == "E881"


def test_another_spacing_is_found() -> None:
    with pytest.raises(DatasetError):
        require_one_grid("x", GRID, replace(GRID, spacing_mm=(3.0, 2.0, 1.1)))


def test_places_do_not_count_where_one_is_unknown() -> None:
    require_one_grid("x", GRID, replace(shifted(50.0, 1), calibration=Calibration.NONE))
    with pytest.raises(DatasetError):
        require_one_grid("x", GRID, VolumeGeometry((4, 5, 7), calibration=Calibration.NONE))


@pytest.mark.parametrize("values", [(0, 1, 2), (0, 128, 255), (0, 2, 1), (5, 0, 9)])
def test_values_become_indices(values: tuple[int, ...]) -> None:
    reader = FileMaskReader(("background", "a", "b"), values)
    generator = np.random.default_rng(3)
    expected = generator.integers(0, 3, (2, 9, 9))
    stored = np.asarray(values)[expected].astype(np.uint16)
    found = reader.indices(stored, "x")
    assert found.dtype == np.uint8
    assert (found == expected).all()


@pytest.mark.parametrize("value", [3, 70, 60000])
def test_an_unknown_value_is_refused_by_number(value: int) -> None:
    reader = FileMaskReader(("background", "a"), (0, 65))
    with pytest.raises(DatasetError) as caught:
        reader.indices(np.array([[[0, 65, value]]], dtype=np.uint16), "x")
    assert caught.value.facts == {"case": "x", "found": str(value), "expected": "0, 65"}


def test_numbers_of_objects_stay(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", picture(1, 64))
    mask = save(tmp_path / "m.png", grains(30) * 700)
    found = FileMaskReader(("background", "nucleus"), is_instances=True).read(MaskedCase("a", (image,), mask))
    assert (found.mask.array[0] == grains(30).astype(int) * 700 % 65536).all()
    assert {concept.meaning for concept in found.mask.labels.values()} == {"nucleus"}
    assert len(found.mask.labels) == 30


def test_channels_of_several_files_and_of_one(tmp_path: Path) -> None:
    one, two = save(tmp_path / "1.nii.gz", noise(1)), save(tmp_path / "2.nii.gz", noise(2))
    mask = save(tmp_path / "m.nii.gz", solid())
    reader = FileMaskReader(("background", "a"))
    found = reader.read(MaskedCase("x", (one, None, two), mask))
    assert [volume is None for volume in found.volumes] == [False, True, False]
    assert found.volumes[0].array.sum() == noise(1).sum()
    with pytest.raises(HounsfieldError) as caught:
        reader.read(MaskedCase("x", (one, one), mask))
    assert (caught.value.code, caught.value.facts["reason"]) == ("E818", "1 volumes, 2 channels")


def test_a_case_without_any_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HounsfieldError) as caught:
        FileMaskReader(("background", "a")).read(MaskedCase("x", (None,), None))
    assert caught.value.code == "E818"


def test_a_case_without_mask_has_an_empty_one(tmp_path: Path) -> None:
    image = save(tmp_path / "a.png", picture(1))
    found = FileMaskReader(("background", "a")).read(MaskedCase("x", (image,), None))
    assert found.mask.array.shape == (1, 48, 48)
    assert not found.mask.array.any()
    assert found.mask.labels[1].meaning == "a"


def test_a_colour_picture_is_one_channel(tmp_path: Path) -> None:
    colours = np.stack([picture(1), picture(2), picture(3)], axis=-1)
    image, mask = save(tmp_path / "a.png", colours), save(tmp_path / "m.png", disc())
    found = FileMaskReader(("background", "a")).read(MaskedCase("x", (image,), mask))
    assert found.volumes[0].array.shape == (3, 1, 48, 48)
    assert (found.volumes[0].array[2, 0] == picture(3)).all()
