"""Volume and Mask: never an array without geometry and quantity."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.codes import CodedConcept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.errors import EnhancedPixels, ImageError

Samples = npt.NDArray[Any]


class SliceAxis(StrEnum):
    """What the first axis of a volume counts."""

    SINGLE = "single"
    SPACE = "space"
    TIME = "time"


@dataclass(frozen=True)
class Window:
    """A value-of-interest window on modality values (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""

    center: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True)
class Presentation:
    """How samples are meant to be shown.

    Attributes:
        window: the VOI window, None for the full range.
        is_inverted: high values are dark (MONOCHROME1, or Presentation LUT Shape INVERSE).
        lookup_table: VOI LUT applied instead of a window, as (first value mapped, table spread over 0..65535).
        padding: lowest and highest sample value that is padding and no part of the picture, None without padding.
    """

    window: Window | None = None
    is_inverted: bool = False
    lookup_table: tuple[int, npt.NDArray[np.uint16]] | None = None
    padding: tuple[float, float] | None = None


@dataclass(frozen=True)
class Volume:
    """Samples with their place and their meaning.

    Attributes:
        array: (slice, row, column), or (channel, slice, row, column) for colour.
        geometry: the grid of the last three axes.
        quantity: what a sample means.
        instances: the instances the samples come from, one a slice, or one for all slices.
        frame_indices: frame of the instance each slice comes from, empty when each instance has one frame.
        slice_axis: whether slices follow each other in space, in time, or there is only one.
        frame_times_seconds: start of each frame after the first, for time.
        presentation: how to show it.
        enhanced_by: the steps that changed what the samples look like, in order; empty where they may be measured.
        repaired_by: the repairs on reading that made samples which were not acquired; empty for a stack as it came.
    """

    array: Samples
    geometry: VolumeGeometry
    quantity: Quantity
    instances: tuple[InstanceRef, ...] = ()
    frame_indices: tuple[int, ...] = ()
    slice_axis: SliceAxis = SliceAxis.SINGLE
    frame_times_seconds: tuple[float, ...] = ()
    presentation: Presentation = field(default_factory=Presentation)
    enhanced_by: tuple[str, ...] = ()
    repaired_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an array that does not lie on its grid."""
        if self.array.ndim not in (3, 4) or self.array.shape[-3:] != self.geometry.shape:
            raise ImageError("E312", found=self.array.shape, expected=self.geometry.shape)

    @property
    def is_colour(self) -> bool:
        """Whether the first axis is colour."""
        return self.array.ndim == 4

    def with_array(self, array: Samples, **changes: Any) -> "Volume":
        """Return a volume with other samples, and other fields where named."""
        return replace(self, array=array, **changes)

    def require_measurable(self) -> None:
        """Refuse samples that were denoised, sharpened, windowed, repaired or otherwise changed to be looked at.

        Raises:
            EnhancedPixels: ``E460``, naming the steps.
        """
        if self.enhanced_by:
            raise EnhancedPixels("E460", found=", ".join(self.enhanced_by))

    def source_of(self, slice_index: int) -> tuple[InstanceRef, int] | None:
        """Return the instance and frame index that a slice comes from, or None when it is not known."""
        if len(self.instances) not in (1, self.geometry.shape[0]):
            return None  # slices that were made from several of their neighbours have no single source
        if self.frame_indices and len(self.frame_indices) != self.geometry.shape[0]:
            return None
        is_one_object = len(self.instances) == 1
        instance = self.instances[0 if is_one_object else slice_index]
        frame_index = self.frame_indices[slice_index] if self.frame_indices else (slice_index if is_one_object else 0)
        return instance, frame_index


@dataclass(frozen=True)
class Mask:
    """Labels on a grid: 0 is background, every other value stands for a coded concept.

    Attributes:
        array: (slice, row, column) integers.
        geometry: its grid.
        labels: concept of each value above 0.
    """

    array: npt.NDArray[np.integer[Any]]
    geometry: VolumeGeometry
    labels: Mapping[int, CodedConcept]

    def __post_init__(self) -> None:
        """Refuse an array that does not lie on its grid, or is not of integers."""
        if self.array.shape != self.geometry.shape or not np.issubdtype(self.array.dtype, np.integer):
            raise ImageError("E312", found=(self.array.shape, str(self.array.dtype)), expected=self.geometry.shape)


def middle_slice(volume: Volume) -> Volume:
    """Return the slice in the middle of a volume, the later one of two; a picture is returned as it is."""
    count, rows, columns = volume.geometry.shape
    if count == 1:
        return volume
    index = count // 2
    array = volume.array[..., index : index + 1, :, :]
    geometry = volume.geometry.cropped((index, 0, 0), (1, rows, columns))
    return Volume(array, geometry, volume.quantity, presentation=volume.presentation)
