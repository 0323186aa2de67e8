"""Properties of augmentation: identity, mirrored twice, mass kept, the chance of each image its own."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import ValidationError  # noqa: E402
from scipy import ndimage  # noqa: E402

from hounsfield.train.artefacts.magnetic import Ghosting, Motion, RicianNoise, Spike  # noqa: E402
from hounsfield.train.artefacts.ultrasound import DepthGain, Shadow, Speckle  # noqa: E402
from hounsfield.train.artefacts.x_ray import Collimation, DoseNoise  # noqa: E402
from hounsfield.train.augment import (  # noqa: E402
    Affine,
    Background,
    BiasField,
    Blur,
    Contrast,
    Erase,
    Gamma,
    Invert,
    LowResolution,
    MovesMasks,
    Noise,
    augment,
    augment_with_masks,
)
from hounsfield.train.elastic import Elastic  # noqa: E402
from hounsfield.train.planner import LARGE_AUGMENT, SMALL_AUGMENT  # noqa: E402

IDENTITIES = [
    Affine(),
    Background(probability=0),
    BiasField(strength=0),
    Blur(probability=0),
    Contrast(factor=(1, 1)),
    Erase(probability=0),
    Gamma(exponent=(1, 1)),
    Invert(probability=0),
    LowResolution(probability=0),
    Noise(probability=0),
    Elastic(probability=1, strength=0),
    Elastic(probability=0),
    Ghosting(probability=0),
    Ghosting(probability=1, strength=(0, 0)),
    Motion(probability=1, shift_fraction=0),
    Motion(probability=0),
    RicianNoise(probability=0),
    Spike(probability=0),
    Spike(probability=1, amplitude=(0, 0)),
    DepthGain(probability=1, gain=0, slope=0),
    Shadow(probability=0),
    Speckle(probability=1, deviation=(0, 0)),
    Collimation(probability=1, reach=0),
    DoseNoise(probability=0),
]
SURE = [
    Affine(rotation_degrees=25, scale=(0.8, 1.2), shift_fraction=0.1, shear=0.1),
    Background(probability=1, level=(0.2, 0.6)),
    BiasField(strength=0.3),
    Blur(probability=1),
    Contrast(factor=(0.5, 0.9), brightness=0.1),
    Erase(probability=1),
    Gamma(exponent=(1.5, 2)),
    Invert(probability=1),
    Noise(probability=1, deviation=0.1),
    Elastic(probability=1, spans=2, strength=0.4),
    Ghosting(probability=1),
    Motion(probability=1),
    RicianNoise(probability=1),
    Spike(probability=1),
    DepthGain(probability=1),
    Shadow(probability=1, depth=(0.1, 0.2), width=(0.4, 0.5)),
    Speckle(probability=1),
    Collimation(probability=1, reach=0.3),
    DoseNoise(probability=1, photons=(300, 500)),
]
"""Kinds whose chance is drawn for each image; the resolution of ``LowResolution`` is the batch's."""


def batch(count=4, side=20, channels=1, seed=0):
    return torch.rand(count, channels, side, side, generator=at(seed))


def at(seed):
    return torch.Generator().manual_seed(seed)


def blob(side=41, row=20.0, column=20.0, sigma=3.0):
    """Return a smooth spot (1, 1, side, side) that is dark long before the edge."""
    rows, columns = torch.meshgrid(torch.arange(float(side)), torch.arange(float(side)), indexing="ij")
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))[None, None]


def named(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.kind)


@named(IDENTITIES)
def test_the_identity_changes_nothing(kind):
    images = batch(channels=3)
    torch.testing.assert_close(augment(images, [kind], at(0)), images, atol=1e-5, rtol=0)


@named([*SURE, LowResolution(probability=1)])
def test_what_is_sure_changes_every_image_and_every_channel_alike_in_shape(kind):
    images = batch(channels=3)
    images[:, :, :3] = 0
    changed = augment(images, [kind], at(1))
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert ((changed != images).flatten(1).any(1)).all()


