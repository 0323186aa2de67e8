"""Headers of the source images, read again and cleaned, for the DICOM objects that are filed beside them.

Archives hold headers with missing type 2 elements, impossible dates and names in undeclared character sets. What may be
empty in the new object is emptied, what is optional is left out, and an identity that cannot be kept as it is makes the
document ``Unencodable``: a shortened identifier could be another patient's.
"""

import warnings
from dataclasses import dataclass

from pydicom import Dataset, config, dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.valuerep import validate_value

from hounsfield.core.identifiers import is_valid_uid
from hounsfield.core.report import Report
from hounsfield.core.study import InstanceRef, Series
from hounsfield.core.subject import OPTIONAL_SUBJECT, REQUIRED_SUBJECT
from hounsfield.errors import Unencodable

EQUIPMENT = ("Manufacturer", "InstitutionName", "StationName", "ManufacturerModelName", "DeviceSerialNumber")
IMAGE = (
    "Modality",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "FrameOfReferenceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "PatientOrientation",
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "BurnedInAnnotation",
    "SeriesNumber",
)
IDENTIFIERS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# Storage classes whose instances have one frame; a frame number may not be named for them (PS3.3 C.17.3, Table 10-3).
SINGLE_FRAME_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{suffix}"
    for suffix in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "4", "6", "6.1", "7", "128")
)
_KEYWORDS = (*REQUIRED_SUBJECT, *OPTIONAL_SUBJECT, *EQUIPMENT, *IMAGE, *IDENTIFIERS, "NumberOfFrames")


@dataclass(frozen=True)
class SourceHeaders:
    """Cleaned headers of the images that were analysed, without pixels, one an instance."""

    instances: tuple[Dataset, ...]

    @property
    def subject(self) -> Dataset:
        """The header that patient and study are taken from."""
        return self.instances[0]

    def of(self, sop_instance_uid: str) -> Dataset | None:
        """Return the header of an instance, or None when it is not among them."""
        return next((item for item in self.instances if item.SOPInstanceUID == sop_instance_uid), None)


def frame_numbers(header: Dataset, frame_number: int) -> list[int] | None:
    """Return the frame number as a reference wants it: named for multi-frame objects, left out for the others."""
    is_multi_frame = int(header.NumberOfFrames) > 1 and header.SOPClassUID not in SINGLE_FRAME_CLASSES
    return [frame_number] if is_multi_frame else None


def read_headers(report: Report, document: str) -> SourceHeaders:
    """Read the headers of the analysed series again.

    Args:
        report: its series names the files.
        document: what they are read for, named in an error.

    Raises:
        Unencodable: ``E604`` when the source is not DICOM, ``E601`` when a file is gone or cannot be read, ``E602``
            when an identifier cannot stand in a new object.
    """
    if report.series is None:
        raise Unencodable("E604", uid=report.study.study_instance_uid, document=document)
    return series_headers(report.series, document)


def series_headers(series: Series, document: str) -> SourceHeaders:
    """Read the headers of a series again, as ``read_headers`` does.

    Raises:
        Unencodable: as ``read_headers``.
    """
    if not series.instances or not series.is_dicom:
        raise Unencodable("E604", uid=series.study_instance_uid, document=document)
    return SourceHeaders(tuple(_read(instance, series, document) for instance in series.instances))


def _read(instance: InstanceRef, series: Series, document: str) -> Dataset:
    tags = [tag for tag in (tag_for_keyword(keyword) for keyword in _KEYWORDS) if tag is not None]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raw = dcmread(instance.path, stop_before_pixels=True, specific_tags=list(tags), force=True)
            if str(raw.get("SOPInstanceUID") or instance.sop_instance_uid) != instance.sop_instance_uid or not raw:
                reason = "it holds another object now"
                raise Unencodable("E601", uid=instance.sop_instance_uid, document=document, reason=reason)
            return _cleaned(raw, instance, series)
    except Unencodable:
        raise
    # pydicom raises many classes on broken files; each means that this document cannot be made.
    except Exception as error:
        reason = type(error).__name__
        raise Unencodable("E601", uid=instance.sop_instance_uid, document=document, reason=reason) from error


def _cleaned(raw: Dataset, instance: InstanceRef, series: Series) -> Dataset:
    clean = Dataset()
    fallback = {
        "SOPClassUID": instance.sop_class_uid,
        "SOPInstanceUID": instance.sop_instance_uid,
        "StudyInstanceUID": series.study_instance_uid,
        "SeriesInstanceUID": series.series_instance_uid,
    }
    for keyword in IDENTIFIERS:
        value = str(raw.get(keyword) or fallback[keyword])
        if not _is_usable_uid(value):
            raise Unencodable(
                "E602", uid=instance.sop_instance_uid, keyword=keyword, found=len(value), expected="a UID"
            )
        setattr(clean, keyword, value)
    for keyword in REQUIRED_SUBJECT:
        setattr(clean, keyword, _valid(raw, keyword))
    if raw.get("PatientID") and clean.PatientID is None:
        raise Unencodable(
            "E602",
            uid=instance.sop_instance_uid,
            keyword="PatientID",
            found="another form",
            expected="LO, 64 characters",
        )
    if clean.PatientSex not in ("M", "F", "O", None):
        clean.PatientSex = None
    for keyword in (*OPTIONAL_SUBJECT, *EQUIPMENT, *IMAGE):
        optional = _valid(raw, keyword)
        if optional is not None:
            setattr(clean, keyword, optional)
    frames = str(raw.get("NumberOfFrames") or 1)
    clean.NumberOfFrames = int(frames) if frames.isdigit() and int(frames) > 0 else 1
    return clean


def _is_usable_uid(value: str) -> bool:
    """Whether a UID can be referred to: old files hold components with leading zeros, and stay who they are."""
    return is_valid_uid(value) or (len(value) <= 64 and value.replace(".", "").isdigit())


def _valid(raw: Dataset, keyword: str) -> object:
    """Return the value of an element where its representation allows it (PS3.5 section 6.2), else None."""
    if keyword not in raw:
        return None
    representation = dictionary_VR(keyword)
    try:
        value = raw[keyword].value
        if value is None or value == "":
            return None
        if representation == "PN":
            value = str(value)
        for item in value if isinstance(value, (list, tuple)) or hasattr(value, "append") else (value,):
            validate_value(representation, item if representation in ("US", "SQ") else str(item), config.RAISE)
    except (ValueError, TypeError, NotImplementedError, LookupError):
        return None
    return value
