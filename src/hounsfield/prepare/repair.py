"""Repair: dead lines of detectors, missing slices and holes are filled with what lies around them, and marked."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.packed import unpack_mask
from hounsfield.prepare.resample_to import require_same_grid
from hounsfield.prepare.step import STRICT, Parameters

_LEAD = 1.5
"""How far the offset of a dead line exceeds those of its neighbours; at an anatomical edge two lines share it."""
_NORMAL = 1.4826
"""Standard deviations of a normal distribution to its median absolute deviation."""


@dataclass(frozen=True, config=STRICT)
class DeadLines:
    """Find single rows and columns that stand off from both neighbours, and replace them by the mean of these.

    A line is dead where the median of its difference from the mean of its neighbours exceeds ``threshold`` robust
    deviations of all lines, and one and a half times that of either neighbour. Two dead lines side by side
    are not found.

    Attributes:
        threshold: robust deviations from which a line counts as dead.
    """

    name: ClassVar[str] = "dead-lines"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    threshold: Annotated[float, Field(ge=3, le=1000)] = 12.0

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the dead rows and columns of each slice."""
        planes = [volume.array[..., index, :, :] for index in range(volume.geometry.shape[0])]
        flat = [plane.reshape(-1, *plane.shape[-2:]).astype(np.float64).mean(axis=0) for plane in planes]
        return {
            "rows": [_dead(plane, self.threshold) for plane in flat],
            "columns": [_dead(plane.T, self.threshold) for plane in flat],
        }

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Replace the lines; the type of the samples stays."""
        out = volume.array.copy()
        for index, (rows, columns) in enumerate(zip(parameters["rows"], parameters["columns"], strict=True)):
            for row in rows:
                out[..., index, row, :] = _between(out[..., index, row - 1, :], out[..., index, row + 1, :])
            for column in columns:
                out[..., index, :, column] = _between(out[..., index, :, column - 1], out[..., index, :, column + 1])
        return volume.with_array(out)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: the old samples are gone."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class MissingSlices:
    """Fill named slices by linear interpolation between the nearest slices that are there.

    Attributes:
        slices: indices from 0; at an end of the stack the nearest slice is repeated.
    """

    name: ClassVar[str] = "missing-slices"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    slices: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=1000)]

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return {"slices": list(self.slices)}

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record which slices are filled from which.

        Raises:
            PrepareError: ``E468``, a slice is not in the volume, or none is left to fill from.
        """
        count = volume.geometry.shape[0]
        wanted = sorted(set(self.slices))
        if wanted[-1] >= count or len(wanted) == count:
            raise PrepareError("E468", found=", ".join(map(str, wanted))[:80], expected=count)
        return {"slices": wanted}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Fill, the type of the samples stays."""
        out = volume.array.copy()
        kept = np.setdiff1d(np.arange(volume.geometry.shape[0]), parameters["slices"])
        for index in parameters["slices"]:
            after = int(np.searchsorted(kept, index))
            low, high = kept[max(after - 1, 0)], kept[min(after, len(kept) - 1)]
            weight = (index - low) / (high - low) if high > low else 0.0
            one, other = (volume.array[..., place, :, :].astype(np.float64) for place in (low, high))
            out[..., index, :, :] = _as_type((1 - weight) * one + weight * other, out.dtype)
        return volume.with_array(out)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: the old samples are gone."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class Inpaint:
    """Fill holes of each slice with the smooth surface over their rims: Laplace's equation on the pixels of the hole.

    A hole is where samples are NaN or infinite, equal ``value``, or lie in ``mask``. The edge of the picture is a free
    rim.

    Attributes:
        value: of samples to fill.
        mask: on the grid of the volume, as ``packed.pack_mask`` writes it. On the command line ``mask=PATH`` takes
            whatever is not 0 in the volume of a file.
    """

    name: ClassVar[str] = "inpaint"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    value: float | None = None
    mask: dict[str, Any] | None = None

    @field_validator("mask")
    @classmethod
    def _check_mask(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None:
            unpack_mask(value)
        return value

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record how many samples of each slice are filled.

        Raises:
            PrepareError: ``E405``, a slice is all hole; ``E445``, the mask lies on another grid.
        """
        holes = self._holes(volume)
        for index in range(volume.geometry.shape[0]):
            if holes[..., index, :, :].all(axis=(-2, -1)).any():
                raise PrepareError("E405", step=self.name, slice_index=index)
        return {"filled": [int(holes[..., index, :, :].sum()) for index in range(volume.geometry.shape[0])]}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Fill, float32."""
        out = volume.array.astype(np.float32)
        planes = out.reshape(-1, *out.shape[-2:])
        for plane, hole in zip(planes, self._holes(volume).reshape(planes.shape), strict=True):
            if hole.any():
                plane[hole] = _harmonic(plane.astype(np.float64), hole)
        return volume.with_array(out)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was in the holes is gone."""
        raise NotInvertible("E403", step=self.name)

    def _holes(self, volume: Volume) -> npt.NDArray[np.bool_]:
        holes = ~np.isfinite(volume.array)
        if self.value is not None:
            holes |= volume.array == self.value
        if self.mask is not None:
            flags, grid = unpack_mask(self.mask)
            require_same_grid(volume.geometry, grid, self.name)
            holes |= flags
        return holes


def _dead(plane: npt.NDArray[np.float64], threshold: float) -> list[int]:
    """Return the rows that stand off from both neighbours."""
    if plane.shape[0] < 5:
        return []
    offsets = np.abs(np.median(plane[1:-1] - (plane[:-2] + plane[2:]) / 2, axis=1))
    deviation = _NORMAL * float(np.median(offsets))
    smallest = 1e-6 * float(np.ptp(plane))
    around = np.pad(offsets, 1)
    is_dead = (offsets > threshold * max(deviation, smallest)) & (offsets > _LEAD * np.maximum(around[:-2], around[2:]))
    return [int(index) + 1 for index in np.flatnonzero(is_dead)]


def _between(one: Samples, other: Samples) -> Samples:
    return _as_type((one.astype(np.float64) + other) / 2, one.dtype)


def _as_type(samples: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> Samples:
    return (samples if dtype.kind == "f" else np.rint(samples)).astype(dtype)


def _harmonic(plane: npt.NDArray[np.float64], hole: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the samples of a hole: each is the mean of its neighbours within the picture."""
    number = np.full(plane.shape, -1)
    places = np.argwhere(hole)
    number[hole] = np.arange(len(places))
    degree, right = np.zeros(len(places)), np.zeros(len(places))
    rows: list[npt.NDArray[np.intp]] = []
    columns: list[npt.NDArray[np.intp]] = []
    steps: Sequence[tuple[int, int]] = ((-1, 0), (1, 0), (0, -1), (0, 1))
    for step in steps:
        beside = places + step
        inside = np.flatnonzero(((beside >= 0) & (beside < plane.shape)).all(axis=1))
        r, c = beside[inside].T
        degree[inside] += 1
        is_hole = hole[r, c]
        rows.append(inside[is_hole])
        columns.append(number[r, c][is_hole])
        right[inside[~is_hole]] += plane[r, c][~is_hole]
    row, column = np.concatenate(rows), np.concatenate(columns)
    own = np.arange(len(places))
    values = np.concatenate([-np.ones(len(row)), degree])
    matrix = coo_array(
        (values, (np.concatenate([row, own]), np.concatenate([column, own]))), shape=(len(own), len(own))
    )
    return np.asarray(spsolve(matrix.tocsc(), right)).reshape(-1)