@named([*SURE, LowResolution(probability=1)])
def test_the_generator_given_is_the_only_chance(kind):
    images = batch()
    torch.manual_seed(1)
    first = augment(images, [kind], at(7))
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    assert torch.equal(first, augment(images, [kind], at(7)))
    assert torch.equal(state, torch.random.get_rng_state())


@named(SURE)
def test_an_image_alone_is_what_it_is_among_others_with_its_own_draw(kind):
    images = batch()
    drawn = kind.draw(images, at(4))
    together = kind.apply(images, drawn)
    for index in range(len(images)):
        own = {}
        for name, values in drawn.items():
            by_case = values.ndim > 1 and values.shape[0] == 2 and values.shape[1] == len(images)
            own[name] = values[:, index : index + 1] if by_case else values[index : index + 1]
        alone = kind.apply(images[index : index + 1], own)
        torch.testing.assert_close(alone[0], together[index], atol=1e-6, rtol=0)


def test_draws_do_not_look_at_the_samples():
    bright, dark = torch.ones(3, 1, 8, 8), torch.zeros(3, 1, 8, 8)
    for kind in (*SURE, LowResolution()):
        one, other = kind.draw(bright, at(9)), kind.draw(dark, at(9))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("flips", [{"flip_probability": 1}, {"upside_down_probability": 1}])
def test_twice_mirrored_is_the_image_again(flips, side):
    images, kind = batch(side=side), Affine(**flips)
    torch.testing.assert_close(augment(images, [kind, kind], at(0)), images, atol=1e-4, rtol=0)


def test_twice_inverted_is_the_image_again():
    images = batch()
    torch.testing.assert_close(augment(images, [Invert(probability=1)] * 2, at(0)), images, atol=1e-6, rtol=0)


