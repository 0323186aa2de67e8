"""Which DICOM files belong to one patient: a digest of the Patient ID, so that no identifier travels further."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

_PATIENT_ID = 0x00100020
_ISSUER = 0x00100021


def dicom_patients(data: Path, paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return a pseudonym of the patient of each DICOM file that states one, by relative path."""
    patients = {}
    for parts in paths:
        pseudonym = patient_pseudonym(data.joinpath(*parts))
        if pseudonym:
            patients[parts] = pseudonym
    return patients


def patient_pseudonym(path: Path) -> str | None:
    """Return the first 16 digits of the SHA-256 of Patient ID and its issuer, or None where there is none."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[_PATIENT_ID, _ISSUER])
        values = [str(dataset[tag].value or "") if tag in dataset else "" for tag in (_PATIENT_ID, _ISSUER)]
    except (InvalidDicomError, OSError, ValueError, KeyError, AttributeError, NotImplementedError, EOFError):
        return None
    if not values[0].strip():
        return None
    return "patient-" + hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:16]
