"""Blur: how wide the sharpest edges of an image are."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from hounsfield.image.quality.sample import Plane

PRESMOOTH = 1.0
"""Pixels; takes noise off the gradients before they are compared."""
REBLUR = 1.5
_DIFFERENCE_VARIANCE = 1.0 / 3.0
"""Variance, in pixels squared, of the box that a central difference averages over."""
EDGE_SHARE = 0.004
LEAST_EDGES = 20
LEAST_RATIO = 1.0005
NOISE_MARGIN = 6.0


def edge_sigma(planes: Sequence[Plane], noise: float = 0.0) -> float | None:
    """Return the width of the strong edges in pixels, as the sigma of a Gaussian; None where there are too few.

    An edge that is blurred once more by a known amount loses the more gradient the sharper it was (Zhuo and Sim,
    Defocus map estimation from a single image, Pattern Recognition 2011). The 10-90 % width of an edge is 2.56 sigma.

    Args:
        planes: (row, column) images.
        noise: standard deviation of their noise; fainter edges are left out.
    """
    ratios = [_edge_ratios(image, noise) for image in planes if min(image.shape) >= 16]
    together = np.concatenate(ratios) if ratios else np.zeros(0)
    if together.size < LEAST_EDGES:
        return None
    ratio = max(float(np.percentile(together, 60)), LEAST_RATIO)
    variance = REBLUR**2 / (ratio**2 - 1) - PRESMOOTH**2 - _DIFFERENCE_VARIANCE
    return float(np.sqrt(max(variance, 0.0)))


def _edge_ratios(image: Plane, noise: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    first = gaussian_filter(image, PRESMOOTH)
    second = gaussian_filter(image, float(np.hypot(PRESMOOTH, REBLUR)))
    sharp, dull = _gradient(first), _gradient(second)
    # Noise of the smoothed gradient: sigma / sqrt(8 pi) / s^2 for a smoothing by s.
    floor = NOISE_MARGIN * noise / (np.sqrt(8 * np.pi) * PRESMOOTH**2)
    limit = max(float(np.quantile(sharp[::3, ::3], 1 - 5 * EDGE_SHARE)), floor)
    crest = (sharp >= limit) & (sharp >= 0.999 * maximum_filter(sharp, 3)) & (dull > 0)
    crest[:4] = crest[-4:] = False
    crest[:, :4] = crest[:, -4:] = False
    return np.asarray(sharp[crest] / dull[crest], dtype=np.float32)


def _gradient(image: Plane) -> Plane:
    down, right = np.gradient(image)
    return np.asarray(np.hypot(down, right), dtype=np.float32)
