"""The attributes that a store can be asked for, by level (PS3.4 tables C.6-1 to C.6-4 and PS3.18 section 10.6.3)."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Level(StrEnum):
    """What a search returns rows of."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True)
class Attribute:
    """One attribute of the index.

    Attributes:
        keyword: DICOM keyword.
        tag: group and element as one number.
        vr: value representation, which decides how it is matched.
        level: where it belongs.
        column: its column in the table of that level; empty for one that is counted when it is asked for.
    """

    keyword: str
    tag: int
    vr: str
    level: Level
    column: str

    @property
    def tag_text(self) -> str:
        """The tag as DICOM JSON writes it, such as ``00100010``."""
        return f"{self.tag:08X}"


def _attributes(level: Level, *rows: tuple[str, int, str, str]) -> tuple[Attribute, ...]:
    return tuple(Attribute(keyword, tag, vr, level, column) for keyword, tag, vr, column in rows)


STUDY_ATTRIBUTES = _attributes(
    Level.STUDY,
    ("StudyDate", 0x00080020, "DA", "study_date"),
    ("StudyTime", 0x00080030, "TM", "study_time"),
    ("AccessionNumber", 0x00080050, "SH", "accession_number"),
    ("ModalitiesInStudy", 0x00080061, "CS", ""),
    ("ReferringPhysicianName", 0x00080090, "PN", "referring_physician_name"),
    ("StudyDescription", 0x00081030, "LO", "study_description"),
    ("PatientName", 0x00100010, "PN", "patient_name"),
    ("PatientID", 0x00100020, "LO", "patient_id"),
    ("PatientBirthDate", 0x00100030, "DA", "patient_birth_date"),
    ("PatientSex", 0x00100040, "CS", "patient_sex"),
    ("StudyInstanceUID", 0x0020000D, "UI", "study_instance_uid"),
    ("StudyID", 0x00200010, "SH", "study_id"),
    ("NumberOfStudyRelatedSeries", 0x00201206, "IS", ""),
    ("NumberOfStudyRelatedInstances", 0x00201208, "IS", ""),
)
SERIES_ATTRIBUTES = _attributes(
    Level.SERIES,
    ("Modality", 0x00080060, "CS", "modality"),
    ("Manufacturer", 0x00080070, "LO", "manufacturer"),
    ("SeriesDescription", 0x0008103E, "LO", "series_description"),
    ("BodyPartExamined", 0x00180015, "CS", "body_part_examined"),
    ("SeriesInstanceUID", 0x0020000E, "UI", "series_instance_uid"),
    ("SeriesNumber", 0x00200011, "IS", "series_number"),
    ("NumberOfSeriesRelatedInstances", 0x00201209, "IS", ""),
    ("PerformedProcedureStepStartDate", 0x00400244, "DA", "performed_procedure_step_start_date"),
    ("PerformedProcedureStepStartTime", 0x00400245, "TM", "performed_procedure_step_start_time"),
)
INSTANCE_ATTRIBUTES = _attributes(
    Level.INSTANCE,
    ("SOPClassUID", 0x00080016, "UI", "sop_class_uid"),
    ("SOPInstanceUID", 0x00080018, "UI", "sop_instance_uid"),
    ("InstanceNumber", 0x00200013, "IS", "instance_number"),
    ("NumberOfFrames", 0x00280008, "IS", "number_of_frames"),
    ("Rows", 0x00280010, "US", "rows"),
    ("Columns", 0x00280011, "US", "columns"),
    ("BitsAllocated", 0x00280100, "US", "bits_allocated"),
    ("AvailableTransferSyntaxUID", 0x00083002, "UI", "transfer_syntax_uid"),
)
ATTRIBUTES = {
    Level.STUDY: STUDY_ATTRIBUTES,
    Level.SERIES: SERIES_ATTRIBUTES,
    Level.INSTANCE: INSTANCE_ATTRIBUTES,
}
NUMBER_VRS = frozenset({"IS", "US"})


def attributes_of(level: Level) -> tuple[Attribute, ...]:
    """Return what a row of a level holds: its own attributes after those of the levels above."""
    levels = list(Level)
    return tuple(attribute for each in levels[: levels.index(level) + 1] for attribute in ATTRIBUTES[each])


@cache
def find_attribute(name: str) -> Attribute | None:
    """Return an attribute by keyword or by tag in eight hexadecimal digits, None for one that is not in the index."""
    for attributes in ATTRIBUTES.values():
        for attribute in attributes:
            if name == attribute.keyword or name.upper() == attribute.tag_text:
                return attribute
    return None
