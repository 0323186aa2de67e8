"""Fingerprint of masked cases: what the plan needs to know before it chooses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hounsfield.cases.masked_table import MaskedImage, MaskTable
from hounsfield.core.geometry import Calibration
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.machine import available_memory
from hounsfield.model.contract_check import colour_fraction
from hounsfield.train.ledger import usable_cores

LOOKED_AT = 40
"""Cases that are looked at, spread evenly over the data set."""

SAMPLES_PER_CASE = 10_000
COLOURED_FRACTION = 0.02
"""Part of the samples that has to be coloured before colour is given to the network."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class MaskFingerprint:
    """Facts of a data set with masks.

    Attributes:
        case_count: cases with a mask.
        shape: median slices, rows and columns.
        spacing_mm: median spacing of slices, rows and columns, None where the data do not know it.
        has_one_spacing: whether all spacings looked at are equal within 5 %.
        channels: of the network's input; colour counts as three.
        is_hounsfield: whether every channel carries Hounsfield units.
        foreground_range: 0.5 and 99.5 percentile of the samples inside the masks.
        foreground_fraction: mean share of samples inside the masks.
        object_samples: median number of samples of each label in the cases that have it, the smallest label's.
        names_sides: whether a label speaks of left or right, so mirroring would change it.
        available_bytes: memory that is free, None where the machine does not tell.
        cores: that this process may use.
    """

    case_count: int
    shape: tuple[int, int, int]
    spacing_mm: Triple | None
    has_one_spacing: bool
    channels: int
    is_hounsfield: bool
    foreground_range: tuple[float, float]
    foreground_fraction: float
    object_samples: int
    names_sides: bool
    available_bytes: int | None
    cores: int


def take_mask_fingerprint(table: MaskTable, readable: Sequence[int]) -> MaskFingerprint:
    """Look at some of the readable cases with a mask and return the facts.

    Args:
        table: the data set.
        readable: indices of cases with a mask that can be read, at least one.
    """
    step = max(1, len(readable) // LOOKED_AT)
    found = [image for _, image in table.read_all(readable[::step]) if isinstance(image, MaskedImage)]
    volumes = [[volume for volume in image.volumes if volume is not None] for image in found]
    inside = [_inside(some[0], image) for some, image in zip(volumes, found, strict=True) if some]
    samples = np.concatenate([part for part in inside if part.size] or [np.zeros(1)])
    low, high = np.percentile(samples, [0.5, 99.5])
    shapes = np.array([image.mask.geometry.shape for image in found])
    spacing, has_one = _spacing(found)
    is_coloured = any(colour_fraction(some[0]) > COLOURED_FRACTION for some in volumes if some)
    words = {word for name in table.label_names for word in name.lower().replace("-", " ").replace("_", " ").split()}
    return MaskFingerprint(
        case_count=len(readable),
        shape=(int(np.median(shapes[:, 0])), int(np.median(shapes[:, 1])), int(np.median(shapes[:, 2]))),
        spacing_mm=spacing,
        has_one_spacing=has_one,
        channels=3 if is_coloured and len(table.channel_names) == 1 else len(table.channel_names),
        is_hounsfield=all(volume.quantity is Quantity.HOUNSFIELD for some in volumes for volume in some),
        foreground_range=(float(low), float(high)),
        foreground_fraction=float(np.mean([(image.mask.array > 0).mean() for image in found])),
        object_samples=_object_samples(found, table),
        names_sides=bool(words & {"left", "right", "l", "r", "sinister", "dexter"}),
        available_bytes=available_memory(),
        cores=usable_cores(),
    )


def _inside(volume: Volume, image: MaskedImage) -> np.ndarray:
    array = volume.array if not volume.is_colour else volume.array.mean(0)
    samples = array[image.mask.array > 0]
    return np.asarray(samples[:: max(1, samples.size // SAMPLES_PER_CASE)], dtype=np.float64)


def _spacing(found: Sequence[MaskedImage]) -> tuple[Triple | None, bool]:
    grids = [image.mask.geometry for image in found]
    if any(grid.calibration is Calibration.NONE for grid in grids):
        return None, True
    spacings = np.array([grid.spacing_mm for grid in grids])
    middle = np.median(spacings, axis=0)
    is_one = bool((np.abs(spacings / middle - 1) < 0.05).all())
    return (float(middle[0]), float(middle[1]), float(middle[2])), is_one


def _object_samples(found: Sequence[MaskedImage], table: MaskTable) -> int:
    """Return the median size of one object, or of the smallest label where masks name labels."""
    sizes: dict[int, list[int]] = {}
    for image in found:
        numbers, counts = np.unique(image.mask.array, return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            if number:
                sizes.setdefault(1 if table.is_instances else number, []).append(count)
    return min((int(np.median(counts)) for counts in sizes.values()), default=0)
