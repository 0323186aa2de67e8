"""Study, series and instance as the archive knows them: identifiers and header facts, no pixels.

Built only in ``archive``. Names are DICOM keywords in snake_case; the patient's name is not held at all.
"""

from dataclasses import dataclass
from pathlib import Path

DICOM_MEDIA_TYPE = "application/dicom"


@dataclass(frozen=True)
class InstanceRef:
    """One stored object.

    Attributes:
        sop_instance_uid: its UID; derived from the content for files that bring none.
        sop_class_uid: its SOP class, empty for files that are not DICOM.
        path: where the bytes are.
        media_type: ``application/dicom``, ``image/png``, ``application/x-nifti``, ...
        sha256: digest of the file, hexadecimal.
        transfer_syntax_uid: how the data set is encoded, empty for files that are not DICOM.
        number_of_frames: frames in the object, 0 for an object without pixels.
    """

    sop_instance_uid: str
    sop_class_uid: str
    path: Path
    media_type: str
    sha256: str
    transfer_syntax_uid: str = ""
    number_of_frames: int = 1


@dataclass(frozen=True)
class Series:
    """The instances of one Series Instance UID, or one file that is not DICOM."""

    series_instance_uid: str
    study_instance_uid: str
    modality: str
    instances: tuple[InstanceRef, ...]
    body_part_examined: str = ""
    laterality: str = ""
    view_position: str = ""
    series_number: int | None = None
    manufacturer: str = ""
    image_type: tuple[str, ...] = ()

    @property
    def is_dicom(self) -> bool:
        """Whether the series consists of DICOM objects."""
        return all(instance.media_type == DICOM_MEDIA_TYPE for instance in self.instances)


@dataclass(frozen=True)
class Study:
    """One study of one patient.

    Attributes:
        study_instance_uid: its UID.
        patient_id: the identifier that groups studies of one patient; never logged.
        patient_age_years: age at the study, None when not stated.
        patient_sex: ``M``, ``F``, ``O`` or empty.
        accession_number: the order it belongs to, may be empty.
        study_date: DICOM DA, may be empty.
        series: its series, in the order of their numbers.
    """

    study_instance_uid: str
    series: tuple[Series, ...]
    patient_id: str = ""
    patient_age_years: float | None = None
    patient_sex: str = ""
    accession_number: str = ""
    study_date: str = ""
