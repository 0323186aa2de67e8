"""Artefacts of ultrasound against analytic images: grains of known size, a sector of known sides, a straight line."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import ValidationError  # noqa: E402

from hounsfield.train.artefacts.ultrasound import SOFT_EDGE, DepthGain, Shadow, Speckle  # noqa: E402
from hounsfield.train.augment import augment  # noqa: E402


def at(seed):
    return torch.Generator().manual_seed(seed)


def number(value):
    return torch.tensor([float(value)])


def sector(**changes):
    values = {"strength": 0.6, "width": 0.2, "depth": 0.25, "apex": 1.0, "place": 0.0, **changes}
    return {name: number(value) for name, value in values.items()}


@pytest.mark.parametrize("level", [0.1, 0.3, 0.5])
def test_speckle_grows_with_the_signal(level):
    images = torch.full((1, 1, 256, 256), level)
    noisy = augment(images, [Speckle(probability=1, deviation=(0.15, 0.15), grain_pixels=1)], at(0))
    assert float(noisy.std()) == pytest.approx(0.15 * level, rel=0.02)
    assert float(noisy.mean()) == pytest.approx(level, rel=0.01)


@pytest.mark.parametrize("grain", [1, 2, 4])
def test_grains_have_their_size_and_the_same_deviation(grain):
    images = torch.full((4, 1, 300, 300), 0.4)
    kind = Speckle(probability=1, deviation=(0.1, 0.1), grain_pixels=grain)
    noise = (augment(images, [kind], at(0)) / 0.4 - 1)[:, 0].numpy()
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    for lag in range(1, 6):
        correlation = np.mean(noise[:, :-lag] * noise[:, lag:]) / noise.var()
        # the mean over a square of independent numbers is correlated as a triangle
        assert correlation == pytest.approx(max(0.0, 1 - lag / grain), abs=0.04)


def test_speckle_leaves_black_black_and_channels_alike():
    images = torch.zeros(2, 3, 16, 16)
    images[:, :, 8:] = 0.5
    noisy = augment(images, [Speckle(probability=1)], at(0))
    assert float(noisy[:, :, :8].abs().max()) == 0
    torch.testing.assert_close(noisy[:, 0], noisy[:, 2])
    assert float(noisy[:, :, 8:].std()) > 0


def test_the_shadow_takes_what_it_says_and_nothing_outside():
    image = torch.full((1, 1, 100, 100), 0.8)
    found = Shadow().apply(image, sector())[0, 0]
    row, column = (np.mgrid[:100, :100] + 0.5) / 100
    at_bottom = (column - 0.5) * 2 / (row + 1)
    deep = row >= 0.25
    core = deep & (np.abs(at_bottom) < 0.1 - 0.2 * SOFT_EDGE)
    outside = ~deep | (np.abs(at_bottom) > 0.1)
    assert core.sum() > 300
    np.testing.assert_allclose(found.numpy()[core], 0.8 * 0.4, rtol=1e-5)
    np.testing.assert_array_equal(found.numpy()[outside], np.float32(0.8))
    edge = found.numpy()[~core & ~outside]
    assert ((edge >= 0.8 * 0.4 - 1e-6) & (edge <= 0.8)).all()


def test_its_sides_meet_at_the_apex():
    image = torch.ones(1, 1, 400, 400)
    found = Shadow().apply(image, sector(place=0.2, apex=0.5, depth=0.0, width=0.3))[0, 0].numpy()
    half_dark = found < 1 - 0.6 / 2
    widths = half_dark.sum(1) / 400
    middles = (half_dark * (np.arange(400) + 0.5)).sum(1) / half_dark.sum(1) / 400 - 0.5
    depth = (np.arange(400) + 0.5) / 400
    # by similar triangles both grow as the distance to the apex does
    np.testing.assert_allclose(widths / widths[-1], (depth + 0.5) / 1.5, atol=0.03)
    np.testing.assert_allclose(middles[::20], 0.2 * (depth[::20] + 0.5) / 1.5, atol=0.004)


def test_a_far_apex_is_a_strip():
    found = Shadow(apex=(1e6, 1e6)).apply(torch.ones(1, 1, 50, 50), sector(apex=1e6, depth=0.0))[0, 0]
    torch.testing.assert_close(found, found[:1].expand(50, 50), atol=1e-4, rtol=0)


def test_shadows_begin_at_their_depth():
    found = Shadow().apply(torch.ones(1, 1, 80, 40), sector(depth=0.5))[0, 0]
    assert torch.equal(found[:40], torch.ones(40, 40))
    assert bool((found[40:].amin(1) < 1).all())


def test_an_apex_inside_the_image_is_refused():
    with pytest.raises(ValidationError):
        Shadow(apex=(-0.5, 1.0))


@pytest.mark.parametrize("strength", [(0.4, 1.2), (-0.1, 0.5), (2.0, 3.0)])
def test_a_shadow_that_takes_more_than_there_is_is_refused(strength):
    """More than the whole signal would leave negative greys."""
    with pytest.raises(ValidationError):
        Shadow(strength=strength)


def test_a_whole_shadow_is_black_and_never_below():
    kind = Shadow(probability=1.0, strength=(1.0, 1.0))
    images = torch.rand(8, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    found = kind.apply(images, kind.draw(images, torch.Generator().manual_seed(1)))
    assert float(found.min()) == 0.0
    assert bool((found <= images).all())


def test_gain_is_a_straight_line_down_the_rows():
    image = torch.full((1, 1, 64, 20), 0.5)
    found = DepthGain().apply(image, {"gain": number(0.05), "slope": number(-0.2)})[0, 0].numpy()
    depth = (np.arange(64) + 0.5) / 64 - 0.5
    np.testing.assert_allclose(found, np.repeat(0.5 + 0.05 - 0.2 * depth[:, None], 20, 1), atol=1e-6)


def test_gain_leaves_the_ground_around_the_fan_black():
    images = torch.zeros(50, 1, 32, 32)
    images[:, :, :, 8:24] = 0.4
    changed = augment(images, [DepthGain(probability=1, gain=0.2)], at(0))
    assert float(changed[..., :8].abs().max()) == 0
    assert float((changed[..., 8:24] - 0.4).abs().max()) <= 0.2 + 0.15
    means = changed[..., 8:24].mean((1, 2, 3))
    assert float(means.min()) < 0.4 < float(means.max())


@pytest.mark.parametrize("kind", [Speckle(probability=0.3), Shadow(probability=0.3), DepthGain(probability=0.3)])
def test_as_many_images_are_touched_as_asked(kind):
    images = torch.full((800, 1, 16, 16), 0.5)
    share = float((augment(images, [kind], at(3)) != images).flatten(1).any(1).float().mean())
    assert share == pytest.approx(0.3, abs=0.06)
