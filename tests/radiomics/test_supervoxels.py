"""Supervoxels against scikit-image and known pieces; contours drawn anew with the chances that they should have."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import variation_of_information
from skimage.segmentation import slic

from hounsfield.radiomics.perturb import Perturbation, PerturbationSettings, grown
from hounsfield.radiomics.supervoxels import around, find_supervoxels, redrawn
from tests.radiomics.phantoms import ball, volume_and_mask

UNIT = (1.0, 1.0, 1.0)


def halves(shape: tuple[int, int, int] = (16, 20, 24), at: int = 11) -> np.ndarray:
    """A bright half beside a dark one; the edge lies where no seed would put it."""
    samples = np.zeros(shape)
    samples[:, :, at:] = 1.0
    return samples


def test_supervoxels_end_at_an_edge_of_intensity() -> None:
    sharp = halves()
    labels = find_supervoxels(sharp, UNIT, 216.0)
    dark, bright = set(np.unique(labels[sharp == 0])), set(np.unique(labels[sharp == 1]))
    assert not dark & bright
    assert len(dark | bright) >= 20


def test_in_a_flat_image_they_are_boxes_of_the_volume_asked_for() -> None:
    labels = find_supervoxels(np.zeros((12, 12, 12)), UNIT, 64.0)
    assert sorted(np.bincount(labels.ravel())) == [64] * 27


@pytest.mark.parametrize("spacing", [(3.0, 1.0, 1.0), (1.0, 2.0, 0.5)])
def test_sides_are_told_in_millimetres(spacing: tuple[float, float, float]) -> None:
    shape = tuple(round(24 / step) for step in spacing)
    labels = find_supervoxels(np.zeros(shape), spacing, 512.0)
    boxes = ndimage.find_objects(labels + 1)
    for box in boxes:
        for part, step in zip(box, spacing, strict=True):
            assert (part.stop - part.start) * step == pytest.approx(8.0, abs=step)


def test_a_single_slice_has_superpixels_of_the_area() -> None:
    labels = find_supervoxels(np.zeros((1, 30, 30)), (5.0, 1.0, 1.0), 500.0)
    assert sorted(np.bincount(labels.ravel())) == [100] * 9


def test_they_part_an_image_as_scikit_image_does() -> None:
    """Seeds and stopping differ, so the labels do; that they tell the same about the image does not."""
    chance = np.random.default_rng(0)
    pieces = ndimage.gaussian_filter(chance.normal(0, 1, (20, 32, 32)), 4)
    samples = (pieces - pieces.min()) / np.ptp(pieces)
    own = find_supervoxels(samples, UNIT, 200.0)
    other = slic(samples, n_segments=100, compactness=0.05, sigma=1.0, channel_axis=None, enforce_connectivity=False)
    ratio = len(np.unique(own)) / len(np.unique(other))
    assert 0.6 < ratio < 1.6

    def unexplained(labels: np.ndarray) -> float:
        names = np.unique(labels)
        means = ndimage.mean(samples, labels, names)
        return float(((samples - means[np.searchsorted(names, labels)]) ** 2).mean() / samples.var())

    assert unexplained(own) < 1.5 * unexplained(other) < 0.3
    mixed = chance.permutation(own.ravel()).reshape(own.shape)
    assert sum(variation_of_information(own, other)) < 0.6 * sum(variation_of_information(mixed, other))


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_a_region_whose_edge_is_that_of_the_image_stays(noise: float) -> None:
    inside = np.pad(ball(9.0, UNIT), 8)
    samples = np.where(inside, 100.0, 0.0) + np.random.default_rng(1).normal(0, noise, inside.shape)
    found = redrawn(samples, inside, UNIT, np.random.default_rng(0))
    overlap = 2 * (found & inside).sum() / (found.sum() + inside.sum())
    assert overlap > 0.95


def test_a_region_without_an_edge_is_drawn_otherwise_by_each_seed() -> None:
    inside = np.pad(ball(9.0, UNIT), 8)
    samples = np.random.default_rng(0).normal(0, 1, inside.shape)
    drawn = [redrawn(samples, inside, UNIT, np.random.default_rng(seed)) for seed in (1, 1, 2, 3)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    for one in drawn:
        assert 0.7 < 2 * (one & inside).sum() / (one.sum() + inside.sum()) < 1.0


def test_supervoxels_are_taken_as_often_as_they_lie_inside() -> None:
    """Boxes of 8 x 8 x 8 in a flat image, of which the region covers 100, 75, 50, 25 and 12.5 percent."""
    inside = np.zeros((8, 8, 40), bool)
    for box, part in enumerate((8, 6, 4, 2, 1)):
        inside[:, :part, 8 * box : 8 * box + 8] = True
    labels = np.arange(40)[None, None, :] // 8 + np.zeros((8, 8, 1), int)
    taken = np.zeros(5)
    for seed in range(400):
        found = redrawn_of(labels, inside, seed)
        taken += [found[:, :, 8 * box + 4].all() for box in range(5)]
    assert taken[0] == 400
    assert taken[4] == 0
    assert taken[1:4] / 400 == pytest.approx([0.75, 0.5, 0.25], abs=0.07)


def redrawn_of(labels: np.ndarray, inside: np.ndarray, seed: int) -> np.ndarray:
    """Draw a region anew along supervoxels that are given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hounsfield.radiomics.supervoxels.find_supervoxels", lambda *_: labels.astype(np.int32))
        return redrawn(np.zeros(inside.shape), inside, UNIT, np.random.default_rng(seed))


