"""Contrast and sharpness of an object whose place is known: contrast-to-noise, and the rise of a round edge."""

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.edges import means_by_bin, rise_distance_mm

Values = npt.NDArray[np.floating]

_BIN_MM = 0.25


def contrast_to_noise_score(target: npt.ArrayLike, background: npt.ArrayLike) -> float:
    """Return the contrast-to-noise ratio |mean of target - mean of background| / deviation of the background.

    Of the definitions in use this is that of Rose's detail in a flat background: noise is that of the background alone
    (population deviation). It does not change when samples are scaled linearly.

    Returns:
        Infinite where the background has no noise; NaN where either is empty, or there is neither contrast nor noise.

    Example:
        >>> contrast_to_noise_score([10.0, 12.0], [0.0, 2.0, 4.0, 2.0]) > 6
        True
    """
    one, other = np.asarray(target, np.float64), np.asarray(background, np.float64)
    if not one.size or not other.size:
        return float("nan")
    contrast, noise = abs(float(one.mean() - other.mean())), float(other.std())
    if noise > 0:
        return contrast / noise
    return float("inf") if contrast > 0 else float("nan")


def radial_rise_mm(distances_mm: Values, values: Values, radius_mm: float, reach_mm: float) -> float:
    """Return how far the edge of a ball takes to rise from 10 % to 90 %, in millimetres.

    Samples are put in order by their distance from its centre and averaged in steps of 0.25 mm, which leaves noise and
    the steps of the grid behind; empty steps are left out. Exact for a flat edge; for a ball blurred by a Gaussian it
    is right while the blur is small against the radius.

    Args:
        distances_mm: of samples from the centre of the ball.
        values: the samples.
        radius_mm: of the ball.
        reach_mm: how far inside and outside of it the levels of either side are flat.

    Returns:
        NaN where there are too few samples, or the edge does not rise.
    """
    away, samples = np.asarray(distances_mm, np.float64).ravel(), np.asarray(values, np.float64).ravel()
    near = np.abs(away - radius_mm) <= reach_mm
    if not near.any():
        return float("nan")
    number = np.floor((away[near] - radius_mm + reach_mm) / _BIN_MM).astype(np.intp)
    return rise_distance_mm(*means_by_bin(number, away[near], samples[near]))
