"""Label maps from files as the integers that are stored: palette indices stay indices, 1-bit masks become 0 and 1."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from hounsfield.archive.local import open_source
from hounsfield.cases.media import ImageKind, image_kind
from hounsfield.cases.medmnist import array_header
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError
from hounsfield.image.arrays import NAMES
from hounsfield.image.assemble import assemble
from hounsfield.image.limits import PixelLimits

LABEL_ARRAYS = ("label", "labels", "mask", "masks", "seg", "segmentation", "gt")
"""Names under which the label map of an npz is looked for, in this order."""

_FORMATS = ("PNG", "JPEG", "TIFF")
_LIMITS = PixelLimits()
_HIGHEST = 2**31 - 1

Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class LabelMap:
    """Integers (slice, row, column) >= 0 as the file stores them, their grid, and how many samples two masks claim."""

    array: Labels
    geometry: VolumeGeometry
    overlapping: int = 0


def read_volumes(path: Path) -> tuple[Volume, ...]:
    """Return the volumes of the first series with pixels of a file, or of a folder of one series.

    Raises:
        HounsfieldError: the archive or the image room refuses it; ``E818`` when it holds no image.
    """
    with open_source(path, digests=False) as archive:
        for study in archive.studies:
            for series in study.series:
                if any(instance.number_of_frames for instance in series.instances):
                    volumes = assemble(series).volumes
                    if volumes:
                        return volumes
    raise DatasetError("E818", case=path.name, reason="no pixels")


def read_label_map(path: Path) -> LabelMap:
    """Return the label map of a picture, a volume file or the label array of an npz.

    Raises:
        DatasetError: ``E882`` fractions, negative values, colours or several volumes; ``E818`` not readable.
        HounsfieldError: the image room refuses the file.
    """
    if path.suffix.lower() == ".npz":
        return _plain_map(_read_npz(path), path)
    if image_kind(path) is ImageKind.PICTURE:
        return _plain_map(_read_picture(path), path)
    volumes = read_volumes(path)
    if len(volumes) > 1 or volumes[0].is_colour:
        raise DatasetError("E882", case=path.name, found=f"{len(volumes)} volumes, {volumes[0].array.shape}")
    return LabelMap(as_labels(volumes[0].array, path.name), volumes[0].geometry)


def label_array_of(path: Path) -> str | None:
    """Return the name of the label array of an npz, or None when none beside an image covers its pixels."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            label = next((name for name in LABEL_ARRAYS if name in names), None)
            image = next((name for name in NAMES if name in names), None)
            if label is None or image is None:
                return None
            grid, own = array_header(archive, image)[0], array_header(archive, label)[0]
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return None
    # a number, a row or a column of numbers are labels of whole images
    return label if own in (grid, grid[:-1]) and len(own) > 1 else None


def as_labels(array: npt.NDArray[Any], name: str) -> Labels:
    """Return samples as integers >= 0, when that is what they are.

    Raises:
        DatasetError: ``E882`` fractions, not finite, negative or beyond 31 bits.
    """
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.round(array)).any():
            raise DatasetError("E882", case=name, found="fractions")
    elif array.dtype.kind not in "iu":
        raise DatasetError("E882", case=name, found=str(array.dtype))
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > _HIGHEST:
        raise DatasetError("E882", case=name, found=f"{low:g} ... {high:g}")
    kind = np.uint8 if high <= 255 else np.uint16 if high <= 65535 else np.int32
    return array.astype(kind, copy=False)


def _plain_map(array: npt.NDArray[Any], path: Path) -> LabelMap:
    labels = as_labels(array if array.ndim == 3 else array[np.newaxis], path.name)
    slices, rows, columns = labels.shape
    return LabelMap(labels, VolumeGeometry((slices, rows, columns), calibration=Calibration.NONE))


def _read_npz(path: Path) -> npt.NDArray[Any]:
    name = label_array_of(path)
    if name is None:
        raise DatasetError("E818", case=path.name, reason="no label array")
    try:
        with zipfile.ZipFile(path) as archive:
            shape, dtype = array_header(archive, name)
        if dtype.hasobject or len(shape) not in (2, 3):
            raise DatasetError("E882", case=path.name, found=f"{name}: {shape} {dtype}")
        _LIMITS.require_samples(shape, dtype.itemsize)
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name])
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise DatasetError("E818", case=path.name, reason=type(error).__name__) from error


def _read_picture(path: Path) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as stream, Image.open(stream, formats=_FORMATS) as picture:
            frames = 1 if picture.format in ("JPEG", "MPO") else int(getattr(picture, "n_frames", 1))
            _LIMITS.require_samples((frames, picture.height, picture.width), 8)
            pages = [_indices(ImageOps.exif_transpose(page), path) for page in ImageSequence.Iterator(picture)]
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DatasetError("E818", case=path.name, reason=type(error).__name__) from error
    if len({page.shape for page in pages}) != 1:
        raise DatasetError("E882", case=path.name, found=f"{len(pages)} pages of different sizes")
    return np.stack(pages)


def _indices(page: Image.Image, path: Path) -> npt.NDArray[Any]:
    """Return (row, column): palette indices, grey values, or the one value of a grey colour picture."""
    array = np.asarray(page)
    if array.ndim == 2:
        return array
    colours = array[..., : 1 if page.mode in ("LA", "La") else 3]
    if (colours != colours[..., :1]).any():
        raise DatasetError("E882", case=path.name, found=f"colours ({page.mode})")
    return np.asarray(colours[..., 0])
