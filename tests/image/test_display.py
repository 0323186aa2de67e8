"""Display values against the formulas of PS3.3 C.11.2 and against pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume, Window
from hounsfield.image.assemble import assemble
from hounsfield.image.display import (
    apply_window,
    display_window,
    to_display,
    to_greyscale_pixels,
    value_range,
    without_window,
)
from hounsfield.image.phantoms import ChestPhantom, write_chest
from tests.image.helpers import file_series, only_volume


def volume_of(array: np.ndarray, quantity: Quantity = Quantity.ARBITRARY, **presentation: object) -> Volume:
    shape = array.shape[-3:]
    shown = Presentation(**presentation)  # type: ignore[arg-type]
    return Volume(array, VolumeGeometry(tuple(shape)), quantity, presentation=shown)  # type: ignore[arg-type]


def test_linear_window_of_the_standard() -> None:
    """The example of C.11.2.1.2.1: c=2048, w=4096 is the identity of 12 bits."""
    x = np.array([-5.0, 0.0, 1000.0, 2047.5, 4095.0, 9000.0])
    found = apply_window(x, Window(2048, 4096, "LINEAR"))
    np.testing.assert_allclose(found, [0, 0, 1000 / 4095, 0.5, 1, 1], atol=1e-6)


def test_linear_window_of_width_one_is_a_step() -> None:
    found = apply_window(np.array([98.0, 99.0, 99.5, 100.0, 101.0]), Window(100, 1, "LINEAR"))
    np.testing.assert_array_equal(found, [0, 0, 0, 1, 1])


def test_linear_exact_window() -> None:
    found = apply_window(np.array([-10.0, 0.0, 50.0, 75.0, 100.0]), Window(50, 100, "LINEAR_EXACT"))
    np.testing.assert_allclose(found, [0, 0, 0.5, 0.75, 1], atol=1e-7)


def test_sigmoid_window() -> None:
    x = np.array([0.0, 40.0, 60.0, -1e6, 1e6])
    found = apply_window(x, Window(40, 80, "SIGMOID"))
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-4 * (np.clip(x, -1e4, 1e4) - 40) / 80)), atol=1e-6)


def test_inverted_images_become_white_is_bright(tmp_path: Path) -> None:
    plain = only_volume([write_chest(tmp_path / "plain")])
    inverted = only_volume([write_chest(tmp_path / "inverted", ChestPhantom(is_inverted=True))])
    assert inverted.presentation.is_inverted
    assert not plain.presentation.is_inverted
    np.testing.assert_array_equal(plain.array, 4095 - inverted.array)
    np.testing.assert_allclose(to_display(plain).array, to_display(inverted).array, atol=1e-6)


def test_percentiles_without_a_window() -> None:
    array = np.arange(10_001, dtype=np.int16).reshape(1, 73, 137)
    low, high = value_range(volume_of(array))
    assert (low, high) == (50.0, 9950.0)
    shown = to_display(volume_of(array)).array
    assert shown.min() == 0.0
    assert shown.max() == 1.0
    np.testing.assert_allclose(shown.reshape(-1)[5000], 0.5, atol=1e-6)


def test_padding_is_left_out_and_black() -> None:
    array = np.full((1, 20, 20), -2000, dtype=np.int16)
    array[0, 5:15, 5:15] = np.arange(100).reshape(10, 10)
    shown = to_display(volume_of(array, padding=(-2000.0, -2000.0))).array
    assert shown[0, 0, 0] == 0
    assert shown[0, 10, 10] == pytest.approx(55 / 99, abs=0.02)
    inverted = to_display(volume_of(array, padding=(-2000.0, -2000.0), is_inverted=True)).array
    assert inverted[0, 0, 0] == 0


def test_lookup_table_is_applied_and_clamped() -> None:
    table = np.array([0, 32768, 65535], dtype=np.uint16)
    array = np.array([[[8, 10, 11, 12, 40]]], dtype=np.int16)
    shown = to_display(volume_of(array, lookup_table=(10, table))).array
    np.testing.assert_allclose(shown[0, 0], [0, 0, 32768 / 65535, 1, 1])


def test_pictures_are_divided_by_the_largest_value() -> None:
    eight = to_display(volume_of(np.array([[[0, 51, 255]]], dtype=np.uint8), Quantity.DISPLAY)).array
    np.testing.assert_allclose(eight[0, 0], [0, 0.2, 1])
    sixteen = to_display(volume_of(np.array([[[0, 13107, 65535]]], dtype=np.uint16), Quantity.DISPLAY)).array
    np.testing.assert_allclose(sixteen[0, 0], [0, 0.2, 1])


def test_colour_becomes_the_luma_of_pillow() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    volume = volume_of(np.moveaxis(rgb, -1, 0)[:, np.newaxis], Quantity.DISPLAY)
    expected = np.asarray(Image.fromarray(rgb).convert("L"), dtype=float)
    assert np.abs(to_greyscale_pixels(volume, 0) - expected).max() <= 1
    assert to_display(volume).array.shape == (1, 16, 20)
    assert to_display(volume, keep_colour=True).array.shape == (3, 1, 16, 20)


def test_display_of_display_is_itself() -> None:
    once = to_display(volume_of(np.arange(400, dtype=np.int16).reshape(1, 20, 20)))
    np.testing.assert_array_equal(to_display(once).array, once.array)
    assert once.quantity is Quantity.DISPLAY
    assert once.array.dtype == np.float32


def test_slices_share_the_range_of_the_volume() -> None:
    array = np.stack([np.full((8, 8), 0), np.full((8, 8), 100)]).astype(np.int16)
    volume = volume_of(array)
    assert to_greyscale_pixels(volume, 0).max() == 0
    assert to_greyscale_pixels(volume, 1).min() == 255
    whole = to_display(volume).array
    np.testing.assert_array_equal(to_greyscale_pixels(volume, 1), np.rint(whole[1] * 255).astype(np.uint8))


def test_constant_and_not_finite_samples_stay_in_range() -> None:
    assert not to_display(volume_of(np.full((1, 4, 4), 7, dtype=np.int16))).array.any()
    array = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4)
    array[0, 0, 0], array[0, 0, 1] = np.nan, np.inf
    shown = to_display(volume_of(array)).array
    assert np.isfinite(shown).all()
    assert 0 <= shown.min() <= shown.max() <= 1


def test_window_to_show_by() -> None:
    array = np.arange(10_001, dtype=np.int16).reshape(1, 73, 137)
    volume = volume_of(array, window=Window(40, 400))
    assert display_window(volume) == Window(40, 400)
    bare = without_window(volume)
    window = display_window(bare)
    np.testing.assert_allclose(apply_window(array, window), to_display(bare).array, atol=1e-5)


def test_png_shows_its_own_values(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (70, 90), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    volume = assemble(file_series(tmp_path / "a.png", "image/png")).volumes[0]
    np.testing.assert_array_equal(to_greyscale_pixels(volume, 0), pixels)
