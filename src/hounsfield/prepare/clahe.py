"""Contrast-limited adaptive histogram equalisation of each slice."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Samples, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.scale import per_slice, slice_ranges
from hounsfield.prepare.step import STRICT, Parameters

LEVELS = 4096
"""Grey levels that are told apart at least: a histogram of fewer bins is read between its edges."""


@dataclass(frozen=True, config=STRICT)
class Clahe:
    """Equalise the grey levels of each slice tile by tile, with a bound on the contrast (Zuiderveld 1994).

    The histogram of each tile is cut at ``clip`` and what was cut is spread over all bins; a sample goes through the
    cumulated histograms of the four nearest tiles, weighted by distance. For the eye: densities are lost.

    Attributes:
        clip: the largest fraction of the samples of a tile that one bin may hold (OpenCV's limit divided by ``bins``).
        tiles: along rows and along columns.
        bins: of the histograms.
        minimum: the sample shown as the lowest level, None for the lowest of each slice.
        maximum: the sample shown as the highest level, None for the highest of each slice.
    """

    name: ClassVar[str] = "clahe"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    clip: Annotated[float, Field(gt=0, le=1)] = 0.01
    tiles: Annotated[int, Field(ge=1, le=64)] = 8
    bins: Annotated[int, Field(ge=16, le=65536)] = 256
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _check_order(self) -> "Clahe":
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the range of each slice.

        Raises:
            PrepareError: ``E405``, a slice has no finite sample.
        """
        lows, highs = slice_ranges(volume, self.name)
        if self.minimum is not None:
            lows = [float(self.minimum)] * len(lows)
        if self.maximum is not None:
            highs = [float(self.maximum)] * len(highs)
        return {"low": lows, "high": highs}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Equalise: float32 from 0 to 1, NaN where there was NaN; a slice without contrast becomes 0."""
        lows, highs = (per_slice(parameters[key], volume, self.name) for key in ("low", "high"))
        out = np.zeros(volume.array.shape, dtype=np.float32)
        slices = volume.geometry.shape[0]
        planes = volume.array.reshape(-1, *volume.geometry.shape[1:])
        for number, (plane, shown) in enumerate(zip(planes, out.reshape(planes.shape), strict=True)):
            low, high = lows[number % slices], highs[number % slices]
            if high > low:
                self._equalise(plane, float(low), float(high), shown)
            if plane.dtype.kind == "f":
                shown[np.isnan(plane)] = np.nan
        return volume.with_array(out, quantity=Quantity.DISPLAY, presentation=Presentation())

    def _equalise(self, plane: Samples, low: float, high: float, out: npt.NDArray[np.float32]) -> None:
        from hounsfield.prepare import clahe_kernels as kernels

        rows, columns = plane.shape
        tile_rows, tile_columns = -(-rows // self.tiles), -(-columns // self.tiles)
        count = self.bins * max(1, LEVELS // self.bins)
        levels = np.zeros(plane.shape, dtype=np.uint16)
        tables = np.empty((self.tiles, count, self.tiles), dtype=np.float32)
        scaling = (low, (count - 1) / (high - low), float(self.clip))
        shapes = [(self.bins, tile_rows, tile_columns, tile) for tile in range(self.tiles)]
        in_threads(kernels.fill_tables, [(plane, scaling, shape, levels, tables) for shape in shapes])
        parts = spans(rows, 2 * core_count())
        in_threads(kernels.blend, [(levels, tables, (tile_rows, tile_columns), part, out) for part in parts])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: grey levels were joined."""
        raise NotInvertible("E403", step=self.name)
