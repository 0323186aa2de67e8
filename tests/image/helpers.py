"""Series built by hand from files, as the archive would build them."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from hounsfield.core.identifiers import derived_uid
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef, Series
from hounsfield.core.volume import Volume
from hounsfield.image.assemble import Assembly, assemble

PYDICOM_FILES = Path(pydicom.__path__[0]) / "data" / "test_files"


def instance_of(path: Path) -> InstanceRef:
    """Return the reference of one DICOM file."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    raw = path.read_bytes()
    meta = getattr(dataset, "file_meta", Dataset())
    return InstanceRef(
        sop_instance_uid=str(dataset.get("SOPInstanceUID") or derived_uid(raw)),
        sop_class_uid=str(dataset.get("SOPClassUID") or ""),
        path=path,
        media_type=DICOM_MEDIA_TYPE,
        sha256=hashlib.sha256(raw).hexdigest(),
        transfer_syntax_uid=str(meta.get("TransferSyntaxUID") or ""),
    )


def series_of(paths: Iterable[Path]) -> Series:
    """Return a series of DICOM files, in the order given."""
    files = list(paths)
    head = pydicom.dcmread(files[0], stop_before_pixels=True, force=True)
    return Series(
        series_instance_uid=str(head.get("SeriesInstanceUID") or "1.2.3"),
        study_instance_uid=str(head.get("StudyInstanceUID") or "1.2"),
        modality=str(head.get("Modality") or ""),
        instances=tuple(instance_of(path) for path in files),
    )


def file_series(path: Path, media_type: str) -> Series:
    """Return a series of one file that is not DICOM."""
    uid = derived_uid(path.name)
    instance = InstanceRef(uid, "", path, media_type, hashlib.sha256(path.read_bytes()).hexdigest())
    return Series(uid, uid, "", (instance,))


def assemble_files(paths: Iterable[Path]) -> Assembly:
    """Assemble DICOM files."""
    return assemble(series_of(paths))


def only_volume(paths: Iterable[Path]) -> Volume:
    """Assemble DICOM files that make exactly one volume."""
    assembly = assemble_files(paths)
    assert len(assembly.volumes) == 1
    return assembly.volumes[0]


def change(path: Path, edit: Callable[[Dataset], None]) -> None:
    """Edit one file in place."""
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)


def codes(issues: Iterable[QualityIssue]) -> dict[str, Severity]:
    """Return the severity of each code."""
    return {issue.code: issue.severity for issue in issues}


def digest(volume: Volume) -> str:
    """Return a digest of samples, grid and order of the sources."""
    sha = hashlib.sha256(np.ascontiguousarray(volume.array).tobytes())
    sha.update(repr(volume.geometry).encode())
    sha.update(repr([instance.sop_instance_uid for instance in volume.instances]).encode())
    return sha.hexdigest()
