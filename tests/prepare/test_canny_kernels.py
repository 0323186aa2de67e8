"""Kernels of Canny's edges against plain loops, SimpleITK, and scipy's labels."""

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

from hounsfield.metrics.edges import figure_of_merit_score
from hounsfield.prepare.canny import canny_edges
from hounsfield.prepare.canny_kernels import STRONG, WEAK, keep_strong, thin, track

CHANCE = np.random.default_rng(11)


def thinned(down, across, lengths, limits):
    """Read both sides of each sample along its gradient by scipy's linear interpolation on the neighbour's line."""
    marks = np.zeros(lengths.shape, np.uint8)
    for r in range(1, lengths.shape[0] - 1):
        for c in range(1, lengths.shape[1] - 1):
            step = np.array([down[r, c], across[r, c]], float)
            longest = np.abs(step).max()
            if longest == 0 or lengths[r, c] < limits[0]:
                continue
            sides = np.array([[r, c] + step / longest, [r, c] - step / longest]).T
            if (ndimage.map_coordinates(lengths.astype(float), sides, order=1) <= lengths[r, c] + 1e-9).all():
                marks[r, c] = STRONG if lengths[r, c] >= limits[1] else WEAK
    return marks


@pytest.mark.parametrize("smoothness", [1.0, 2.5])
def test_thinning_keeps_what_is_greatest_along_the_gradient(smoothness):
    image = ndimage.gaussian_filter(CHANCE.normal(size=(30, 34)), smoothness)
    down, across = (part.astype(np.float32) for part in np.gradient(image))
    lengths = np.hypot(down, across)
    limits = (float(np.quantile(lengths, 0.5)), float(np.quantile(lengths, 0.8)))
    marks = np.full(lengths.shape, 9, np.uint8)
    thin((down, across), lengths, limits, marks)
    expected = thinned(down, across, lengths, limits)
    assert set(np.unique(expected)) == {0, WEAK, STRONG}
    assert (marks != expected).mean() < 0.003


def test_the_border_and_what_is_flat_stay_unmarked():
    lengths = np.ones((6, 7), np.float32)
    marks = np.full(lengths.shape, 9, np.uint8)
    thin((lengths, lengths), lengths, (0.5, 0.9), marks)
    assert (marks[1:-1, 1:-1] == STRONG).all()
    assert not marks[[0, -1]].any()
    assert not marks[:, [0, -1]].any()
    thin((lengths * 0, lengths * 0), lengths * 0, (0.0, 0.0), marks)
    assert not marks.any()


@pytest.mark.parametrize("density", [0.2, 0.4, 0.6])
def test_tracking_keeps_the_parts_that_hold_a_strong_sample(density):
    marks = (CHANCE.random((50, 60)) < density).astype(np.uint8) * WEAK
    marks[CHANCE.random(marks.shape) < 0.01] = STRONG
    labels, _ = ndimage.label(marks > 0, np.ones((3, 3)))
    expected = np.isin(labels, np.unique(labels[marks == STRONG])) & (labels > 0)
    track(marks)
    out = np.full(marks.shape, 7, np.int16)
    keep_strong(marks, out)
    assert np.array_equal(out > 0, expected)
    assert set(np.unique(out)) <= {0, 1}


def test_a_spiral_is_followed_to_its_end():
    marks = np.zeros((41, 41), np.uint8)
    angles = np.linspace(0, 8 * np.pi, 4000)
    marks[(20 + angles * np.sin(angles) / 1.4).astype(int), (20 + angles * np.cos(angles) / 1.4).astype(int)] = WEAK
    whole = marks > 0
    marks[20, 20] = STRONG
    track(marks)
    assert np.array_equal(marks == STRONG, whole)


def test_edges_lie_where_simpleitk_finds_them():
    r, c = np.mgrid[:70, :80]
    image = ((r - 33) ** 2 + (c - 41) ** 2 < 500) * 100.0 + (c > 66) * 80.0
    settings = {"lowerThreshold": 3.0, "upperThreshold": 8.0, "variance": [2.25, 2.25]}
    theirs = SimpleITK.CannyEdgeDetection(SimpleITK.GetImageFromArray(image), **settings)
    found = canny_edges(image, (1.5, 1.5), (1.0, 1.0), (3.0, 8.0)).astype(bool)
    reference = SimpleITK.GetArrayFromImage(theirs) > 0
    assert reference.sum() > 100
    assert figure_of_merit_score(reference, found) > 0.85
