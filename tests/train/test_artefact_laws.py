"""Laws that artefacts keep whatever is drawn: energy, moments, scaling, mirrors, and a Fourier matrix written out."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import TypeAdapter, ValidationError  # noqa: E402

from hounsfield.train.artefacts.magnetic import Ghosting, Motion, RicianNoise, Spike  # noqa: E402
from hounsfield.train.artefacts.ultrasound import DepthGain, Shadow, Speckle  # noqa: E402
from hounsfield.train.artefacts.x_ray import Collimation, DoseNoise  # noqa: E402
from hounsfield.train.augment import Augmentation, augment  # noqa: E402
from hounsfield.train.elastic import Elastic, displacement  # noqa: E402

KINDS = [
    Ghosting(probability=0.3, strength=(0.1, 0.2)),
    Spike(amplitude=(0.01, 0.02)),
    Motion(start=(0.6, 0.9)),
    RicianNoise(deviation=0.02),
    Speckle(grain_pixels=3),
    Shadow(width=(0.1, 0.2)),
    DepthGain(slope=0.1),
    DoseNoise(photons=(1e4, 2e4)),
    Collimation(reach=0.2),
    Elastic(spans=3),
]


def at(seed):
    return torch.Generator().manual_seed(seed)


def number(value):
    return torch.tensor([float(value)])


def waves(rows=24, columns=31):
    """Return an image (1, 1, row, column) of two slow waves between 0.35 and 0.65; one side is odd."""
    row, column = np.mgrid[:rows, :columns]
    values = 0.5 + 0.1 * np.sin(2 * np.pi * row / rows) + 0.05 * np.cos(2 * np.pi * 2 * column / columns)
    return torch.from_numpy(values.astype(np.float32))[None, None]


def fourier(side):
    """Return the matrix of the discrete Fourier transform and the frequency of each of its rows."""
    place = np.arange(side)
    frequency = np.where(place < (side + 1) // 2, place, place - side) / side
    return np.exp(-2j * np.pi * np.outer(place, place) / side), frequency


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_kind_is_the_same_after_it_was_written_and_read(kind):
    adapter = TypeAdapter(Augmentation)
    assert adapter.validate_json(adapter.dump_json(kind)) == kind
    with pytest.raises(ValidationError):
        adapter.validate_python({**kind.model_dump(), "probability": 1.5})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_grey_stays_between_black_and_white_from_either_end(kind, level):
    images = torch.full((6, 1, 18, 23), level)
    changed = augment(images, [kind.model_copy(update={"probability": 1})], at(1))
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1 + 1e-6  # a weighted mean of white is white but for rounding
    assert torch.equal(images, torch.full_like(images, level))


@pytest.mark.parametrize(("is_across", "shift"), [(0, 0.13), (1, 0.37), (1, 0.5)])
def test_ghosts_are_those_of_a_fourier_matrix_at_odd_sides_and_broken_shifts(is_across, shift):
    image = waves()
    drawn = {"strength": number(0.3), "shift": number(shift), "phase": number(1.1), "is_across": number(is_across)}
    plane = image[0, 0].double().numpy()
    plane = plane.T if is_across else plane
    matrix, frequency = fourier(len(plane))
    factor = 1 + 0.3 * np.cos(2 * np.pi * frequency * shift * len(plane) + 1.1)
    expected = np.abs(np.linalg.inv(matrix) @ (factor[:, None] * (matrix @ plane)))
    found = Ghosting().apply(image, drawn)[0, 0].numpy()
    np.testing.assert_allclose(found.T if is_across else found, expected, atol=1e-5)


@pytest.mark.parametrize("phase", [0.0, 0.9, math.pi])
def test_an_even_image_is_only_scaled_by_its_ghosts(phase):
    image = torch.full((1, 1, 20, 20), 0.5)
    drawn = {"strength": number(0.4), "shift": number(0.3), "phase": number(phase), "is_across": number(1)}
    expected = torch.full_like(image, 0.5 * (1 + 0.4 * math.cos(phase)))
    torch.testing.assert_close(Ghosting().apply(image, drawn), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("is_across", [0, 1])
def test_motion_keeps_the_energy_as_parseval_says(is_across):
    image = waves(33, 27)
    drawn = {"shift": torch.tensor([[0.11], [-0.07]]), "start": number(0.5), "is_across": number(is_across)}
    found = Motion().apply(image, drawn)
    assert float((found - image).abs().max()) > 1e-3
    assert float(found.double().square().sum()) == pytest.approx(float(image.double().square().sum()), rel=1e-5)


def test_motion_after_the_last_line_is_not_seen():
    image = waves()
    drawn = {"shift": torch.tensor([[0.2], [0.2]]), "start": number(1.0), "is_across": number(0)}
    torch.testing.assert_close(Motion().apply(image, drawn), image, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (21, 30)])
def test_a_spike_is_a_plane_wave_of_no_mean(rows, columns):
    image = torch.full((1, 1, rows, columns), 0.5)
    drawn = {"amplitude": number(0.2), "down": number(3), "across": number(-4), "phase": number(0.4)}
    row, column = np.mgrid[:rows, :columns]
    expected = 0.5 + 0.2 * np.cos(2 * np.pi * (3 * row / rows - 4 * column / columns) + 0.4)
    found = Spike().apply(image, drawn)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.mean() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("signal", [0.1, 0.4])
def test_the_second_moment_of_a_magnitude_is_signal_and_twice_the_noise(signal):
    images = torch.full((1, 1, 400, 400), signal)
    drawn = {"size": number(0.05), "real": 0.05 * torch.randn(images.shape, generator=at(3))}
    drawn["imaginary"] = 0.05 * torch.randn(images.shape, generator=at(4))
    found = RicianNoise().apply(images, drawn).double()
    assert float(found.square().mean()) == pytest.approx(signal**2 + 2 * 0.05**2, rel=5e-3)
    assert float(found.mean()) > signal


def test_speckle_of_half_the_signal_is_half_the_speckle():
    image, kind = waves(), Speckle(probability=1, deviation=(0.1, 0.1))
    drawn = kind.draw(image, at(5))
    torch.testing.assert_close(kind.apply(image / 2, drawn), kind.apply(image, drawn) / 2)


def sector(**changes):
    values = {"strength": 0.5, "width": 0.3, "depth": 0.2, "apex": 0.8, "place": 0.1, **changes}
    return {name: number(value) for name, value in values.items()}


def test_a_shadow_on_the_other_side_is_its_mirror():
    right = Shadow().apply(torch.ones(1, 1, 40, 51), sector(place=0.2))
    left = Shadow().apply(torch.ones(1, 1, 40, 51), sector(place=-0.2))
    torch.testing.assert_close(left, right.flip(-1), atol=1e-5, rtol=0)
    assert not torch.allclose(left, right)


def test_two_shadows_of_one_place_multiply_and_a_stronger_one_is_darker():
    once = Shadow().apply(torch.ones(1, 1, 40, 40), sector())
    twice = Shadow().apply(once, sector())
    torch.testing.assert_close(twice, once.square())
    assert bool((Shadow().apply(torch.ones(1, 1, 40, 40), sector(strength=0.9)) <= once).all())
    assert bool((once <= 1).all())


def test_a_wider_shadow_holds_the_narrower_one():
    narrow, wide = (Shadow().apply(torch.ones(1, 1, 40, 40), sector(width=width)) < 1 for width in (0.15, 0.4))
    assert bool((wide | ~narrow).all())
    assert int(wide.sum()) > int(narrow.sum()) > 0


def test_opposite_gains_undo_each_other():
    image = waves()
    there = DepthGain().apply(image, {"gain": number(0.1), "slope": number(-0.3)})
    back = DepthGain().apply(there, {"gain": number(-0.1), "slope": number(0.3)})
    torch.testing.assert_close(back, image, atol=1e-6, rtol=0)
    assert float((there - image).mean()) == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize(("photons", "attenuation"), [(1e4, 2.0), (5e4, 4.0)])
def test_dose_noise_carries_what_is_known_of_a_logarithm_of_counts(photons, attenuation):
    """The variance of ln N is 1/N for large N (delta method), so that of the brightness is 1/(N attenuation²)."""
    image = torch.full((1, 1, 10, 10), 0.5)
    drawn = {"noise": torch.ones_like(image), "photons": number(photons)}
    added = DoseNoise(attenuation=attenuation).apply(image, drawn) - image
    counted = photons * math.exp(-attenuation * 0.5)
    torch.testing.assert_close(added, torch.full_like(image, 1 / (attenuation * math.sqrt(counted))), rtol=1e-3, atol=0)


def test_shutters_close_once_and_mirror_with_their_sides():
    image = waves(40, 50)
    kind, reach = Collimation(), torch.tensor([[0.1, 0.3, 0.22, 0.04]])
    closed = kind.apply(image, {"reach": reach})
    assert torch.equal(kind.apply(closed, {"reach": reach}), closed)
    assert int((closed > 0).sum()) == (40 - 4 - 12) * (50 - 11 - 2)
    mirrored = kind.apply(image.flip(-2, -1), {"reach": reach[:, [1, 0, 3, 2]]})
    assert torch.equal(mirrored, closed.flip(-2, -1))


@pytest.mark.parametrize(("slope", "spans"), [(0.5, 3), (-1.25, 6)])
def test_a_spline_of_points_on_a_line_is_that_line(slope, spans):
    """Cubic B-splines reproduce straight lines: point i stands at i - 1 spans (de Boor 1978)."""
    line = slope * (torch.arange(spans + 3.0) - 1)
    points = torch.stack([line.expand(spans + 3, -1), line[:, None].expand(-1, spans + 3)])[None]
    field = displacement(points, 20, 33)[0]
    across, down = ((np.arange(side) + 0.5) * spans / side * slope for side in (33, 20))
    np.testing.assert_allclose(field[0].numpy(), np.broadcast_to(across, (20, 33)), atol=1e-5)
    np.testing.assert_allclose(field[1].numpy(), np.broadcast_to(down[:, None], (20, 33)), atol=1e-5)


def test_a_small_bend_and_its_opposite_nearly_meet():
    image = waves(48, 48)
    kind = Elastic(probability=1, spans=3, strength=0.1)
    drawn = kind.draw(image, at(7))
    there = kind.apply(image, drawn)
    back = kind.apply(there, {"points": -drawn["points"]})
    inner = (..., slice(6, -6), slice(6, -6))
    moved = float((there - image)[inner].abs().mean())
    assert moved > 0.002
    assert float((back - image)[inner].abs().mean()) < 0.3 * moved


def test_a_mask_of_the_whole_image_stays_whole_under_the_continued_border():
    kind = Elastic(probability=1, spans=5, strength=0.4, outside="border")
    mask = torch.ones(3, 2, 30, 26, dtype=torch.int64)
    assert torch.equal(kind.apply_to_masks(mask, kind.draw(mask.float(), at(2))), mask)
