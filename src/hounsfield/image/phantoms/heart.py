"""An ultrasound cine of a beating left ventricle of known volume."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from scipy.ndimage import gaussian_filter

from hounsfield.image.phantoms.writer import PhantomIdentity, new_dataset, save, set_pixels

_ULTRASOUND_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
_FRAME_TIME_MS = 33.333


@dataclass(frozen=True)
class HeartPhantom:
    """An apical view: a dark ventricle, half of a prolate ellipsoid's long section, in a bright wall in a sector.

    Attributes:
        frames: of the cine.
        rows: of a frame; as many columns.
        pixel_mm: distance of pixels.
        length_mm: long axis at rest.
        width_mm: short axis at the end of diastole.
        ejection_fraction: share of the volume that leaves with each beat.
        beats: heart beats within the cine.
    """

    frames: int = 32
    rows: int = 160
    pixel_mm: float = 0.8
    length_mm: float = 80.0
    width_mm: float = 44.0
    ejection_fraction: float = 0.6
    beats: float = 2.0

    def volumes_ml(self) -> npt.NDArray[np.float64]:
        """Return the volume of the ventricle in each frame, pi / 6 x length x width^2, in millilitres."""
        phase = 2 * np.pi * self.beats * np.arange(self.frames) / self.frames
        full = np.pi / 6 * self.length_mm * self.width_mm**2 / 1000.0
        return np.asarray(full * (1 - self.ejection_fraction * (1 - np.cos(phase)) / 2))

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return (frame, row, column) 8-bit pixels, speckle included."""
        row, column = np.mgrid[0 : self.rows, 0 : self.rows].astype(np.float64) * self.pixel_mm
        depth, across = row, column - self.rows * self.pixel_mm / 2
        reach = np.hypot(depth, across)
        sector = (np.abs(np.arctan2(across, depth + 1e-9)) < 0.65) & (reach < self.rows * self.pixel_mm * 0.97)
        generator = np.random.default_rng(20)
        frames = np.zeros((self.frames, self.rows, self.rows), dtype=np.uint8)
        for index, volume in enumerate(self.volumes_ml()):
            width = np.sqrt(volume * 1000.0 * 6 / np.pi / self.length_mm)
            center = 24.0 + self.length_mm / 2
            inner = (across / (width / 2)) ** 2 + ((depth - center) / (self.length_mm / 2)) ** 2
            outer = (across / (width / 2 + 9)) ** 2 + ((depth - center) / (self.length_mm / 2 + 9)) ** 2
            echo = np.where(inner <= 1, 0.04, np.where(outer <= 1, 0.75, 0.3)) * (1.1 - 0.5 * reach / reach.max())
            speckle = gaussian_filter(generator.rayleigh(0.8, echo.shape), (0.5, 1.0))
            frames[index] = np.clip(255 * echo * speckle * sector, 0, 255)
        return frames


def write_heart(
    folder: Path,
    phantom: HeartPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("US phantom"),  # noqa: B008 (frozen)
) -> Path:
    """Write an Ultrasound Multi-frame object with frame times and a calibrated region."""
    heart = phantom or HeartPhantom()
    dataset = new_dataset(identity, _ULTRASOUND_MULTI_FRAME, "US", "Apical four chamber", 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    dataset.BodyPartExamined = "HEART"
    dataset.NumberOfFrames = heart.frames
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = f"{_FRAME_TIME_MS:.3f}"
    dataset.LossyImageCompression = "00"
    dataset.SequenceOfUltrasoundRegions = [_region(heart)]
    set_pixels(dataset, heart.pixels())
    return save(dataset, folder, "cine.dcm")


def _region(heart: HeartPhantom) -> Dataset:
    """Return one calibrated two-dimensional tissue region (PS3.3 C.8.5.5)."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1 = region.RegionLocationMaxY1 = heart.rows - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = heart.pixel_mm / 10.0
    return region
