"""The kernels of turned grids against scipy's affine transform, line by line and at the edges."""

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.prepare.oblique_kernels import cubic_places, linear_places

TURN = np.array([[0.9, 0.1, -0.2, 1.3], [-0.15, 0.8, 0.3, 2.1], [0.2, -0.25, 0.7, 3.7]])


def by_scipy(samples, places, shape, order, mode):
    return ndimage.affine_transform(
        samples.astype(np.float64), places[:, :3], places[:, 3], shape, order=order, mode=mode
    )


@pytest.mark.parametrize("shape", [(6, 9, 11), (1, 9, 11), (6, 1, 11), (2, 2, 2)], ids=str)
@pytest.mark.parametrize(("kernel", "order"), [(linear_places, 1), (cubic_places, 3)], ids=["linear", "cubic"])
def test_inside_it_is_scipys_and_outside_the_value(shape, kernel, order):
    samples = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    out = np.zeros((7, 8, 9), np.float32)
    source = samples if order == 1 else ndimage.spline_filter(samples, 3, np.float32, mode="mirror")
    places = TURN.copy()
    kernel(source, places, -77.0, out, (0, 7))
    at = np.argwhere(np.ones(out.shape)) @ places[:, :3].T + places[:, 3]
    last = np.asarray(shape) - 1
    inside = ((at >= 0) & (at <= last)).all(axis=1).reshape(out.shape)
    beyond = ((at < -0.51) | (at > last + 0.51)).any(axis=1).reshape(out.shape)
    expected = by_scipy(samples, places, out.shape, order, "nearest" if order == 1 else "mirror")
    np.testing.assert_allclose(out[inside], expected[inside], atol=2e-3)
    assert (out[beyond] == -77).all()
    assert (out[~beyond & ~inside] != -77).all()
    assert beyond.any()


@pytest.mark.parametrize("kernel", [linear_places, cubic_places])
def test_a_span_is_all_that_is_written(kernel):
    samples = np.ones((4, 5, 6), np.float32)
    out = np.full((6, 5, 6), 9.0, np.float32)
    kernel(samples, np.eye(3, 4), 0.0, out, (2, 5))
    np.testing.assert_allclose(out[2:4], 1.0, atol=1e-6)
    assert (out[4] == 0).all()
    assert (out[[0, 1, 5]] == 9).all()
