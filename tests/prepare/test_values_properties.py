"""What holds of every step that changes values, on pictures of odd sizes and kinds: no step may forget it."""

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.errors import EnhancedPixels, NotInvertible, PrepareError
from hounsfield.prepare.sequence import apply_steps, build_steps, invert_trace
from tests.prepare.volumes import smooth, volume_of

ISOTROPIC = (1.0, 1.0, 1.0)
SMOOTHING = {
    "gaussian": {"sigma_mm": 0.9, "is_planar": True},
    "median": {"size": 5},
    "bilateral": {"sigma_mm": 1.0, "sigma": 4.0},
    "nlm": {"sigma": 4.0, "search": 7},
    "wavelet": {"sigma": 4.0},
    "total-variation": {"sigma": 4.0, "iterations": 30},
}
SHARPENING = {
    "unsharp": {"sigma_mm": 0.9, "amount": 0.6},
    "wiener": {"width_mm": 0.8, "noise_to_signal": 0.02},
}
EDGES = {"sobel": {}, "laplacian-of-gaussian": {"sigma_mm": 1.1}, "canny": {"low": 4.0, "high": 9.0}}
SHOWING = {
    "percentile-scale": {},
    "window": {"center": 40.0, "width": 60.0},
    "gamma": {"gamma": 0.6},
    "clahe": {"tiles": 2},
    "multiscale-xray": {},
}
SCALING = {"rescale": {"minimum": -20.0, "maximum": 90.0}, "z-score": {}}
EVERY = {**SMOOTHING, **SHARPENING, **EDGES, **SHOWING, **SCALING}
KEEPS_HOLES = {**SMOOTHING, **SHARPENING, "laplacian-of-gaussian": EDGES["laplacian-of-gaussian"], **SCALING}
LEVEL_KEPT = {**SMOOTHING, **SHARPENING}
REFUSES_EMPTY = ("gaussian", "median", "bilateral", "nlm", "wavelet", "total-variation", "wiener")


def picture(rows=27, columns=34, slices=1, seed=0):
    """Return a disc on a slope under noise, without any symmetry."""
    s, r, c = np.mgrid[:slices, :rows, :columns]
    disc = ((r - rows * 0.4) ** 2 + (c - columns * 0.6) ** 2 < (0.25 * min(rows, columns)) ** 2) * 50.0
    noise = np.random.default_rng(seed).normal(0, 4, disc.shape)
    return (disc + 0.5 * r + 0.2 * c + 3 * s + noise).astype(np.float32)


def done(name, array, spacing_mm=ISOTROPIC, quantity=Quantity.ARBITRARY, **changes):
    steps = build_steps([{"step": name, **EVERY[name], **changes}])
    return apply_steps(steps, volume_of(array, quantity, spacing_mm))


def made(name, array, *places, **changes):
    return done(name, array, *places, **changes)[0].array


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (2, 7, 1), (3, 2, 5), (1, 17, 6)])
def test_any_size_is_taken_and_only_values_change(name, shape):
    source = np.random.default_rng(1).integers(0, 90, shape).astype(np.int16)
    before = source.copy()
    after, trace = done(name, source, (3.0, 0.8, 0.5))
    assert after.array.shape == shape
    assert after.array.dtype == np.float32
    assert np.isfinite(after.array).all()
    assert after.geometry == volume_of(source, spacing_mm=(3.0, 0.8, 0.5)).geometry
    assert [step.name for step in trace.steps] == [name]
    np.testing.assert_array_equal(source, before)


@pytest.mark.parametrize("name", EVERY)
def test_what_looks_changed_is_marked_and_what_is_marked_is_not_measured(name):
    after, _ = done(name, picture())
    if name in SCALING:
        assert after.enhanced_by == ()
        after.require_measurable()
        return
    assert after.enhanced_by == (name,)
    with pytest.raises(EnhancedPixels, match="E460"):
        after.require_measurable()


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("gamma", "rescale", "z-score")])
def test_what_is_lost_is_not_claimed_to_come_back(name):
    after, trace = done(name, picture())
    with pytest.raises(NotInvertible, match="E403"):
        invert_trace(trace, after)
    np.testing.assert_array_equal(invert_trace(trace, after, geometry_only=True).array, after.array)


