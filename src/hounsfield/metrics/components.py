"""Connected components of a mask with their volumes, boxes and centres, in one scan."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import in_threads, spans
from hounsfield.errors import SettingsError
from hounsfield.metrics.masks import Mask, as_spacing, as_words

_CORNERS = {4: (1, 2), 8: (2, 2), 6: (1, 3), 18: (2, 3), 26: (3, 3)}
"""For each connectivity: axes in which a neighbour may differ at once, and axes of the mask."""


@dataclass(frozen=True)
class Components:
    """The components of a mask, in the order of their first voxels; component i has the label i + 1.

    Attributes:
        labels: the shape of the mask, int32, 0 outside.
        voxels: (component,) number of voxels.
        boxes: (component, axis, 2) first index and the one after the last, in the order of the mask's axes.
        centroids: (component, axis) mean index of the voxels, in the order of the mask's axes.
    """

    labels: npt.NDArray[np.int32] = field(repr=False)
    voxels: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.int64]
    centroids: npt.NDArray[np.float64]

    def volumes_mm3(self, spacing_mm: tuple[float, ...]) -> npt.NDArray[np.float64]:
        """Return the volume of each component in mm3, or in a plane its area in mm2.

        Args:
            spacing_mm: distance of slices, rows and columns, or of rows and columns.

        Raises:
            SettingsError: ``E823``, not one positive number for each axis.
        """
        size = float(np.prod(as_spacing(spacing_mm, self.labels.ndim == 2)))
        return self.voxels.astype(np.float64) * size


def label_components(
    mask: Mask, connectivity: int, labels: npt.NDArray[np.int32] | None = None, threads: int = 2
) -> Components:
    """Label the connected components of a mask and measure them.

    Args:
        mask: (slice, row, column) or (row, column), bool or uint8.
        connectivity: neighbours of a voxel that count as connected: 6, 18 or 26; in a plane 4 or 8.
        labels: array of the mask's shape to write the labels into, or None for a new one.
        threads: threads to use.

    Raises:
        SettingsError: ``E823``, an argument is not as above.

    Example:
        >>> import numpy as np
        >>> mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 1]], np.uint8)
        >>> label_components(mask, 8).voxels.tolist()
        [2, 2]
    """
    from hounsfield.metrics import component_kernels as kernels

    words = as_words(mask, "mask")
    neighbours = _neighbours(connectivity, mask.ndim)
    labels = _cleared(labels, mask.shape)
    planes, rows = words.shape[:2]
    counts = np.empty((planes, rows), np.int64)
    parts = spans(planes, threads)
    in_threads(kernels.count_runs, [(words, counts, *part) for part in parts], threads)
    starts = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    runs, parents = np.empty((starts[-1], 2), np.int32), np.empty(starts[-1], np.int64)
    ends = [(start * rows, stop * rows) for start, stop in parts]
    in_threads(kernels.find_runs, [(words, starts, runs, parents, *part) for part in ends], threads)
    kernels.join_planes(runs, starts, parents, rows, neighbours, (0, planes))
    numbers = np.empty(starts[-1], np.int32)
    count = kernels.number_sets(parents, numbers)
    sizes, boxes, sums = np.zeros(count, np.int64), np.zeros((count, 3, 2), np.int64), np.zeros((count, 3), np.int64)
    kernels.measure_sets(runs, starts, rows, numbers, (sizes, boxes, sums))
    flat = labels.reshape(planes * rows, mask.shape[-1])
    in_threads(kernels.write_labels, [(runs, starts, numbers, flat, *part) for part in ends], threads)
    axes = slice(3 - mask.ndim, 3)
    return Components(labels, sizes, boxes[:, axes], (sums / sizes[:, None])[:, axes])


def _neighbours(connectivity: int, axes: int) -> npt.NDArray[np.int64]:
    """Return slices and rows to go back, and how far a run there reaches across columns."""
    corners, wanted = _CORNERS.get(connectivity, (0, 0))
    if wanted != axes:
        expected = "4 or 8" if axes == 2 else "6, 18 or 26"
        raise SettingsError("E823", name="connectivity", found=connectivity, expected=expected)
    before = [(0, -1), (-1, -1), (-1, 0), (-1, 1)]
    steps = [(plane, row, abs(plane) + abs(row)) for plane, row in before if axes == 3 or plane == 0]
    return np.array([(plane, row, int(far < corners)) for plane, row, far in steps if far <= corners], np.int64)


def _cleared(labels: npt.NDArray[np.int32] | None, shape: tuple[int, ...]) -> npt.NDArray[np.int32]:
    if labels is None:
        return np.zeros(shape, np.int32)
    if labels.shape != shape or labels.dtype != np.int32 or not labels.flags.c_contiguous:
        found = f"{labels.dtype} of shape {labels.shape}"
        raise SettingsError("E823", name="labels", found=found, expected=f"contiguous int32 of shape {shape}")
    labels.fill(0)
    return labels
