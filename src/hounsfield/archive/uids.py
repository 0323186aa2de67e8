"""Identifiers of stored objects: as they are where they serve, derived the same way each time where they do not."""

from dataclasses import dataclass
from functools import lru_cache

from hounsfield.archive.header import Header
from hounsfield.core.identifiers import derived_uid, has_uid_characters, is_valid_uid


@dataclass(frozen=True)
class Identity:
    """The three UIDs of an object, all safe to use.

    Attributes:
        study_instance_uid: study.
        series_instance_uid: series.
        sop_instance_uid: object.
        is_complete: whether the object brought all three.
        is_valid: whether those it brought have the form of a UID.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    is_complete: bool = True
    is_valid: bool = True


def identify_object(header: Header, sha256: str) -> Identity:
    """Return the UIDs of an object.

    A UID that is missing is derived: from what groups objects where the header gives that (patient, study date, order;
    series number; else the frame of reference, which the slices of one examination share), else from the content. One
    of another form is kept while it holds digits and dots alone, as leading zeros are common, and is otherwise replaced
    by one derived from it, so that equal ones stay equal.
    """
    brought = (header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)
    if _is_valid(brought[0]) and _is_valid(brought[1]) and is_valid_uid(brought[2]):
        return Identity(*brought)
    frame = header.frame_of_reference_uid
    study_hint = "\\".join((header.patient_id, header.study_date, header.accession_number)).strip("\\") or frame
    study = _usable(header.study_instance_uid, "study") or _derived("study", study_hint, sha256)
    number = frame if header.series_number is None else str(header.series_number)
    number = f"{header.modality}\\{number}" if number else ""
    series = _usable(header.series_instance_uid, "series") or _derived(f"series\\{study}", number, sha256)
    instance = _usable(header.sop_instance_uid, "instance") or derived_uid("instance", sha256)
    return Identity(study, series, instance, all(brought), all(_is_valid(uid) for uid in brought if uid))


def identify_picture(sha256: str) -> Identity:
    """Return the UIDs of a file that is not DICOM, derived from its content."""
    return Identity(derived_uid("study", sha256), derived_uid("series", sha256), derived_uid("instance", sha256))


_is_valid = lru_cache(4096)(is_valid_uid)


@lru_cache(4096)
def _usable(uid: str, level: str) -> str:
    if not uid or has_uid_characters(uid):
        return uid
    return derived_uid(level, uid)


def _derived(level: str, hint: str, sha256: str) -> str:
    return derived_uid(level, hint) if hint else derived_uid(level, "", sha256)
