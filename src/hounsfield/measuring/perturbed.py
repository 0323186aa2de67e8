"""A region measured again under small changes of image and mask."""

import numpy as np

from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.radiomics import FeatureSet, extract
from hounsfield.repeating import drawn_changes


def perturbed_values(
    case: tuple[Volume, Mask, int], found: FeatureSet, count: int, seed: int
) -> tuple[tuple[float, ...], ...]:
    """Return the features of a region under so many changes, in the order of those that were found without any.

    A change that leaves nothing of the region, or that brings the features elsewhere, has NaN for all of them.

    Args:
        case: image, mask and label of the region.
        found: features of the region as it is, with the settings they were extracted with.
        count: of changes.
        seed: the same for every region, so that all are changed alike.
    """
    volume, mask, label = case
    rows = []
    for change in drawn_changes(count, seed):
        try:
            again = extract(*change.apply(volume, mask, label), found.settings)
        except ImageError:
            rows.append((float("nan"),) * len(found.features))
        else:
            rows.append(tuple(float(np.float64(feature.value)) for feature in again.features))
    return tuple(rows)
