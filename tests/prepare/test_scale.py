"""Scaling of samples against scipy, pydicom and numpy, and its robustness."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing
from scipy import stats

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation
from hounsfield.core.volume import Window as VoiWindow
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.grey import Grey
from hounsfield.prepare.scale import PercentileScale, Rescale, Window, ZScore
from hounsfield.prepare.sequence import apply_steps, invert_trace
from hounsfield.prepare.statistics import interior, robust_samples
from tests.prepare.volumes import smooth, volume_of

CHANCE = np.random.default_rng(0)


def done(step, volume):
    drawn = step.draw(volume, CHANCE)
    return step.apply(volume, drawn), drawn


def radiograph(rows=200, columns=160, seed=0):
    """Return an image whose samples fill 60..200 with texture up to every edge."""
    chance = np.random.default_rng(seed)
    r, c = np.mgrid[:rows, :columns]
    wave = 130 + 45 * np.sin(r / 17) * np.cos(c / 13) + 15 * np.sin(r / 3 + c / 5)
    return np.clip(wave + chance.normal(0, 4, wave.shape), 60, 200).astype(np.float32)


def levels(image):
    drawn = PercentileScale(low_percentile=1, high_percentile=99).draw(volume_of(image[None]), CHANCE)
    return drawn["low"][0], drawn["high"][0]


def test_percentiles_are_numpys_on_a_plain_image():
    image = np.random.default_rng(1).normal(size=(1, 300, 200)).astype(np.float32)
    _, drawn = done(PercentileScale(low_percentile=2, high_percentile=90), volume_of(image))
    np.testing.assert_allclose([drawn["low"][0], drawn["high"][0]], np.percentile(image, [2, 90]), atol=2e-3)


def test_percentile_scale_is_linear_between_its_levels_and_clipped():
    after, drawn = done(PercentileScale(), smooth())
    low, high = drawn["low"][1], drawn["high"][1]
    np.testing.assert_allclose(after.array[1], np.clip((smooth().array[1] - low) / (high - low), 0, 1), atol=1e-6)
    assert after.quantity is Quantity.DISPLAY
    assert after.array.dtype == np.float32


@pytest.mark.parametrize(
    "border", [((20, 20), (30, 30)), ((0, 60), (0, 0)), ((100, 100), (100, 100)), ((0, 0), (80, 5))]
)
@pytest.mark.parametrize("value", [0, 255])
def test_flat_borders_do_not_move_the_levels(border, value):
    plain = radiograph()
    bordered = np.pad(plain, border, constant_values=value)
    np.testing.assert_allclose(levels(bordered), levels(plain), atol=0.5)


def test_noisy_borders_do_not_move_the_levels():
    bordered = np.pad(radiograph(), 40)
    noise = np.random.default_rng(2).uniform(0, 3, bordered.shape).astype(np.float32)
    np.testing.assert_allclose(levels(np.maximum(bordered, noise)), levels(radiograph()), atol=0.5)


def test_white_markers_do_not_move_the_levels():
    marked = radiograph()
    marked[10:22, 10:20] = 255
    marked[150:155, 100:136] = 255
    np.testing.assert_allclose(levels(marked), levels(radiograph()), atol=2)


def test_a_marker_in_a_black_border_does_not_move_the_levels():
    bordered = np.pad(radiograph(), 50)
    bordered[10:24, 200:212] = 255
    np.testing.assert_allclose(levels(bordered), levels(radiograph()), atol=4)


@pytest.mark.parametrize("side", [20, 40, 100])
def test_a_saturated_lesion_is_no_marker(side):
    image = radiograph()
    image[50 : 50 + side, 40 : 40 + side] = 255
    assert levels(image)[1] == 255


def test_interior_is_the_whole_where_little_would_be_left():
    image = np.zeros((100, 100), np.float32)
    image[40:60, 48:52] = np.random.default_rng(3).random((20, 4))
    assert interior(image) == (slice(0, 100), slice(0, 100))


def test_statistics_do_not_wrap_round_in_unsigned_types():
    image = np.clip(radiograph(), 0, 255).astype(np.uint8)
    np.testing.assert_allclose(levels(np.pad(image, 30)), levels(image.astype(np.float32)), atol=0.5)


def test_samples_that_are_not_finite_do_not_count():
    image = radiograph()
    image[50:60, 50:60] = np.nan
    image[0, 0] = np.inf
    assert np.isfinite(robust_samples(image)).all()
    np.testing.assert_allclose(levels(image), levels(radiograph()), atol=1)


@pytest.mark.parametrize("step", [PercentileScale(), ZScore()])
def test_a_slice_without_a_finite_sample_is_refused(step):
    image = np.stack([radiograph(), np.full((200, 160), np.nan, np.float32)])
    with pytest.raises(PrepareError) as caught:
        step.draw(volume_of(image), CHANCE)
    assert caught.value.code == "E405"
    assert caught.value.facts["slice_index"] == 1


@pytest.mark.parametrize("step", [PercentileScale(), ZScore()])
@pytest.mark.parametrize("value", [0.0, 7.3, -1000.0])
def test_a_constant_becomes_zero(step, value):
    after, _ = done(step, volume_of(np.full((1, 9, 8), value, np.float32)))
    assert (after.array == 0).all()


@pytest.mark.parametrize("step", [PercentileScale(), ZScore()])
def test_a_slice_of_a_stack_is_scaled_as_it_is_alone(step):
    stack = np.stack([radiograph(seed=1), radiograph(seed=2) * 3])
    whole, _ = done(step, volume_of(stack))
    alone, _ = done(step, volume_of(stack[1:]))
    assert whole.array[1].tobytes() == alone.array[0].tobytes()


def test_z_score_is_scipys():
    image = np.random.default_rng(4).normal(40, 12, (1, 64, 50))
    after, drawn = done(ZScore(), volume_of(image))
    np.testing.assert_allclose(after.array, stats.zscore(image, axis=None), atol=1e-5)
    back = ZScore().invert(after, drawn)
    np.testing.assert_allclose(back.array, image, rtol=1e-5)


def test_window_is_pydicoms_linear_exact():
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored = 16
    dataset.PixelRepresentation = 1
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 40, 400, "LINEAR_EXACT"
    samples = np.arange(-1000, 1000, 7, dtype=np.int16).reshape(1, 2, 143)
    expected = apply_windowing(samples, dataset)
    expected = (expected - expected.min()) / np.ptp(expected)
    after, _ = done(Window(center=40, width=400), volume_of(samples, Quantity.HOUNSFIELD))
    np.testing.assert_allclose(after.array, expected, atol=1e-6)
    assert after.quantity is Quantity.DISPLAY


def test_rescale_goes_there_and_back():
    samples = np.arange(-1024, 3071, 13, dtype=np.int16).reshape(1, 3, 105)
    step, volume = Rescale(minimum=-1024, maximum=3071), volume_of(samples, Quantity.HOUNSFIELD)
    after, drawn = done(step, volume)
    assert after.array.min() == 0
    assert after.quantity is Quantity.ARBITRARY
    back = step.invert(after, drawn)
    assert back.quantity is Quantity.HOUNSFIELD
    np.testing.assert_allclose(back.array, samples, atol=1e-3)


@pytest.mark.parametrize("step", [PercentileScale(), Window(center=0, width=1)])
def test_what_clips_cannot_be_undone(step):
    after, drawn = done(step, smooth())
    with pytest.raises(NotInvertible, match=step.name):
        step.invert(after, drawn)


def test_values_for_another_number_of_slices_are_refused():
    _, drawn = done(ZScore(), smooth(slices=2))
    with pytest.raises(PrepareError) as caught:
        ZScore().apply(smooth(slices=3), drawn)
    assert caught.value.code == "E406"


def test_scaled_samples_forget_the_window_they_were_shown_in():
    shown = smooth().with_array(smooth().array, presentation=Presentation(window=VoiWindow(40, 400)))
    assert done(PercentileScale(), shown)[0].presentation == Presentation()


@pytest.mark.parametrize("settings", [{"low_percentile": 60, "high_percentile": 40}, {"low_percentile": -1}])
def test_percentiles_out_of_order_are_refused(settings):
    with pytest.raises(ValueError, match="percentile"):
        PercentileScale(**settings)


def test_grey_is_pillows_luma():
    from PIL import Image

    pixels = np.random.default_rng(5).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float64)
    after, _ = done(Grey(), volume_of(np.moveaxis(pixels, -1, 0)[:, None]))
    np.testing.assert_allclose(after.array[0], expected, atol=0.51)
    assert not after.is_colour


def test_grey_leaves_grey_as_it_is():
    after, drawn = done(Grey(), smooth())
    np.testing.assert_array_equal(after.array, smooth().array)
    assert Grey().invert(after, drawn).array.shape == smooth().array.shape
    single = volume_of(smooth().array[None])
    after, drawn = done(Grey(), single)
    assert after.array.shape == (2, 41, 30)
    assert Grey().invert(after, drawn).array.shape == (1, 2, 41, 30)


def test_grey_ignores_a_fourth_channel_and_refuses_two():
    chance = np.random.default_rng(6)
    four = chance.random((4, 1, 5, 5)).astype(np.float32)
    np.testing.assert_array_equal(done(Grey(), volume_of(four))[0].array, done(Grey(), volume_of(four[:3]))[0].array)
    with pytest.raises(PrepareError) as caught:
        Grey().draw(volume_of(four[:2]), CHANCE)
    assert caught.value.code == "E408"


def test_lost_colour_does_not_come_back():
    colour = volume_of(np.zeros((3, 1, 4, 4), np.float32))
    after, drawn = done(Grey(), colour)
    with pytest.raises(NotInvertible):
        Grey().invert(after, drawn)
    with pytest.raises(PrepareError):
        Grey().apply(smooth(), drawn)


def stack_of_levels():
    """Return slices of rising level over a background of 0."""
    array = np.random.default_rng(4).normal(0, 5, (4, 30, 32)) + 100 * np.arange(1, 5)[:, None, None]
    array[:, :6] = 0
    return volume_of(array.astype(np.float32), Quantity.ARBITRARY)


@pytest.mark.parametrize("above", [None, 0.0])
def test_z_score_over_the_volume_is_one_scale_of_the_samples_that_count(above):
    volume = stack_of_levels()
    found, trace = apply_steps([ZScore(over="volume", above=above)], volume)
    samples = volume.array if above is None else volume.array[volume.array > above]
    expected = (volume.array - samples.mean(dtype=np.float64)) / samples.std(dtype=np.float64)
    np.testing.assert_allclose(found.array, expected, atol=1e-4)
    np.testing.assert_allclose(invert_trace(trace, found).array, volume.array, atol=1e-3)
    # Slices keep their order of levels, which a scale of each slice takes away.
    assert (np.diff([np.median(plane[6:]) for plane in found.array]) > 0.5).all()
    apart, _ = apply_steps([ZScore(above=above)], volume)
    assert np.ptp([np.median(plane[6:]) for plane in apart.array]) < 0.2


def test_percentiles_over_the_volume_keep_slices_comparable():
    volume = stack_of_levels()
    found, _ = apply_steps([PercentileScale(over="volume")], volume)
    medians = [np.median(plane[6:]) for plane in found.array]
    assert (np.diff(medians) > 0.15).all()
    assert (found.array.min(), found.array.max()) == (0, 1)
    assert np.ptp([np.median(plane[6:]) for plane in apply_steps([PercentileScale()], volume)[0].array]) < 0.1


def test_a_volume_is_scaled_though_a_slice_of_it_is_empty():
    array = stack_of_levels().array.copy()
    array[2] = np.nan
    volume = volume_of(array, Quantity.ARBITRARY)
    for kind in (ZScore, PercentileScale):
        assert np.isfinite(apply_steps([kind(over="volume")], volume)[0].array[[0, 1, 3]]).all()
        with pytest.raises(PrepareError, match="E405"):
            apply_steps([kind()], volume)
        with pytest.raises(PrepareError, match="E405"):
            apply_steps([kind(over="volume")], volume_of(np.full((2, 8, 8), np.nan, np.float32)))
    with pytest.raises(PrepareError, match="E405"):
        apply_steps([ZScore(above=1e9)], volume)
