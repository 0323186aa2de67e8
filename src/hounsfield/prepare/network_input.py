"""Network input: the channels of a case prepared by the same steps and stacked, and labels taken back to the source."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.trace import Trace
from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.grey import Grey
from hounsfield.prepare.sequence import apply_steps, invert_trace
from hounsfield.prepare.step import Step

COLOURS = 3


@dataclass(frozen=True)
class NetworkInput:
    """What a network sees of a case.

    Attributes:
        images: (channel, slice, row, column) float32.
        geometry: the grid of the last three axes.
        source: the grid of the case.
        trace: the steps that led from one to the other.
    """

    images: npt.NDArray[np.float32]
    geometry: VolumeGeometry
    source: VolumeGeometry
    trace: Trace


def prepare_channels(volumes: Sequence[Volume | None], steps: Sequence[Step], channel_count: int) -> NetworkInput:
    """Prepare each channel and stack them; a missing one becomes 0 everywhere.

    One picture becomes as many channels as the network has: colour gives its red, green and blue, or its luma for one
    channel, and grey is repeated for three.

    Args:
        volumes: the channels on one grid, at least one present.
        steps: what is done to each.
        channel_count: of the network.

    Raises:
        PrepareError: ``E408`` the channels are not those of the network; whatever a step raises.
    """
    present = [volume for volume in volumes if volume is not None]
    if not present or (len(volumes) != channel_count and not (len(volumes) == 1 and channel_count == COLOURS)):
        raise PrepareError("E408", step="channels", found=len(volumes))
    stacked: list[npt.NDArray[np.float32] | None] = []
    geometry, trace = present[0].geometry, Trace()
    for volume in volumes:
        if volume is None:
            stacked.append(None)
            continue
        prepared, trace = apply_steps(steps, _coloured(volume, channel_count if len(volumes) == 1 else 1))
        geometry = prepared.geometry
        array = np.asarray(prepared.array, dtype=np.float32)
        stacked.extend(array if prepared.is_colour else [array])
    empty = np.zeros(geometry.shape, dtype=np.float32)
    planes = [empty if plane is None else np.nan_to_num(plane) for plane in stacked]
    images = np.stack(planes * COLOURS if len(planes) == 1 and channel_count == COLOURS else planes)
    return NetworkInput(images, geometry, present[0].geometry, trace)


def _coloured(volume: Volume, channel_count: int) -> Volume:
    if not volume.is_colour:
        return volume
    if channel_count == 1:
        return apply_steps((Grey(),), volume)[0]
    return volume.with_array(volume.array[:COLOURS])


def labels_to_network(steps: Sequence[Step], labels: Samples, geometry: VolumeGeometry) -> Samples:
    """Return labels (slice, row, column) on the grid that the steps lead to; each place takes its nearest label."""
    moving = [step for step in steps if step.is_geometric]
    return apply_steps(moving, Volume(labels, geometry, Quantity.LABEL))[0].array


def labels_to_source(trace: Trace, labels: Samples, geometry: VolumeGeometry) -> Samples:
    """Return labels (slice, row, column) on the grid the trace started from.

    Raises:
        NotInvertible: ``E403``, a step that moves samples cannot be undone.
    """
    return invert_trace(trace, Volume(labels, geometry, Quantity.LABEL), geometry_only=True).array
