"""From stored values to what is shown: the formulas of PS3.3 over generated headers, and the laws that follow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume, Window
from hounsfield.image.display import apply_window, display_window, to_display, to_greyscale_pixels, without_window
from hounsfield.image.phantoms import ChestPhantom, write_chest
from tests.image.helpers import change, only_volume

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
SIDE = 24


def film(folder: Path, stored: np.ndarray, bits: int, **values: object) -> Volume:
    """Return the volume of one film with these stored values and header fields; None takes a field away."""
    path = write_chest(folder, ChestPhantom(rows=SIDE, columns=SIDE))

    def edit(dataset: Dataset) -> None:
        dataset.Rows, dataset.Columns = stored.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
        dataset.PixelRepresentation = int(stored.dtype.kind == "i")
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
        for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape"):
            if keyword in dataset:
                del dataset[keyword]
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    change(path, edit)
    return only_volume([path])


def header(volume: Volume) -> Dataset:
    return pydicom.dcmread(volume.instances[0].path)


def samples(seed: int, bits: int, is_signed: bool) -> np.ndarray:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    drawn = np.random.default_rng(seed).integers(low, high + 1, (SIDE, SIDE))
    drawn[0, :2] = low, high
    return drawn.astype(np.int16 if is_signed else np.uint16)


def table(values: np.ndarray, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(values) % 65536, first, bits])
    item.add_new("LUTData", "OW", values.astype("<u2").tobytes())
    item.ModalityLUTType = "US"
    return item


# ---- values


@pytest.mark.parametrize("bits", [8, 10, 12, 15, 16])
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize(("slope", "intercept"), [("1", "-1024"), ("0.25", "3.5"), ("-1", "100")])
def test_modality_values_are_those_of_pydicom(tmp_path: Path, bits: int, is_signed: bool, slope: str, intercept: str):
    stored = samples(bits, bits, is_signed)
    volume = film(tmp_path, stored, bits, RescaleSlope=slope, RescaleIntercept=intercept)
    expected = apply_modality_lut(header(volume).pixel_array, header(volume))
    np.testing.assert_array_equal(volume.array[0], expected)
    assert (volume.array.dtype.kind in "iu") == (slope == "1")


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_a_sign_is_a_matter_of_the_intercept(tmp_path: Path, bits: int):
    unsigned, half = samples(3, bits, is_signed=False), 1 << bits - 1
    signed = (unsigned.astype(int) - half).astype(np.int16)
    one = film(tmp_path / "one", unsigned, bits, RescaleSlope="1", RescaleIntercept=str(-half))
    other = film(tmp_path / "other", signed, bits, RescaleSlope="1", RescaleIntercept="0")
    np.testing.assert_array_equal(one.array, other.array)
    np.testing.assert_array_equal(to_display(one).array, to_display(other).array)


@pytest.mark.parametrize("first", [0, 40, 1000])
@pytest.mark.parametrize("entries", [1, 300, 4096])
def test_a_modality_table_clamps_at_both_ends(tmp_path: Path, first: int, entries: int):
    values = np.random.default_rng(entries).integers(0, 65536, entries)
    stored = samples(5, 12, is_signed=False)
    volume = film(tmp_path, stored, 12, ModalityLUTSequence=[table(values, first, 16)])
    expected = values[np.clip(stored.astype(int) - first, 0, entries - 1)]
    np.testing.assert_array_equal(volume.array[0], expected)


# ---- windows


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_windows_of_any_kind_show_what_pydicom_shows(tmp_path: Path, function: str, seed: int):
    chance = np.random.default_rng(seed)
    window = {"WindowCenter": f"{chance.uniform(-500, 2500):.3f}", "WindowWidth": f"{chance.uniform(2, 3000):.3f}"}
    scale = {"RescaleSlope": "0.5", "RescaleIntercept": "-100"}
    volume = film(tmp_path, samples(seed, 12, is_signed=False), 12, VOILUTFunction=function, **window, **scale)
    dataset = header(volume)
    expected = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    low, high = (value * 0.5 - 100 for value in (0, 4095))  # PS3.3 C.11.2.1.2: the range of the output is free
    np.testing.assert_allclose(to_display(volume).array[0], (expected - low) / (high - low), atol=2e-6)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("width", [1.0, 1.5, 2.0, 400.0, 65536.0])
def test_every_window_rises_from_black_to_white_about_its_centre(function: str, width: float):
    x = np.linspace(-3 * width, 3 * width, 601) + 40
    shown = apply_window(x, Window(40, width, function))
    assert (np.diff(shown) >= 0).all()
    assert 0 <= shown.min() < 0.01
    assert 0.99 < shown.max() <= 1
    middle = 39.5 if function == "LINEAR" else 40.0
    mirrored = apply_window(2 * middle - x, Window(40, width, function))
    inside = np.abs(x - middle) > 1e-9  # a step has no value at its edge
    np.testing.assert_allclose((shown + mirrored)[inside], 1, atol=2e-6)


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("slope", "intercept"), [(2.0, -1024.0), (0.125, 7.0), (1000.0, 0.0)])
def test_a_window_scales_with_its_values(function: str, slope: float, intercept: float):
    x = np.arange(-200.0, 300.0)
    one = apply_window(x, Window(40, 120, function))
    other = apply_window(x * slope + intercept, Window(40 * slope + intercept, 120 * slope, function))
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("slope", [0.5, 3.0, 100.0])
def test_what_has_no_window_is_shown_alike_in_any_unit(slope: float):
    values = np.random.default_rng(2).normal(100, 30, (3, 20, 20)).astype(np.float32)
    volume = Volume(values, VolumeGeometry((3, 20, 20)), Quantity.ARBITRARY)
    shown = to_display(volume).array
    scaled = to_display(volume.with_array(values * np.float32(slope) - np.float32(7))).array
    np.testing.assert_allclose(shown, scaled, atol=1e-4)
    black, white = np.mean(shown == 0), np.mean(shown == 1)
    assert black == pytest.approx(0.005, abs=0.002)  # half a per cent at either end
    assert white == pytest.approx(0.005, abs=0.002)


def test_the_window_told_to_viewers_shows_what_is_shown():
    values = np.random.default_rng(4).integers(-1000, 2000, (4, 16, 16)).astype(np.int16)
    volume = Volume(
        values, VolumeGeometry((4, 16, 16)), Quantity.HOUNSFIELD, presentation=Presentation(Window(50, 350))
    )
    for one in (volume, without_window(volume)):
        shown = to_display(one).array
        np.testing.assert_allclose(shown, apply_window(values, display_window(one)), atol=1e-6)
        for index in range(4):
            np.testing.assert_array_equal(to_greyscale_pixels(one, index), np.rint(shown[index] * 255))


# ---- tables and polarity


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("first", [0, 500])
def test_tables_of_any_depth_are_spread_from_black_to_white(tmp_path: Path, bits: int, first: int):
    values = np.sort(np.random.default_rng(bits).integers(0, 1 << bits, 1500))
    values[[0, -1]] = 0, (1 << bits) - 1
    stored = samples(6, 12, is_signed=False)
    volume = film(tmp_path, stored, 12, VOILUTSequence=[table(values, first, bits)])
    shown = to_display(volume).array[0]
    np.testing.assert_allclose(shown, values[np.clip(stored.astype(int) - first, 0, 1499)] / values[-1], atol=1e-5)
    assert (shown.min(), shown.max()) == (0, 1)


def test_a_straight_table_is_a_window(tmp_path: Path):
    stored = samples(7, 12, is_signed=False)
    one = film(tmp_path / "one", stored, 12, VOILUTSequence=[table(np.arange(4096) * 16, 0, 16)])
    other = film(tmp_path / "other", stored, 12, WindowCenter="2048", WindowWidth="4096")
    np.testing.assert_allclose(to_display(one).array, to_display(other).array * (4095 * 16 / 65535), atol=2e-5)


def test_a_window_goes_before_a_table(tmp_path: Path):
    stored = samples(8, 12, is_signed=False)
    window = {"WindowCenter": "1000", "WindowWidth": "500"}
    both = film(tmp_path / "both", stored, 12, VOILUTSequence=[table(np.arange(4096)[::-1], 0, 12)], **window)
    alone = film(tmp_path / "alone", stored, 12, **window)
    assert both.presentation.lookup_table is None
    np.testing.assert_array_equal(to_display(both).array, to_display(alone).array)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize(
    ("photometric", "shape", "is_inverted"),
    [
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "INVERSE", True),  # they say the same and do not cancel: PS3.3 C.11.6.1.2
        ("MONOCHROME1", "IDENTITY", True),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", None, False),
    ],
)
def test_polarity_changes_what_is_shown_and_never_the_values(
    tmp_path: Path, is_signed: bool, photometric: str, shape: str | None, is_inverted: bool
):
    stored = samples(9, 12, is_signed)
    window = {"WindowCenter": "300", "WindowWidth": "1800"}
    polarity = {"PhotometricInterpretation": photometric} | ({"PresentationLUTShape": shape} if shape else {})
    plain = film(tmp_path / "plain", stored, 12, PhotometricInterpretation="MONOCHROME2", **window)
    volume = film(tmp_path / "film", stored, 12, **window, **polarity)
    np.testing.assert_array_equal(volume.array, plain.array)
    assert volume.presentation.is_inverted is is_inverted
    shown, straight = to_display(volume).array, to_display(plain).array
    np.testing.assert_allclose(shown, 1 - straight if is_inverted else straight, atol=1e-6)


@pytest.mark.parametrize("is_inverted", [False, True])
def test_padding_is_black_and_leaves_the_range_alone(is_inverted: bool):
    values = np.random.default_rng(1).integers(0, 1000, (2, 20, 20)).astype(np.int16)
    presentation = Presentation(is_inverted=is_inverted, padding=(-2000, -1500))
    whole = Volume(values, VolumeGeometry((2, 20, 20)), Quantity.HOUNSFIELD, presentation=presentation)
    framed = np.pad(values, ((0, 0), (3, 3), (3, 3)), constant_values=-1700)
    padded = replace(whole, array=framed, geometry=VolumeGeometry((2, 26, 26)))
    shown = to_display(padded).array
    np.testing.assert_array_equal(shown[:, 3:-3, 3:-3], to_display(whole).array)
    assert not shown[framed == -1700].any()
