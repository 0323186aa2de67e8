"""Artefacts of magnetic resonance against their physics: copies by known shifts, one frequency, Rice's law."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import ValidationError  # noqa: E402
from scipy import ndimage, stats  # noqa: E402

from hounsfield.train.artefacts.magnetic import Ghosting, Motion, RicianNoise, Spike  # noqa: E402
from hounsfield.train.augment import augment  # noqa: E402


def at(seed):
    return torch.Generator().manual_seed(seed)


def scene(side=32, seed=0):
    """Return an image (1, 1, side, side) of smooth noise between 0.3 and 0.7, so that nothing is cut at 0 or 1."""
    blurred = ndimage.gaussian_filter(np.random.default_rng(seed).random((side, side)), 1.5, mode="wrap")
    scaled = 0.3 + 0.4 * (blurred - blurred.min()) / (blurred.max() - blurred.min())
    return torch.from_numpy(scaled.astype(np.float32))[None, None]


def number(value):
    return torch.tensor([float(value)])


@pytest.mark.parametrize(("is_across", "axis"), [(0, -2), (1, -1)])
def test_ghosts_are_copies_at_the_drawn_distance(is_across, axis):
    image = scene()
    drawn = {"strength": number(0.2), "shift": number(0.25), "phase": number(0), "is_across": number(is_across)}
    found = Ghosting().apply(image, drawn)
    copies = torch.roll(image, 8, axis) + torch.roll(image, -8, axis)
    torch.testing.assert_close(found, image + 0.1 * copies, atol=1e-5, rtol=0)


def test_a_quarter_turn_of_phase_makes_ghosts_imaginary():
    image = scene()
    drawn = {"strength": number(0.3), "shift": number(0.5), "phase": number(math.pi / 2), "is_across": number(0)}
    moved = torch.roll(image, 16, -2)
    # half a side to either side is the same place: the two copies turn to opposite sides and cancel, but for rounding
    torch.testing.assert_close(Ghosting().apply(image, drawn), image, atol=1e-5, rtol=0)
    drawn["shift"] = number(0.25)
    copies = (torch.roll(image, 8, -2) - torch.roll(image, -8, -2)) * 0.15
    torch.testing.assert_close(Ghosting().apply(image, drawn), torch.hypot(image, copies), atol=1e-5, rtol=0)
    assert not torch.allclose(moved, image)


def test_ghosts_of_a_spot_lie_on_one_line():
    spot = torch.zeros(20, 1, 48, 48)
    spot[:, :, 20, 30] = 1
    changed = augment(spot, [Ghosting(probability=1, strength=(0.4, 0.4))], at(0))[:, 0]
    in_row, in_column = changed[:, 20].sum(1), changed[:, :, 30].sum(1)
    on_line = torch.maximum(in_row, in_column)
    assert float((changed.sum((1, 2)) - on_line).abs().max()) < 1e-3
    assert {True, False} == set((in_row > in_column).tolist())


@pytest.mark.parametrize(("down", "across"), [(3, 5), (-7, 2), (1, 1), (10, -12)])
def test_a_spike_is_one_line_of_frequencies(down, across):
    image = scene()
    drawn = {"amplitude": number(0.1), "down": number(down), "across": number(across), "phase": number(0.7)}
    added = (Spike().apply(image, drawn) - image)[0, 0].numpy()
    space = np.fft.fft2(added)
    strong = {tuple(place) for place in np.argwhere(np.abs(space) > 1e-2).tolist()}
    assert strong == {(down % 32, across % 32), (-down % 32, -across % 32)}
    assert np.abs(space[down % 32, across % 32]) == pytest.approx(0.1 * 32 * 32 / 2, rel=1e-3)
    assert np.angle(space[down % 32, across % 32]) == pytest.approx(0.7, abs=1e-3)


def test_spikes_are_drawn_at_whole_periods_within_their_range():
    images = torch.zeros(300, 1, 40, 60)
    drawn = Spike(probability=1, frequency=(0.1, 0.4)).draw(images, at(0))
    for name, side in (("down", 40), ("across", 60)):
        periods = drawn[name]
        assert torch.equal(periods, periods.round())
        assert float(periods.abs().min()) >= 0.1 * side - 0.5
        assert float(periods.abs().max()) <= 0.4 * side + 0.5
        assert {-1.0, 1.0} == set(periods.sign().tolist())


def test_late_lines_come_from_the_moved_image():
    image = scene(24)
    for is_across in (0, 1):
        drawn = {"shift": torch.tensor([[0.125], [-0.25]]), "start": number(0.7), "is_across": number(is_across)}
        found = Motion().apply(image, drawn)[0, 0].numpy()
        still, moved = image[0, 0].numpy(), np.roll(image[0, 0].numpy(), (3, -6), (0, 1))
        lines = np.fft.fftfreq(24) + 0.5 > 0.7
        late = np.broadcast_to(lines if is_across else lines[:, None], (24, 24))
        space = np.where(late, np.fft.fft2(moved), np.fft.fft2(still))
        np.testing.assert_allclose(found, np.clip(np.abs(np.fft.ifft2(space)), 0, 1), atol=1e-5)
        assert np.abs(found - still).max() > 0.002


def test_motion_keeps_the_mean_and_the_place():
    images = scene(48).expand(30, 1, 48, 48).clone()
    changed = augment(images, [Motion(probability=1, shift_fraction=0.1)], at(0))
    assert float((changed.mean((1, 2, 3)) - images.mean((1, 2, 3))).abs().max()) < 0.01
    assert float((changed - images).abs().amax((1, 2, 3)).min()) > 0
    spot = torch.zeros(30, 1, 48, 48)
    spot[:, :, 24, 24] = 1
    blurred = augment(spot, [Motion(probability=1, shift_fraction=0.1)], at(1))
    assert set(blurred.flatten(1).argmax(1).tolist()) == {24 * 48 + 24}


def test_motion_before_the_middle_line_is_refused():
    with pytest.raises(ValidationError):
        Motion(start=(0.2, 0.6))


@pytest.mark.parametrize("signal", [0.0, 0.2, 0.5])
def test_noise_follows_rices_law(signal):
    images = torch.full((1, 1, 300, 300), signal)
    drawn = RicianNoise(probability=1, deviation=0.1).draw(images, at(0))
    size = float(drawn["size"])
    noisy = RicianNoise().apply(images, drawn).flatten().numpy()
    law = stats.rice(signal / size, scale=size)
    assert noisy.mean() == pytest.approx(law.mean(), rel=0.01)
    assert noisy.std() == pytest.approx(law.std(), rel=0.02)
    assert stats.kstest(noisy[::40], law.cdf).pvalue > 0.001


def test_air_gets_rayleighs_mean():
    images = torch.zeros(1, 1, 400, 400)
    drawn = {"real": torch.randn(images.shape, generator=at(0)) * 0.05, "size": number(0.05)}
    drawn["imaginary"] = torch.randn(images.shape, generator=at(1)) * 0.05
    assert float(RicianNoise().apply(images, drawn).mean()) == pytest.approx(0.05 * math.sqrt(math.pi / 2), rel=0.01)


@pytest.mark.parametrize("kind", [Ghosting(probability=0.4), Motion(probability=0.4), Spike(probability=0.4)])
def test_as_many_images_are_touched_as_asked(kind):
    images = scene(16).expand(600, 1, 16, 16).clone()
    changed = augment(images, [kind], at(3))
    touched = ((changed - images).abs() > 1e-6).flatten(1).any(1)
    assert float(touched.float().mean()) == pytest.approx(0.4, abs=0.07)
    assert torch.equal(changed[~touched], images[~touched])