def test_something_is_always_taken_of_a_region_smaller_than_a_supervoxel() -> None:
    inside = np.zeros((20, 20, 20), bool)
    inside[10, 10, 10:12] = True
    for seed in range(5):
        found = redrawn(np.zeros(inside.shape), inside, UNIT, np.random.default_rng(seed))
        assert found.any()
        assert found.sum() < 200


def test_a_box_with_a_margin_ends_where_the_image_does() -> None:
    inside = np.zeros((10, 20, 30), bool)
    inside[1:3, 9:12, 15:20] = True
    assert around(inside, (2.0, 1.0, 0.5), 4.0) == (slice(0, 5), slice(5, 16), slice(7, 28))


def test_a_single_slice_is_neither_lost_nor_eaten_from_one_end() -> None:
    """Half a slice of shift would leave nothing to interpolate, and depth below a slice tells its voxels not apart."""
    places = np.indices((1, 40, 40))
    inside = (places[1] - 20) ** 2 + (places[2] - 20) ** 2 <= 100
    volume, mask = volume_and_mask(places[2].astype(float), inside)
    _, moved = Perturbation(shift_fractions=(0.5, 0.0, 0.0)).apply(volume, mask)
    assert np.array_equal(moved.array > 0, inside)
    smaller = grown(inside, (4.0, 1.0, 1.0), -0.4)
    assert ndimage.center_of_mass(smaller)[1:] == pytest.approx((20, 20), abs=0.5)
    assert smaller.sum() == round(0.6 * inside.sum())
    assert (ndimage.distance_transform_edt(inside[0])[inside[0] & ~smaller[0]] < 3.5).all()


def test_a_change_draws_the_contour_anew_only_where_it_is_asked_to() -> None:
    inside = np.pad(ball(8.0, UNIT), 6)
    volume, mask = volume_and_mask(np.random.default_rng(0).normal(0, 1, inside.shape), inside)
    first, second = (Perturbation(contour_seed=seed).apply(volume, mask)[1].array for seed in (1, 2))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, mask.array)
    chance = np.random.default_rng(0)
    assert Perturbation.drawn(PerturbationSettings(redraws=False), chance).contour_seed is None
    assert Perturbation.drawn(PerturbationSettings(), chance).contour_seed is not None
