"""NRRD by pynrrd, with its header and the length of its data checked before they are kept."""

import bz2
import gzip
from collections.abc import Mapping
from typing import Any, BinaryIO

import nrrd as pynrrd
import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import Calibration, geometry_from_affine
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits
from hounsfield.image.mark import read_kept
from hounsfield.image.nifti import RAS_TO_LPS, to_dicom_order

Samples = npt.NDArray[Any]

_SPACES = {
    "left-posterior-superior": np.eye(4),
    "lps": np.eye(4),
    "right-anterior-superior": RAS_TO_LPS,
    "ras": RAS_TO_LPS,
    "left-anterior-superior": np.diag([1.0, -1.0, 1.0, 1.0]),
    "las": np.diag([1.0, -1.0, 1.0, 1.0]),
}
_MILLIMETRES = {"m": 1e3, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "nm": 1e-6}
_SERIES_KINDS = ("list", "time", "none", "???")
"""Kinds of an axis along which scalar volumes follow each other; vectors and colours are others."""
_MAX_HEADER_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 8
_SLACK_BYTES = 1 << 20


def read_nrrd(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read a scalar NRRD of two or three axes, or a list of such volumes, with its data in the same file.

    Raises:
        Undecodable: ``E317`` for what is no such file, ``E303`` beyond the limits.
        InconsistentSeries: ``E310``, ``E311`` for space directions that are singular or sheared.
    """
    uid = instance.sop_instance_uid
    with refusing("E317", uid):
        _require_bounded(instance, limits)
        array, header = pynrrd.read(str(instance.path), index_order="F")
        array, directions = _series_last(array, header)
    if array.ndim not in (2, 3, 4) or array.dtype.kind not in "iuf":
        raise Undecodable("E317", uid=uid, found=f"shape {array.shape}, type {array.dtype}")
    array = array if array.ndim > 2 else array[..., np.newaxis]
    affine, issues = _read_affine(header, directions, uid)
    ordered, to_patient = to_dicom_order(array, RAS_TO_LPS @ affine)
    slices, rows, columns = ordered.shape[-3:]
    calibration = Calibration.NONE if issues else Calibration.PATIENT
    geometry = geometry_from_affine(to_patient, (slices, rows, columns), calibration=calibration)
    axis = SliceAxis.SPACE if slices > 1 else SliceAxis.SINGLE
    samples = ordered.astype(ordered.dtype.newbyteorder("="), copy=False)
    kept = read_kept({str(key): str(value) for key, value in header.items()})
    volumes = (Volume(one, geometry, Quantity.ARBITRARY, (instance,), slice_axis=axis) for one in samples)
    return tuple(map(kept.laid_on, volumes)), issues


def _series_last(array: Samples, header: Mapping[str, Any]) -> tuple[Samples, Samples | None]:
    """Move the one axis that has no direction in space to the end, and return the directions of the others."""
    found = header.get("space directions")
    directions = None if found is None else np.asarray(found, dtype=np.float64)
    if array.ndim != 4:
        return array, directions
    kinds = [str(kind).lower() for kind in header.get("kinds", ["domain"] * 3 + ["list"])]
    series = [axis for axis, kind in enumerate(kinds) if kind in _SERIES_KINDS]
    if len(series) != 1:
        raise Undecodable("E317", found=f"axes of the kinds {', '.join(kinds)}")
    kept = None if directions is None else np.delete(directions, series[0], axis=0)
    return np.moveaxis(array, series[0], -1), kept


def _require_bounded(instance: InstanceRef, limits: PixelLimits) -> None:
    """Read the header alone: a detached data file is refused, and so is an image beyond the limits."""
    uid = instance.sop_instance_uid
    with instance.path.open("rb") as stream:
        head = stream.read(_MAX_HEADER_BYTES).replace(b"\r\n", b"\n")
    if b"\n\n" not in head:
        raise Undecodable("E317", uid=uid, found="no end of the NRRD header")
    with instance.path.open("rb") as stream:
        header = pynrrd.read_header(stream)
        if "data file" in header or "datafile" in header:
            raise Undecodable("E317", uid=uid, found="a detached data file")
        sizes = tuple(int(size) for size in header["sizes"])
        limits.require_samples(sizes, _SAMPLE_BYTES, uid)
        declared = int(np.prod(sizes, dtype=object)) * _SAMPLE_BYTES + _SLACK_BYTES
        _require_inflation(stream, str(header.get("encoding", "raw")).lower(), declared, uid)


def _require_inflation(stream: BinaryIO, encoding: str, declared_bytes: int, uid: str) -> None:
    """Inflate once without keeping the result: pynrrd inflates whatever follows the header into memory."""
    opened: Any = {"gzip": gzip.open, "gz": gzip.open, "bzip2": bz2.open, "bz2": bz2.open}.get(encoding)
    if opened is None:
        return
    total = 0
    with opened(stream) as inflated:
        while chunk := inflated.read(_CHUNK_BYTES):
            total += len(chunk)
            if total > declared_bytes:
                raise Undecodable("E317", uid=uid, found="more data than its header declares")


def _read_affine(
    header: Mapping[str, Any], directions: Samples | None, uid: str
) -> tuple[npt.NDArray[np.float64], tuple[QualityIssue, ...]]:
    """Return the LPS affine of (i, j, k, 1) in millimetres; without a known space only the spacings are known."""
    space = str(header.get("space", "")).lower()
    units = [str(unit).strip('"') for unit in header.get("space units", ())]
    scale = np.diag([*(_MILLIMETRES.get(unit, 1.0) for unit in (units + ["mm"] * 3)[:3]), 1.0])
    affine = np.eye(4)
    if space in _SPACES and directions is not None and directions.shape == (3, 3):
        affine[:3, :3] = directions.T
        affine[:3, 3] = np.asarray(header.get("space origin", np.zeros(3)), dtype=np.float64)
        return _SPACES[space] @ scale @ affine, ()
    spacings = np.asarray(header.get("spacings", ()), dtype=np.float64)
    if not spacings.size and directions is not None:
        spacings = np.linalg.norm(directions, axis=1)
    for axis, spacing in enumerate(spacings[:3]):
        affine[axis, axis] = spacing if np.isfinite(spacing) and spacing > 0 else 1.0
    return scale @ affine, (QualityIssue("Q331", Severity.WARN, {}, uid),)
