"""Pictures and videos read in a process that may die alone; see ``isolated``."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.image import isolated_wire as wire
from hounsfield.image import worker_pool
from hounsfield.image.isolated import SPARE_BYTES, received_refusal
from hounsfield.image.limits import PixelLimits
from hounsfield.image.worker_pool import Worker, explained

_ENCODED_BYTES_A_SECOND = 256 << 10
_COPIES = 3
"""Pillow and NumPy hold pages, a stack of them and its contiguous copy."""


def about_volumes(volumes: Sequence[Volume], issues: Sequence[QualityIssue]) -> dict[str, Any]:
    """Return in plain values what makes volumes of samples, for the wire."""
    return {
        "volumes": [
            {
                "shape": volume.array.shape,
                "dtype": wire.DTYPES.index(volume.array.dtype.str),
                "quantity": volume.quantity.name,
                "slice_axis": volume.slice_axis.value,
                "frame_indices": volume.frame_indices,
                "times": volume.frame_times_seconds,
            }
            for volume in volumes
        ],
        "issues": [[issue.code, issue.severity.value, dict(issue.facts)] for issue in issues],
    }


def read_isolated(instance: InstanceRef, limits: PixelLimits) -> tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]:
    """Read a picture or a video as ``read_picture`` and ``read_cine`` do, in a process of its own.

    Raises:
        Undecodable: as the readers, and ``E390`` to ``E394`` as ``decode_codestream``.
    """
    uid, size = instance.sop_instance_uid, instance.path.stat().st_size
    seconds = limits.decoding_seconds + size / _ENCODED_BYTES_A_SECOND
    terms = {
        "seconds": seconds,
        "memory_bytes": SPARE_BYTES + size + _COPIES * limits.max_pixel_bytes,
        "uid": uid,
        "path": str(instance.path.resolve()),
        "media_type": instance.media_type,
        "limits": asdict(replace(limits, isolated=False)),
    }
    with worker_pool.POOL.borrowed() as worker, explained(worker, uid, seconds):
        deadline = time.monotonic() + seconds
        worker.send(wire.request(wire.FILE, terms), deadline)
        about = _about(worker, uid, deadline)
        try:
            volumes = [_volume(one, instance, limits, (worker, deadline)) for one in about["volumes"]]
            told = [(str(code), Severity(severity), dict(facts)) for code, severity, facts in about["issues"]]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise wire.BrokenWireError from error
        worker.is_idle = True
    return tuple(volumes), tuple(QualityIssue(*issue, uid) for issue in told)


def _about(worker: Worker, uid: str, deadline: float) -> dict[str, Any]:
    """Return what the process says of the volumes that it sends.

    Raises:
        Undecodable: it refuses.
        BrokenWireError: it says something else.
    """
    kind, *_, size = worker.receive_header(deadline)
    if kind == wire.REFUSAL:
        raise received_refusal(worker, size, uid, deadline)
    if kind != wire.VOLUMES or size > wire.MOST_VOLUMES_BYTES:
        raise wire.BrokenWireError
    text = bytearray(size)
    worker.receive(memoryview(text), deadline)
    try:
        about = json.loads(text)
    except ValueError as error:
        raise wire.BrokenWireError from error
    if not isinstance(about, dict):
        raise wire.BrokenWireError
    return about


def _volume(about: dict[str, Any], instance: InstanceRef, limits: PixelLimits, line: tuple[Worker, float]) -> Volume:
    """Receive the samples of a volume, once its size is within the limits.

    Raises:
        KeyError, TypeError, ValueError, IndexError: what was said makes no volume.
    """
    worker, deadline = line
    shape = tuple(int(length) for length in about["shape"])
    dtype = np.dtype(wire.DTYPES[int(about["dtype"])])
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[0] != 3):
        raise ValueError("shape")
    limits.require_samples(shape, dtype.itemsize, instance.sop_instance_uid)
    array = np.empty(shape, dtype=dtype)
    worker.receive(array.reshape(-1).view(np.uint8).data, deadline)
    slices, rows, columns = shape[-3:]
    return Volume(
        array=array,
        geometry=VolumeGeometry(shape=(slices, rows, columns), calibration=Calibration.NONE),
        quantity=Quantity[about["quantity"]],
        instances=(instance,),
        frame_indices=tuple(int(index) for index in about["frame_indices"]),
        slice_axis=SliceAxis(about["slice_axis"]),
        frame_times_seconds=tuple(float(moment) for moment in about["times"]),
    )
