"""Steps between slices and ghosts, planted with a known size."""

import numpy as np
import pytest

from hounsfield.image.quality.motion import ghost_percent, largest_step
from tests.image.quality.scenes import SIDE, body, stack, with_noise


def tapering(count: int, shift_from: int = 99, move: tuple[int, int] = (0, 0)) -> list[np.ndarray]:
    """Return slices of a body that slowly grows, moved from one slice on."""
    planes = []
    for index in range(count):
        image = with_noise(body(radius=0.25 + 0.005 * index), 15.0, index)
        planes.append(np.roll(image, move, axis=(0, 1)) if index >= shift_from else image)
    return planes


@pytest.mark.parametrize("move", [(10, 0), (0, -12), (8, 8), (-16, 6)])
def test_a_step_is_found_where_and_as_long_as_it_is(move):
    step = largest_step(stack(tapering(12, 5, move), spacing_mm=0.8))
    assert step.shift_mm == pytest.approx(0.8 * np.hypot(*move), abs=1.2)
    assert step.slice_number == 5


def test_a_body_that_changes_is_not_a_step():
    assert largest_step(stack(tapering(12))).shift_mm < 2.0


def test_noise_alone_is_not_a_step():
    planes = [with_noise(np.zeros((SIDE, SIDE), np.float32), 20.0, seed) for seed in range(8)]
    assert largest_step(stack(planes)).shift_mm == 0.0


def test_equal_slices_have_no_step():
    assert largest_step(stack([body()] * 6)).shift_mm == 0.0


@pytest.mark.parametrize("count", [1, 4])
def test_short_stacks_are_not_judged(count):
    assert largest_step(stack([body()] * count)) is None


def test_tiny_slices_are_not_judged():
    assert largest_step(stack([body(12)] * 8)) is None


def ghosted(share: float, axis: int) -> np.ndarray:
    """Return a body with half-field ghosts of a share of its signal along an axis, on the noise of a magnitude."""
    signal = np.where(body(radius=0.22) > -500, 1000.0, 0.0)
    ghost = share * np.roll(signal, SIDE // 2, axis=axis)
    grain = np.random.default_rng(2).normal(0, 5.0, (2, SIDE, SIDE))
    return np.asarray(np.hypot(signal + ghost + grain[0], grain[1]), np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_ghosts_follow_the_phase_direction(axis):
    values = [ghost_percent(ghosted(share, axis), axis == 1) for share in (0.0, 0.05, 0.1)]
    assert values[0] == pytest.approx(0, abs=0.2)
    # The ghost fills the strip almost wholly; half of its share by the definition of the measure.
    assert values[1] == pytest.approx(2.5, abs=1.0)
    assert values[2] == pytest.approx(2 * values[1], rel=0.25)
    assert ghost_percent(ghosted(0.1, axis), axis == 0) < 0.2


def test_without_background_there_is_nothing_to_measure():
    assert ghost_percent(np.full((SIDE, SIDE), 100.0, np.float32), True) is None
    assert ghost_percent(np.zeros((SIDE, SIDE), np.float32), True) is None