@pytest.mark.parametrize("name", LEVEL_KEPT)
@pytest.mark.parametrize("value", [-1000.0, 0.0, 37.5])
def test_a_constant_stays_itself(name, value):
    flat = np.full((2, 19, 23), value, np.float32)
    np.testing.assert_allclose(made(name, flat), value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [*SHOWING, "z-score", "sobel", "canny"])
def test_a_constant_has_neither_contrast_nor_edges(name):
    value = {"window": 10.0}.get(name, 63.0)
    assert not made(name, np.full((1, 20, 33), value, np.float32)).any()


@pytest.mark.parametrize("name", SHOWING)
def test_what_is_shown_lies_from_nought_to_one_and_is_no_quantity(name):
    after, _ = done(name, picture(40, 31), quantity=Quantity.HOUNSFIELD)
    assert after.quantity is Quantity.DISPLAY
    assert after.array.min() >= 0
    assert after.array.max() <= 1
    assert np.ptp(after.array) > 0.5


@pytest.mark.parametrize("name", LEVEL_KEPT)
def test_what_keeps_the_level_keeps_the_quantity(name):
    assert done(name, picture(), quantity=Quantity.HOUNSFIELD)[0].quantity is Quantity.HOUNSFIELD


@pytest.mark.parametrize("name", LEVEL_KEPT)
def test_an_offset_passes_through(name):
    plain, raised = made(name, picture()), made(name, picture() + np.float32(256))
    np.testing.assert_allclose(raised - 256, plain, atol=5e-3)


@pytest.mark.parametrize("name", ["gaussian", "unsharp", "wiener", "laplacian-of-gaussian"])
def test_filters_are_linear(name):
    one, other = picture(seed=1), picture(seed=2)[:, ::-1]
    joined = made(name, 2 * one - 3 * other)
    np.testing.assert_allclose(joined, 2 * made(name, one) - 3 * made(name, other), atol=2e-3)


def test_a_slice_of_nothing_stays_nothing_beside_one_with_noise():
    # All details of an empty slice are 0, and so is the threshold that its bands would have.
    after = made("wavelet", np.concatenate([np.zeros((1, 27, 34), np.float32), picture()]))
    assert not after[0].any()
    np.testing.assert_allclose(after[1], made("wavelet", picture())[0], atol=1e-4)


