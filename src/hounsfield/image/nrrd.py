"""NRRD by pynrrd, with its header checked before a sample is read."""

from collections.abc import Mapping
from typing import Any

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
from hounsfield.image.nifti import RAS_TO_LPS, to_dicom_order

_SPACES = {
    "left-posterior-superior": np.eye(4),
    "lps": np.eye(4),
    "right-anterior-superior": RAS_TO_LPS,
    "ras": RAS_TO_LPS,
    "left-anterior-superior": np.diag([1.0, -1.0, 1.0, 1.0]),
    "las": np.diag([1.0, -1.0, 1.0, 1.0]),
}
_MAX_HEADER_BYTES = 1 << 20
_SAMPLE_BYTES = 8


def read_nrrd(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read a scalar NRRD of two or three axes with its data in the same file.

    Raises:
        Undecodable: ``E317`` for what is no such file, ``E303`` beyond the limits.
        InconsistentSeries: ``E310``, ``E311`` for space directions that are singular or sheared.
    """
    uid = instance.sop_instance_uid
    with refusing("E317", uid):
        _require_bounded(instance, limits)
        array, header = pynrrd.read(str(instance.path), index_order="F")
    if array.ndim not in (2, 3) or array.dtype.kind not in "iuf":
        raise Undecodable("E317", uid=uid, found=f"shape {array.shape}, type {array.dtype}")
    array = array if array.ndim == 3 else array[..., np.newaxis]
    affine, issues = _read_affine(header, uid)
    ordered, to_patient = to_dicom_order(array, RAS_TO_LPS @ affine)
    slices, rows, columns = ordered.shape[-3:]
    calibration = Calibration.NONE if issues else Calibration.PATIENT
    geometry = geometry_from_affine(to_patient, (slices, rows, columns), calibration=calibration)
    axis = SliceAxis.SPACE if slices > 1 else SliceAxis.SINGLE
    samples = ordered[0].astype(ordered.dtype.newbyteorder("="), copy=False)
    return (Volume(samples, geometry, Quantity.ARBITRARY, (instance,), slice_axis=axis),), issues


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


def _read_affine(header: Mapping[str, Any], uid: str) -> tuple[npt.NDArray[np.float64], tuple[QualityIssue, ...]]:
    """Return the LPS affine of (i, j, k, 1); without a space only the spacings are known."""
    space = str(header.get("space", "")).lower()
    directions = header.get("space directions")
    affine = np.eye(4)
    if space in _SPACES and directions is not None and np.shape(directions) == (3, 3):
        affine[:3, :3] = np.asarray(directions, dtype=np.float64).T
        affine[:3, 3] = np.asarray(header.get("space origin", np.zeros(3)), dtype=np.float64)
        return _SPACES[space] @ affine, ()
    spacings = np.asarray(header.get("spacings", ()), dtype=np.float64)
    for axis, spacing in enumerate(spacings[:3]):
        affine[axis, axis] = spacing if np.isfinite(spacing) and spacing > 0 else 1.0
    return affine, (QualityIssue("Q331", Severity.WARN, {}, uid),)
