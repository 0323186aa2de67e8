"""Canny's edges against scikit-image and OpenCV, and phantoms whose edges are known."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import canny

from hounsfield.core.quantities import Quantity
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.metrics.edges import figure_of_merit_score
from hounsfield.prepare.canny import Canny, canny_edges
from hounsfield.prepare.sequence import apply_steps, build_steps
from tests.prepare.volumes import volume_of


def picture(noise=4.0, shape=(90, 101), seed=0):
    r, c = np.mgrid[: shape[0], : shape[1]]
    disc = ((r - 40) ** 2 + (c - 45) ** 2 < 600) * 100.0 + (c > 78) * 60.0 + 8 * np.sin(r / 11) * np.cos(c / 7)
    return disc + np.random.default_rng(seed).normal(0, noise, shape)


@pytest.mark.parametrize("sigma", [1.0, 1.7, 3.0])
@pytest.mark.parametrize("limits", [(2.0, 6.0), (5.0, 5.0), (1.0, 9.0)])
def test_it_is_the_one_of_scikit_image(sigma, limits):
    # Its Sobel gradient is 4 times the slope a pixel; ours is the slope.
    image = picture().astype(np.float64)
    ndimage_gain = np.abs(ndimage.sobel(np.add.outer(np.zeros(5), np.arange(5.0)), axis=1)).max()
    low, high = (limit * ndimage_gain for limit in limits)
    theirs = canny(image, sigma, low, high, mode="reflect")
    found = canny_edges(image, (sigma, sigma), (1.0, 1.0), limits).astype(bool)
    assert theirs.sum() > 60
    assert (found != theirs).sum() <= 0.01 * theirs.sum()


def test_it_lies_where_opencv_finds_them():
    cv2 = pytest.importorskip("cv2")
    image = np.clip(picture(2.0), 0, 255)
    smooth = ndimage.gaussian_filter(image, 1.5, mode="reflect")
    theirs = cv2.Canny(smooth.astype(np.uint8), 40, 80, L2gradient=True) > 0  # its gradient is 8 times the slope
    found = canny_edges(image, (1.5, 1.5), (1.0, 1.0), (5.0, 10.0)).astype(bool)
    assert figure_of_merit_score(theirs, found) > 0.85  # it sees whole grey levels


def test_the_edge_of_a_disc_is_its_circle():
    r, c = np.mgrid[:80, :80]
    inside = (r - 40) ** 2 + (c - 38) ** 2 < 24**2
    circle = inside & ~ndimage.binary_erosion(inside)
    noisy = inside * 100.0 + np.random.default_rng(1).normal(0, 10, inside.shape)
    found = canny_edges(noisy, (2.0, 2.0), (1.0, 1.0), (4.0, 10.0)).astype(bool)
    assert figure_of_merit_score(circle, found) > 0.85
    count = ndimage.label(found, np.ones((3, 3)))[1]
    assert count == 1


def test_lines_are_one_sample_wide():
    # A step between two columns has two greatest gradients; one with a sample on the step has one.
    image = np.where(np.arange(40) < 20, 0.0, 100.0)
    image[20] = 50
    found = canny_edges(np.tile(image, (30, 1)), (1.5, 1.5), (1.0, 1.0), (2.0, 5.0))
    assert (found[1:-1].sum(axis=1) == 1).all()
    assert (found[1:-1, 20] == 1).all()


def test_weak_edges_are_kept_where_they_join_strong_ones():
    height = np.linspace(100, 20, 60)[:, None]
    fading = np.where(np.arange(50) < 25, 0.0, 1.0) * height
    alone = fading.copy()
    alone[:35] = 0
    strong = canny_edges(fading, (1.0, 1.0), (1.0, 1.0), (7.0, 25.0))
    assert strong[2:50].any(axis=1).all()
    assert not canny_edges(alone, (1.0, 1.0), (1.0, 1.0), (7.0, 25.0))[40:].any()
    assert not canny_edges(fading, (1.0, 1.0), (1.0, 1.0), (24.0, 25.0))[40:].any()


@pytest.mark.parametrize("spacing_mm", [(0.5, 1.0), (2.0, 1.0)])
def test_a_slanted_edge_is_thin_on_a_grid_that_is_not_square(spacing_mm):
    r, c = np.mgrid[:80, :80]
    slope = (r - 40) * spacing_mm[0] + (c - 40) * spacing_mm[1]
    image = 50 * (1 + np.tanh(slope / 2))
    found = canny_edges(image, (1 / spacing_mm[0], 1 / spacing_mm[1]), spacing_mm, (2.0, 5.0)).astype(bool)
    on_it = np.abs(slope) <= max(spacing_mm)
    assert found[5:-5, 5:-5].any()
    assert not (found & ~on_it).any()


def test_limits_are_drawn_from_quantiles_and_recorded():
    volume = volume_of(picture()[None].astype(np.float32), Quantity.HOUNSFIELD)
    after, trace = apply_steps((Canny(),), volume)
    low, high = trace.steps[0].parameters["drawn"]["limits"]
    assert 0 < low < high
    assert set(np.unique(after.array)) == {0.0, 1.0}
    assert after.quantity is Quantity.DISPLAY
    assert after.enhanced_by == ("canny",)
    given, _ = apply_steps((Canny(low=low, high=high),), volume)
    assert np.array_equal(given.array, after.array)
    with pytest.raises(NotInvertible):
        Canny().invert(after, {})


def test_slices_and_channels_are_worked_on_alone():
    planes = np.stack([picture(seed=seed) for seed in range(3)]).astype(np.int16)
    step = Canny(low=10.0, high=20.0)
    found, _ = apply_steps((step,), volume_of(planes))
    for number in range(3):
        one, _ = apply_steps((step,), volume_of(planes[number : number + 1]))
        assert np.array_equal(one.array[0], found.array[number])
    colour, _ = apply_steps((step,), volume_of(np.stack([planes] * 3)))
    assert np.array_equal(colour.array[1], found.array)


def test_samples_without_value_and_limits_in_the_wrong_order():
    hole = picture()[None].astype(np.float32)
    hole[0, 3, 3] = np.nan
    assert np.isfinite(apply_steps((Canny(),), volume_of(hole))[0].array).all()
    with pytest.raises(PrepareError, match="E405"):
        apply_steps((Canny(),), volume_of(np.full((1, 9, 9), np.nan, np.float32)))
    for wrong in ({"low": 5.0, "high": 2.0}, {"low_quantile": 0.9, "high_quantile": 0.5}):
        with pytest.raises(PrepareError, match="E402"):
            build_steps([{"step": "canny", **wrong}])


def test_a_flat_image_has_no_edges():
    flat, _ = apply_steps((Canny(),), volume_of(np.full((2, 20, 20), 7.0, np.float32)))
    assert not flat.array.any()
