"""Search: where in the lungs something looks like a ball of some size; and the door for a trained detector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from hounsfield.clinical.chest_ct.grid import Floats
from hounsfield.clinical.chest_ct.lungs import Lungs
from hounsfield.compiled import in_threads, spans
from hounsfield.core.volume import Volume
from hounsfield.prepare.regrid import regrid
from hounsfield.prepare.taps import taps_of

Radii = npt.NDArray[np.float64]

FINE_MM, COARSE_MM = 1.0, 2.0
SCALES_MM = ((1.2, FINE_MM), (1.8, FINE_MM), (2.7, COARSE_MM), (4.0, COARSE_MM), (6.0, COARSE_MM))
"""Widths of the smoothing, and the spacing each is looked at; a ball of radius r answers best at r / sqrt(3)."""
LEAST_RESPONSE = 25.0
LUNG_HU, DENSEST_HU = -850.0, 100.0
MOST = 200
"""Candidates of each scale that are kept, the strongest first: vessels would crowd out small and faint nodules."""


@dataclass(frozen=True)
class Candidate:
    """A place where a nodule may be.

    Attributes:
        index: slice, row and column of the volume.
        radius_mm: of the ball that answers best.
        response: how strongly, in HU; larger is more like a dense ball.
        score: probability-like number of a nodule from 0 to 1; 0 before it is judged.
    """

    index: tuple[float, float, float]
    radius_mm: float
    response: float
    score: float = 0.0


class NoduleDetector(Protocol):
    """Finds candidates in the lungs; a trained detector that is named takes the place of the search below."""

    def detect(self, volume: Volume, lungs: Lungs) -> tuple[Candidate, ...]:
        """Return candidates with their scores, the best first."""


def find_candidates(volume: Volume, lungs: Lungs, threads: int = 2) -> tuple[Candidate, ...]:
    """Return places that answer to a ball filter at some scale, the strongest first, none within another."""
    if not lungs.lungs:
        return ()
    found: list[Candidate] = []
    grids: dict[float, _Grid] = {}
    for sigma, step in SCALES_MM:
        if step not in grids:
            grids[step] = _Grid.of(volume, lungs, step, threads)
        found += _at_scale(grids[step], sigma, threads)
    return _distinct(found, volume)


@dataclass(frozen=True)
class _Grid:
    """The box around the lungs at one spacing: samples, the inside of the lungs, and the index lines of the volume."""

    samples: Floats
    inside: npt.NDArray[np.uint8]
    lines: tuple[npt.NDArray[np.float64], ...]
    step_mm: float

    @classmethod
    def of(cls, volume: Volume, lungs: Lungs, step_mm: float, threads: int) -> "_Grid":
        closed = lungs.closed
        box = [np.flatnonzero(closed.any(axis=tuple(a for a in range(3) if a != axis)))[[0, -1]] for axis in range(3)]
        lines, taps, masks = [], [], []
        for axis, (low, high) in enumerate(box):
            factor, size, spacing = lungs.factors[axis], volume.array.shape[axis], volume.geometry.spacing_mm[axis]
            start, stop = max(low * factor - 4.0 / spacing, 0), min((high + 1) * factor + 4.0 / spacing, size - 1)
            line = np.arange(start, stop + 1e-6, step_mm / spacing)
            lines.append(line)
            taps.append(taps_of(line, size, "linear", spacing < step_mm))
            masks.append(taps_of((line - (factor - 1) / 2) / factor, closed.shape[axis], "linear", False))
        inside = regrid(closed.astype(np.float32), (masks[0], masks[1], masks[2]), threads=threads) >= 0.5
        samples = regrid(volume.array, (taps[0], taps[1], taps[2]), threads=threads)
        np.clip(samples, -1000.0, DENSEST_HU, out=samples)
        samples[~inside] = LUNG_HU  # so that the chest wall ends where the lung ends
        return cls(samples, inside.view(np.uint8), tuple(lines), step_mm)


def _at_scale(grid: _Grid, sigma_mm: float, threads: int) -> list[Candidate]:
    from hounsfield.clinical.chest_ct import blob_kernels as kernels

    sigma = sigma_mm / grid.step_mm
    smooth = gaussian_filter(grid.samples, sigma, truncate=3.0)
    response = np.zeros_like(smooth)
    parts = spans(len(smooth), threads * 4)
    scale = sigma**2 * 3.0
    in_threads(kernels.ball_response, [(smooth, grid.inside, scale, response, *part) for part in parts], threads)
    places = np.empty((20000, 3), dtype=np.int64)
    count = kernels.peaks(response, LEAST_RESPONSE, places)
    radius = sigma_mm * np.sqrt(3.0)
    places = places[:count][np.argsort(-response[tuple(places[:count].T)], kind="stable")[:MOST]]
    return [
        Candidate(
            (float(grid.lines[0][z]), float(grid.lines[1][y]), float(grid.lines[2][x])),
            float(radius),
            float(response[z, y, x]),
        )
        for z, y, x in places
    ]


def _distinct(found: list[Candidate], volume: Volume) -> tuple[Candidate, ...]:
    """Keep the strongest of candidates that lie within the smaller of each other; the judge parts the rest."""
    order = sorted(found, key=lambda candidate: -candidate.response)
    return apart(order, volume, lambda one, other: np.maximum(np.minimum(one, other), 2.0))


def apart(
    order: Sequence[Candidate], volume: Volume, reach_mm: Callable[[float, Radii], Radii]
) -> tuple[Candidate, ...]:
    """Return candidates that lie within no earlier one that was kept.

    Args:
        order: the best first.
        volume: where they lie.
        reach_mm: from the radius of one and the radii of others to the distance within which it is the same.
    """
    kept: list[Candidate] = []
    spacing = np.asarray(volume.geometry.spacing_mm)
    centres, radii = np.empty((len(order), 3)), np.empty(len(order))
    for one in order:
        place, count = np.asarray(one.index) * spacing, len(kept)
        distances = np.linalg.norm(centres[:count] - place, axis=1)
        if (distances > reach_mm(one.radius_mm, radii[:count])).all():
            centres[count], radii[count] = place, one.radius_mm
            kept.append(one)
    return tuple(kept)
