"""Enhancement and edges against OpenCV, scikit-image, scipy and formulas."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import exposure, filters

from hounsfield.core.quantities import Quantity
from hounsfield.errors import EnhancedPixels, PrepareError
from hounsfield.image.phantoms import ChestPhantom
from hounsfield.prepare.clahe import Clahe
from hounsfield.prepare.sequence import apply_steps, build_steps, invert_trace, replay_trace
from tests.prepare.volumes import volume_of


def film(rows=160, columns=128, dtype=np.uint16):
    r, c = np.mgrid[:rows, :columns]
    shade = 0.5 + 0.3 * np.sin(r / 17) * np.cos(c / 23) + 0.1 * np.sin(r * c / 900)
    noise = np.random.default_rng(3).normal(0, 0.02, shade.shape)
    return np.clip((shade + noise) * np.iinfo(dtype).max, 0, np.iinfo(dtype).max).astype(dtype)


def prepared(array, quantity=Quantity.DISPLAY, spacing_mm=(1.0, 1.0, 1.0), **item):
    array = array if array.ndim == 3 else array[None]
    volume = volume_of(array, quantity, spacing_mm)
    return apply_steps(build_steps([item]), volume)


@pytest.mark.parametrize("limit", [1.5, 3.0, 40.0])
@pytest.mark.parametrize(("dtype", "bins"), [(np.uint16, 65536), (np.uint8, 256)])
def test_clahe_is_that_of_opencv(limit, dtype, bins):
    cv2 = pytest.importorskip("cv2")
    picture, top = film(dtype=dtype), float(np.iinfo(dtype).max)
    theirs = cv2.createCLAHE(limit, (8, 8)).apply(picture)
    settings = {"clip": min(limit / bins, 1.0), "bins": bins, "minimum": 0.0, "maximum": top}
    ours = prepared(picture, step="clahe", **settings)[0].array[0] * top
    if dtype == np.uint16:
        assert np.abs(ours - theirs).max() <= 1.5
        return
    # Eight bits are read between the edges of the bins, up to a level apart, as steep as the table is.
    assert np.abs(ours - theirs).mean() < 4
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_clahe_looks_like_that_of_scikit_image():
    picture = film()
    # It spreads what it cut until no bin is above the limit, and we, as OpenCV, once: alike, not equal.
    theirs = exposure.equalize_adapthist(picture, kernel_size=(20, 16), clip_limit=0.01)
    ours = prepared(picture, step="clahe", clip=0.01)[0].array[0]
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.94
    assert np.abs(ours - theirs).mean() < 0.08


@pytest.mark.parametrize("rows", [3, 37, 64, 101])
def test_clahe_takes_every_size_and_kind(rows):
    for array in (film(rows, 50), film(rows, 50, np.uint8), film(rows, 50).astype(np.float32) - 30000):
        shown = prepared(array, step="clahe")[0].array
        assert shown.dtype == np.float32
        assert 0 <= shown.min() <= shown.max() <= 1
        assert np.ptp(shown) > 0.3


def test_clahe_with_one_tile_and_no_limit_is_the_cumulated_histogram():
    values = np.random.default_rng(0).permutation(4096).reshape(64, 64).astype(np.uint16)
    shown = prepared(values, step="clahe", tiles=1, clip=1.0, bins=4096)[0].array[0]
    np.testing.assert_allclose(shown, (values + 1) / 4096, atol=1e-6)


def test_clahe_brings_out_the_lung_of_a_film():
    picture = ChestPhantom().pixels()[::4, ::4].astype(np.float32)
    shown = prepared(picture, step="clahe", clip=0.02)[0].array[0]
    plain = (picture - picture.min()) / np.ptp(picture)
    local = [ndimage.generic_gradient_magnitude(image, ndimage.sobel).mean() for image in (plain, shown)]
    assert local[1] > 1.5 * local[0]


def test_clahe_keeps_nan_apart_and_a_flat_slice_black():
    array = film().astype(np.float32)
    array[5, 6] = np.nan
    shown = prepared(np.stack([array, np.full_like(array, 7)]), step="clahe")[0].array
    assert np.isnan(shown[0, 5, 6])
    assert np.isnan(shown).sum() == 1
    assert not shown[1].any()
    with pytest.raises(PrepareError, match="E405"):
        prepared(np.full((4, 4), np.nan, np.float32), step="clahe")


def test_clahe_bounds_its_contrast():
    flat = film(256, 256).astype(np.float32) * 0 + np.random.default_rng(1).normal(0, 1, (256, 256)).astype(np.float32)
    spread = [
        prepared(flat, step="clahe", clip=clip, minimum=-100.0, maximum=100.0)[0].array.std() for clip in (0.005, 1.0)
    ]
    assert spread[0] < spread[1] / 5


@pytest.mark.parametrize(
    "wrong", [{"clip": 0.0}, {"tiles": 0}, {"bins": 4}, {"minimum": 5.0, "maximum": 5.0}, {"limit": 1}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(PrepareError, match="E402"):
        build_steps([{"step": "clahe", **wrong}])


@pytest.mark.parametrize("gamma", [0.4, 1.0, 2.2])
def test_gamma_is_that_of_scikit_image_and_is_undone(gamma):
    picture = film(dtype=np.uint16).astype(np.float32)
    after, trace = prepared(picture, Quantity.HOUNSFIELD, step="gamma", gamma=gamma)
    unit = (picture - picture.min()) / np.ptp(picture)
    np.testing.assert_allclose(after.array[0], exposure.adjust_gamma(unit, gamma), atol=1e-6)
    back = invert_trace(trace, after)
    np.testing.assert_allclose(back.array[0], picture, atol=20 if gamma > 2 else 1)
    assert back.quantity is Quantity.HOUNSFIELD
    with pytest.raises(EnhancedPixels):
        back.require_measurable()


def test_unsharp_is_that_of_scikit_image():
    picture = film().astype(np.float64)
    ours = prepared(picture, step="unsharp", sigma_mm=1.4, amount=0.8)[0].array[0]
    theirs = filters.unsharp_mask(picture, radius=1.4, amount=0.8, preserve_range=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=0.02)


def test_unsharp_means_millimetres():
    picture = film().astype(np.float64)
    ours = prepared(picture, Quantity.HOUNSFIELD, (5.0, 0.5, 2.0), step="unsharp", sigma_mm=2.0)[0]
    expected = 2 * picture - ndimage.gaussian_filter(picture, (4.0, 1.0))
    np.testing.assert_allclose(ours.array[0], expected, rtol=1e-6, atol=0.02)
    assert ours.quantity is Quantity.HOUNSFIELD


def test_sobel_of_a_slope_is_its_slope_to_the_millimetre():
    r, c = np.mgrid[:20, :30]
    plane = 3.0 * (r * 2.0) + 4.0 * (c * 0.5)  # 3 and 4 a millimetre
    found = prepared(plane, spacing_mm=(1.0, 2.0, 0.5), step="sobel")[0].array[0]
    np.testing.assert_allclose(found[1:-1, 1:-1], 5.0, rtol=1e-6)


def test_sobel_is_that_of_scikit_image():
    picture = film().astype(np.float64)
    found = prepared(picture, step="sobel")[0].array[0]
    np.testing.assert_allclose(found, filters.sobel(picture) * np.sqrt(2) / 2, rtol=1e-5, atol=0.01)


def test_laplacian_of_gaussian_is_that_of_scipy():
    picture = film().astype(np.float64)
    found = prepared(picture, step="laplacian-of-gaussian", sigma_mm=2.0)[0].array[0]
    np.testing.assert_allclose(found, 4 * ndimage.gaussian_laplace(picture, 2.0), rtol=1e-4, atol=0.05)


def test_laplacian_of_gaussian_is_deepest_for_the_blob_of_its_size_on_pixels_that_are_not_square():
    r, c = np.mgrid[:101, :201]
    radius = np.hypot((r - 50) * 1.0, (c - 100) * 0.5)
    blob = np.where(radius <= 8, 100.0, 0.0)
    depth = {
        sigma: prepared(blob, spacing_mm=(1.0, 1.0, 0.5), step="laplacian-of-gaussian", sigma_mm=sigma)[0].array[
            0, 50, 100
        ]
        for sigma in (3.0, 8 / np.sqrt(2), 10.0)
    }
    assert min(depth, key=depth.get) == 8 / np.sqrt(2)


def test_a_trace_gives_the_same_bytes_again():
    volume = volume_of(np.stack([film(), film()[::-1]]))
    items = [{"step": "clahe"}, {"step": "unsharp"}, {"step": "gamma", "gamma": 0.7}]
    after, trace = apply_steps(build_steps(items), volume)
    assert replay_trace(type(trace).from_json(trace.to_json()), volume).array.tobytes() == after.array.tobytes()
    assert after.enhanced_by == ("clahe", "unsharp", "gamma")
    assert Clahe().settings()["clip"] == 0.01
