"""Modality values, padding and display values against the clauses of PS3.3 and against DCMTK's renderer."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume, Window
from hounsfield.errors import Undecodable
from hounsfield.image.display import apply_window, display_window, to_display, to_greyscale_pixels, value_range
from hounsfield.image.phantoms import BodyPhantom, HeadPhantom, pose_geometry, write_ct, write_head
from tests.image.helpers import assemble_files, change, codes, only_volume

Tool = Callable[[str, str], Path]
HEAD = HeadPhantom(pose_geometry((1, 40, 44), (25.0, 5.0, 4.0)))


def _slice(folder: Path, stored: np.ndarray | None = None, **values: Any) -> Path:
    """Write one MR slice, with other samples and header values where given."""
    (path,) = write_head(folder, HEAD)

    def edit(dataset: Dataset) -> None:
        if stored is not None:
            dataset.Rows, dataset.Columns = stored.shape
            dataset.PixelData = stored.tobytes()
            dataset.BitsStored, dataset.HighBit = 16, 15
            dataset.PixelRepresentation = int(stored.dtype.kind == "i")
        for keyword, value in values.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)

    change(path, edit)
    return path


def _volume(array: np.ndarray, quantity: Quantity = Quantity.ARBITRARY, **presentation: Any) -> Volume:
    slices, rows, columns = array.shape[-3:]
    return Volume(array, VolumeGeometry((slices, rows, columns)), quantity, presentation=Presentation(**presentation))


@pytest.mark.parametrize(
    ("window", "points"),
    [
        # LINEAR: at most c - 0.5 - (w - 1) / 2 is black, above c - 0.5 + (w - 1) / 2 is white (C.11.2.1.2.1).
        (Window(40, 400), {-161: 0, -160: 0, -159: 1 / 399, 39.5: 0.5, 238: 398 / 399, 239: 1, 240: 1}),
        (Window(2048, 4096), {-1: 0, 0: 0, 1: 1 / 4095, 2047: 2047 / 4095, 4095: 1, 4096: 1}),
        (Window(0, 100), {-50: 0, -49: 1 / 99, 48: 98 / 99, 49: 1}),
        (Window(0, 1), {-1: 0, -0.5: 0, -0.49: 1, 0: 1}),
        (Window(-600, 1600), {-1400: 0, -1399: 1 / 1599, 199: 1}),
        # LINEAR_EXACT: at most c - w / 2 is black, above c + w / 2 is white (C.11.2.1.3.2).
        (Window(2048, 4096, "LINEAR_EXACT"), {0: 0, 1: 1 / 4096, 2048: 0.5, 4095: 4095 / 4096, 4096: 1}),
        (Window(0, 100, "LINEAR_EXACT"), {-50: 0, 0: 0.5, 50: 1}),
        (Window(0.5, 0.2, "LINEAR_EXACT"), {0.4: 0, 0.45: 0.25, 0.5: 0.5, 0.6: 1}),
        (Window(2048, 1, "LINEAR_EXACT"), {2047: 0, 2048: 0.5, 2049: 1}),
        # SIGMOID: 1 / (1 + exp(-4 (x - c) / w)) (C.11.2.1.3.1): at c +- w / 2 it is 1 / (1 + e^-+2).
        (Window(0, 100, "SIGMOID"), {0: 0.5, 50: 0.880797, -50: 0.119203, 25: 0.731059, -100: 0.017986}),
        (Window(2048, 4096, "SIGMOID"), {0: 0.119203, 4096: 0.880797}),
    ],
    ids=str,
)
def test_windows_at_their_borders(window: Window, points: dict[float, float]) -> None:
    found = apply_window(np.array(list(points)), window)
    np.testing.assert_allclose(found, list(points.values()), atol=2e-6)


def test_windows_rise_and_stay_in_range() -> None:
    x = np.linspace(-3000, 3000, 6001)
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        shown = apply_window(x, Window(-13.5, 777.25, function))
        assert (np.diff(shown) >= 0).all()
        assert 0 <= shown.min() < 0.01 < 0.99 < shown.max() <= 1


@pytest.mark.parametrize("offset", [0, 2**24, 2**30])
def test_windows_on_large_integers_keep_their_steps(offset: int) -> None:
    """Single precision cannot tell neighbours above 2^24 apart."""
    array = (offset + np.arange(101)).astype(np.int32)
    expected = np.arange(101) / 100
    np.testing.assert_allclose(apply_window(array, Window(offset + 50, 100, "LINEAR_EXACT")), expected, atol=1e-6)
    shown = to_display(_volume(array.reshape(1, 1, 101))).array
    assert len(np.unique(shown)) == 101


def _rendered(tool: Tool, path: Path, *options: str) -> np.ndarray:
    """Return what DCMTK shows, from 0 to 1."""
    command = [tool("dcm2pnm", "dcmtk"), *options, "+opn", "16", path]
    lines = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    columns, rows = (int(value) for value in lines[1].split())
    return np.array(" ".join(lines[3:]).split(), dtype=float).reshape(rows, columns) / 65535


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("center", "width", "slope", "intercept"),
    [
        ("450", "900", "1", "0"),
        ("100", "51", "0.5", "-30"),
        ("400", "1", "1", "0"),
        ("1200", "500", "3", "-9"),
        ("900", "3000", "2.5", "100"),
    ],
)
def test_windows_are_what_dcmtk_shows(
    tmp_path: Path, debian_tool: Tool, photometric: str, center: str, width: str, slope: str, intercept: str
) -> None:
    values = {"WindowCenter": center, "WindowWidth": width, "RescaleSlope": slope, "RescaleIntercept": intercept}
    path = _slice(tmp_path, PhotometricInterpretation=photometric, RescaleType="US", **values)
    shown = to_display(only_volume([path])).array[0]
    expected = _rendered(debian_tool, path, "+Wi", "1")
    # DCMTK rounds modality values to integers first, which is half a step of the window at most.
    is_whole = float(slope).is_integer()
    np.testing.assert_allclose(shown, expected, atol=3e-5 if is_whole else 0.6 / (float(width) - 1))


def test_sigmoid_is_what_dcmtk_shows(tmp_path: Path, debian_tool: Tool) -> None:
    path = _slice(tmp_path, VOILUTFunction="SIGMOID", WindowCenter="300", WindowWidth="500")
    shown = to_display(only_volume([path])).array[0]
    expected = _rendered(debian_tool, path, "+Wi", "1")
    # DCMTK bends its curve so that it ends in black and white; the middle is the same.
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.999


def _table(keyword: str, first: int, entries: np.ndarray, bits: int, vr: str = "US") -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        item = Dataset()
        item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
        item.add_new("LUTData", vr, entries.astype("<u2").tobytes() if vr == "OW" else entries.tolist())
        if keyword == "ModalityLUTSequence":
            item.ModalityLUTType = "US"
        setattr(dataset, keyword, [item])
        for name in ("WindowCenter", "WindowWidth"):
            dataset.pop(name, None)

    return edit


@pytest.mark.parametrize("vr", ["US", "OW"])
@pytest.mark.parametrize("first", [0, 17, 400])
def test_modality_table_is_what_pydicom_gives(tmp_path: Path, first: int, vr: str) -> None:
    path = _slice(tmp_path)
    change(path, _table("ModalityLUTSequence", first, (np.arange(300) ** 2 % 4096), 16, vr))
    dataset = pydicom.dcmread(path)
    expected = apply_modality_lut(dataset.pixel_array, dataset)
    np.testing.assert_array_equal(only_volume([path]).array[0], expected)
    stored = dataset.pixel_array.astype(int)
    np.testing.assert_array_equal(expected, (np.arange(300) ** 2 % 4096)[np.clip(stored - first, 0, 299)])


@pytest.mark.parametrize("first", [-500, -1])
def test_tables_may_start_below_zero(tmp_path: Path, first: int) -> None:
    """The first value mapped is signed like the samples (C.11.1.1.1, C.11.2.1.1)."""
    stored = np.arange(-600, 600, dtype=np.int16).reshape(24, 50)
    entries = np.arange(700) * 2 + 1
    index = np.clip(stored.astype(int) - first, 0, 699)
    path = _slice(tmp_path / "modality", stored)
    change(path, _table("ModalityLUTSequence", first, entries, 12))
    np.testing.assert_array_equal(only_volume([path]).array[0], entries[index])
    path = _slice(tmp_path / "voi", stored)
    change(path, _table("VOILUTSequence", first, entries, 11))
    np.testing.assert_allclose(to_display(only_volume([path])).array[0], entries[index] / 2047, atol=1e-5)


def test_first_value_of_a_table_written_as_unsigned(tmp_path: Path) -> None:
    """65036 is -500 where samples are signed, or are made so by the intercept."""
    stored = np.arange(-600, 600, dtype=np.int16).reshape(24, 50)
    entries = np.arange(700)
    path = _slice(tmp_path, stored)
    change(path, _table("VOILUTSequence", 65536 - 500, entries, 10))
    expected = np.minimum(entries[np.clip(stored.astype(int) + 500, 0, 699)] / 1023, 1)
    np.testing.assert_allclose(to_display(only_volume([path])).array[0], expected, atol=1e-5)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_voi_table_is_what_dcmtk_shows(tmp_path: Path, debian_tool: Tool, photometric: str) -> None:
    path = _slice(tmp_path, PhotometricInterpretation=photometric)
    change(path, _table("VOILUTSequence", 100, (np.linspace(0, 1, 512) ** 3 * 4095).astype(int), 12))
    shown = to_display(only_volume([path])).array[0]
    np.testing.assert_allclose(shown, _rendered(debian_tool, path, "+Wl", "1"), atol=5e-4)


def test_table_of_bytes_one_to_a_sample(tmp_path: Path) -> None:
    """Eight-bit entries may come packed in bytes (C.11.1.1.1)."""
    entries = (np.arange(256)[::-1]).astype(np.uint8)
    stored = np.arange(300, dtype=np.uint16).reshape(15, 20)
    path = _slice(tmp_path, stored)

    def edit(dataset: Dataset) -> None:
        _table("VOILUTSequence", 0, entries, 8)(dataset)
        dataset.VOILUTSequence[0].add_new("LUTData", "OW", entries.tobytes())

    change(path, edit)
    expected = entries[np.minimum(stored, 255)] / 255
    np.testing.assert_allclose(to_display(only_volume([path])).array[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [("0.1", "0"), ("0.1", "-3.3"), ("1.7", "17.7"), ("2.4420024", "-1024"), ("0.0123", "0"), ("-1", "4095")],
)
@pytest.mark.parametrize("padding", [0, 24, 1999, 65535])
def test_padding_is_found_after_any_rescale(tmp_path: Path, slope: str, intercept: str, padding: int) -> None:
    """The range must hit the very samples that the rescale made of the padding value, to the last bit."""
    stored = np.random.default_rng(1).integers(100, 1900, (20, 30)).astype(np.uint16)
    stored[:7] = padding
    path = _slice(tmp_path, stored, RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")
    change(path, lambda dataset: dataset.add_new("PixelPaddingValue", "US", padding))
    volume = only_volume([path])
    low, high = volume.presentation.padding or (np.nan, np.nan)
    is_padding = (volume.array >= low) & (volume.array <= high)
    np.testing.assert_array_equal(is_padding[0], stored == padding)
    assert not to_display(volume).array[0, :7].any()


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [(-2000, None, (-2000, -2000)), (-2000, -1500, (-2000, -1500)), (-1500, -2000, (-2000, -1500)), (0, 10, (0, 10))],
)
def test_padding_ranges_of_signed_samples(
    tmp_path: Path, value: int, limit: int | None, expected: tuple[float, float]
) -> None:
    """A range runs from the value to the limit, whichever is smaller (C.7.5.1.1.2)."""
    stored = np.arange(-2000, -2000 + 600, dtype=np.int16).reshape(20, 30)
    path = _slice(tmp_path, stored)

    def edit(dataset: Dataset) -> None:
        dataset.add_new("PixelPaddingValue", "SS", value)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", "SS", limit)

    change(path, edit)
    assembly = assemble_files([path])
    assert assembly.volumes[0].presentation.padding == expected
    assert "Q317" in codes(assembly.issues)


def test_slices_of_other_rescales_share_no_padding(tmp_path: Path) -> None:
    paths = write_head(tmp_path, HeadPhantom(pose_geometry((3, 40, 44), (25.0, 5.0, 4.0))))
    for number, path in enumerate(paths):

        def edit(dataset: Dataset, number: int = number) -> None:
            dataset.add_new("PixelPaddingValue", "US", 7)
            dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = str(1 + number), "0", "US"

        change(path, edit)
    volume = only_volume(paths)
    assert volume.presentation.padding is None
    for index, instance in enumerate(volume.instances):
        dataset = pydicom.dcmread(instance.path)
        np.testing.assert_allclose(volume.array[index], apply_modality_lut(dataset.pixel_array, dataset))


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [
        ("1", "-1024", np.int16),
        ("1.0", "-1024.0", np.int16),
        ("1", "-1024.5", np.float32),
        ("0.99999", "-1024", np.float32),
        ("2", "-1024", np.float32),
        ("-1", "1024", np.float32),
        ("1e0", "-1.024e3", np.int16),
        ("1", "40000", np.int32),
    ],
)
def test_rescale_is_exact_where_it_can_be(tmp_path: Path, slope: str, intercept: str, dtype: type) -> None:
    path = write_ct(tmp_path, BodyPhantom(pose_geometry((1, 30, 34), (14.0, 4.0, 4.0))))[0]
    values = {"RescaleSlope": slope, "RescaleIntercept": intercept}
    change(path, lambda dataset: [setattr(dataset, keyword, value) for keyword, value in values.items()])
    dataset = pydicom.dcmread(path)
    volume = only_volume([path])
    assert volume.array.dtype == dtype
    np.testing.assert_allclose(volume.array[0], dataset.pixel_array * float(slope) + float(intercept), rtol=2e-7)


def test_each_slice_keeps_its_own_intercept(tmp_path: Path) -> None:
    paths = write_ct(tmp_path, BodyPhantom(pose_geometry((4, 30, 34), (14.0, 4.0, 4.0))))
    before = only_volume(paths).array
    for path in paths:

        def edit(dataset: Dataset) -> None:
            shift = int(dataset.InstanceNumber)
            pixels = np.frombuffer(dataset.PixelData, "<u2") + np.uint16(shift)
            dataset.PixelData, dataset.RescaleIntercept = pixels.tobytes(), str(-1024 - shift)

        change(path, edit)
    np.testing.assert_array_equal(only_volume(paths).array, before)


SAMPLES = {
    "constant": np.full((1, 5, 6), 7, np.int16),
    "constant negative": np.full((1, 5, 6), -1000, np.int16),
    "constant byte": np.full((1, 5, 6), 90, np.uint8),
    "negative": np.linspace(-3000, -200, 30).astype(np.int16).reshape(1, 5, 6),
    "float": np.linspace(-1.5, 9.5, 30, dtype=np.float32).reshape(1, 5, 6),
    "double": np.linspace(-1e12, 1e12, 30).reshape(1, 5, 6),
    "tiny": np.linspace(0, 1e-30, 30).reshape(1, 5, 6),
    "with nan": np.where(np.arange(30) % 7 == 0, np.nan, np.arange(30.0)).reshape(1, 5, 6),
    "with inf": np.where(np.arange(30) % 7 == 0, np.inf, np.arange(30.0)).reshape(1, 5, 6),
    "only nan": np.full((1, 5, 6), np.nan),
    "unsigned 32": np.linspace(0, 2**32 - 1, 30).astype(np.uint32).reshape(1, 5, 6),
    "signed 64": np.linspace(-(2**40), 2**40, 30).astype(np.int64).reshape(1, 5, 6),
    "half": np.linspace(0, 60000, 30).astype(np.float16).reshape(1, 5, 6),
    "signed byte": np.arange(-15, 15, dtype=np.int8).reshape(1, 5, 6),
    "bits": (np.arange(30) % 2).astype(np.uint8).reshape(1, 5, 6),
    "colour": np.arange(90, dtype=np.uint8).reshape(3, 1, 5, 6),
    "deep colour": (np.arange(90) * 700).astype(np.uint16).reshape(3, 1, 5, 6),
}


@pytest.mark.parametrize("is_inverted", [False, True])
@pytest.mark.parametrize("name", SAMPLES)
def test_display_values_lie_between_black_and_white(name: str, is_inverted: bool) -> None:
    volume = _volume(SAMPLES[name], is_inverted=is_inverted)
    for shown in (to_display(volume), to_display(volume, keep_colour=True)):
        assert shown.array.dtype == np.float32
        assert shown.quantity is Quantity.DISPLAY
        assert np.isfinite(shown.array).all()
        assert 0 <= shown.array.min() <= shown.array.max() <= 1
    pixels = to_greyscale_pixels(volume, 0)
    assert pixels.shape == (5, 6)
    np.testing.assert_array_equal(pixels, np.rint(to_display(volume).array[0] * 255).astype(np.uint8))


@pytest.mark.parametrize("name", ["negative", "float", "double", "tiny", "unsigned 32", "signed 64", "half"])
def test_rising_samples_are_shown_rising(name: str) -> None:
    shown = to_display(_volume(SAMPLES[name])).array.ravel()
    assert (np.diff(shown) >= 0).all()
    assert shown[0] == 0
    assert shown[-1] == 1
    inverted = to_display(_volume(SAMPLES[name], is_inverted=True)).array.ravel()
    np.testing.assert_allclose(inverted, 1 - shown, atol=1e-6)


def test_luma_of_pure_colours() -> None:
    """ITU-R BT.601: red 0.299, green 0.587, blue 0.114; grey stays what it is."""
    colours = np.array([[255, 0, 0, 120], [0, 255, 0, 120], [0, 0, 255, 120]], np.uint8).reshape(3, 1, 1, 4)
    np.testing.assert_allclose(to_display(_volume(colours)).array[0, 0], [0.299, 0.587, 0.114, 120 / 255], atol=1e-6)


def test_viewer_window_shows_the_same_percentiles() -> None:
    generator = np.random.default_rng(14)
    array = generator.gamma(2.0, 300.0, (3, 60, 70)).astype(np.float32)
    volume = _volume(array)
    low, high = value_range(volume)
    assert (low, high) == tuple(np.percentile(array, (0.5, 99.5)))
    np.testing.assert_allclose(apply_window(array, display_window(volume)), to_display(volume).array, atol=1e-5)
    padded = np.where(array < 100, -5000, array)
    assert value_range(_volume(padded, padding=(-5000.0, -5000.0))) == tuple(
        np.percentile(array[array >= 100], (0.5, 99.5))
    )


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.parametrize("text", ["xx", "40 HU", "4,0", "1e"])
def test_window_of_garbage_costs_the_window_only(tmp_path: Path, text: str) -> None:
    path = _slice(tmp_path)
    expected = only_volume([path])
    raw = path.read_bytes()
    at = raw.index(b"\x28\x00\x50\x10DS")
    value = text.encode() + b" " * (len(text) % 2)
    length = int.from_bytes(raw[at + 6 : at + 8], "little")
    path.write_bytes(raw[: at + 6] + len(value).to_bytes(2, "little") + value + raw[at + 8 + length :])
    volume = only_volume([path])
    assert volume.presentation.window is None
    np.testing.assert_array_equal(volume.array, expected.array)


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
@pytest.mark.parametrize(("keyword", "value"), [("RescaleSlope", "x"), ("RescaleIntercept", "one")])
def test_rescale_of_garbage_refuses_the_image(tmp_path: Path, keyword: str, value: str) -> None:
    """Unlike a window, a wrong rescale would be a wrong measurement."""
    path = _slice(tmp_path, RescaleSlope="7777", RescaleIntercept="8888", RescaleType="US")
    old = b"7777" if keyword == "RescaleSlope" else b"8888"
    raw = path.read_bytes()
    assert raw.count(b"DS\x04\x00" + old) == 1
    path.write_bytes(raw.replace(b"DS\x04\x00" + old, b"DS\x04\x00" + value.ljust(4).encode()))
    with pytest.raises(Undecodable) as caught:
        assemble_files([path])
    assert caught.value.code == "E300"


@pytest.mark.parametrize("slope", ["", "0"])
def test_empty_slope_is_one(tmp_path: Path, slope: str) -> None:
    """A slope of 0 would wipe the image out; dcm2niix reads it as 1, too."""
    path = _slice(tmp_path)
    stored = pydicom.dcmread(path).pixel_array
    change(path, lambda dataset: setattr(dataset, "RescaleSlope", slope or None))
    np.testing.assert_array_equal(only_volume([path]).array[0], stored)
