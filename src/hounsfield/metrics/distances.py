"""Figures of the distances between two surfaces; each definition of a figure has its own name.

Tools that print "HD95" or "ASSD" mean different things by it (Reinke et al. 2024, Nature Methods 21:182; Podobnik and
Vrtovec 2024, "HDilemma"). The names here say which, and two figures can be compared only if their names are the same.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.errors import SettingsError
from hounsfield.metrics.masks import MaskPair
from hounsfield.metrics.surface import Surface, SurfaceDistances, surface_distances

Floats = npt.NDArray[np.float64]


def hausdorff_distance_mm(distances: SurfaceDistances) -> float:
    """Return max(max d(a, B), max d(b, A)), Huttenlocher et al. 1993 (IEEE PAMI 15:850)."""
    return float(max(distances.first_to_second_mm.max(), distances.second_to_first_mm.max()))


def pooled_hausdorff_mm(distances: SurfaceDistances, percent: float = 95.0) -> float:
    """Return the percentile of the distances of both directions taken together, as ``medpy.metric.hd95``.

    The percentile is interpolated linearly between order statistics, Hyndman and Fan 1996, type 7.

    Raises:
        SettingsError: ``E823``, the percentage is not within 0..100, or the surfaces are not of voxels.
    """
    _expect(distances, Surface.VOXELS, percent)
    return float(np.percentile(_pooled(distances), percent))


def directed_hausdorff_mm(distances: SurfaceDistances, percent: float = 95.0) -> float:
    """Return the larger of the percentiles of the two directions, as ``monai.metrics.compute_hausdorff_distance``.

    The percentile is interpolated linearly between order statistics, Hyndman and Fan 1996, type 7.

    Raises:
        SettingsError: ``E823``, the percentage is not within 0..100, or the surfaces are not of voxels.
    """
    _expect(distances, Surface.VOXELS, percent)
    both = distances.first_to_second_mm, distances.second_to_first_mm
    return float(max(np.percentile(directed, percent) for directed in both))


def weighted_hausdorff_mm(distances: SurfaceDistances, percent: float = 95.0) -> float:
    """Return the larger of the two distances within which ``percent`` of the area of a surface lies.

    As ``compute_robust_hausdorff`` of DeepMind's surface-distance (Nikolov et al. 2021, J Med Internet Res 23:e26151).

    Raises:
        SettingsError: ``E823``, the percentage is not within 0..100, or the surfaces are not of elements.
    """
    _expect(distances, Surface.ELEMENTS, percent)
    first = _weighted_percentile(distances.first_to_second_mm, distances.first_sizes, percent)
    return max(first, _weighted_percentile(distances.second_to_first_mm, distances.second_sizes, percent))


def pooled_surface_distance_mm(distances: SurfaceDistances) -> float:
    """Return the mean of the distances of both directions taken together: the larger surface weighs more.

    As ``medpy.metric.assd`` and MONAI's ``compute_average_surface_distance(symmetric=True)``; Heimann et al. 2009,
    IEEE TMI 28:1251.

    Raises:
        SettingsError: ``E823``, the surfaces are not of voxels.
    """
    _expect(distances, Surface.VOXELS)
    return float(_pooled(distances).mean())


def directed_surface_distance_mm(distances: SurfaceDistances) -> float:
    """Return the mean of the mean distances of the two directions: both surfaces weigh the same.

    Called MASD in Reinke et al. 2024.

    Raises:
        SettingsError: ``E823``, the surfaces are not of voxels.
    """
    _expect(distances, Surface.VOXELS)
    return float(distances.first_to_second_mm.mean() + distances.second_to_first_mm.mean()) / 2


def weighted_surface_distance_mm(distances: SurfaceDistances) -> float:
    """Return the mean of the two directions' mean distances, each weighted by the area of the surface.

    The two means are what ``compute_average_surface_distance`` of DeepMind's surface-distance returns.

    Raises:
        SettingsError: ``E823``, the surfaces are not of elements.
    """
    _expect(distances, Surface.ELEMENTS)
    first = np.average(distances.first_to_second_mm, weights=distances.first_sizes)
    second = np.average(distances.second_to_first_mm, weights=distances.second_sizes)
    return float(first + second) / 2


def surface_dice_score(
    pair: MaskPair,
    spacing_mm: tuple[float, ...],
    tolerance_mm: float,
    surface: Surface = Surface.ELEMENTS,
    threads: int = 2,
) -> float:
    """Return the share of both surfaces that lies within a tolerance of the other: normalised surface Dice.

    (|A within the tolerance of B| + |B within that of A|) / (|A| + |B|), sizes being areas for elements, as DeepMind's
    ``compute_surface_dice_at_tolerance``, and numbers of voxels for voxels, as MONAI's ``compute_surface_dice``.
    Two empty masks agree in full and score 1; an empty one and one that is not score 0.

    Raises:
        SettingsError: ``E823``, the tolerance is negative, or the spacing not one positive number for each axis.
    """
    if not (np.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise SettingsError("E823", name="tolerance_mm", found=tolerance_mm, expected="0 or more")
    if not pair.first_voxels or not pair.second_voxels:
        return float(pair.first_voxels == pair.second_voxels)
    return surface_dice_of(surface_distances(pair, spacing_mm, surface, threads), tolerance_mm)


def surface_dice_of(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Return the normalised surface Dice of distances that are known."""
    first = distances.first_sizes[distances.first_to_second_mm <= tolerance_mm].sum()
    second = distances.second_sizes[distances.second_to_first_mm <= tolerance_mm].sum()
    return float((first + second) / (distances.first_sizes.sum() + distances.second_sizes.sum()))


def _pooled(distances: SurfaceDistances) -> Floats:
    return np.concatenate([distances.first_to_second_mm, distances.second_to_first_mm])


def _weighted_percentile(distances: Floats, sizes: Floats, percent: float) -> float:
    order = np.argsort(distances, kind="stable")
    shares = np.cumsum(sizes[order]) / sizes.sum()
    place = int(np.searchsorted(shares, percent / 100.0))
    return float(distances[order[min(place, order.size - 1)]])


def _expect(distances: SurfaceDistances, surface: Surface, percent: float = 0.0) -> None:
    if distances.surface is not surface:
        raise SettingsError(
            "E823", name="distances", found=f"of {distances.surface.value}", expected=f"of {surface.value}"
        )
    if not 0 <= percent <= 100:
        raise SettingsError("E823", name="percent", found=percent, expected="0 to 100")
