"""Morphological features: how large a region is, how it is shaped, and how its intensities lie in it (IBSI 3.1)."""

from collections.abc import Callable, Collection, Mapping

import numpy as np
import numpy.typing as npt

from hounsfield.radiomics.mesh import measure_mesh, outer_points
from hounsfield.radiomics.region import Region
from hounsfield.radiomics.solids import Hull, Solid, ellipsoid
from hounsfield.radiomics.spatial import autocorrelation

NOTHING = float("nan")
SOLIDS: Mapping[str, Callable[[Hull], Solid]] = {
    "aabb": lambda hull: hull.bounding_box,
    "ombb": lambda hull: hull.oriented_box,
    "mvee": lambda hull: hull.least_ellipsoid,
    "conv_hull": lambda hull: hull.solid,
}
"""Solids whose area and volume a region is compared with, by the end of the tag."""


def morphology_features(region: Region, threads: int = 1, leaves_out: Collection[str] = ()) -> Mapping[str, float]:
    """Return the features by tag; those that the region does not define are NaN.

    Args:
        region: its morphological mask is not empty.
        threads: of the transform for the autocorrelation.
        leaves_out: tags that are not worked out, as far as that saves anything.
    """
    inside = np.ascontiguousarray(region.morphological[region.box])
    mesh = measure_mesh(inside, region.spacing_mm)
    area, volume = mesh.area_mm2, mesh.volume_mm3
    sphere = (36 * np.pi * volume**2) ** (1 / 3)
    sums = _moments(inside)
    hull = Hull(outer_points(inside, region.spacing_mm))
    found = {
        "morph_volume": volume,
        "morph_vol_approx": float(sums[0]) * float(np.prod(region.spacing_mm)),
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_comp_1": volume / (np.sqrt(np.pi) * area**1.5),
        "morph_comp_2": 36 * np.pi * volume**2 / area**3,
        "morph_sph_dispr": area / sphere,
        "morph_sphericity": sphere / area,
        "morph_asphericity": (area**3 / (36 * np.pi * volume**2)) ** (1 / 3) - 1,
        "morph_diam": hull.diameter_mm,
    }
    found |= _axes(sums, region.spacing_mm, Solid(area, volume))
    for name, solid in SOLIDS.items():
        if not leaves_out or not {f"morph_vol_dens_{name}", f"morph_area_dens_{name}"} <= set(leaves_out):
            found |= _densities(name, Solid(area, volume), solid(hull))
    found |= _intensities(region, volume)
    if not {"morph_moran_i", "morph_geary_c"} <= set(leaves_out):
        found |= _autocorrelation(region, threads)
    return {name: float(value) for name, value in found.items()}


def _moments(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    from hounsfield.radiomics.mesh_kernels import moments

    sums = np.zeros(10)
    moments(inside.view(np.uint8), sums)
    return sums


def _axes(sums: npt.NDArray[np.float64], spacing_mm: tuple[float, float, float], own: Solid) -> dict[str, float]:
    """Return the lengths of the axes of inertia, their ratios, and the densities in the ellipsoid they span."""
    mean = sums[1:4] / sums[0]
    products = np.empty((3, 3))
    products[np.diag_indices(3)] = sums[4:7]
    products[(0, 0, 1), (1, 2, 2)] = products[(1, 2, 2), (0, 0, 1)] = sums[7:10]
    # the reference values come of n - 1 in the divisor; one voxel has no axes
    spread = (products - sums[0] * np.outer(mean, mean)) / max(sums[0] - 1, 1)
    covariance = spread * np.outer(spacing_mm, spacing_mm)
    least, minor, major = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0.0))
    return {
        "morph_pca_maj_axis": 4 * major,
        "morph_pca_min_axis": 4 * minor,
        "morph_pca_least_axis": 4 * least,
        "morph_pca_elongation": minor / major if major > 0 else NOTHING,
        "morph_pca_flatness": least / major if major > 0 else NOTHING,
        **_densities("aee", own, ellipsoid([2 * major, 2 * minor, 2 * least])),
    }


def _densities(name: str, own: Solid, around: Solid) -> dict[str, float]:
    return {
        f"morph_vol_dens_{name}": own.volume_mm3 / around.volume_mm3,
        f"morph_area_dens_{name}": own.area_mm2 / around.area_mm2,
    }


def _intensities(region: Region, volume: float) -> dict[str, float]:
    """Return how far the weight of the intensities lies from the middle, and the integral over the region."""
    total = region.values.sum()
    heavy = _centre(region.intensity, region.values, region.spacing_mm) if total else np.full(3, NOTHING)
    middle = _centre(region.morphological, None, region.spacing_mm)
    return {"morph_com": float(np.linalg.norm(middle - heavy)), "morph_integ_int": region.values.mean() * volume}


def _autocorrelation(region: Region, threads: int) -> dict[str, float]:
    samples, inside = region.samples[region.box], region.intensity[region.box]
    found = autocorrelation(samples, inside, region.spacing_mm, threads)
    return {"morph_moran_i": found.moran_i, "morph_geary_c": found.geary_c}


def _centre(
    inside: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64] | None, spacing_mm: tuple[float, float, float]
) -> npt.NDArray[np.float64]:
    places = np.nonzero(inside)
    return np.array([np.average(axis, weights=weights) for axis in places]) * spacing_mm
