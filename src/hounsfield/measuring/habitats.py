"""Habitats of a region on the grid of its image: a label map, and features of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import HounsfieldError
from hounsfield.radiomics import FeatureSet, RadiomicsSettings, extract
from hounsfield.radiomics.cut import cut_region
from hounsfield.radiomics.habitats import find_habitats, mean_within
from hounsfield.radiomics.region import Inside, Samples

MOST = 9
ENDING = ".habitats"


@dataclass(frozen=True)
class HabitatSettings:
    """How many habitats, and where their label maps are written.

    Attributes:
        count: of parts.
        folder: of the label maps; None writes none.
    """

    count: int
    folder: Path | None = None

    def path(self, case: str, label: int) -> Path | None:
        """Return where the label map of a region is written."""
        name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in case)
        return self.folder / f"{name}_label{label}.nii.gz" if self.folder is not None else None


def habitat_map(volume: Volume, mask: Mask, label: int, settings: RadiomicsSettings, count: int) -> Mask:
    """Return the habitats of a region as a mask on the grid of its image; 1 is the darkest.

    Voxels are told by intensity, mean and deviation of the cube about them within the region, on the grid of the
    image, so that the map lies on it whatever grid the features are taken on. Voxels that re-segmentation leaves out
    are 0.

    Args:
        volume: grey.
        mask: on the same grid.
        label: value of the mask that is the region.
        settings: rounding and re-segmentation.
        count: of habitats.

    Raises:
        ImageError: as ``cut_region``; ``E985``, the region has too few different voxels.
    """
    plain = replace(settings, spacing_mm=None, filters=())
    region = cut_region(volume, mask, plain, label)
    deviation = deviation_map(region.samples, region.intensity)
    spread = float(region.values.std())
    # in the unit of the intensities: by its own spread, the borders between parts would be a part
    weight = min(1.0, float(deviation[region.intensity].std()) / spread) if spread > 0 else 1.0
    found = find_habitats(region, (deviation,), (count,), weights=(weight,))
    inside = mask.array == label
    (box,) = ndimage.find_objects(inside.astype(np.uint8))
    labels = np.zeros(inside.shape, dtype=np.uint8)
    labels[box] = found.labels[region.box]
    return Mask(labels, volume.geometry, {})


def deviation_map(samples: Samples, inside: Inside) -> Samples:
    """Return the deviation of the cube about each voxel over what of it lies in the region, 0 outside the region."""
    centred = np.where(inside, samples - samples[inside].mean(), 0.0)
    mean, square = mean_within(centred, inside), mean_within(centred**2, inside)
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0.0)))


def habitat_features(
    volume: Volume, habitats: Mask, settings: RadiomicsSettings
) -> Iterator[tuple[int, FeatureSet | HounsfieldError]]:
    """Give number and features of each habitat; of one that has none, why."""
    for number in range(1, int(habitats.array.max()) + 1):
        try:
            yield number, extract(volume, habitats, settings, label=number)
        except HounsfieldError as error:
            yield number, error


def write_habitats(habitats: Mask, path: Path) -> Path:
    """Write a label map as NIfTI and return its path.

    Raises:
        SettingsError: ``E340``, something stands there.
    """
    from hounsfield.image.write import write_volume

    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(Volume(habitats.array, habitats.geometry, Quantity.LABEL), path, "habitats")
    return path
