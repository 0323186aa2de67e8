"""Drawn images whose noise, blur, shift and writing are known exactly."""

from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityCheck
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume

Plane = npt.NDArray[np.float32]
SIDE = 256


def body(side: int = SIDE, centre: tuple[float, float] = (0.5, 0.5), radius: float = 0.36) -> Plane:
    """Return a disc of soft tissue (50 HU) in air (-1000 HU) with a dense disc in it."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / side
    inside = np.hypot(rows - centre[0], columns - centre[1])
    dense = np.hypot(rows - centre[0] + 0.1, columns - centre[1] - 0.12) < 0.06
    return np.asarray(np.where(inside < radius, np.where(dense, 350.0, 50.0), -1000.0), np.float32)


def with_noise(image: Plane, sigma: float, seed: int = 0) -> Plane:
    """Return the image with white Gaussian noise."""
    return np.asarray(image + np.random.default_rng(seed).normal(0, sigma, image.shape), np.float32)


def blurred(image: Plane, sigma: float) -> Plane:
    """Return the image behind a Gaussian point spread function."""
    return np.asarray(gaussian_filter(image, sigma), np.float32)


def stack(planes: list[Plane], quantity: Quantity = Quantity.HOUNSFIELD, spacing_mm: float = 1.0) -> Volume:
    """Return planes as one axial volume."""
    array = np.stack(planes)
    geometry = VolumeGeometry(array.shape, (2.0, spacing_mm, spacing_mm))
    axis = SliceAxis.SPACE if len(planes) > 1 else SliceAxis.SINGLE
    return Volume(array, geometry, quantity, slice_axis=axis)


def lungs(scales: list[float], side: int = SIDE) -> Volume:
    """Return slices of a chest whose lungs have areas in the squares of these scales."""
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / side
    planes = []
    for scale in scales:
        image = body(side)
        for column in (0.34, 0.66):
            image[np.hypot(rows - 0.5, columns - column) < 0.14 * scale] = -850.0
        planes.append(with_noise(image, 10.0))
    return stack(planes, spacing_mm=1.4)


def written(image: npt.NDArray[np.uint8], text: str, size: int = 18, at: tuple[int, int] = (8, 8)) -> Plane:
    """Return the image with white text on it."""
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(at, text, fill=255, font=font)
    return np.asarray(picture, np.float32)


def named(checks: tuple[QualityCheck, ...], name: str) -> QualityCheck:
    """Return the check of a name."""
    (found,) = [check for check in checks if check.name == name]
    return found