def test_a_turn_and_the_opposite_turn_meet_again():
    image, kind = blob(row=17, column=23), Affine(rotation_degrees=30)
    drawn = kind.draw(image, at(3))
    turned = kind.apply(image, drawn)
    assert float((turned - image).abs().max()) > 0.1
    back = drawn | {"matrix": drawn["matrix"].clone()}
    back["matrix"][:, :, :2] = drawn["matrix"][:, :, :2].transpose(1, 2)
    torch.testing.assert_close(kind.apply(turned, back), image, atol=0.05, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_a_turn_and_a_shift_keep_the_mass(seed):
    image = blob()
    moved = augment(image, [Affine(rotation_degrees=180, shift_fraction=0.1)], at(seed))
    assert float(moved.sum()) == pytest.approx(float(image.sum()), rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_a_stretch_changes_the_sides_and_keeps_the_area(seed):
    image, kind = blob(), Affine(aspect=0.3)
    drawn = kind.draw(image, at(seed))
    assert float(torch.linalg.det(drawn["matrix"][0, :, :2])) == pytest.approx(1, abs=1e-5)
    moved = kind.apply(image, drawn)[0, 0].numpy()
    assert moved.sum() == pytest.approx(float(image.sum()), rel=0.01)
    rows, columns = np.indices(moved.shape) - 20.0
    spread = [math.sqrt((moved * axis**2).sum() / moved.sum()) for axis in (rows, columns)]
    stretch = 1 / float(drawn["matrix"][0, 0, 0])
    assert spread[1] / spread[0] == pytest.approx(stretch**2, rel=0.02)


def test_the_centre_goes_where_the_drawn_shift_says():
    image, kind = blob(), Affine(shift_fraction=0.1)
    drawn = kind.draw(image, at(2))
    row, column = ndimage.center_of_mass(kind.apply(image, drawn)[0, 0].numpy())
    across, down = (float(value) * 41 / 2 for value in drawn["matrix"][0, :, 2])
    assert (row, column) == pytest.approx((20 - down, 20 - across), abs=0.02)


def test_either_outside_is_settled_by_the_draw_of_the_batch():
    white, kind = torch.ones(2, 1, 9, 9), Affine(scale=(0.5, 0.5), outside="either")
    drawn = kind.draw(white, at(0))
    corners = {bool(value): float(kind.apply(white, drawn | {"is_border": torch.tensor([value])})[0, 0, 0, 0])
               for value in (True, False)}  # fmt: skip
    assert corners == {True: 1.0, False: 0.0}
    seen = {bool(kind.draw(white, at(seed))["is_border"]) for seed in range(20)}
    assert seen == {True, False}


def test_a_blur_keeps_the_mass_of_what_lies_inside_and_lowers_its_peak():
    image = blob(sigma=1.5)
    blurred = augment(image, [Blur(probability=1, sigma_pixels=(1.2, 1.2))], at(0))
    assert float(blurred.sum()) == pytest.approx(float(image.sum()), rel=1e-4)
    assert float(blurred.max()) < float(image.max())


def test_contrast_keeps_the_mean_and_gamma_the_order():
    images = batch()
    changed = augment(images, [Contrast(factor=(0.4, 1.6), clip=False)], at(0))
    torch.testing.assert_close(changed.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-5, rtol=0)
    raised = augment(images, [Gamma(exponent=(0.5, 2))], at(0))
    assert torch.equal(raised.flatten(1).argsort(1), images.flatten(1).argsort(1))


def test_background_gives_black_its_grey_and_leaves_the_rest():
    images = batch().clamp(min=0.05)
    images[:, :, :, :5] = 0
    changed = augment(images, [Background(probability=1, level=(0.3, 0.5))], at(0))
    assert torch.equal(changed[..., 5:], images[..., 5:])
    for image in changed:
        (level,) = image[..., :5].unique().tolist()
        assert 0.3 <= level <= 0.5
    assert len(changed[..., 0].unique()) == len(images)


def test_bias_multiplies_and_so_leaves_black_black():
    images = batch()
    images[:, :, 4:9] = 0
    changed = augment(images, [BiasField(strength=0.5)], at(0))
    assert torch.equal(changed == 0, images == 0)


@pytest.mark.parametrize("kind", [Erase(probability=1, fraction=(1, 1)), Erase(probability=1, fraction=(0, 0))])
def test_an_erased_rectangle_is_at_most_the_image_and_at_least_a_sample(kind):
    changed = augment(torch.full((20, 1, 9, 5), 2.0), [kind], at(0))
    erased = (changed != 2).flatten(1).sum(1)
    assert set(erased.tolist()) == ({45} if kind.fraction[1] else {1})


@named(SURE)
def test_masks_follow_those_that_move_and_no_others(kind):
    masks = (torch.rand(3, 2, 16, 16, generator=at(0)) < 0.3).long() * 4
    images = torch.rand(3, 1, 2, 16, 16, generator=at(1)) - 0.1
    changed, labels = augment_with_masks(images, masks, [kind], at(2))
    assert not torch.equal(changed, images)
    assert torch.equal(labels, masks) != isinstance(kind, MovesMasks)
    assert set(labels.unique().tolist()) <= {0, 4}


def test_images_with_masks_change_as_images_alone():
    images = torch.rand(3, 1, 1, 16, 16, generator=at(1))
    masks = torch.zeros(3, 1, 16, 16, dtype=torch.long)
    changed, _ = augment_with_masks(images, masks, LARGE_AUGMENT, at(5))
    assert torch.equal(changed[:, :, 0], augment(images[:, :, 0], LARGE_AUGMENT, at(5)))


@pytest.mark.parametrize("kinds", [SMALL_AUGMENT, LARGE_AUGMENT], ids=["small", "large"])
def test_what_the_planner_chooses_leaves_finite_images_of_a_gradient_free_batch(kinds):
    images = batch(8, 28).requires_grad_()
    changed = augment(images, kinds, at(0))
    assert not changed.requires_grad
    assert torch.isfinite(changed).all()
    assert len({tuple(kind.model_dump().items()) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Affine, {"outside": "mirror"}),
        (Erase, {"probability": -0.1}),
        (Invert, {"share": 1}),
        (Noise, {"kind": "blur"}),
    ],
)
def test_settings_that_a_kind_has_not_are_refused(kind, settings):
    with pytest.raises(ValidationError):
        kind(**settings)
