"""Coverage: lungs that the first or last slice cuts, and a body that the field of view cuts."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from hounsfield.core.volume import Volume
from hounsfield.image.quality.sample import slice_indices

AIR_HU = -500.0
BODY_HU = -300.0
SIDE = 128
LEAST_LUNG_MM2 = 3000.0

Plane = npt.NDArray[np.bool_]


def lung_cut_percent(volume: Volume) -> float | None:
    """Return how much air inside the body the first or last slice of a CT shows, in percent of the fullest slice.

    Air that does not reach the border of its slice is lung, airway or bowel; lungs that are wholly inside end at almost
    nothing on both sides.

    Args:
        volume: a stack of axial slices in HU.

    Returns:
        None where no slice shows as much air as a lung has.
    """
    count = volume.geometry.shape[0]
    step = _step(volume)
    pixel_mm2 = volume.geometry.row_spacing_mm * volume.geometry.column_spacing_mm * step**2
    inner = {index: _inner_air(volume, index, step) for index in {0, count - 1, *slice_indices(count, 16)}}
    fullest = max(inner.values())
    if fullest * pixel_mm2 < LEAST_LUNG_MM2:
        return None
    return 100.0 * max(inner[0], inner[count - 1]) / fullest


def field_cut_percent(volume: Volume) -> float | None:
    """Return how much of the rim of the slices of a CT shows body, in percent; the median over the slices.

    The rim is the border of the image, or of the circle that was reconstructed where the corners are padding.
    """
    padding = volume.presentation.padding
    shares = []
    for index in slice_indices(volume.geometry.shape[0]):
        image = volume.array[index]
        rim = np.concatenate([image[1], image[-2], image[:, 1], image[:, -2]])
        if padding is not None:
            rim = rim[(rim < padding[0]) | (rim > padding[1])]
        if rim.size:
            shares.append(float((rim > BODY_HU).mean()))
    return 100.0 * float(np.median(shares)) if shares else None


def _inner_air(volume: Volume, index: int, step: int) -> int:
    air = volume.array[index, ::step, ::step] < AIR_HU
    labels, count = label(air)
    outside = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    sizes = np.bincount(labels.reshape(-1), minlength=count + 1)
    sizes[outside] = 0
    sizes[0] = 0
    return int(sizes.sum())


def _step(volume: Volume) -> int:
    return max(1, -(-max(volume.geometry.shape[1:]) // SIDE))
