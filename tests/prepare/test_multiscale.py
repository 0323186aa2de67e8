"""Multi-scale contrast: the pyramid against OpenCV and itself, what is lifted and what is not."""

import numpy as np
import pytest

from hounsfield.errors import PrepareError
from hounsfield.image.phantoms import ChestPhantom
from hounsfield.prepare.multiscale import collapse, laplacian_pyramid
from hounsfield.prepare.sequence import apply_steps, build_steps
from tests.prepare.volumes import volume_of


def lifted(array, **settings):
    return apply_steps(build_steps([{"step": "multiscale-xray", **settings}]), volume_of(array))[0].array


def film():
    return ChestPhantom(rows=140, columns=151).pixels()[None]


@pytest.mark.parametrize("shape", [(64, 64), (61, 90), (16, 200), (9, 9)])
def test_a_pyramid_collapses_to_its_picture(shape):
    picture = np.random.default_rng(0).random(shape)
    np.testing.assert_allclose(collapse(*laplacian_pyramid(picture, 8)), picture, atol=1e-12)


def test_the_pyramid_is_that_of_opencv():
    cv2 = pytest.importorskip("cv2")
    picture = film()[0].astype(np.float64)
    details, base = laplacian_pyramid(picture, 1)
    smaller = cv2.pyrDown(picture)
    np.testing.assert_allclose(base, smaller, atol=1e-9)
    inner = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(
        details[0][inner], (picture - cv2.pyrUp(smaller, dstsize=picture.shape[::-1]))[inner], atol=1e-9
    )


def test_power_one_only_scales():
    picture = film()
    expected = (picture - picture.min()) / float(np.ptp(picture))
    np.testing.assert_allclose(lifted(picture, power=1.0), expected, atol=1e-6)


def test_faint_detail_gains_on_strong_detail():
    r, c = np.mgrid[:128, :128]
    faint = 1.0 * np.sin(2 * np.pi * c / 8) * (r < 60)
    strong = 100.0 * np.sin(2 * np.pi * c / 8) * (r > 68)
    before = (faint + strong)[None]
    after = lifted(before, power=0.6)
    ratios = [np.std(array[0, 20:40, 20:-20]) / np.std(array[0, 90:110, 20:-20]) for array in (before, after)]
    assert ratios[1] > 2 * ratios[0]
    assert ratios[1] <= 4.05 * ratios[0]


def test_values_stay_in_the_display_range_and_flat_or_odd_slices_are_black():
    stack = np.stack([film()[0].astype(np.float32), np.full((140, 151), 7, np.float32)])
    stack[0, 3, 3] = np.nan
    shown = lifted(stack)
    assert (shown[0].min(), shown[0].max()) == (0.0, 1.0)
    assert not shown[1].any()
    assert np.isfinite(shown).all()
    with pytest.raises(PrepareError, match="E405"):
        lifted(np.full((1, 20, 20), np.nan))
