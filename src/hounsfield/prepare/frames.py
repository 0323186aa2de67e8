"""Sample-frames: at most so many frames of a film, or slices of a stack, spread evenly over it."""

from dataclasses import asdict, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.grid import grid_record, recorded_grid
from hounsfield.prepare.step import STRICT, Parameters


def even_frames(count: int, most: int) -> tuple[int, ...]:
    """Return the indices of at most ``most`` of ``count`` frames, evenly spread, the first and the last among them.

    One frame of many is the middle one.

    >>> even_frames(10, 4), even_frames(3, 4), even_frames(9, 1)
    ((0, 3, 6, 9), (0, 1, 2), (4,))
    """
    if count <= most:
        return tuple(range(count))
    if most == 1:
        return (count // 2,)
    return tuple(int(place) for place in np.floor(np.linspace(0, count - 1, most) + 0.5))


@dataclass(frozen=True, config=STRICT)
class SampleFrames:
    """Keep at most ``most`` frames, evenly spread; the first and the last stay, and so does the order.

    A film of fewer frames is left as it is. Undoing gives the source grid back; a frame that was left out shows the
    nearest one that was kept.

    Attributes:
        most: frames that are kept at most.
    """

    name: ClassVar[str] = "sample-frames"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    most: Annotated[int, Field(ge=1, le=4096)] = 16

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Settle which frames are kept."""
        kept = even_frames(volume.geometry.shape[0], self.most)
        return {"kept": list(kept), "source": grid_record(volume.geometry)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Take the kept frames, with their times and sources."""
        kept = [int(index) for index in parameters["kept"]]
        count = volume.geometry.shape[0]
        if kept == list(range(count)):
            return volume
        if not kept or max(kept) >= count:
            expected = recorded_grid(parameters["source"]).shape
            raise PrepareError("E404", step=self.name, found=volume.geometry.shape, expected=expected)
        sources = [volume.source_of(index) for index in kept]
        known = [source for source in sources if source is not None]
        has_sources = len(known) == len(kept)
        times = volume.frame_times_seconds
        return replace(
            volume,
            array=np.ascontiguousarray(volume.array[..., kept, :, :]),
            geometry=_thinned(volume.geometry, kept),
            instances=tuple(instance for instance, _ in known) if has_sources else (),
            frame_indices=tuple(frame for _, frame in known) if has_sources else (),
            frame_times_seconds=tuple(times[index] for index in kept) if len(times) == count else (),
        )

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Put each frame back in its place; a frame that was left out shows the nearest kept one."""
        kept, source = np.asarray(parameters["kept"]), recorded_grid(parameters["source"])
        found, expected = volume.geometry.shape, (len(kept), *source.shape[1:])
        if found != expected:
            raise PrepareError("E404", step=self.name, found=found, expected=expected)
        nearest = np.abs(np.arange(source.shape[0])[:, None] - kept).argmin(axis=1)
        array = np.ascontiguousarray(volume.array[..., nearest, :, :])
        return replace(volume, array=array, geometry=source, instances=(), frame_indices=(), frame_times_seconds=())


def _thinned(geometry: VolumeGeometry, kept: list[int]) -> VolumeGeometry:
    """Return the grid of the kept frames: it starts at the first of them, and their mean distance is its step."""
    first, count = kept[0], len(kept)
    _, rows, columns = geometry.shape
    stride = (kept[-1] - first) / (count - 1) if count > 1 else 1.0
    slice_mm, row_mm, column_mm = geometry.spacing_mm
    whole = geometry.cropped((first, 0, 0), (count, rows, columns))
    return replace(whole, spacing_mm=(slice_mm * stride, row_mm, column_mm))
