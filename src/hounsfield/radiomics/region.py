"""The region that features are taken of: samples and two masks on one grid, cut to the mask (IBSI 2.5 to 2.7)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]
Inside = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Region:
    """One region of interest.

    Attributes:
        samples: (slice, row, column) intensities, with a margin about the masks where the image has one.
        morphological: where the region is; its shape is measured on this.
        intensity: where its intensities count: the morphological mask less what re-segmentation took away.
        spacing_mm: of slices, rows and columns.
        low: lower end of the re-segmentation range, None without one.
        high: upper end, None without one.
        start: index of its first sample on the whole of its grid, which ``cut.grid_of`` gives.
    """

    samples: Samples
    morphological: Inside
    intensity: Inside
    spacing_mm: Spacing
    low: float | None = None
    high: float | None = None
    start: tuple[int, int, int] = (0, 0, 0)

    @cached_property
    def values(self) -> Samples:
        """The intensities that count, in the order of the array."""
        return np.asarray(self.samples[self.intensity])

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """The least box about the morphological mask."""
        mask = self.morphological
        spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        first, second, third = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
        return first, second, third