@pytest.mark.parametrize("name", ["bilateral", "nlm", "wavelet", "total-variation"])
def test_the_unit_of_the_samples_does_not_matter_where_the_noise_is_told_in_it(name):
    source, factor = picture(), np.float32(8)
    scaled = made(name, source * factor, sigma=EVERY[name]["sigma"] * float(factor))
    np.testing.assert_allclose(scaled / factor, made(name, source), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("name", ["bilateral", "nlm", "wavelet", "total-variation"])
def test_the_estimate_of_the_noise_follows_the_unit_and_not_the_offset(name):
    source = picture(40, 50)
    plain, changed = (made(name, array, sigma=None) for array in (source, source * np.float32(4) - np.float32(128)))
    np.testing.assert_allclose((changed + 128) / 4, plain, rtol=1e-4, atol=5e-3)


@pytest.mark.parametrize("name", ["percentile-scale", "gamma", "z-score", "multiscale-xray"])
def test_gain_and_offset_of_the_scanner_vanish(name):
    source = picture(33, 47)
    np.testing.assert_allclose(made(name, source * np.float32(4) + np.float32(64)), made(name, source), atol=2e-5)


@pytest.mark.parametrize("name", SMOOTHING)
def test_means_stay_within_the_range_and_calm_the_noise(name):
    source = picture(40, 51)
    after = made(name, source)
    overshoot = 4 if name == "wavelet" else 1e-3  # a wavelet's low pass has negative taps
    assert source.min() - overshoot <= after.min()
    assert after.max() <= source.max() + overshoot
    corner = np.s_[0, -9:, :12]  # a slope without an edge
    assert np.diff(after[corner]).std() < 0.7 * np.diff(source[corner]).std()


@pytest.mark.parametrize("name", ["gaussian", "median", "bilateral", "nlm", "unsharp", *EDGES, *SCALING])
@pytest.mark.parametrize("axis", [1, 2])
def test_a_mirrored_picture_gives_the_mirrored_result(name, axis):
    source = picture()
    turned = made(name, np.ascontiguousarray(np.flip(source, axis)))
    difference = np.abs(np.flip(turned, axis) - made(name, source))
    if name == "canny":
        assert (difference > 0).mean() < 0.01  # where neighbours are equal one of them is taken
        return
    assert difference.max() < 2e-3


@pytest.mark.parametrize("name", ["gaussian", "bilateral", "unsharp", "total-variation", "laplacian-of-gaussian"])
def test_rows_are_treated_as_columns_with_their_spacing(name):
    source = picture(31, 24)
    plain = made(name, source, (2.0, 0.8, 0.5))
    turned = made(name, np.ascontiguousarray(source.transpose(0, 2, 1)), (2.0, 0.5, 0.8))
    np.testing.assert_allclose(turned.transpose(0, 2, 1), plain, atol=2e-3)


@pytest.mark.parametrize("name", EVERY)
def test_slices_and_colours_are_worked_on_alone(name):
    # What a step draws from the whole (the noise, a range, a mean) is the same for a slice that stands there twice.
    plane = picture(18, 22)
    alone = made(name, plane)
    np.testing.assert_allclose(made(name, np.concatenate([plane, plane])), np.concatenate([alone] * 2), atol=1e-4)
    # Three times as many samples have their percentiles a little closer to the ends.
    tolerance = 3e-3 if name == "percentile-scale" else 1e-4
    np.testing.assert_allclose(made(name, np.stack([plane] * 3)), np.stack([alone] * 3), atol=tolerance)


@pytest.mark.parametrize("name", KEEPS_HOLES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_without_value_takes_none_from_its_neighbours(name, value):
    source = picture()
    source[0, 11, 8] = value
    after = made(name, source)
    assert not np.isfinite(after[0, 11, 8])
    assert np.isfinite(after).sum() == source.size - 1


@pytest.mark.parametrize("name", ["unsharp", "gaussian", "laplacian-of-gaussian", "median"])
def test_far_from_a_hole_nothing_is_seen_of_it(name):
    source = picture(30, 60)
    holed = source.copy()
    holed[0, 14, 4] = np.nan
    np.testing.assert_allclose(made(name, holed)[..., 20:], made(name, source)[..., 20:], atol=1e-6)


@pytest.mark.parametrize("name", [*REFUSES_EMPTY, *SHOWING, "z-score", "canny"])
def test_nothing_but_holes_is_refused(name):
    if name == "window":  # it looks at no sample
        assert np.isnan(made(name, np.full((1, 6, 6), np.nan, np.float32))).all()
        return
    with pytest.raises(PrepareError, match="E405"):
        made(name, np.full((1, 6, 6), np.nan, np.float32))


@pytest.mark.parametrize("size", [2, 4, 30, 33])
def test_a_median_has_a_middle(size):
    with pytest.raises(PrepareError, match="E402"):
        build_steps([{"step": "median", "size": size}])


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("gaussian", {"sigma_mm": 0.0}), ("bilateral", {"sigma": 0.0}), ("nlm", {"patch": 2}),
        ("wavelet", {"wavelet": "bior9"}), ("total-variation", {"iterations": 0}), ("unsharp", {"amount": 0.0}),
        ("wiener", {"noise_to_signal": 0.0}), ("wiener", {"blur": "square"}), ("canny", {"low": 10.0}),
        ("gamma", {"gamma": 0.0}), ("clahe", {"clip": 1.5}), ("multiscale-xray", {"power": 1.5}),
        ("window", {"width": -1.0}), ("rescale", {"maximum": -20.0}), ("z-score", {"over": "stack"}),
        ("sobel", {"sigma_mm": 1.0}), ("median", {"size": 3.0}), ("percentile-scale", {"low_percentile": -1.0}),
        ("gaussian", {"sigma_mm": float("nan")}), ("window", {"center": float("inf")}),
    ],
)  # fmt: skip
def test_settings_out_of_bounds_are_refused_before_a_sample_is_seen(name, wrong):
    with pytest.raises(PrepareError, match="E402"):
        build_steps([{"step": name, **EVERY[name], **wrong}])


@pytest.mark.parametrize("name", ["gamma", "rescale", "z-score"])
def test_what_is_undone_has_its_samples_and_its_quantity_again(name):
    source = smooth(3, 21, 14).array * 500 - 100
    after, trace = done(name, source, quantity=Quantity.HOUNSFIELD)
    back = invert_trace(trace, after)
    np.testing.assert_allclose(back.array, source, atol=2e-3)
    assert back.quantity is Quantity.HOUNSFIELD
    assert back.geometry == after.geometry
