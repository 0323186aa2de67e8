"""A region in a filtered image: the voxels that count are those of the image itself (IBSI 2, order of processing)."""

from dataclasses import replace

import numpy as np

from hounsfield.errors import ImageError
from hounsfield.radiomics.cut import Surroundings
from hounsfield.radiomics.filters import FilterSettings, reach, respond
from hounsfield.radiomics.region import Region


def filtered_region(region: Region, around: Surroundings, one: FilterSettings) -> Region:
    """Return the region with the response map of a filter for its samples, cut to the least box about the mask.

    Args:
        region: re-segmented by the intensities of the image itself.
        around: its surroundings, as far as the filter reaches or the image goes.
        one: the filter.

    Raises:
        ImageError: ``E980``, a sample that the filter reaches is not a number.
    """
    box = region.box
    cut, wanted = [], []
    for part, start, far, side in zip(
        box, around.starts, reach(one, region.spacing_mm), around.samples.shape, strict=True
    ):
        first, last = start + part.start, start + part.stop
        low, high = (0, side) if far is None else (max(0, first - far), min(side, last + far))
        cut.append(slice(low, high))
        wanted.append(slice(first - low, last - low))
    samples = np.ascontiguousarray(around.samples[tuple(cut)])
    bad = int((~np.isfinite(samples)).sum())
    if bad:
        raise ImageError("E980", filter=one.name, found=bad)
    first_part, second_part, third_part = wanted
    top, upper, left = (start + part.start for start, part in zip(region.start, box, strict=True))
    response = respond(samples, region.spacing_mm, one, (first_part, second_part, third_part))
    return replace(
        region,
        samples=response,
        morphological=region.morphological[box],
        intensity=region.intensity[box],
        low=None,
        high=None,
        start=(top, upper, left),
    )
