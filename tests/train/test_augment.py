"""Augmentation of batches: each kind against scipy, numpy or an analytic image, and repeatable from its draws."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import TypeAdapter, ValidationError  # noqa: E402
from scipy import ndimage  # noqa: E402

from hounsfield.train.artefacts.magnetic import Ghosting, Motion, RicianNoise, Spike  # noqa: E402
from hounsfield.train.artefacts.ultrasound import DepthGain, Shadow, Speckle  # noqa: E402
from hounsfield.train.artefacts.x_ray import Collimation, DoseNoise  # noqa: E402
from hounsfield.train.augment import (  # noqa: E402
    Affine,
    Augmentation,
    BiasField,
    Blur,
    Contrast,
    Erase,
    Gamma,
    Invert,
    LowResolution,
    Noise,
    augment,
    augment_with_masks,
)
from hounsfield.train.chance import generator_at  # noqa: E402
from hounsfield.train.elastic import Elastic  # noqa: E402

KINDS = [
    Affine(rotation_degrees=20, scale=(0.8, 1.2), aspect=0.1, shift_fraction=0.1, shear=0.1, flip_probability=0.5),
    Gamma(exponent=(0.5, 2)),
    Contrast(factor=(0.5, 1.5), brightness=0.2),
    BiasField(strength=0.3),
    Blur(probability=0.5, sigma_pixels=(0.5, 1.5)),
    LowResolution(probability=0.5),
    Noise(probability=0.7, deviation=0.1),
    Erase(probability=0.5),
    Invert(probability=0.5),
    Elastic(probability=0.8, strength=0.4),
    Ghosting(probability=0.8),
    Motion(probability=0.8),
    RicianNoise(probability=0.8, deviation=0.1),
    Spike(probability=0.8),
    DepthGain(probability=0.8),
    Shadow(probability=0.8),
    Speckle(probability=0.8),
    Collimation(probability=0.5, reach=0.3),
    DoseNoise(probability=0.8),
]


def batch(count: int = 6, side: int = 24, seed: int = 0) -> "torch.Tensor":
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(seed))


def at(seed: int) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_same_draw_same_images_and_other_draw_other_images(kind) -> None:
    images = batch()
    before = images.clone()
    first = augment(images, [kind], at(1))
    assert torch.equal(first, augment(images, [kind], at(1)))
    assert not torch.equal(first, augment(images, [kind], at(2)))
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert torch.isfinite(first).all()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_an_image_does_not_depend_on_what_the_others_show(kind) -> None:
    images = batch()
    drawn = kind.draw(images, at(3))
    changed = images.clone()
    changed[1:] = batch(5, seed=9)
    assert torch.equal(kind.apply(images, drawn)[0], kind.apply(changed, drawn)[0])


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.kind not in ("bias-field",)], ids=lambda kind: kind.kind
)
def test_samples_stay_between_black_and_white(kind) -> None:
    changed = augment(batch(64), [kind], at(5))
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1


def test_without_ranges_nothing_changes() -> None:
    images = batch()
    still = [Affine(), Gamma(exponent=(1, 1)), Contrast(factor=(1, 1)), BiasField(strength=0), Noise(deviation=0)]
    torch.testing.assert_close(augment(images, still, at(0)), images, atol=1e-5, rtol=1e-5)


def test_mirror_is_numpys_flip() -> None:
    images = batch()
    mirrored = augment(images, [Affine(flip_probability=1)], at(0))
    np.testing.assert_allclose(mirrored.numpy(), images.numpy()[..., ::-1], atol=1e-5)
    upside = augment(images, [Affine(upside_down_probability=1)], at(0))
    np.testing.assert_allclose(upside.numpy(), images.numpy()[..., ::-1, :], atol=1e-5)


def test_rotation_is_scipys_rotation_by_the_drawn_angle() -> None:
    image = torch.from_numpy(ndimage.gaussian_filter(np.random.default_rng(0).random((33, 33)), 2).astype(np.float32))
    kind = Affine(rotation_degrees=30)
    drawn = kind.draw(image[None, None], at(4))
    matrix = drawn["matrix"][0].numpy()
    angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    assert 1 < abs(angle) < 30
    ours = kind.apply(image[None, None], drawn)[0, 0].numpy()
    theirs = ndimage.rotate(image.numpy(), angle, reshape=False, order=1)
    np.testing.assert_allclose(ours[8:-8, 8:-8], theirs[8:-8, 8:-8], atol=2e-3)


def test_magnification_makes_a_disc_as_much_larger_as_drawn() -> None:
    row, column = torch.meshgrid(torch.arange(65.0), torch.arange(65.0), indexing="ij")
    disc = ((row - 32) ** 2 + (column - 32) ** 2 < 100).float()[None, None]
    area = float(augment(disc, [Affine(scale=(1.5, 1.5))], at(0)).sum() / disc.sum())
    assert area == pytest.approx(1.5**2, rel=0.03)


def test_shift_moves_the_centre_of_mass_within_its_limit() -> None:
    spot = torch.zeros(40, 1, 41, 41)
    spot[:, :, 20, 20] = 1
    moved = augment(spot, [Affine(shift_fraction=0.1)], at(0))
    centres = np.array([ndimage.center_of_mass(image[0].numpy()) for image in moved]) - 20
    assert np.abs(centres).max() <= 0.1 * 41 + 0.01
    assert np.abs(centres).max() > 2


def test_outside_is_black_or_continues_the_border() -> None:
    white = torch.ones(1, 1, 16, 16)
    assert float(augment(white, [Affine(scale=(0.5, 0.5))], at(0))[0, 0, 0, 0]) == 0
    assert float(augment(white, [Affine(scale=(0.5, 0.5), outside="border")], at(0))[0, 0, 0, 0]) == 1


def test_gamma_and_contrast_are_their_formulas() -> None:
    images = batch()
    np.testing.assert_allclose(augment(images, [Gamma(exponent=(2, 2))], at(0)), images.numpy() ** 2, atol=1e-6)
    stretched = augment(images, [Contrast(factor=(0.5, 0.5), clip=False)], at(0)).numpy()
    means = images.numpy().mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(stretched, (images.numpy() - means) * 0.5 + means, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 1.5])
def test_blur_is_scipys_gaussian(sigma: float) -> None:
    images = batch(2)
    ours = augment(images, [Blur(probability=1, sigma_pixels=(sigma, sigma))], at(0)).numpy()
    reach = max(2, math.ceil(2 * sigma))
    for image, blurred in zip(images.numpy(), ours, strict=True):
        expected = ndimage.gaussian_filter(image[0], sigma, mode="nearest", radius=reach)
        np.testing.assert_allclose(blurred[0], expected, atol=1e-5)


def test_blur_works_on_images_smaller_than_its_kernel_and_on_colour() -> None:
    tiny = torch.rand(2, 3, 3, 2)
    changed = augment(tiny, [Blur(probability=1, sigma_pixels=(2, 2))], at(0))
    assert changed.shape == tiny.shape
    torch.testing.assert_close(augment(torch.ones(2, 3, 9, 9), [Blur(probability=1)], at(0)), torch.ones(2, 3, 9, 9))


def test_low_resolution_keeps_the_mean_and_loses_detail() -> None:
    images = batch(8, 32)
    changed = augment(images, [LowResolution(probability=1, fraction=(0.25, 0.25))], at(0))
    torch.testing.assert_close(changed.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=0.02, rtol=0)
    assert float(changed.std()) < 0.4 * float(images.std())


def test_noise_has_the_drawn_deviation() -> None:
    grey = torch.full((400, 1, 32, 32), 0.5)
    noise = augment(grey, [Noise(probability=1, deviation=0.05, clip=False)], at(0)) - 0.5
    deviations = noise.std((1, 2, 3)).numpy()
    assert deviations.max() <= 0.053
    # deviations are even on 0..0.05: mean 0.025, standard error 0.0007
    assert deviations.mean() == pytest.approx(0.025, abs=0.003)


def test_erased_rectangle_has_one_grey_and_the_stated_sides() -> None:
    black = torch.zeros(200, 1, 40, 40)
    changed = augment(black, [Erase(probability=1, fraction=(0.25, 0.5))], at(0)).numpy()[:, 0]
    for image in changed:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        for side in (rows, columns):
            assert 10 <= len(side) <= 20
            assert np.array_equal(side, np.arange(side[0], side[-1] + 1))
        assert len(np.unique(image[image > 0])) == 1


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.8])
def test_share_of_images_changed_is_the_probability(probability: float) -> None:
    images = torch.full((4000, 1, 8, 8), 0.25)
    for kind in (Invert(probability=probability), Erase(probability=probability, fraction=(0.5, 0.5))):
        is_changed = (augment(images, [kind], at(2)) != images).any(3).any(2).any(1).float().mean()
        assert float(is_changed) == pytest.approx(
            probability, abs=3 * math.sqrt(probability * (1 - probability) / 4000)
        )


def test_bias_field_is_smooth_and_positive() -> None:
    field = augment(torch.ones(4, 1, 64, 64), [BiasField(strength=0.5)], at(1)).numpy()[:, 0]
    assert field.min() > 0
    assert np.abs(np.diff(field, axis=1)).max() < 0.1
    assert field.std() > 0.01


def test_recipe_form_names_the_kind_and_refuses_what_it_does_not_know() -> None:
    reader = TypeAdapter(Augmentation)
    assert reader.validate_python({"kind": "affine", "rotation_degrees": 5}) == Affine(rotation_degrees=5)
    for wrong in ({"kind": "wobble"}, {"kind": "affine", "rotation": 5}, {"kind": "blur", "probability": 2}):
        with pytest.raises(ValidationError):
            reader.validate_python(wrong)


def test_masks_move_along_with_their_images() -> None:
    """A mask that is its image thresholded stays so, whatever moves both."""
    kinds = [Affine(rotation_degrees=40, scale=(0.8, 1.3), shift_fraction=0.2, shear=0.2, flip_probability=0.5)]
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    blob = ((rows - 20) ** 2 + (columns - 30) ** 2 < 100).float()
    images = blob.expand(6, 2, 3, 48, 48).contiguous()
    masks = images[:, 0].long()
    moved, labels = augment_with_masks(images, masks, kinds, generator_at(0, "x"))
    assert labels.dtype == masks.dtype
    assert moved.shape == images.shape
    for image, label in zip(moved, labels, strict=True):
        called = image[0] > 0.5
        both = 2 * float((called & (label > 0)).sum()) / float(called.sum() + (label > 0).sum())
        assert both > 0.97
        assert torch.equal(image[0, 0], image[1, 2])
        assert torch.equal(label[0], label[2])
    assert not torch.equal(labels, masks)


def test_mirrored_masks_are_exactly_mirrored() -> None:
    kinds = [Affine(flip_probability=1.0, upside_down_probability=1.0)]
    masks = torch.randint(0, 5, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    images = masks[:, None].float()
    moved, labels = augment_with_masks(images, masks, kinds, generator_at(0, "x"))
    assert torch.equal(labels, masks.flip(2, 3))
    torch.testing.assert_close(moved, images.flip(3, 4), atol=1e-4, rtol=0)


def test_kinds_that_change_samples_leave_masks_and_labels_stay_labels() -> None:
    masks = torch.randint(0, 3, (4, 1, 24, 24), generator=torch.Generator().manual_seed(0))
    images = torch.rand(4, 1, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    still = [kind for kind in KINDS if not isinstance(kind, Affine | Elastic)]
    changed, labels = augment_with_masks(images, masks, still, generator_at(0, "x"))
    assert torch.equal(labels, masks)
    assert not torch.equal(changed, images)
    _, turned = augment_with_masks(images, masks, KINDS, generator_at(0, "x"))
    assert set(turned.unique().tolist()) <= {0, 1, 2}
