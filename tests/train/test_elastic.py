"""Elastic deformation against scipy's B-splines and sampling: the field, its limits, and masks that go along."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pydantic import ValidationError  # noqa: E402
from scipy import ndimage  # noqa: E402
from scipy.interpolate import BSpline  # noqa: E402

from hounsfield.train.augment import MovesMasks, augment, augment_with_masks  # noqa: E402
from hounsfield.train.elastic import LARGEST_SHARE, Elastic, displacement  # noqa: E402


def at(seed):
    return torch.Generator().manual_seed(seed)


def smooth(count=2, side=40, seed=0):
    """Return images of smooth noise in 0..1."""
    noise = np.random.default_rng(seed).random((count, 1, side, side))
    blurred = ndimage.gaussian_filter(noise, (0, 0, 2.5, 2.5))
    low, high = blurred.min(), blurred.max()
    return torch.from_numpy(((blurred - low) / (high - low)).astype(np.float32))


def strong(drawn, size=LARGEST_SHARE):
    """Return a draw whose control points are all moved as far as may be."""
    return {"points": drawn["points"].sign() * size}


def spline_values(coefficients, count):
    """Return scipy's uniform cubic B-spline of some coefficients at the centres of ``count`` pixels."""
    spans = len(coefficients) - 3
    knots = np.arange(-3, spans + 4, dtype=float)
    places = (np.arange(count) + 0.5) * spans / count
    return BSpline(knots, coefficients, 3)(places)


@pytest.mark.parametrize(("rows", "columns", "spans"), [(24, 24, 4), (31, 17, 3), (8, 64, 1), (50, 50, 8)])
def test_the_field_is_scipys_spline(rows, columns, spans):
    points = np.random.default_rng(1).normal(size=(spans + 3, spans + 3))
    field = displacement(torch.from_numpy(points).float()[None, None], rows, columns)[0, 0].numpy()
    down = np.stack([spline_values(column, rows) for column in points.T], axis=1)
    expected = np.stack([spline_values(row, columns) for row in down])
    np.testing.assert_allclose(field, expected, atol=1e-5)


def test_equal_points_are_a_shift_of_the_whole():
    field = displacement(torch.full((1, 2, 7, 7), 0.3), 20, 30)
    torch.testing.assert_close(field, torch.full((1, 2, 20, 30), 0.3))


def test_the_field_stays_within_its_points():
    points = 2 * torch.rand(50, 2, 7, 7, generator=at(0)) - 1
    field = displacement(points, 33, 33)
    assert float(field.abs().max()) <= 1
    assert float(field.abs().amax((1, 2, 3)).min()) > 0.1


def test_every_sample_comes_from_where_the_field_says():
    images = smooth()
    kind = Elastic(probability=1, spans=3, strength=0.4)
    drawn = strong(kind.draw(images, at(3)))
    ours = kind.apply(images, drawn)
    rows, columns = np.mgrid[:40, :40].astype(float)
    for image, points, found in zip(images, drawn["points"], ours, strict=True):
        across, down = displacement(points[None], 40, 40)[0].numpy() * (40 / kind.spans)
        places = [np.clip(rows + down, 0, 39), np.clip(columns + across, 0, 39)]
        expected = ndimage.map_coordinates(image[0].numpy(), places, order=1)
        np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-4)
        assert max(np.abs(down).max(), np.abs(across).max()) > 0.5


def test_the_strongest_field_does_not_fold():
    kind = Elastic(probability=1, spans=4, strength=LARGEST_SHARE)
    points = strong(kind.draw(torch.zeros(200, 1, 64, 64), at(0)))["points"]
    across, down = displacement(points, 64, 64).unbind(1)
    step = kind.spans / 64
    x = torch.arange(64.0) * step + across
    y = torch.arange(64.0)[:, None] * step + down
    jacobian = _slope(x, 2) * _slope(y, 1) - _slope(x, 1) * _slope(y, 2)
    assert float(jacobian.min()) > 0
    assert float(jacobian.max() / jacobian.min()) > 3


def test_more_than_the_limit_is_refused():
    for wrong in ({"strength": LARGEST_SHARE + 0.01}, {"strength": -0.1}, {"spans": 0}, {"probability": 1.1}):
        with pytest.raises(ValidationError):
            Elastic(**wrong)


def test_the_mask_moves_with_its_image():
    image = smooth(4, 48)
    mask = (image > 0.5).long()[:, 0]
    kind = Elastic(probability=1, spans=3, strength=0.4)
    assert isinstance(kind, MovesMasks)
    drawn = strong(kind.draw(image, at(5)))
    images, masks = kind.apply(image, drawn), kind.apply_to_masks(mask[:, None], drawn)
    agreement = ((images > 0.5) == (masks > 0)).float().mean()
    still = ((image > 0.5) == (masks > 0)).float().mean()
    # what is not the same lies on the outline, where the nearest label and the mean of neighbours differ
    assert float(agreement) > 0.96
    assert float(1 - still) > 3 * float(1 - agreement)
    assert masks.dtype == mask.dtype


def test_no_label_is_invented_between_two():
    masks = torch.zeros(3, 1, 32, 32, dtype=torch.int64)
    masks[:, :, 8:24, 8:24] = 7
    kind = Elastic(probability=1, strength=0.4)
    moved = kind.apply_to_masks(masks, kind.draw(torch.zeros(3, 1, 32, 32), at(1)))
    assert set(moved.unique().tolist()) == {0, 7}
    assert not torch.equal(moved, masks)


def test_a_still_field_leaves_a_mask_exactly():
    masks = torch.randint(0, 5, (2, 3, 31, 45), generator=at(2))
    kind = Elastic(probability=1, strength=0.4)
    drawn = {"points": torch.full((2, 2, 7, 7), 1e-9)}
    assert torch.equal(kind.apply_to_masks(masks, drawn), masks)


def test_every_slice_and_channel_is_bent_alike():
    plane = smooth(2, 32)
    volumes = plane[:, :, None].expand(2, 2, 3, 32, 32).clone()
    masks = torch.zeros(2, 3, 32, 32, dtype=torch.int64)
    bent, _ = augment_with_masks(volumes, masks, [Elastic(probability=1)], at(0))
    for channel in range(2):
        for index in range(3):
            torch.testing.assert_close(bent[:, channel, index], bent[:, 0, 0])
    assert not torch.allclose(bent, volumes)


def test_some_images_are_left_as_they_are():
    images = smooth(1, 24).expand(400, 1, 24, 24).clone()
    changed = augment(images, [Elastic(probability=0.3)], at(0))
    share = float((changed != images).flatten(1).any(1).float().mean())
    assert share == pytest.approx(0.3, abs=0.07)


def test_outside_is_the_border_or_black():
    image = torch.ones(1, 1, 20, 20)
    drawn = {"points": torch.full((1, 2, 7, 7), 0.4)}
    assert float(Elastic().apply(image, drawn).min()) == 1
    black = Elastic(outside="zeros").apply(image, drawn)
    assert float(black[0, 0, -1, -1]) == 0
    assert float(black[0, 0, 0, 0]) == pytest.approx(1)


def _slope(values, axis):
    return values.diff(dim=axis)[:, :63, :63]
