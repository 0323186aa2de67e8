"""PNG, JPEG and TIFF pictures by Pillow, within bounds and as they are meant to be looked at."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, ImageSequence

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits

Samples = npt.NDArray[Any]

_FORMATS = ("PNG", "JPEG", "TIFF", "MPO")
_WIDE_BYTES = 8
"""Bytes that a pixel may take while Pillow decodes and converts it."""
_DEEP_MODES = frozenset(("I;16", "I;16B", "I;16L", "I;16N", "I", "F"))


def read_picture(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read a picture; the pages of a TIFF become slices when they are of one size, else volumes.

    Samples keep 8 or 16 bits and are ``DISPLAY`` values; 32-bit samples are ``ARBITRARY``. Transparency is dropped,
    and the orientation of Exif applied.

    Raises:
        Undecodable: ``E318`` for what Pillow cannot read, ``E303`` beyond the limits.
    """
    uid = instance.sop_instance_uid
    with refusing("E318", uid), Image.open(instance.path, formats=_FORMATS) as picture:
        frames = 1 if picture.format in ("JPEG", "MPO") else int(getattr(picture, "n_frames", 1))
        if frames > limits.max_frames:
            raise Undecodable("E309", uid=uid, found=f"{frames} pages", expected=f"at most {limits.max_frames}")
        limits.require_samples((frames, picture.height, picture.width), _WIDE_BYTES, uid)
        pages = list(_read_pages(picture, frames, limits, uid))
        has_alpha = picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info
    issues = [QualityIssue("Q310", Severity.NOTE, {}, uid)]
    if has_alpha:
        issues.append(QualityIssue("Q327", Severity.NOTE, {}, uid))
    is_jpeg = instance.media_type == "image/jpeg"
    if is_jpeg:
        issues.append(QualityIssue("Q316", Severity.NOTE, {"method": "JPEG"}, uid))
    if len({(page.shape, page.dtype) for page in pages}) == 1:
        return (picture_volume(np.stack(pages), instance),), tuple(issues)
    return tuple(picture_volume(page[np.newaxis], instance, (index,)) for index, page in enumerate(pages)), tuple(
        issues
    )


def picture_volume(pages: Samples, instance: InstanceRef, frame_indices: tuple[int, ...] = ()) -> Volume:
    """Return pages (page, row, column[, 3]) as a volume without a known spacing."""
    array = np.ascontiguousarray(np.moveaxis(pages, -1, 0) if pages.ndim == 4 else pages)
    geometry = VolumeGeometry(shape=_shape(array), calibration=Calibration.NONE)
    return Volume(
        array=array,
        geometry=geometry,
        quantity=Quantity.DISPLAY if array.dtype.kind == "u" else Quantity.ARBITRARY,
        instances=(instance,),
        frame_indices=frame_indices,
        slice_axis=SliceAxis.SPACE if array.shape[-3] > 1 else SliceAxis.SINGLE,
    )


def _shape(array: Samples) -> tuple[int, int, int]:
    slices, rows, columns = array.shape[-3:]
    return int(slices), int(rows), int(columns)


def _read_pages(picture: Image.Image, frames: int, limits: PixelLimits, uid: str) -> Iterator[Samples]:
    for index, page in enumerate(ImageSequence.Iterator(picture)):
        if index >= frames:
            return
        limits.require_samples((frames, page.height, page.width), _WIDE_BYTES, uid)
        yield _to_array(ImageOps.exif_transpose(page))


def _to_array(page: Image.Image) -> Samples:
    """Return (row, column) or (row, column, 3) samples of 8 or 16 bits, or what a deep mode holds."""
    if page.mode in _DEEP_MODES:
        array = np.asarray(page)
        is_unsigned = array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 65535
        return array.astype(np.uint16) if is_unsigned else array
    if page.mode in ("1", "L", "LA", "La"):
        return np.asarray(page.convert("L"))
    rgb = np.asarray(page.convert("RGB"))
    # A grey picture saved in colour (most radiographs on the web) is read as what it is.
    is_grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0]) if is_grey else rgb
