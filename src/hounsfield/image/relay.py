"""The samples of a stack laid on the grid of its repair, by linear interpolation in the type that they have."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.quantities import Quantity
from hounsfield.image.repair import RepairPlan

Samples = npt.NDArray[Any]


def relay(array: Samples, plan: RepairPlan, quantity: Quantity, padding: tuple[float, float] | None = None) -> Samples:
    """Return the samples of a repaired volume.

    Args:
        array: (slice, row, column) as acquired.
        plan: where each slice goes.
        quantity: what a sample means; it says what lies outside.
        padding: values of the source that are no part of the picture; they become what lies outside, so that they do
            not mix with their neighbours.

    Returns:
        On ``plan.geometry``, in the type of ``array``; whole numbers are rounded to the nearest.
    """
    outside = _outside(array.dtype, quantity)
    out = np.empty(plan.geometry.shape, dtype=array.dtype)
    for index, place in enumerate(plan.places):
        low = int(np.floor(place))
        weight = place - low
        if not weight and not plan.row_offsets and padding is None:
            out[index] = array[low]
            continue
        plane = _plane(array, low, plan, outside, padding)
        if weight:
            plane = (1.0 - weight) * plane + weight * _plane(array, low + 1, plan, outside, padding)
        out[index] = np.rint(plane) if array.dtype.kind in "iu" else plane
    return out


def _outside(dtype: np.dtype[Any], quantity: Quantity) -> float:
    value = quantity.background
    return max(value, float(np.iinfo(dtype).min)) if dtype.kind in "iu" else value


def _plane(
    array: Samples, index: int, plan: RepairPlan, outside: float, padding: tuple[float, float] | None
) -> npt.NDArray[np.float64]:
    """Return one slice as acquired, on rows and columns of the result."""
    plane: npt.NDArray[np.float64] = array[index].astype(np.float64)
    if padding is not None:
        plane[(plane >= padding[0]) & (plane <= padding[1])] = outside
    if not plan.row_offsets:
        return plane
    _, rows, columns = plan.geometry.shape
    plane = _shifted(plane, plan.row_offsets[index], rows, outside)
    return _shifted(plane.T, plan.column_offsets[index], columns, outside).T


def _shifted(plane: npt.NDArray[np.float64], start: float, length: int, outside: float) -> npt.NDArray[np.float64]:
    """Return lines ``start``, ``start + 1``, ... of a plane, between two lines their linear mean."""
    first = int(np.floor(start))
    weight = start - first
    low = _window(plane, first, length, outside)
    return low if not weight else (1.0 - weight) * low + weight * _window(plane, first + 1, length, outside)


def _window(plane: npt.NDArray[np.float64], first: int, length: int, outside: float) -> npt.NDArray[np.float64]:
    out = np.full((length, plane.shape[1]), outside)
    low, high = max(first, 0), min(first + length, len(plane))
    if low < high:
        out[low - first : high - first] = plane[low:high]
    return out
