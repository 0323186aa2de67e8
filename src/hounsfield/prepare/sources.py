"""Which instance each slice still comes from when slices are taken away, reordered, added or mixed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume


def with_slices_from(volume: Volume, source: Volume, slices: Sequence[int | None]) -> Volume:
    """Return a volume that names as sources of its slices those of slices of another volume.

    Args:
        volume: the new samples.
        source: what they come from.
        slices: index of the source slice of each new slice, None for one that was added.
    """
    frames = source.frame_indices or tuple(range(source.geometry.shape[0]))
    kept = [index for index in slices if index is not None]
    times = source.frame_times_seconds
    volume = replace(
        volume,
        slice_axis=axis_of(volume, source.slice_axis),
        frame_times_seconds=tuple(times[index] for index in kept) if len(times) == source.geometry.shape[0] else (),
    )
    if len(source.instances) == 1:
        # An added slice of one object names the frame that lies nearest, as an interpolated one does.
        nearest = _nearest(slices)
        is_same = nearest == list(range(source.geometry.shape[0])) and not source.frame_indices
        found = () if is_same else tuple(frames[index] for index in nearest)
        return replace(volume, instances=source.instances, frame_indices=found)
    if len(source.instances) != source.geometry.shape[0] or len(kept) < len(slices):
        instances = mixed(source.instances, len(slices))
        return replace(volume, instances=instances, frame_indices=())
    return replace(
        volume,
        instances=tuple(source.instances[index] for index in kept),
        frame_indices=tuple(frames[index] for index in kept) if source.frame_indices else (),
    )


def with_mixed_slices(volume: Volume, source: Volume) -> Volume:
    """Return a volume each slice of which comes from many slices of another one, and so has no single source."""
    return replace(
        volume,
        instances=mixed(source.instances, volume.geometry.shape[0]),
        frame_indices=(),
        frame_times_seconds=(),
        slice_axis=axis_of(volume, source.slice_axis),
    )


def mixed(instances: tuple[InstanceRef, ...], count: int) -> tuple[InstanceRef, ...]:
    """Return the same instances in a number that is neither 1 nor the number of slices.

    Where the numbers happen to agree, ``Volume.source_of`` would name a source that a slice does not have; the last
    instance is then named twice.
    """
    while instances and len(instances) in (1, count):
        instances = (*instances, instances[-1])
    return instances


def axis_of(volume: Volume, before: SliceAxis) -> SliceAxis:
    """Return what the first axis of a volume counts, when it was cut from a volume that counted something."""
    if before is SliceAxis.TIME:
        return SliceAxis.TIME
    return SliceAxis.SPACE if volume.geometry.shape[0] > 1 else SliceAxis.SINGLE


def _nearest(slices: Sequence[int | None]) -> list[int]:
    """Return the slices with those that were added replaced by the nearest that was not."""
    known = np.flatnonzero([index is not None for index in slices])
    places = [int(known[np.abs(known - place).argmin()]) for place in range(len(slices))]
    return [index for place in places if (index := slices[place]) is not None]
