"""A chest radiograph: parallel rays through ellipsoids, so every thickness is a formula."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from scipy.ndimage import gaussian_filter

from hounsfield.image.phantoms.space import Floats, smooth_noise
from hounsfield.image.phantoms.writer import PhantomIdentity, code_item, decimal, new_dataset, save, set_pixels

_DX_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
_SOFT, _BONE, _LUNG = 0.0060, 0.0100, 0.0056
"""Attenuation per millimetre: of soft tissue, what bone adds, and what lung takes away."""
_TOP = 4095


@dataclass(frozen=True)
class ChestPhantom:
    """A frontal view, patient's right at the left of the picture.

    Attributes:
        rows: of the picture.
        columns: of the picture.
        width_mm: width of the field.
        opacity_mm: radius of an opacity in the patient's right lower lung, 0 for none.
        opacity_density: its density as a share of what the lung lacks.
        is_inverted: store as MONOCHROME1.
    """

    rows: int = 560
    columns: int = 600
    width_mm: float = 350.0
    opacity_mm: float = 0.0
    opacity_density: float = 0.8
    is_inverted: bool = False

    @property
    def pixel_mm(self) -> float:
        """Distance of pixels."""
        return self.width_mm / self.columns

    def pixels(self) -> npt.NDArray[np.uint16]:
        """Return (row, column) P-values of 12 bits, bright for bone (MONOCHROME2)."""
        row, column = np.mgrid[0 : self.rows, 0 : self.columns].astype(np.float64)
        x = (column - (self.columns - 1) / 2) * self.pixel_mm
        y = (row - (self.rows - 1) / 2) * self.pixel_mm
        optical = _SOFT * _soft_mm(x, y) - _LUNG * self._lung_mm(x, y) + _BONE * _bone_mm(x, y)
        optical += 0.02 * smooth_noise(x.shape, 9.0, 31) * (optical > 0.05)
        optical = gaussian_filter(optical, 1.0) + np.random.default_rng(32).normal(0, 0.006, x.shape)
        low, high = np.percentile(optical, (1.0, 99.7))
        shown = np.clip((optical - low) / (high - low), 0, 1) ** 0.9
        return np.asarray(np.rint(60 + shown * (_TOP - 180)), dtype=np.uint16)

    def _lung_mm(self, x: Floats, y: Floats) -> Floats:
        """Return lung along the ray: two half ellipsoids above domed diaphragms, less heart, vessels and opacity."""
        right = _chord(x + 70.0, y - 4.0, (64.0, 142.0), 175.0) * (y < 92.0 + 0.009 * (x + 62.0) ** 2)
        left = _chord(x - 74.0, y - 4.0, (60.0, 140.0), 170.0) * (y < 102.0 + 0.009 * (x - 66.0) ** 2)
        air = right + left
        heart = _chord(x - 24.0, y - 58.0, (66.0, 54.0), 150.0) + _chord(x - 6.0, y + 25.0, (32.0, 95.0), 120.0)
        air = np.maximum(air - heart, 0.0)
        # Vessels thin out from the hilum; the texture fades with the distance to it.
        hilum = np.exp(-np.minimum(np.hypot(x + 38, y - 2), np.hypot(x - 48, y + 4)) / 32.0)
        markings = np.clip(smooth_noise(x.shape, 2.6, 33), 0, None) * (6.0 + 46.0 * hilum)
        air = np.maximum(air - markings * (air > 0), 0.0)
        if self.opacity_mm > 0:
            spread = np.exp(-0.5 * (np.hypot(x + 72.0, (y - 44.0) * 1.15) / (0.8 * self.opacity_mm)) ** 4)
            patchy = np.clip(1.0 + 0.22 * smooth_noise(x.shape, 7.0, 34), 0.4, 1.4)
            air *= 1.0 - np.clip(self.opacity_density * spread * patchy, 0.0, 0.97)
        return np.asarray(air)


def _soft_mm(x: Floats, y: Floats) -> Floats:
    """Return soft tissue along the ray: trunk, shoulders, neck and the dome of the abdomen."""
    trunk = _chord(x, y - 30.0, (168.0, 420.0), 215.0)
    shoulders = _chord(np.abs(x) - 120.0, y + 150.0, (95.0, 75.0), 120.0)
    neck = _chord(x, y + 215.0, (52.0, 90.0), 110.0)
    return np.maximum(np.maximum(trunk, shoulders), neck)


def _bone_mm(x: Floats, y: Floats) -> Floats:
    """Return bone along the ray: spine, ribs behind and in front, clavicles and shoulder blades."""
    bone = 15.0 * _tube(x, 17.0) * (0.88 + 0.12 * np.tanh(4 * np.sin(2 * np.pi * y / 23.0)))
    side = np.abs(x)
    for level in range(10):
        top = -150.0 + 25.0 * level
        reach = 84.0 + 8.0 * level if level < 6 else 130.0
        back = top + 26.0 * (side / reach) ** 2 - 6.0
        front = top + 34.0 + 30.0 * (1 - side / reach)
        bone += 10.0 * _tube(y - back, 5.0) * (side > 12.0) * (side < reach)
        bone += 5.0 * _tube(y - front, 5.5) * (side > 42.0) * (side < reach) * (level < 7)
    clavicle = -142.0 - 0.16 * (side - 20.0)
    bone += 9.0 * _tube(y - clavicle, 6.0) * (side > 16.0) * (side < 132.0)
    blade = _chord(side - 132.0, y + 80.0, (20.0, 62.0), 8.0)
    return np.asarray(bone + blade)


def _chord(x: Floats, y: Floats, radii_mm: tuple[float, float], depth_mm: float) -> Floats:
    """Return the length of a ray through an ellipsoid of half axes ``radii_mm`` and of full depth ``depth_mm``."""
    inside = 1.0 - (x / radii_mm[0]) ** 2 - (y / radii_mm[1]) ** 2
    return np.asarray(depth_mm * np.sqrt(np.maximum(inside, 0.0)))


def _tube(distance: Floats, radius_mm: float) -> Floats:
    """Return the share of a tube's diameter at a distance from its axis; its rim is denser, as cortex is."""
    inside = np.maximum(1.0 - (distance / radius_mm) ** 2, 0.0)
    return np.asarray(np.where(inside > 0, 0.45 + 0.55 * np.sqrt(inside), 0.0))


