"""NIfTI by nibabel: the only place that knows the RAS world frame."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import Calibration, VolumeGeometry, geometry_from_affine
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits
from hounsfield.image.mark import KEY, Kept, read_kept, read_line

Samples = npt.NDArray[Any]
Image = nib.Nifti1Image
"""A NIfTI-2 image is one, too."""

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_REVERSED = np.eye(4)[[2, 1, 0, 3]]
"""Takes (slice, row, column, 1) to NIfTI's (i, j, k, 1)."""
COMMENT = 6
"""NIFTI_ECODE_COMMENT: an extension of plain text."""
_COLOURS = ("R", "G", "B")
"""Fields of a sample of RGB24, and of RGBA32 before its fourth."""
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_MILLIMETRES = {"mm": 1.0, "meter": 1e3, "micron": 1e-3, "unknown": 1.0}
_AGREEMENT_MM = 0.01
_SECOND_SIZES = (540, 0x1C020000)
"""sizeof_hdr of NIfTI-2 in both byte orders; that of NIfTI-1 is 348."""
_INFLATION = 1100
"""No deflated stream is larger than about 1032 times its file."""


def read_nifti(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read a NIfTI-1 or NIfTI-2 file; every time point of a 4-D file becomes a volume.

    Axes are reversed to (slice, row, column) and flipped to the order a DICOM series of the same cut has. A 4-D file
    of one slice becomes one volume through time. Colour (RGB24, RGBA32) is kept, its transparency is not.

    Raises:
        Undecodable: ``E317`` for what nibabel cannot read, ``E303`` beyond the limits.
        InconsistentSeries: ``E310``, ``E311`` for an affine that is singular or sheared.
    """
    uid = instance.sop_instance_uid
    with refusing("E317", uid), _opened(instance) as stream:
        # By content, not by name: nibabel's own loader goes by the extension.
        is_second = int.from_bytes(stream.read(4), "little") in _SECOND_SIZES
        stream.seek(0)
        image = (nib.Nifti2Image if is_second else nib.Nifti1Image).from_stream(stream)
        _require_shape(image, instance, limits)
        array = _scaled(image)
    issues = _check_forms(image, uid)
    if "A" in (array.dtype.names or ()):
        issues.append(QualityIssue("Q327", Severity.NOTE, {}, uid))
    array, affine = to_dicom_order(array, image.affine * np.array([[_unit(image)]] * 3 + [[1.0]]))
    calibration = Calibration.NONE if "Q331" in [issue.code for issue in issues] else Calibration.PATIENT
    geometry = geometry_from_affine(affine, _triple(array.shape[-3:]), calibration=calibration)
    kept = _kept(image)
    return tuple(map(kept.laid_on, _to_volumes(array, geometry, image, instance))), tuple(issues)


def to_dicom_order(array: Samples, affine_ras: npt.ArrayLike) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return (time, slice, row, column) samples and their LPS affine of an (i, j, k[, t]) array and its RAS affine.

    k becomes slice, j row, i column. In-plane axes are flipped towards left, posterior and feet, as pictures are
    hung, and slices to rise along the normal row x column, as DICOM stacks are sorted.
    """
    moved = array.reshape((*array.shape[:3], -1)).transpose(3, 2, 1, 0)
    affine = RAS_TO_LPS @ np.asarray(affine_ras, dtype=np.float64) @ _REVERSED
    for axis in (1, 2):
        if not _is_hung(affine[:3, axis]):
            moved, affine = np.flip(moved, axis + 1), affine @ _flip(axis, moved.shape[axis + 1])
    normal = np.cross(affine[:3, 2], affine[:3, 1])
    if normal @ affine[:3, 0] < 0:
        moved, affine = np.flip(moved, 1), affine @ _flip(0, moved.shape[1])
    return np.ascontiguousarray(moved), affine


def to_nifti_affine(geometry: VolumeGeometry) -> npt.NDArray[np.float64]:
    """Return the RAS affine of the reversed axes (column, row, slice) of a grid, as a NIfTI file holds it."""
    return np.asarray(RAS_TO_LPS @ geometry.index_to_patient @ _REVERSED)


def to_nifti_order(array: Samples, geometry: VolumeGeometry) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return (i, j, k) samples and their RAS affine of (slice, row, column) samples and their grid.

    i is the column, j the row counted from the last one, k the slice: the axes that dcm2niix writes, which viewers and
    other software have met most often.
    """
    affine = to_nifti_affine(geometry) @ _flip(1, array.shape[1])
    return np.flip(array.transpose(2, 1, 0), 1), affine


def _is_hung(direction: npt.NDArray[np.float64]) -> bool:
    """Tell whether an in-plane axis points left, posterior or to the feet."""
    main = int(np.abs(direction).argmax())
    return bool(direction[main] < 0) if main == 2 else bool(direction[main] >= 0)


def _flip(axis: int, length: int) -> npt.NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[axis, axis], matrix[axis, 3] = -1.0, length - 1.0
    return matrix


@contextmanager
def _opened(instance: InstanceRef) -> Iterator[io.IOBase]:
    """Open the file, or what it holds compressed."""
    if _is_deflated(instance):
        with gzip.open(instance.path) as inflated:
            yield inflated
    else:
        with instance.path.open("rb") as plain:
            yield plain


def _require_shape(image: Image, instance: InstanceRef, limits: PixelLimits) -> None:
    uid = instance.sop_instance_uid
    shape = tuple(int(length) for length in image.shape)
    header: Any = image.header
    dtype = header.get_data_dtype()
    trailing = [length for length in shape[4:] if length != 1]
    is_known = dtype.kind in "iuf" or (dtype.names or ())[:3] == _COLOURS
    if not len(shape) >= 2 or trailing or not is_known:
        raise Undecodable("E317", uid=uid, found=f"shape {shape}, type {dtype}")
    limits.require_samples(shape, max(4, dtype.itemsize), uid)
    stored = int(np.prod([int(length) for length in shape], dtype=object)) * dtype.itemsize
    held = instance.path.stat().st_size * (_INFLATION if _is_deflated(instance) else 1)
    if stored > held:
        raise Undecodable("E302", uid=uid, found=f"{held} bytes", expected=f"{stored} bytes")


def _is_deflated(instance: InstanceRef) -> bool:
    with instance.path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _scaled(image: Image) -> Samples:
    """Return integers where the scale is 1, float32 otherwise, at least three axes."""
    proxy: Any = image.dataobj
    stored: Samples = np.asanyarray(proxy.get_unscaled())
    slope, intercept = float(proxy.slope), float(proxy.inter)
    # A scale has no meaning for colour (nifti1.h, scl_slope).
    is_plain = (slope == 1.0 and intercept == 0.0) or stored.dtype.names is not None
    # In double precision, as the intercept may cancel most of a large integer.
    array = stored if is_plain else stored.astype(np.float64) * slope + intercept
    if array.dtype.kind == "f" and array.dtype.itemsize > 4:
        array = array.astype(np.float32)
    if array.dtype.names is None:
        array = np.asarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    while array.ndim < 3:
        array = array[..., np.newaxis]
    return array.reshape(array.shape[:4])


def _unit(image: Image) -> float:
    header: Any = image.header
    return _MILLIMETRES.get(str(header.get_xyzt_units()[0]), 1.0)


def _check_forms(image: Image, uid: str) -> list[QualityIssue]:
    """Compare the two orientations that a NIfTI file may hold."""
    header: Any = image.header
    codes = int(header.get("sform_code", 0)), int(header.get("qform_code", 0))
    if codes == (0, 0):
        return [QualityIssue("Q331", Severity.WARN, {}, uid)]
    if min(codes) > 0:
        lengths = np.ones(4)
        lengths[: min(3, len(image.shape))] = np.asarray(image.shape[:3], dtype=np.float64) - 1.0
        lengths[3] = 1.0
        corners = (np.array([[0, 0, 0, 1], [1, 1, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]]) * lengths).T
        apart = np.abs((header.get_sform() - header.get_qform()) @ corners).max()
        if apart > _AGREEMENT_MM:
            return [QualityIssue("Q330", Severity.WARN, {"apart_mm": round(float(apart), 3)}, uid)]
    return []


def _kept(image: Image) -> Kept:
    """Return what comments of the house keep, or what ``descrip`` marks where comments were dropped."""
    header: Any = image.header
    comments = (_text(item.get_content()).partition("=") for item in header.extensions if item.get_code() == COMMENT)
    found = {key.strip(): text.strip("\0 \r\n") for key, equals, text in comments if equals}
    kept = read_kept(found)
    return kept if KEY in found else replace(kept, enhanced_by=read_line(_text(header["descrip"].tobytes())))


def _text(content: object) -> str:
    return content.decode("utf-8", "replace").rstrip("\0") if isinstance(content, bytes) else str(content)


def _to_volumes(array: Samples, geometry: VolumeGeometry, image: Image, instance: InstanceRef) -> tuple[Volume, ...]:
    points, slices = array.shape[0], array.shape[1]
    if points > 1 and slices == 1:
        header: Any = image.header
        zooms, units = header.get_zooms(), header.get_xyzt_units()
        step = float(zooms[3]) * _SECONDS.get(units[1], 0.0) if len(zooms) > 3 else 0.0
        times = tuple(index * step for index in range(points)) if step > 0 else ()
        frames = geometry.cropped((0, 0, 0), (points, *geometry.shape[1:]))
        return (_volume(array[:, 0], frames, instance, SliceAxis.TIME, times),)
    axis = SliceAxis.SPACE if slices > 1 else SliceAxis.SINGLE
    return tuple(_volume(array[point], geometry, instance, axis) for point in range(points))


def _volume(
    array: Samples,
    geometry: VolumeGeometry,
    instance: InstanceRef,
    axis: SliceAxis,
    times: tuple[float, ...] = (),
) -> Volume:
    quantity = Quantity.ARBITRARY
    if array.dtype.names is not None:
        array, quantity = np.stack([array[colour] for colour in _COLOURS]), Quantity.DISPLAY
    return Volume(array, geometry, quantity, (instance,), slice_axis=axis, frame_times_seconds=times)


def _triple(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return int(shape[0]), int(shape[1]), int(shape[2])
