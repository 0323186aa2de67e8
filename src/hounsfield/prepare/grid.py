"""Grids of the preparing steps: recording them, turning them, and one slice of a stack."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import Calibration, Rows, Triple, VolumeGeometry
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError

SAME_PLACE_FRACTION = 1e-6
"""How far, in parts of a voxel, a grid may lie from a recorded one and still be the recorded one."""


def grid_record(geometry: VolumeGeometry) -> dict[str, Any]:
    """Return a grid as JSON values; ``recorded_grid`` reads it back unchanged (floats keep every bit)."""
    return {
        "shape": list(geometry.shape),
        "spacing_mm": list(geometry.spacing_mm),
        "origin_mm": list(geometry.origin_mm),
        "direction": [list(row) for row in geometry.direction],
        "frame_of_reference_uid": geometry.frame_of_reference_uid,
        "calibration": str(geometry.calibration),
    }


def recorded_grid(record: Mapping[str, Any]) -> VolumeGeometry:
    """Return the grid that ``grid_record`` wrote."""
    rows = [_triple(row) for row in record["direction"]]
    direction: Rows = (rows[0], rows[1], rows[2])
    slices, row_count, column_count = (int(value) for value in record["shape"])
    return VolumeGeometry(
        (slices, row_count, column_count),
        _triple(record["spacing_mm"]),
        _triple(record["origin_mm"]),
        direction,
        record["frame_of_reference_uid"],
        Calibration(record["calibration"]),
    )


def snapped(computed: VolumeGeometry, record: Mapping[str, Any]) -> VolumeGeometry:
    """Return the recorded grid where the computed one is the same place, so that undoing gives back every bit.

    A grid with another number of slices (a heat map of one slice of a stack) keeps the computed values.
    """
    recorded = recorded_grid(record)
    if recorded.shape != computed.shape:
        return computed
    corners = np.array([[0, 0, 0], computed.shape], dtype=np.float64)
    apart = np.abs(recorded.to_index(computed.to_patient(corners)) - corners).max()
    return recorded if apart <= SAME_PLACE_FRACTION * max(computed.shape) else computed


def expect_plane(volume: Volume, rows: int, columns: int, step: str) -> None:
    """Refuse a volume whose slices have another size than the step made or took.

    Raises:
        PrepareError: ``E404``.
    """
    if volume.geometry.shape[1:] != (rows, columns):
        raise PrepareError("E404", step=step, found=volume.geometry.shape[1:], expected=(rows, columns))


def turned(geometry: VolumeGeometry, order: Sequence[int], is_reversed: Sequence[bool]) -> VolumeGeometry:
    """Return the grid whose axis ``n`` is the old axis ``order[n]``, counted from its other end where reversed."""
    first = [0, 0, 0]
    for new, old in enumerate(order):
        first[old] = geometry.shape[old] - 1 if is_reversed[new] else 0
    direction = np.asarray(geometry.direction)[:, list(order)] * np.where(is_reversed, -1.0, 1.0)
    slices, rows, columns = (geometry.shape[axis] for axis in order)
    return replace(
        geometry,
        shape=(slices, rows, columns),
        spacing_mm=_triple([geometry.spacing_mm[axis] for axis in order]),
        origin_mm=_triple(geometry.to_patient([first])[0]),
        direction=_rows(direction),
    )


def flipped(geometry: VolumeGeometry, axis: int) -> VolumeGeometry:
    """Return the grid whose index along an axis (1 rows, 2 columns) counts from the other end."""
    return turned(geometry, (0, 1, 2), [index == axis for index in range(3)])


def transposed(geometry: VolumeGeometry) -> VolumeGeometry:
    """Return the grid with rows and columns exchanged."""
    return turned(geometry, (0, 2, 1), (False, False, False))


def one_slice(volume: Volume, slice_index: int) -> Volume:
    """Return one slice of a stack as a volume of its own, with its place and its source.

    Classifiers learn from single images, so a slice of a stack is prepared alone to be treated as it was in training.
    """
    _, rows, columns = volume.geometry.shape
    source = volume.source_of(slice_index)
    return replace(
        volume,
        array=volume.array[..., slice_index : slice_index + 1, :, :],
        geometry=volume.geometry.cropped((slice_index, 0, 0), (1, rows, columns)),
        instances=() if source is None else (source[0],),
        frame_indices=() if source is None else (source[1],),
        slice_axis=SliceAxis.SINGLE,
        frame_times_seconds=(),
    )


def _triple(values: Sequence[float] | npt.NDArray[np.float64]) -> Triple:
    return (float(values[0]), float(values[1]), float(values[2]))


def _rows(matrix: npt.NDArray[np.float64]) -> Rows:
    return (_triple(matrix[0]), _triple(matrix[1]), _triple(matrix[2]))
