"""The width of the sharpest edges follows the blur that was applied."""

import numpy as np
import pytest
from skimage import data

from hounsfield.image.quality.blur import edge_sigma
from tests.image.quality.scenes import blurred, body, with_noise


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
def test_the_blur_of_a_drawn_edge_is_found(sigma):
    assert edge_sigma([blurred(body(512), sigma)]) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0])
def test_it_is_found_in_noise(sigma):
    assert edge_sigma([with_noise(blurred(body(512), sigma), 20.0)], 20.0) == pytest.approx(sigma, rel=0.15)


def test_a_sharp_edge_is_sharp():
    assert edge_sigma([body()]) < 0.5
    assert edge_sigma([with_noise(body(), 20.0)], 20.0) < 0.5


@pytest.mark.parametrize("name", ["camera", "coins", "page"])
def test_more_blur_of_a_photograph_is_a_larger_value(name):
    image = np.asarray(getattr(data, name)(), np.float32)
    widths = [edge_sigma([blurred(image, sigma)]) for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert widths == sorted(widths)
    assert widths[3] > 1.5 * widths[2] > 2.25 * widths[1]


def test_values_do_not_depend_on_brightness_and_contrast():
    image = blurred(body(), 2.0)
    assert edge_sigma([0.01 * image + 7]) == pytest.approx(edge_sigma([image]), rel=1e-3)


@pytest.mark.parametrize("image", [np.zeros((64, 64), np.float32), np.zeros((8, 8), np.float32)])
def test_without_edges_there_is_no_width(image):
    assert edge_sigma([image]) is None


def test_no_planes_no_width():
    assert edge_sigma([]) is None
