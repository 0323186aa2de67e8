"""AVI and MP4 cine by PyAV: frames through time.

PyAV is the extra ``cine``: its wheel bundles encoders under the GPL, which the plain install keeps out.
"""

from importlib import import_module
from typing import Any

import numpy as np

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits

_COLOURS = 3
_GREY_TOLERANCE = 6
"""Colour video of a grey image differs between channels by rounding, and by what motion compensation smears."""


def read_cine(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read the first video stream as 8-bit frames; a grey video in colour is read as grey.

    Raises:
        Undecodable: ``E321`` for what cannot be decoded, ``E303`` beyond the limits, ``E322`` without ``cine``.
    """
    uid = instance.sop_instance_uid
    av = _player(uid)
    frames: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
    times: list[float] = []
    is_grey = True
    with refusing("E321", uid), av.open(str(instance.path), options={"protocol_whitelist": "file"}) as container:
        if not container.streams.video:
            raise Undecodable("E321", uid=uid, found="no video stream")
        stream = container.streams.video[0]
        limits.require_samples((1, stream.height, stream.width, _COLOURS), 1, uid)
        for frame in container.decode(stream):
            limits.require_samples((len(frames) + 1, frame.height, frame.width, _COLOURS), 1, uid)
            pixels = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
            is_grey = is_grey and _is_grey(pixels)
            frames.append(pixels)
            times.append(
                float("nan") if frame.pts is None or frame.time_base is None else frame.pts * float(frame.time_base)
            )
    if not frames or len({frame.shape for frame in frames}) != 1:
        raise Undecodable("E321", uid=uid, found=f"{len(frames)} frames of one size")
    pixels = np.stack(frames)
    array = pixels[..., 1] if is_grey else np.moveaxis(pixels, -1, 0)
    issues = (
        QualityIssue("Q310", Severity.NOTE, {}, uid),
        QualityIssue("Q316", Severity.NOTE, {"method": stream.codec_context.name}, uid),
    )
    return (_volume(np.ascontiguousarray(array), instance, times),), issues


def _volume(
    array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], instance: InstanceRef, times: list[float]
) -> Volume:
    count, rows, columns = array.shape[-3:]
    starts = tuple(time - times[0] for time in times)
    is_timed = bool(np.isfinite(times).all()) and count > 1
    return Volume(
        array=array,
        geometry=VolumeGeometry(shape=(count, rows, columns), calibration=Calibration.NONE),
        quantity=Quantity.DISPLAY,
        instances=(instance,),
        slice_axis=SliceAxis.TIME if count > 1 else SliceAxis.SINGLE,
        frame_times_seconds=starts if is_timed else (),
    )


def _is_grey(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    spread = pixels.max(axis=-1) - pixels.min(axis=-1)
    return bool(spread.max() <= _GREY_TOLERANCE)


def _player(uid: str) -> Any:
    try:
        return import_module("av")
    except ModuleNotFoundError as error:
        raise Undecodable("E322", uid=uid) from error
