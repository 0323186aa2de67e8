"""Channels: work on (slice, row, column) samples as float32, channel by channel, beside samples without a value."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import PrepareError

SLICES_LOOKED_AT = 16
"""Fewest slices that an estimate is taken from, where there are as many."""


def each_channel(volume: Volume, work: Callable[[Samples], Samples]) -> Volume:
    """Do some work on (slice, row, column) samples as float32, channel by channel; what is not finite stays so."""
    channels = volume.array if volume.is_colour else volume.array[None]
    if not np.isfinite(channels).any():
        raise PrepareError("E405", step="denoise", slice_index=0)
    made = []
    for channel in channels:
        values = np.asarray(work(finite(channel)), dtype=np.float32)
        is_finite = np.isfinite(channel)
        made.append(values if is_finite.all() else np.where(is_finite, values, channel.astype(np.float32)))
    return volume.with_array(np.stack(made) if volume.is_colour else made[0])


def some_slices(planes: Samples) -> Samples:
    """Return at least 16 and at most 31 slices, evenly spread over all, that an estimate is taken from."""
    return planes[:: max(1, len(planes) // SLICES_LOOKED_AT)]


def finite(array: Samples) -> npt.NDArray[np.float32]:
    """Return float32 samples; those that are not finite take the lowest value that is."""
    values = array.astype(np.float32)
    is_finite = np.isfinite(values)
    if is_finite.all():
        return values
    return np.where(is_finite, values, values[is_finite].min() if is_finite.any() else np.float32(0))
