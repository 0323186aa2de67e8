"""Local and global intensity peaks: the mean of a sphere of 1 cm3 (IBSI 3.2)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import in_threads, spans
from hounsfield.radiomics.region import Region

RADIUS_MM = 10 * (3 / (4 * np.pi)) ** (1 / 3)
"""Of a sphere of one cubic centimetre."""
TAGS = ("loc_peak_loc", "loc_peak_glob")


def local_intensity_features(region: Region, threads: int = 1) -> Mapping[str, float]:
    """Return the peaks by tag; all NaN where no intensity counts.

    The sphere takes every voxel of the image whose centre lies in it, in the region or not. Of several brightest voxels
    the one with the highest mean counts.

    Args:
        region: its samples have a margin of ``RADIUS_MM`` about the mask where the image has one.
        threads: that work at a time.
    """
    from hounsfield.radiomics.mesh_kernels import write_extremes
    from hounsfield.radiomics.peak_kernels import sphere_means

    if not region.values.size:
        return dict.fromkeys(TAGS, float("nan"))
    sums = np.zeros((*region.samples.shape[:2], region.samples.shape[2] + 1))
    np.cumsum(np.nan_to_num(region.samples), axis=2, out=sums[..., 1:])
    ends = np.empty((*region.samples.shape[:2], 2), dtype=np.int32)
    write_extremes(region.intensity.view(np.uint8), ends)
    reaches = _reaches(region.spacing_mm)
    found = np.empty(region.samples.shape)
    parts = spans(len(found), threads)
    in_threads(sphere_means, [(sums, reaches, part, ends, found) for part in parts], threads)
    means = found[region.intensity]
    brightest = region.values == region.values.max()
    return {"loc_peak_loc": float(means[brightest].max()), "loc_peak_glob": float(means.max())}


def _reaches(spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.int64]:
    """Return how far a sphere reaches along the columns in each row about its centre; -1 where it does not."""
    deep, wide = (int(RADIUS_MM / step) for step in spacing_mm[:2])
    planes = (np.arange(-deep, deep + 1) * spacing_mm[0])[:, None]
    rows = np.arange(-wide, wide + 1) * spacing_mm[1]
    left = RADIUS_MM**2 - planes**2 - rows**2
    return np.where(left >= 0, np.floor(np.sqrt(np.maximum(left, 0)) / spacing_mm[2]), -1).astype(np.int64)
