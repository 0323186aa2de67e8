"""A PET phantom of known uptake: a warm body with a hot ball and a cold one."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.image.phantoms.space import in_ellipsoid, patient_points, pose_geometry
from hounsfield.image.phantoms.writer import (
    PhantomIdentity,
    code_item,
    decimal,
    new_dataset,
    save,
    set_pixels,
    set_plane,
)

_PET_IMAGE = "1.2.840.10008.5.1.4.1.1.128"
F18_HALF_LIFE_SECONDS = 6586.2
_CONTAINER = (60.0, 60.0, 200.0)


@dataclass(frozen=True)
class PetPhantom:
    """Activity on a grid, and when the dose was given.

    The default is the test vector of the fact sheet: 10 kBq/ml, 70 kg, 370 MBq of F-18 an hour before, SUV 2.763.

    Attributes:
        geometry: the grid.
        body_bq_ml: activity of the body at the time the image is corrected to.
        hot_factor: activity of the hot ball divided by that of the body.
        dose_bq: injected dose.
        waited_seconds: from injection to the start of the scan.
        decay_correction: ``START``, ``ADMIN`` or ``NONE``.
    """

    geometry: VolumeGeometry = field(default_factory=lambda: pose_geometry((16, 64, 64), (4.0, 3.0, 3.0)))
    body_bq_ml: float = 10_000.0
    hot_factor: float = 4.0
    dose_bq: float = 370e6
    waited_seconds: float = 3600.0
    decay_correction: str = "START"

    def activity(self) -> npt.NDArray[np.float64]:
        """Return Bq/ml, (slice, row, column)."""
        points = patient_points(self.geometry)
        array = np.where(in_ellipsoid(points, (0.0, 0.0, 0.0), _CONTAINER), self.body_bq_ml, 0.0)
        array[in_ellipsoid(points, (25.0, 0.0, 0.0), (14.0, 14.0, 14.0))] = self.body_bq_ml * self.hot_factor
        array[in_ellipsoid(points, (-25.0, 0.0, 0.0), (14.0, 14.0, 14.0))] = 0.0
        return array

    def body_suv(self, weight_kg: float) -> float:
        """Return the body-weight SUV of the body for an image corrected to the start of the scan."""
        left = self.dose_bq * math.exp(-math.log(2.0) * self.waited_seconds / F18_HALF_LIFE_SECONDS)
        return self.body_bq_ml * weight_kg * 1000.0 / (left if self.decay_correction == "START" else self.dose_bq)


def write_pet(
    folder: Path,
    phantom: PetPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("PET phantom"),  # noqa: B008 (frozen)
) -> tuple[Path, ...]:
    """Write a PET series in Bq/ml, each slice with a slope of its own as scanners do."""
    body = phantom or PetPhantom()
    array = body.activity()
    return tuple(
        save(_slice(body, array[index], index, identity), folder, f"{index:04d}.dcm") for index in range(len(array))
    )


def _slice(phantom: PetPhantom, pixels: npt.NDArray[np.float64], index: int, identity: PhantomIdentity) -> Dataset:
    count = phantom.geometry.shape[0]
    dataset = new_dataset(identity, _PET_IMAGE, "PT", "PET phantom", index + 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "WHOLEBODY"
    set_plane(dataset, phantom.geometry, index)
    slope = max(float(pixels.max()), 1.0) / 32000.0
    dataset.RescaleIntercept, dataset.RescaleSlope = "0", decimal(slope)
    set_pixels(dataset, np.rint(pixels / float(dataset.RescaleSlope)).astype(np.int16))
    dataset.SeriesType = ["STATIC", "IMAGE"]
    dataset.Units, dataset.CountsSource = "BQML", "EMISSION"
    dataset.CorrectedImage = ["ATTN", "DECY"] if phantom.decay_correction != "NONE" else ["ATTN"]
    dataset.DecayCorrection = phantom.decay_correction
    dataset.AttenuationCorrectionMethod = "computed"
    dataset.CollimatorType = "NONE"
    dataset.NumberOfSlices, dataset.ImageIndex = count, index + 1
    dataset.FrameReferenceTime, dataset.ActualFrameDuration = "0", 600_000
    if phantom.decay_correction != "NONE":
        dataset.DecayFactor = "1"
    dataset.RadiopharmaceuticalInformationSequence = [_dose(phantom)]
    dataset.PatientOrientationCodeSequence = [_recumbent()]
    dataset.PatientGantryRelationshipCodeSequence = [code_item("102540001", "SCT", "headfirst")]
    return dataset


def _dose(phantom: PetPhantom) -> Dataset:
    dose = Dataset()
    start = 10 * 3600 + 15 * 60 - int(phantom.waited_seconds)
    dose.Radiopharmaceutical = "FDG"
    dose.RadiopharmaceuticalStartTime = f"{start // 3600:02d}{start // 60 % 60:02d}{start % 60:02d}"
    dose.RadionuclideTotalDose = decimal(phantom.dose_bq)
    dose.RadionuclideHalfLife = decimal(F18_HALF_LIFE_SECONDS)
    dose.RadionuclidePositronFraction = "0.97"
    dose.RadionuclideCodeSequence = [code_item("77004003", "SCT", "^18^Fluorine")]
    dose.RadiopharmaceuticalCodeSequence = [code_item("35321007", "SCT", "Fluorodeoxyglucose F^18^")]
    return dose


def _recumbent() -> Dataset:
    item = code_item("102538003", "SCT", "recumbent")
    item.PatientOrientationModifierCodeSequence = [code_item("40199007", "SCT", "supine")]
    return item
