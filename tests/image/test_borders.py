"""Checks of samples at the very borders of their thresholds, for every kind of volume."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import Presentation, Volume
from hounsfield.image.checks import check_volume
from tests.image.helpers import codes

REJECT, WARN = Severity.REJECT, Severity.WARN


def _volume(array: np.ndarray, quantity: Quantity = Quantity.ARBITRARY, **presentation: Any) -> Volume:
    slices, rows, columns = array.shape[-3:]
    return Volume(array, VolumeGeometry((slices, rows, columns)), quantity, presentation=Presentation(**presentation))


def _ramp(rows: int = 100, columns: int = 100, dtype: type = np.int16) -> np.ndarray:
    """Return samples of which no two are equal, in an order that means nothing."""
    order = np.random.default_rng(6).permutation(rows * columns)
    return order.reshape(1, rows, columns).astype(dtype)


@pytest.mark.parametrize(
    ("clipped", "expected"),
    [(1, {}), (200, {}), (201, {"Q313": WARN}), (5000, {"Q313": WARN}), (5001, {"Q313": REJECT})],
)
@pytest.mark.parametrize("is_inverted", [False, True])
def test_share_of_the_brightest(clipped: int, expected: dict[str, Severity], is_inverted: bool) -> None:
    """2 % warns, one half rejects; the smallest value is the brightest of an inverted image."""
    array = _ramp()
    array = np.maximum(array, clipped - 1) if is_inverted else np.minimum(array, 10_000 - clipped)
    issues = check_volume(_volume(array, is_inverted=is_inverted))
    assert codes(issues) == expected
    if expected:
        assert issues[0].facts["percent"] == pytest.approx(clipped / 100, abs=0.05)
    assert check_volume(_volume(array, is_inverted=not is_inverted)) == ()


def test_clipping_counts_without_the_padding() -> None:
    """150 of 10 000 are 1.5 %; of the 5 000 that are no padding they are 3 %."""
    array = np.minimum(_ramp(), 9850)
    assert check_volume(_volume(array)) == ()
    padded = np.where(array < 5000, -3000, array)
    assert codes(check_volume(_volume(padded, padding=(-3000.0, -3000.0)))) == {"Q313": WARN}


def test_colour_is_never_rejected_for_its_white() -> None:
    """A photograph of a letter is white for the most part, and still a picture."""
    array = np.full((3, 1, 100, 100), 255, np.uint8)
    array[:, 0, :30] = np.random.default_rng(1).integers(0, 250, (3, 30, 100))
    assert codes(check_volume(_volume(array, Quantity.DISPLAY))) == {"Q313": WARN}


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (64, 64, {}),
        (63, 64, {"Q315": WARN}),
        (64, 63, {"Q315": WARN}),
        (16, 300, {"Q315": WARN}),
        (15, 300, {"Q315": REJECT}),
        (300, 15, {"Q315": REJECT}),
        (1, 1000, {"Q315": REJECT}),
    ],
)
def test_edges_of_an_image(rows: int, columns: int, expected: dict[str, Severity]) -> None:
    issues = check_volume(_volume(_ramp(rows, columns)))
    assert codes(issues) == expected
    if expected:
        assert issues[0].facts == {"rows": rows, "columns": columns}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0], {"Q312": REJECT}),
        ([5], {"Q311": REJECT}),
        ([-1000], {"Q311": REJECT}),
        ([0, 1], {"Q326": REJECT}),
        ([-1000, 3000], {"Q326": REJECT}),
        ([0, 100, 200], {"Q313": WARN}),
    ],
)
@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.int32])
def test_numbers_of_levels(values: list[int], expected: dict[str, Severity], dtype: type) -> None:
    array = np.resize(np.array(values, dtype=dtype), (2, 80, 90))
    assert codes(check_volume(_volume(array))) == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_one_sample_that_is_no_number_stops_the_other_checks(dtype: type, bad: float) -> None:
    array = np.zeros((1, 10, 10), dtype)
    array[0, 4, 4] = bad
    issues = check_volume(_volume(array))
    assert [(issue.code, issue.facts) for issue in issues] == [("Q314", {"count": 1})]


def _ct(offset: int = 0, air: int = -1000, share_of_air: float = 0.5) -> np.ndarray:
    """Return a section of air, water and a little bone."""
    generator = np.random.default_rng(2)
    array = generator.normal(0, 12, (1, 100, 100))
    array[0, : int(100 * share_of_air)] += air
    array[0, 90:95, 30:90] += 1000
    return (np.rint(array) + offset).astype(np.int16)


@pytest.mark.parametrize(
    ("array", "is_found"),
    [
        (_ct(), False),
        (_ct(24), False),
        (_ct(-24), False),
        (_ct(1000), True),
        (_ct(1024), True),
        # The intercept applied twice: air at -2000 counts as padding, tissue at -1000 as air.
        (_ct(-150), False),
        (_ct(-300), True),
        # A crop inside the body holds no air, and spans little.
        (_ct(share_of_air=0.0), True),
        (_ct(share_of_air=0.0)[:, :88], False),
        (_ct(air=-1000, share_of_air=0.02), False),
    ],
)
def test_air_lies_where_air_must(array: np.ndarray, is_found: bool) -> None:
    found = codes(check_volume(_volume(array, Quantity.HOUNSFIELD)))
    assert ("Q325" in found) == is_found
    assert "Q325" not in codes(check_volume(_volume(array, Quantity.ARBITRARY)))


def test_round_padding_of_a_ct_is_no_air() -> None:
    """-2000 or -3024 outside the field, declared or not, says nothing of the intercept."""
    array = _ct()
    array[0, :20] = -3024
    assert check_volume(_volume(array, Quantity.HOUNSFIELD)) == ()
    assert check_volume(_volume(array, Quantity.HOUNSFIELD, padding=(-3024.0, -3024.0))) == ()


@pytest.mark.parametrize("padding", [(-2000.0, -2000.0), (-2000.0, -1500.0), (-5000.0, -2000.0)])
def test_image_of_padding_only_is_refused(padding: tuple[float, float]) -> None:
    array = np.full((1, 80, 80), -2000, np.int16)
    issues = check_volume(_volume(array, padding=padding))
    assert [(issue.code, issue.facts) for issue in issues] == [("Q311", {"value": "padding"})]


def test_issues_name_the_first_instance() -> None:
    array = np.zeros((1, 80, 80), np.int16)
    instance = InstanceRef("1.2.3", "", Path("a"), "application/dicom", "00")
    volume = Volume(array, VolumeGeometry((1, 80, 80)), Quantity.ARBITRARY, (instance,))
    assert check_volume(volume)[0].uid == "1.2.3"
    assert check_volume(_volume(array))[0].uid is None
