"""Intensities to levels: fixed bin number and fixed bin width (IBSI 2.7)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.errors import ImageError
from hounsfield.radiomics.region import Region
from hounsfield.radiomics.settings import Binning, Discretisation
from hounsfield.radiomics.volume_histogram import Steps

Values = npt.NDArray[np.float64]

MOST_LEVELS = 65_535
"""Grey levels beyond which a matrix of pairs is no longer sensible (34 GB)."""


@dataclass(frozen=True)
class Levels:
    """Discretised intensities of a region.

    Attributes:
        values: level of each voxel that counts, from 1, in the order of ``Region.values``.
        count: number of grey levels.
    """

    values: npt.NDArray[np.int32]
    count: int


def discretise(region: Region, how: Discretisation) -> Levels:
    """Return the levels of a region that has intensities.

    A fixed width starts at the lower end of the re-segmentation range, and without one at the lowest intensity.

    Raises:
        ImageError: ``E966``, more levels than a matrix of pairs could hold.
    """
    values = region.values
    if how.binning is Binning.FIXED_NUMBER:
        number = how.number or 1
        return Levels(_binned(values, number), number)
    if how.binning is Binning.FIXED_WIDTH:
        width = how.width or 1.0
        first = region.low if region.low is not None else float(values.min())
        found = np.floor((values - first) / width) + 1
    else:
        # whole intensities are their own levels; where some are below 1, all are moved up
        found = np.rint(values)
        found = found + max(0.0, 1 - found.min())
    most = int(found.max())
    if most > MOST_LEVELS:
        raise ImageError("E966", found=most, expected=MOST_LEVELS)
    return Levels(found.astype(np.int32), most)


def volume_steps(region: Region, how: Discretisation) -> tuple[npt.NDArray[np.int64], Steps]:
    """Return the step of the volume histogram that each voxel lies on, and the steps (IBSI 3.5.1).

    Without bins the steps are whole intensities, from the lower to the upper end of the re-segmentation range where
    there is one, else from the lowest to the highest; bins of a fixed width count as their centres.
    """
    values = region.values
    low = region.low if region.low is not None else float(values.min())
    high = region.high if region.high is not None else float(values.max())
    if how.binning is Binning.FIXED_NUMBER:
        number = how.number or 1
        return (_binned(values, number) - 1).astype(np.int64), Steps(1.0, 1.0, number)
    if how.binning is Binning.FIXED_WIDTH:
        width = how.width or 1.0
        places = np.floor((values - low) / width).astype(np.int64)
        count = max(int(np.floor((high - low) / width)), int(places.max()) + 1)
        return places, Steps(low + width / 2, width, count)
    first = float(np.floor(low))
    return np.rint(values - first).astype(np.int64), Steps(first, 1.0, int(np.rint(high - first)) + 1)


def _binned(values: Values, number: int) -> npt.NDArray[np.int32]:
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.ones(values.size, dtype=np.int32)
    found = np.minimum(np.floor(number * (values - low) / (high - low)) + 1, number)
    return np.asarray(found, dtype=np.int32)