def write_chest(
    folder: Path,
    phantom: ChestPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("DX phantom"),  # noqa: B008 (frozen)
) -> Path:
    """Write a Digital X-Ray image For Presentation, postero-anterior."""
    chest = phantom or ChestPhantom()
    dataset = new_dataset(identity, _DX_PRESENTATION, "DX", "Chest PA", 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.BodyPartExamined, dataset.ViewPosition, dataset.ImageLaterality = "CHEST", "PA", "U"
    dataset.AnatomicRegionSequence = [code_item("51185008", "SCT", "Chest")]
    dataset.PatientOrientation = ["L", "F"]
    dataset.ViewCodeSequence = [_view()]
    dataset.AcquisitionContextSequence = []
    dataset.DetectorType = "DIRECT"
    dataset.ImagerPixelSpacing = [decimal(round(chest.pixel_mm, 6))] * 2
    dataset.EstimatedRadiographicMagnificationFactor = "1.1"
    dataset.PositionerType = "NONE"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    pixels = chest.pixels()
    is_inverted = chest.is_inverted
    dataset.PixelIntensityRelationshipSign = 1 if is_inverted else -1
    dataset.PresentationLUTShape = "INVERSE" if is_inverted else "IDENTITY"
    dataset.PhotometricInterpretation = "MONOCHROME1" if is_inverted else "MONOCHROME2"
    set_pixels(dataset, (_TOP - pixels if is_inverted else pixels).astype(np.uint16), 12)
    return save(dataset, folder, "chest.dcm")


def _view() -> Dataset:
    view = code_item("399348003", "SCT", "postero-anterior")
    view.ViewModifierCodeSequence = []
    return view
