"""Subject: the attributes of patient and study that a new DICOM object takes from its source, and what has no side."""

import json
from functools import cache
from importlib.resources import files

# Patient, General Study and Patient Study attributes (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2) that identify or describe the
# subject of the new object; those of type 2 are always there, maybe empty.
REQUIRED_SUBJECT = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
OPTIONAL_SUBJECT = (
    "IssuerOfPatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
)


@cache
def unpaired(name: str) -> frozenset[str]:
    """Return body parts (``body_parts``) or anatomic region codes (``anatomic_regions``) that are not paired."""
    text = files("hounsfield.core").joinpath("data/unpaired.json").read_text(encoding="utf-8")
    return frozenset(json.loads(text)[name])
