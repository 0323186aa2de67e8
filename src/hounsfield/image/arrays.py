"""npz files: numbered arrays without pickles, checked by their headers before anything is allocated."""

import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits

Samples = npt.NDArray[Any]

NAMES = ("image", "img", "volume", "data", "array", "pixels", "arr_0")
"""Names under which an image is looked for, in this order; a file with one array needs no name."""
_COLOURS = 3
_BYTE, _WORD = 255, 65535


def read_arrays(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read the image of an npz: (row, column), (row, column, 3), (slice, row, column) or (slice, row, column, 3).

    Unsigned 8- and 16-bit samples and colours are ``DISPLAY`` values, all others ``ARBITRARY``. Colours of other types
    are taken as shares of 1, or as bytes or words where they are larger. A spacing is not known.

    Raises:
        Undecodable: ``E319`` without an image, ``E320`` for another shape or type, ``E303`` beyond the limits.
    """
    uid = instance.sop_instance_uid
    with refusing("E319", uid):
        name = _find_image(instance, uid)
        shape, dtype = _read_shape(instance, name)
        if dtype.hasobject or dtype.kind not in "iufb" or len(shape) not in (2, 3, 4):
            raise Undecodable("E320", uid=uid, found=f"{name}: shape {shape}, type {dtype}")
        limits.require_samples(shape, dtype.itemsize, uid)
        with np.load(instance.path, allow_pickle=False) as file:
            array = np.asarray(file[name])
    return (_to_volume(array, instance, uid),), (QualityIssue("Q310", Severity.NOTE, {}, uid),)


def _find_image(instance: InstanceRef, uid: str) -> str:
    with zipfile.ZipFile(instance.path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    found = next((name for name in NAMES if name in names), names[0] if len(names) == 1 else None)
    if found is None:
        raise Undecodable("E319", uid=uid, found=", ".join(sorted(names)[:8]) or "no arrays")
    return found


def _read_shape(instance: InstanceRef, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with zipfile.ZipFile(instance.path) as archive, archive.open(f"{name}.npy") as member:
        version = npy.read_magic(member)
        reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = reader(member)
    return shape, dtype


def _to_volume(array: Samples, instance: InstanceRef, uid: str) -> Volume:
    is_colour = array.ndim >= 3 and array.shape[-1] == _COLOURS
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if is_colour and not _is_picture(array):
        array = _as_colours(array, uid)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.ndim == 4 and not is_colour:
        raise Undecodable("E320", uid=uid, found=f"shape {array.shape}")
    grey_axes = array.ndim - is_colour
    slices = array if grey_axes == 3 else array[np.newaxis]
    samples = np.ascontiguousarray(np.moveaxis(slices, -1, 0) if is_colour else slices)
    count, rows, columns = samples.shape[-3:]
    return Volume(
        array=samples,
        geometry=VolumeGeometry(shape=(count, rows, columns), calibration=Calibration.NONE),
        quantity=Quantity.DISPLAY if _is_picture(array) or is_colour else Quantity.ARBITRARY,
        instances=(instance,),
        slice_axis=SliceAxis.SPACE if count > 1 else SliceAxis.SINGLE,
    )


def _is_picture(array: Samples) -> bool:
    return array.dtype.kind == "u" and array.dtype.itemsize <= 2


def _as_colours(array: Samples, uid: str) -> Samples:
    """Return shares of 1 as float32, or colours from 0 to 255 or 65535 as bytes or words."""
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high <= _WORD:
        raise Undecodable("E320", uid=uid, found=f"colours from {low} to {high}")
    if array.dtype.kind == "f" and high <= 1:
        return array.astype(np.float32)
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    kind = np.uint8 if high <= _BYTE else np.uint16
    return np.rint(array).astype(kind)
