"""Width of a blur, told from the edges that it left: the estimate behind blind deblurring, and where it holds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter

from hounsfield.core.volume import Samples
from hounsfield.prepare.channels import finite, some_slices

Floats = npt.NDArray[np.float64]

LIMITS = (0.6, 4.0)
"""Widths in samples of the coarser in-plane axis that the estimate was tested on; see ``BlindDeblur``."""

LEAST_EDGES = 30
"""Samples on strong edges below which nothing is estimated."""

NOISE_MARGIN = 12.0
"""How far above the deviation of the smoothed noise the gradient of an edge has to be."""

STRONG_FRACTION = 0.5
"""Edges count that reach this share of the strongest gradients: a weak one may be the slope of a thing, not a blur."""

_ROUNDS = 3


@dataclass(frozen=True)
class BlurWidth:
    """What the edges tell.

    Attributes:
        sigma_mm: standard deviation of the Gaussian that would make edges as wide; NaN where there are too few.
        spread: half the distance of the quartiles of single edges, as a share of ``sigma_mm``.
        edges: samples on strong edges.
    """

    sigma_mm: float
    spread: float
    edges: int


def blur_width(planes: Samples, spacing_mm: tuple[float, float], noise: float) -> BlurWidth:
    """Return the width of the Gaussian that blurred the strong edges of slices.

    The gradient of a step of width s falls by sqrt((s^2 + b^2) / (s^2 + a^2)) between smoothings by a and by b, so the
    ratio tells s (Zhuo and Sim 2011, doi:10.1016/j.patcog.2011.03.009; Elder and Zucker 1998, doi:10.1109/34.689301).
    Both smoothings grow with the estimate, twice, since a wide edge changes little by a slight one. The median over
    edges is returned.

    Args:
        planes: (slice, row, column).
        spacing_mm: between rows and between columns.
        noise: standard deviation of the noise.
    """
    chosen = [finite(plane) for plane in some_slices(planes)]
    unit = max(spacing_mm)
    sigma, found = 0.0, np.empty(0)
    for _ in range(_ROUNDS):
        first = max(unit, 0.5 * sigma)
        second = float(np.hypot(first, max(1.5 * unit, sigma)))
        sharp, dull = np.concatenate([np.empty((2, 0)), *_crests(chosen, spacing_mm, (first, second), noise)], axis=1)
        is_strong = sharp >= STRONG_FRACTION * np.quantile(sharp, 0.95) if sharp.size else np.empty(0, bool)
        ratio = np.maximum((sharp[is_strong] / dull[is_strong]) ** 2, 1 + 1e-6)
        found = np.sqrt(np.maximum((second**2 - ratio * first**2) / (ratio - 1), 0.0))
        if found.size < LEAST_EDGES:
            return BlurWidth(float("nan"), float("nan"), found.size)
        sigma = float(np.median(found))
    low, high = np.quantile(found, (0.25, 0.75))
    return BlurWidth(sigma, float((high - low) / 2 / max(sigma, 1e-9)), found.size)


def _crests(
    planes: list[npt.NDArray[np.float32]],
    spacing_mm: tuple[float, float],
    smoothings: tuple[float, float],
    noise: float,
) -> Iterator[Floats]:
    """Yield (smoothing, edge) gradients of each slice, where the first is greatest and above the noise."""
    widths = [[smoothing / spacing for spacing in spacing_mm] for smoothing in smoothings]
    border = [int(np.ceil(3 * width)) for width in widths[1]]
    inside = tuple(slice(margin, -margin) for margin in border)
    # Noise of one component: sigma / sqrt(8 pi) over the area of the Gaussian in samples and its width.
    floor = NOISE_MARGIN * noise / (np.sqrt(8 * np.pi * widths[0][0] * widths[0][1]) * smoothings[0])
    for plane in planes:
        if any(size <= 2 * margin + 2 for size, margin in zip(plane.shape, border, strict=True)):
            continue
        sharp, dull = (_gradient(plane, width, spacing_mm) for width in widths)
        is_crest = (sharp >= maximum_filter(sharp, 3)) & (sharp > floor) & (dull > 0)
        yield np.stack([sharp[inside][is_crest[inside]], dull[inside][is_crest[inside]]])


def _gradient(plane: npt.NDArray[np.float32], widths: list[float], spacing_mm: tuple[float, float]) -> Floats:
    samples = plane.astype(np.float64)
    down = gaussian_filter(samples, widths, order=(1, 0), mode="mirror") / spacing_mm[0]
    across = gaussian_filter(samples, widths, order=(0, 1), mode="mirror") / spacing_mm[1]
    return np.asarray(np.hypot(down, across))
