"""One filter, one image: the response map, and how much of the image about a voxel it hangs on."""

import numpy as np

from hounsfield.radiomics.filters.fourier import riesz_laplacian_map, simoncelli_map
from hounsfield.radiomics.filters.gabor import Box, gabor_map, gabor_radii
from hounsfield.radiomics.filters.separable import Map
from hounsfield.radiomics.filters.settings import (
    Boundary,
    FilterSettings,
    GaborFilter,
    LaplacianOfGaussianFilter,
    LawsFilter,
    MeanFilter,
    SimoncelliFilter,
    WaveletFilter,
)
from hounsfield.radiomics.filters.spatial_filters import (
    Spacing,
    laplacian_of_gaussian_map,
    laws_map,
    mean_map,
    radius,
    wavelet_chain,
    wavelet_map,
)

_Whole = MeanFilter | LaplacianOfGaussianFilter | LawsFilter | WaveletFilter | SimoncelliFilter
Reach = tuple[int | None, int | None, int | None]
SIDES_TOLERANCE = 1e-3
"""Part by which sides that count as equal may differ."""


def respond(samples: Map, spacing_mm: Spacing, one: FilterSettings, wanted: Box | None = None) -> Map:
    """Return the response map of an image.

    Args:
        samples: (slice, row, column), all of them numbers; the boundary condition holds at their edges.
        spacing_mm: of slices, rows and columns.
        one: the filter.
        wanted: box that the map is wanted in; None for all of it.

    Example:
        >>> import numpy as np
        >>> from hounsfield.radiomics.filters import MeanFilter, respond
        >>> respond(np.eye(3)[None], (1.0, 1.0, 1.0), MeanFilter(size=3, dimensions=2))[0, 1, 1]
        np.float64(0.3333333333333333)
    """
    if wanted is None:
        first, second, third = (slice(0, side) for side in samples.shape)
        wanted = (first, second, third)
    if isinstance(one, GaborFilter):
        return gabor_map(samples, spacing_mm, one, wanted)
    return np.ascontiguousarray(_whole(samples, spacing_mm, one)[wanted])


def _whole(samples: Map, spacing_mm: Spacing, one: _Whole) -> Map:
    match one:
        case MeanFilter():
            return mean_map(samples, one)
        case LaplacianOfGaussianFilter(riesz=None):
            return laplacian_of_gaussian_map(samples, spacing_mm, one)
        case LaplacianOfGaussianFilter():
            return riesz_laplacian_map(samples, spacing_mm, one)
        case LawsFilter():
            return laws_map(samples, one)
        case WaveletFilter():
            return wavelet_map(samples, one)
        case SimoncelliFilter():
            return simoncelli_map(samples, one)


def reach(one: FilterSettings, spacing_mm: Spacing) -> Reach:
    """Return how many voxels away along each axis still sway a voxel of the map; None means the whole image."""
    each = _reach(one, spacing_mm)
    planar = one.dimensions == 2
    if each is None or one.boundary is Boundary.PERIODIC:
        return (0 if planar else None), None, None
    return (0 if planar else each[0]), each[1], each[2]


def _reach(one: FilterSettings, spacing_mm: Spacing) -> tuple[int, int, int] | None:
    match one:
        case MeanFilter():
            far = one.size // 2
        case LaplacianOfGaussianFilter(riesz=None):
            first, second, third = (radius(one.cutoff * one.sigma_mm / side) for side in spacing_mm)
            return first, second, third
        case LawsFilter():
            far = 2 + (one.energy_distance or 0)
        case GaborFilter():
            rows, columns = gabor_radii(one, spacing_mm[1:])
            return gabor_radii(one, spacing_mm[:2])[0], rows, columns
        case WaveletFilter():
            far = sum(len(kernel) // 2 for kernel in wavelet_chain(one.wavelet, "L", one.level))
        case _:
            return None
    return far, far, far


def is_standardised(one: FilterSettings, spacing_mm: Spacing) -> bool:
    """Return whether the manual has reference values for a filter on such a grid.

    It has none for Riesz transforms, for sides that are not equal, and for Simoncelli wavelets that are not periodic.
    """
    if isinstance(one, LaplacianOfGaussianFilter | SimoncelliFilter) and one.riesz is not None:
        return False
    if isinstance(one, SimoncelliFilter) and one.boundary is not Boundary.PERIODIC:
        return False
    sides = spacing_mm[3 - one.dimensions :]
    return max(sides) - min(sides) <= SIDES_TOLERANCE * max(sides)
