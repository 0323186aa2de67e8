"""Edges: how well found edges lie on the true ones, and how far an edge takes to rise."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter

Picture = npt.NDArray[np.floating]
Line = npt.NDArray[np.float64]

PRATT_SCALE = 1.0 / 9.0
"""The factor of the squared distance that Abdou and Pratt took, per pixel squared."""

PLATEAU_FRACTION = 0.1
"""Share of a profile at either end that its levels are taken from."""

RISE_PER_SIGMA = 2.5631031310892007
"""From 10 % to 90 % of a step that a Gaussian of sigma 1 blurred: twice the normal quantile of 0.9."""

_PRESMOOTH_PIXELS = 1.0


def figure_of_merit_score(
    reference: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_], scale: float = PRATT_SCALE
) -> float:
    """Return Pratt's figure of merit (Abdou and Pratt 1979, doi:10.1109/PROC.1979.11325), 1 for the same edges.

    1 / max(n_reference, n_found) * sum over found edges of 1 / (1 + scale * d^2), d to the nearest reference edge in
    samples. Edges that are missed or found too often lower it, as those in the wrong place do. It is not symmetric.

    Args:
        reference: where edges are; two or three axes.
        found: where they were found, of the same shape.
        scale: how fast distance lowers it; the published one is 1/9.

    Returns:
        0 to 1; 1 where neither holds an edge, 0 where only one does.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> edge = np.arange(9) == 4
        >>> round(figure_of_merit_score(edge, np.roll(edge, 3)), 3)
        0.5
    """
    truth, marks = np.asarray(reference, bool), np.asarray(found, bool)
    if truth.shape != marks.shape:
        raise ValueError(f"edges of {marks.shape} against a reference of {truth.shape}")
    most = max(int(truth.sum()), int(marks.sum()))
    if not truth.any() or not marks.any():
        return 1.0 if most == 0 else 0.0
    distances = distance_transform_edt(~truth)[marks]
    return float((1 / (1 + scale * distances**2)).sum() / most)


def rise_distance_mm(
    positions_mm: npt.ArrayLike, values: npt.ArrayLike, fractions: tuple[float, float] = (0.1, 0.9)
) -> float:
    """Return how far an edge takes to rise from one fraction of its height to another; its 10-90 % width.

    The levels on either side are the medians of the outer tenths of the profile; the crossings nearest to its middle
    height are read between samples. A falling edge counts as a rising one.

    Args:
        positions_mm: ascending places along the normal of the edge.
        values: the profile there.
        fractions: of the height, the lower first.

    Returns:
        Millimetres; NaN where the profile has no height, or does not reach both fractions.

    Example:
        >>> round(rise_distance_mm([0, 1, 2, 3, 4, 5], [0, 0, 5, 10, 10, 10]), 3)
        1.6
    """
    places, profile = np.asarray(positions_mm, np.float64), np.asarray(values, np.float64)
    count = max(1, int(PLATEAU_FRACTION * profile.size))
    if profile.size < 2:
        return float("nan")
    start, end = float(np.median(profile[:count])), float(np.median(profile[-count:]))
    if start == end or not np.isfinite(profile).all():
        return float("nan")
    risen = (profile - start) / (end - start)
    above = np.flatnonzero((risen[:-1] < 0.5) & (risen[1:] >= 0.5))
    if not above.size:
        return float("nan")
    middle = int(above[np.argmin(np.abs(above - profile.size / 2))])
    before = np.flatnonzero(risen[: middle + 1] < fractions[0])
    after = np.flatnonzero(risen[middle + 1 :] >= fractions[1])
    if not before.size or not after.size:
        return float("nan")
    first, last = int(before[-1]), middle + int(after[0])
    return _crossing(places, risen, last, fractions[1]) - _crossing(places, risen, first, fractions[0])


def edge_profile(picture: Picture, spacing_mm: tuple[float, float], bins_per_mm: float = 4.0) -> tuple[Line, Line]:
    """Return the profile of the one straight edge in a picture, across it, finer than its samples lie.

    As in the slanted-edge method (ISO 12233; Samei, Flynn and Reimann 1998, doi:10.1118/1.598165), all samples are
    put in order by their distance from the edge. Its normal is the main direction of the gradients, its place their
    weighted mean.

    Args:
        picture: (row, column), cut so that it holds one edge, at any angle.
        spacing_mm: between rows and between columns.
        bins_per_mm: how many means are taken along each millimetre.

    Returns:
        Distances from the edge in millimetres, ascending, and the mean of the samples there; from the dark to the
        bright side. Both are empty where the picture is flat.
    """
    samples = np.asarray(picture, np.float64)
    down, across = np.gradient(gaussian_filter(samples, _PRESMOOTH_PIXELS, mode="nearest"), *spacing_mm)
    weights = down**2 + across**2
    if not weights.any():
        return np.empty(0), np.empty(0)
    tensor = np.array([[(down * down).sum(), (down * across).sum()], [(down * across).sum(), (across**2).sum()]])
    normal = np.linalg.eigh(tensor)[1][:, 1]
    if (down * normal[0] + across * normal[1]).sum() < 0:
        normal = -normal
    rows, columns = np.indices(samples.shape)
    places = rows * spacing_mm[0] * normal[0] + columns * spacing_mm[1] * normal[1]
    places -= (places * weights).sum() / weights.sum()
    numbers = np.round(places * bins_per_mm).astype(np.int64).ravel()
    numbers -= numbers.min()
    return means_by_bin(numbers, places.ravel(), samples.ravel())


def means_by_bin(numbers: npt.NDArray[np.integer], places: Line, samples: Line) -> tuple[Line, Line]:
    """Return the mean place and the mean sample of each bin that holds any.

    Args:
        numbers: the bin of each sample, from 0.
        places: of the samples.
        samples: their values.
    """
    counts = np.bincount(numbers)
    is_met = counts > 0
    met = counts[is_met]
    return np.bincount(numbers, places)[is_met] / met, np.bincount(numbers, samples)[is_met] / met


def _crossing(places: Line, risen: Line, first: int, height: float) -> float:
    """Return where a profile passes a height between a sample and the next."""
    low, high = risen[first], risen[first + 1]
    return float(places[first] + (height - low) / (high - low) * (places[first + 1] - places[first]))
