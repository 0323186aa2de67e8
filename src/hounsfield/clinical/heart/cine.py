"""Cine of an apical view: a dark cavity in a bright wall followed through time by written steps; nothing is trained.

Each frame is smoothed and cut at Otsu's threshold of the mean frame; the cavity is the largest dark part that does not
reach the edge of the sector. Ends of the beat are the peaks of its area, as EchoNet-Dynamic finds them
(Ouyang 2020, Nature 580:252); volumes are by area and length, 8 A^2 / (3 pi L). Real images with drop-out, trabeculae
or an open valve defeat these steps, and the report says so.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.signal import find_peaks

from hounsfield.clinical.rules import area_length, ejection_fraction
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.prepare.statistics import otsu_level

SMOOTHED_MM, UNCALIBRATED_SAMPLES = 2.0, 2.5
SECTOR_EDGE_MM = 4.0
LEAST_AREA_SHARE = 0.005
"""Of the frame; a smaller dark part is no ventricle."""

WANDER_MM = 12.0
"""The cavity of a frame lies within this distance of that of the mean frame."""

PROMINENCE_SHARE = 0.5
LEAST_FRAMES = 6

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CineTrack:
    """The cavity through time.

    Attributes:
        masks: (frame, row, column).
        areas: of each frame in mm2, or in samples without a calibration.
        lengths: longest extent of each frame in mm, or in samples.
        diastoles: frames of end-diastole.
        systoles: frames of end-systole, one after each end-diastole that has one.
    """

    masks: Flags
    areas: Floats
    lengths: Floats
    diastoles: tuple[int, ...]
    systoles: tuple[int, ...]

    def volume(self, frame: int) -> float:
        """Return the volume by area and length, in ml where calibrated."""
        return area_length(float(self.areas[frame]), float(self.lengths[frame]))

    @property
    def beats(self) -> tuple[tuple[int, int], ...]:
        """End-diastole and the end-systole that follows, of each whole beat."""
        pairs = []
        for place, first in enumerate(self.diastoles):
            limit = self.diastoles[place + 1] if place + 1 < len(self.diastoles) else len(self.areas)
            last = [frame for frame in self.systoles if first < frame < limit]
            if last:
                pairs.append((first, last[0]))
        return tuple(pairs)

    def ejections_percent(self) -> tuple[float, ...]:
        """Return the ejection fraction of each beat; the calibration cancels."""
        return tuple(ejection_fraction(self.volume(first), self.volume(last)) for first, last in self.beats)


def track_cavity(volume: Volume) -> CineTrack | None:
    """Follow the dark cavity of an apical cine; None where there is none, or no beat in it.

    Args:
        volume: grey frames through time.
    """
    if volume.is_colour or volume.slice_axis is not SliceAxis.TIME or volume.geometry.shape[0] < LEAST_FRAMES:
        return None
    steps = _steps(volume.geometry)
    width = SMOOTHED_MM / steps if volume.geometry.calibration is Calibration.PATIENT else UNCALIBRATED_SAMPLES
    frames = ndimage.gaussian_filter(volume.array.astype(np.float32), (0.7, *np.broadcast_to(width, 2)), mode="nearest")
    sector = _sector(volume.array, float(SECTOR_EDGE_MM / steps.mean()))
    mean = frames.mean(axis=0)
    threshold = otsu_level(mean[sector])
    reference = _enclosed(mean < threshold, sector, None)
    if reference is None:
        return None
    near = ndimage.binary_dilation(reference, iterations=max(1, round(WANDER_MM / float(steps.mean()))))
    found = [_enclosed((frame < threshold) & near, sector, reference) for frame in frames]
    masks = np.stack([reference if one is None else one for one in found])
    areas = masks.sum(axis=(1, 2)) * float(np.prod(steps))
    diastoles, systoles = _ends(np.asarray(areas, dtype=np.float64))
    track = CineTrack(masks, areas, np.array([_length(one, steps) for one in masks]), diastoles, systoles)
    return track if track.beats else None


def _steps(geometry: VolumeGeometry) -> Floats:
    return np.array([geometry.row_spacing_mm, geometry.column_spacing_mm])


def _sector(array: npt.NDArray[np.generic], edge: float) -> Flags:
    """Return where the picture is ever lit, less its edge."""
    lit = ndimage.binary_closing(np.asarray(array).max(axis=0) > 0, iterations=2)
    lit = np.asarray(ndimage.binary_fill_holes(lit))
    return np.asarray(ndimage.binary_erosion(lit, iterations=max(1, round(edge))))


def _enclosed(dark: Flags, sector: Flags, reference: Flags | None) -> Flags | None:
    """Return the largest dark part that does not reach the edge of the sector, or that lies most on a reference."""
    numbered, count = ndimage.label(dark & sector)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    border = sector & ~ndimage.binary_erosion(sector)
    open_parts = np.unique(numbered[border])
    sizes[0] = 0
    if reference is None:
        sizes[open_parts] = 0
    else:
        sizes = np.bincount(numbered[reference], minlength=count + 1)
        sizes[0] = 0
    best = int(sizes.argmax())
    if sizes[best] < LEAST_AREA_SHARE * dark.size:
        return None
    return np.asarray(ndimage.binary_fill_holes(numbered == best))


def _ends(areas: Floats) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the frames of largest and smallest area of each beat; the first and last frame may be an end."""
    span = np.subtract(*np.percentile(areas, [95, 5]))
    padded = np.concatenate([[areas.min()], areas, [areas.min()]])
    largest, _ = find_peaks(padded, prominence=PROMINENCE_SHARE * span)
    padded = np.concatenate([[areas.max()], areas, [areas.max()]])
    smallest, _ = find_peaks(-padded, prominence=PROMINENCE_SHARE * span)
    return tuple(int(frame) - 1 for frame in largest), tuple(int(frame) - 1 for frame in smallest)


def _length(mask: Flags, steps: Floats) -> float:
    """Return the extent of a part along its longest axis, its pixels counted whole."""
    points = np.argwhere(mask) * steps
    centred = points - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axis = vectors[:, -1]
    return float(np.ptp(centred @ axis) + np.abs(axis) @ steps)
