"""Labels to the grid of a network and back: the same labels, on any orientation and any spacing, beside their image."""

import itertools

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError
from hounsfield.prepare.network_input import labels_to_network, labels_to_source, prepare_channels
from hounsfield.prepare.sequence import build_steps
from tests.prepare.volumes import OBLIQUE

Rows = tuple[tuple[float, float, float], ...]
SHAPE, SPACING_MM = (5, 11, 14), (3.3, 0.71, 1.27)


def directions() -> list[Rows]:
    """Return all 24 right-handed ways to lay the axes of a scan along those of the patient, and an oblique one."""
    found: list[Rows] = [OBLIQUE]
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.diag(signs)[:, list(order)]
            if np.linalg.det(matrix) > 0:
                found.append(tuple(map(tuple, matrix.tolist())))
    return found


def grid(direction: Rows = OBLIQUE, spacing_mm: tuple[float, float, float] = SPACING_MM) -> VolumeGeometry:
    return VolumeGeometry(SHAPE, spacing_mm, (-40.0, 12.5, 3.0), direction)  # type: ignore[arg-type]


def labels_of(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 5, shape).astype(np.uint8)


def there_and_back(steps: list[dict[str, object]], geometry: VolumeGeometry, labels: np.ndarray) -> np.ndarray:
    """Return the labels after a journey, and see that image and labels meet on the grid of the network."""
    built = build_steps(steps)
    image = Volume(labels.astype(np.float32), geometry, Quantity.ARBITRARY)
    given = prepare_channels((image,), built, 1)
    there = labels_to_network(built, labels, geometry)
    assert given.images.shape == (1, *there.shape) == (1, *given.geometry.shape)
    assert given.source == geometry
    return labels_to_source(given.trace, there, given.geometry)


@pytest.mark.parametrize("direction", directions())
@pytest.mark.parametrize("to", ["RAS", "axial", "sagittal"])
def test_orientation_and_a_finer_grid_are_undone(direction: Rows, to: str) -> None:
    labels = labels_of()
    steps = [{"step": "orient", "to": to}, {"step": "resample", "spacing_mm": 0.6}, {"step": "z-score"}]
    assert np.array_equal(there_and_back(steps, grid(direction), labels), labels)


@pytest.mark.parametrize("seed", range(12))
def test_any_finer_spacing_keeps_every_label(seed: int) -> None:
    """A sample's nearest neighbour on a finer grid lies within half a fine step, so its own nearest is the sample."""
    chance = np.random.default_rng(seed)
    spacing = tuple(chance.uniform(0.4, 6, 3).tolist())
    finer = [old * share for old, share in zip(spacing, chance.uniform(0.3, 1, 3), strict=True)]
    step = {"step": "resample", "slice_mm": finer[0], "row_mm": finer[1], "column_mm": finer[2]}
    labels = labels_of(seed)
    assert np.array_equal(there_and_back([step], grid(spacing_mm=spacing), labels), labels)


@pytest.mark.parametrize(
    "steps",
    [
        [{"step": "pad", "slices": 8, "rows": 16, "columns": 17}],
        [{"step": "pad-square"}, {"step": "flip", "axis": "rows"}],
        [{"step": "rotate90", "turns": 1}, {"step": "resample", "row_mm": 0.3, "column_mm": 0.5}],
        [{"step": "flip", "axis": "columns"}, {"step": "orient", "to": "coronal"}, {"step": "pad", "rows": 20}],
        [{"step": "percentile-scale", "over": "volume"}, {"step": "pad", "margin_mm": 2.0}, {"step": "z-score"}],
    ],
)
def test_paddings_turns_and_their_chains_are_undone(steps: list[dict[str, object]]) -> None:
    labels = labels_of(1)
    assert np.array_equal(there_and_back(steps, grid(), labels), labels)


def test_a_coarser_grid_gives_back_whole_blocks() -> None:
    """What was lost is lost, but no label is invented, and what is larger than a coarse sample stays where it was."""
    labels = np.zeros((4, 24, 24), dtype=np.uint8)
    labels[1:3, 6:18, 3:15] = 2
    geometry = VolumeGeometry(labels.shape, (2.0, 1.0, 1.0))
    back = there_and_back([{"step": "resample", "row_mm": 3.0, "column_mm": 3.0}], geometry, labels)
    assert np.array_equal(back, labels)
    fine = labels_of(0, (4, 24, 24))
    coarse = there_and_back([{"step": "resample", "row_mm": 3.0, "column_mm": 3.0}], geometry, fine)
    assert set(np.unique(coarse)) <= set(np.unique(fine))
    assert all(len(np.unique(block)) == 1 for block in coarse.reshape(4, 8, 3, 8, 3).swapaxes(2, 3).reshape(-1, 9))


@pytest.mark.parametrize("direction", directions()[::5])
def test_a_marked_voxel_is_at_the_same_place_of_the_patient(direction: Rows) -> None:
    geometry = grid(direction)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[3, 8, 2] = 7
    built = build_steps([{"step": "orient", "to": "LPS"}, {"step": "resample", "spacing_mm": 0.5}])
    given = prepare_channels((Volume(labels.astype(np.float32), geometry, Quantity.ARBITRARY),), built, 1)
    there = labels_to_network(built, labels, geometry)
    marked = given.geometry.to_patient(np.argwhere(there == 7)).mean(axis=0)
    brightest = given.geometry.to_patient(np.argwhere(given.images[0] == given.images.max())).mean(axis=0)
    place = geometry.to_patient([(3, 8, 2)])[0]
    assert np.abs(marked - place).max() <= 0.3
    assert np.abs(brightest - place).max() <= 0.5


def test_numbers_of_objects_beyond_a_byte_come_back() -> None:
    labels = np.arange(np.prod(SHAPE), dtype=np.int32).reshape(SHAPE) * 97
    steps = [{"step": "orient", "to": "RAS"}, {"step": "resample", "spacing_mm": 0.7}]
    back = there_and_back(steps, grid(), labels)
    assert back.dtype == np.int32
    assert np.array_equal(back, labels)


def test_every_channel_takes_the_same_way_and_a_missing_one_has_the_shape_of_the_rest() -> None:
    first = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    steps = build_steps([{"step": "orient", "to": "sagittal"}, {"step": "pad", "rows": 20, "columns": 20}])
    volumes = [Volume(array, grid(), Quantity.ARBITRARY) for array in (first, 1 - first)]
    given = prepare_channels((None, *volumes), steps, 3)
    alone = prepare_channels((volumes[1],), steps, 1)
    assert np.array_equal(given.images[2], alone.images[0])
    assert not given.images[0].any()
    assert given.images.shape == (3, *alone.geometry.shape)
    assert given.geometry == alone.geometry


def test_steps_that_change_values_leave_labels_alone() -> None:
    labels = labels_of(2)
    steps = build_steps([{"step": "percentile-scale", "over": "volume"}, {"step": "z-score"}])
    assert np.array_equal(labels_to_network(steps, labels, grid()), labels)


def test_labels_of_another_grid_than_the_traces_are_refused() -> None:
    image = Volume(labels_of().astype(np.float32), grid(), Quantity.ARBITRARY)
    given = prepare_channels((image,), build_steps([{"step": "resample", "row_mm": 0.4}]), 1)
    with pytest.raises(HounsfieldError) as caught:
        labels_to_source(given.trace, labels_of(), grid())
    assert caught.value.code == "E404"
