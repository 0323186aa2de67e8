"""PNG, JPEG and TIFF pictures by Pillow, within bounds and as they are meant to be looked at."""

from collections.abc import Iterator
from typing import Any

import imagecodecs
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

_FORMATS = ("PNG", "JPEG", "TIFF")
_WIDE_BYTES = 8
"""Bytes that a pixel may take while Pillow decodes and converts it."""
_PHOTOMETRIC, _BITS, _SAMPLE_FORMAT = 262, 258, 339
"""Tags of TIFF 6.0."""
_SIGNED = 2
_PNG_DEPTH_AT = 24
"""Where IHDR, always the first chunk, holds the bit depth (ISO 15948, 11.2.1)."""


def read_picture(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read a picture; the pages of a TIFF become slices when they are of one size, else volumes.

    Samples keep 8 or 16 bits and are ``DISPLAY`` values; signed, 32-bit and float samples are ``ARBITRARY``.
    Transparency is dropped, WhiteIsZero turned round, and the orientation of Exif applied.

    Raises:
        Undecodable: ``E318`` for what Pillow cannot read, ``E303`` beyond the limits.
    """
    uid = instance.sop_instance_uid
    # From a stream: given a path, Pillow maps the samples of an uncompressed TIFF before it turns the picture.
    with refusing("E318", uid), instance.path.open("rb") as stream, Image.open(stream, formats=_FORMATS) as picture:
        frames = 1 if picture.format in ("JPEG", "MPO") else int(getattr(picture, "n_frames", 1))
        if frames > limits.max_frames:
            raise Undecodable("E309", uid=uid, found=f"{frames} pages", expected=f"at most {limits.max_frames}")
        limits.require_samples((frames, picture.height, picture.width), _WIDE_BYTES, uid)
        is_deep = frames == 1 and _is_deep_png(picture, instance)
        pages = [_read_deep_png(instance)] if is_deep else list(_read_pages(picture, frames, limits, uid))
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
        quantity=Quantity.DISPLAY if array.dtype in (np.uint8, np.uint16) else Quantity.ARBITRARY,
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
        tags = dict(getattr(page, "tag_v2", {}))
        yield _to_array(ImageOps.exif_transpose(page), tags)


def _to_array(page: Image.Image, tags: dict[int, Any]) -> Samples:
    """Return (row, column) or (row, column, 3) samples of 8 or 16 bits, or what a deep TIFF holds."""
    bits = _first(tags, _BITS, 8)
    is_signed = _first(tags, _SAMPLE_FORMAT, 1) == _SIGNED
    if page.mode.startswith("I;16"):
        array = np.asarray(page).astype(np.uint16)
        # Pillow turns WhiteIsZero round for 8 bits only.
        is_turned = bool(tags) and _first(tags, _PHOTOMETRIC, 1) == 0
        return ((1 << bits) - 1 - array).astype(np.uint16) if is_turned else array
    if page.mode == "I":
        array = np.asarray(page)
        if tags and not is_signed:
            return array.view(np.uint32)
        return array.astype(np.int16) if tags and bits == 16 else array
    if page.mode == "F":
        return np.asarray(page)
    if page.mode in ("1", "L", "LA", "La"):
        array = np.asarray(page.convert("L"))
        return array.view(np.int8) if is_signed and page.mode == "L" else array
    return _grey_where_grey(np.asarray(page.convert("RGB")))


def _grey_where_grey(rgb: Samples) -> Samples:
    """Read a grey picture saved in colour, as most radiographs on the web are, as what it is."""
    is_grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return np.ascontiguousarray(rgb[..., 0]) if is_grey else rgb


def _first(tags: dict[int, Any], tag: int, default: int) -> int:
    value = tags.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _is_deep_png(picture: Image.Image, instance: InstanceRef) -> bool:
    """Tell a PNG of 16 bits with colour or transparency, which Pillow would cut to 8."""
    if picture.format != "PNG" or picture.mode not in ("RGB", "RGBA", "LA"):
        return False
    with instance.path.open("rb") as stream:
        return stream.read(_PNG_DEPTH_AT + 1)[_PNG_DEPTH_AT] == 16


def _read_deep_png(instance: InstanceRef) -> Samples:
    pixels = np.asarray(imagecodecs.png_decode(instance.path.read_bytes()))
    return pixels[..., 0] if pixels.shape[-1] == 2 else _grey_where_grey(pixels[..., :3])
