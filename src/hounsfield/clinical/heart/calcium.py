"""Coronary calcium on CT: lesions in a region, slice by slice, with Agatston, volume and mass scores.

Agatston 1990 (J Am Coll Cardiol 15:827): in every slice, connected pixels at the threshold or above, of 1 mm2 or more;
each counts its area times a weight by its brightest pixel. The score is of slices 3 mm apart; others are scaled by
their distance over 3 mm. The volume is that of the pixels of the lesions; the mass is a calibration factor times mean
density times volume (McCollough 2007, Radiology 243:527).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.clinical.rules import agatston_weight, rule
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import OutOfScope

Flags = npt.NDArray[np.bool_]

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class CalciumLesion:
    """Connected calcium of one slice.

    Attributes:
        slice_index: the slice.
        mask: (row, column) its pixels.
        area_mm2: their area.
        peak_hu: the brightest of them.
        mean_hu: their mean.
        weight: 1 to 4.
    """

    slice_index: int
    mask: Flags
    area_mm2: float
    peak_hu: float
    mean_hu: float
    weight: int


@dataclass(frozen=True)
class CalciumScore:
    """The calcium of a region.

    Attributes:
        lesions: of every slice.
        agatston: the score.
        volume_mm3: of the lesions.
        mass_mg: of calcium hydroxyapatite; None without a calibration of the scanner.
        threshold_hu: that was used.
        smallest_mm2: lesions below were left out.
        left_out: how many these were.
    """

    lesions: tuple[CalciumLesion, ...]
    agatston: float
    volume_mm3: float
    mass_mg: float | None
    threshold_hu: float
    smallest_mm2: float
    left_out: int


def score_calcium(
    volume: Volume, region: Flags, threshold_hu: float = 130.0, calibration_mg_ml_hu: float | None = None
) -> CalciumScore:
    """Return the calcium of a region of a CT without contrast.

    Args:
        volume: in Hounsfield units, axial slices.
        region: (slice, row, column) where calcium is counted: the coronary arteries, or the heart.
        threshold_hu: 130 at 120 kVp.
        calibration_mg_ml_hu: mg of hydroxyapatite in a ml for each HU, from a phantom scanned as the patient was.

    Raises:
        OutOfScope: ``E520``, the values are not Hounsfield units, or the region is not on the grid.
        EnhancedPixels: ``E460``, the samples were changed to be looked at.
    """
    if volume.quantity is not Quantity.HOUNSFIELD or region.shape != volume.geometry.shape:
        raise OutOfScope("E520", found=(volume.quantity.name, region.shape), expected=volume.geometry.shape)
    volume.require_measurable()
    table = rule("agatston-1990")
    smallest, increment = table.number("smallest-area"), table.number("increment")
    geometry = volume.geometry
    pixel_mm2 = geometry.row_spacing_mm * geometry.column_spacing_mm
    lesions: list[CalciumLesion] = []
    left_out = 0
    for index in range(geometry.shape[0]):
        bright = region[index] & (volume.array[index] >= threshold_hu)
        numbered, count = ndimage.label(bright, _EIGHT)
        for number in range(1, count + 1):
            mask = numbered == number
            area = float(mask.sum() * pixel_mm2)
            if area < smallest - 1e-9:
                left_out += 1
                continue
            values = volume.array[index][mask].astype(np.float64)
            peak = float(values.max())
            # at another tube voltage the threshold moves and the weights, written for 130 HU, stay
            weight = max(1, agatston_weight(peak))
            lesions.append(CalciumLesion(index, mask, area, peak, float(values.mean()), weight))
    step = geometry.slice_spacing_mm
    size = sum(lesion.area_mm2 for lesion in lesions) * step
    content = sum(lesion.area_mm2 * lesion.mean_hu for lesion in lesions) * step / 1000.0
    return CalciumScore(
        lesions=tuple(lesions),
        agatston=sum(lesion.area_mm2 * lesion.weight for lesion in lesions) * step / increment,
        volume_mm3=size,
        mass_mg=None if calibration_mg_ml_hu is None else calibration_mg_ml_hu * content,
        threshold_hu=threshold_hu,
        smallest_mm2=smallest,
        left_out=left_out,
    )
