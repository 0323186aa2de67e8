"""Features of the intensity-volume histogram: how much of a region is how intense (IBSI 3.5)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

TAGS = ("ivh_v10", "ivh_v90", "ivh_i10", "ivh_i90", "ivh_diff_v10_v90", "ivh_diff_i10_i90", "ivh_auc")


@dataclass(frozen=True)
class Steps:
    """The intensities that a volume is told for.

    Attributes:
        first: lowest one.
        width: from one to the next.
        count: how many.
    """

    first: float
    width: float
    count: int

    @property
    def intensities(self) -> Values:
        """All of them, rising."""
        return self.first + self.width * np.arange(self.count, dtype=np.float64)


def volume_histogram_features(places: npt.NDArray[np.int64], steps: Steps) -> Mapping[str, float]:
    """Return the features by tag; all NaN without voxels.

    Args:
        places: index of the step that each voxel lies on.
        steps: the intensities.
    """
    if not places.size:
        return dict.fromkeys(TAGS, float("nan"))
    intensities = steps.intensities
    counts = np.bincount(places, minlength=steps.count)
    fraction = 1 - np.concatenate([[0], counts.cumsum()[:-1]]) / places.size
    reach = intensities[-1] - intensities[0]
    along = (intensities - intensities[0]) / reach if reach else np.ones(1)
    large, small = (_volume_at(along, fraction, share) for share in (0.1, 0.9))
    bright, dark = (_intensity_at(intensities, fraction, share) for share in (0.1, 0.9))
    found = (large, small, bright, dark, large - small, bright - dark, float(np.trapezoid(fraction, along)))
    return dict(zip(TAGS, found, strict=True))


def _volume_at(along: Values, fraction: Values, share: float) -> float:
    """Return the largest fraction of the volume with at least a share of the reach of intensities (IBSI BC2M)."""
    return float(fraction[along >= share - 1e-12].max())


def _intensity_at(intensities: Values, fraction: Values, share: float) -> float:
    """Return the least intensity that at most a share of the volume has, else the highest (IBSI GBPN)."""
    rare = intensities[fraction <= share]
    return float(rare.min()) if rare.size else float(intensities[-1])
