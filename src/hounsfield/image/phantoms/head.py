"""A head as T1-weighted MR shows it: scalp, skull, grey and white matter, ventricles, and a mass if wanted."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from hounsfield.core.geometry import Triple, VolumeGeometry
from hounsfield.image.phantoms.space import (
    Floats,
    ball_ml,
    ellipsoid_level,
    in_ellipsoid,
    patient_points,
    pose_geometry,
    smooth_noise,
)
from hounsfield.image.phantoms.writer import PhantomIdentity, new_dataset, save, set_pixels, set_plane

_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_HEAD = (74.0, 95.0, 88.0)
_SCALP, _MARROW, _FLUID, _GREY, _WHITE, _MASS, _OEDEMA = 720, 90, 110, 400, 540, 900, 300


@dataclass(frozen=True)
class HeadPhantom:
    """The head on a grid.

    Attributes:
        geometry: the grid.
        mass_radius_mm: radius of a bright round mass, 0 for none.
        mass_center_mm: its centre, by default in the patient's left hemisphere.
        noise: standard deviation of the noise, in the units of the samples.
    """

    geometry: VolumeGeometry = field(default_factory=lambda: pose_geometry((20, 224, 192), (5.0, 1.0, 1.0)))
    mass_radius_mm: float = 0.0
    mass_center_mm: Triple = (32.0, -12.0, 8.0)
    noise: float = 14.0

    def samples(self) -> npt.NDArray[np.uint16]:
        """Return (slice, row, column) signal in arbitrary units, 12 bits."""
        points = patient_points(self.geometry)
        # Folds of the cortex: the radius of the grey ribbon waves with the direction from the centre.
        around, up = np.arctan2(points[1], points[0]), points[2] / 30.0
        folds = 0.025 * np.sin(13 * around + 3 * up + 1.2 * np.sin(5 * around)) + 0.02 * np.sin(31 * around - 4 * up)
        signal = np.zeros(self.geometry.shape)
        level = np.sqrt(ellipsoid_level(points, (0.0, 0.0, 0.0), _HEAD))
        signal[level <= 1.0] = _SCALP
        signal[level <= 0.94] = _MARROW
        signal[level <= 0.87] = _FLUID
        signal[level <= 0.84 + 0.4 * folds] = _GREY
        signal[level <= 0.73 + 2.0 * folds] = _WHITE
        _add_midline(signal, points, level)
        if self.mass_radius_mm > 0:
            self._add_mass(signal, points)
        bias = 1.0 + 0.06 * points[1] / _HEAD[1] + 0.04 * points[0] / _HEAD[0]
        texture = 1.0 + 0.03 * smooth_noise(signal.shape, (0.5, 3.0, 3.0), 11)
        blurred = gaussian_filter(signal * bias * texture, (0.0, 0.8, 0.8))
        generator = np.random.default_rng(12)
        # The magnitude of two noisy channels: Rician noise, as MR has it.
        real = blurred + generator.normal(0, self.noise, blurred.shape)
        magnitude = np.hypot(real, generator.normal(0, self.noise, blurred.shape))
        return np.asarray(np.clip(magnitude, 0, 4095), dtype=np.uint16)

    def truth_ml(self) -> float:
        """Return the volume of the mass."""
        return ball_ml(self.mass_radius_mm)

    def _add_mass(self, signal: Floats, points: Floats) -> None:
        radius = self.mass_radius_mm
        is_brain = signal > _FLUID
        edge = in_ellipsoid(points, self.mass_center_mm, (radius * 1.45, radius * 1.35, radius * 1.4))
        signal[edge & is_brain] = _OEDEMA
        signal[in_ellipsoid(points, self.mass_center_mm, (radius, radius, radius))] = _MASS


def _add_midline(signal: Floats, points: Floats, level: Floats) -> None:
    """Draw ventricles, deep grey matter, the cleft between the hemispheres and the eyes."""
    for side in (-1.0, 1.0):
        for x, y, radii in ((26.0, 8.0, (9.0, 13.0, 12.0)), (12.0, -14.0, (6.0, 9.0, 10.0))):
            signal[in_ellipsoid(points, (side * x, y, 2.0), radii)] = _GREY + 40
        tilted = points.copy()
        tilted[0] = points[0] - side * (9.0 + 0.22 * np.abs(points[1]))
        signal[in_ellipsoid(tilted, (0.0, 0.0, 14.0), (5.5, 34.0, 14.0))] = _FLUID
        eye = in_ellipsoid(points, (side * 31.0, -76.0, -32.0), (12.0, 12.0, 12.0))
        signal[eye & (level <= 1.0)] = _FLUID
    cleft = (np.abs(points[0]) < 1.3) & (level < 0.84) & (points[2] > 20.0)
    signal[cleft] = _FLUID
    signal[in_ellipsoid(points, (0.0, 6.0, 0.0), (2.2, 14.0, 10.0))] = _FLUID


def write_head(
    folder: Path,
    phantom: HeadPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("MR phantom"),  # noqa: B008 (frozen)
) -> tuple[Path, ...]:
    """Write a T1-weighted MR series, one object a slice."""
    head = phantom or HeadPhantom()
    array = head.samples()
    paths = []
    for index, pixels in enumerate(array):
        dataset = new_dataset(identity, _MR_IMAGE, "MR", "T1 head phantom", index + 1)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        dataset.BodyPartExamined = "BRAIN"
        dataset.PatientPosition = "HFS"
        dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
        dataset.MRAcquisitionType = "2D"
        dataset.RepetitionTime, dataset.EchoTime, dataset.EchoTrainLength = "500", "10", "1"
        dataset.MagneticFieldStrength = "1.5"
        dataset.WindowCenter, dataset.WindowWidth = "450", "900"
        set_plane(dataset, head.geometry, index)
        set_pixels(dataset, pixels, 12)
        paths.append(save(dataset, folder, f"{index:04d}.dcm"))
    return tuple(paths)
