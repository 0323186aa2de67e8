"""What every DICOM object that Hounsfield files has in common: subject, equipment, character set, bytes."""

import io
import unicodedata
from collections.abc import Iterator

import highdicom as hd
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom import Dataset
from pydicom.sr.codedict import codes

from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.report import Report
from hounsfield.core.subject import OPTIONAL_SUBJECT, REQUIRED_SUBJECT
from hounsfield.errors import Unencodable

MANUFACTURER = "Hounsfield (research software)"
DEVICE = "Hounsfield"
UTF_8 = "ISO_IR 192"
LONG_STRING = 64


def model_line(report: Report) -> str:
    """Return name and version of the models that gave the findings, the software's where none did."""
    models = {(finding.model.name, finding.model.version): None for finding in report.findings}
    models = models or {(DEVICE, report.provenance.software_version): None}
    return ", ".join(f"{name} {version}" for name, version in models)


def series_description(report: Report) -> str:
    """Return a Series Description that names algorithm and version in the 64 characters there are."""
    return f"AI {model_line(report)} (research use)"[:LONG_STRING].strip()


def software_versions(report: Report) -> str:
    """Return the version of the software as an LO."""
    return report.provenance.software_version[:LONG_STRING] or "unknown"


def device_uid(report: Report) -> str:
    """Return the same Device Observer UID for the same software version and models."""
    digests = sorted({finding.model.weights_digest for finding in report.findings})
    return derived_uid("device", report.provenance.software_version, *digests)


def code_of(concept: CodedConcept) -> hd.sr.CodedConcept:
    """Return a concept as highdicom has it; the meaning is cut at the 64 characters of its representation.

    A backslash would part the meaning into two values (PS3.5 section 6.2) and becomes a slash.
    """
    meaning = without_controls(concept.meaning.replace("\\", "/"), "")[:LONG_STRING].strip()
    return hd.sr.CodedConcept(concept.value, concept.scheme, meaning or concept.value)


def without_controls(text: str, allowed: str) -> str:
    """Return a text with a blank for each control character but those allowed, which its representation cannot hold."""
    return "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cs") and letter not in allowed else letter for letter in text
    )


def private_scheme() -> CodingSchemeIdentificationItem:
    """Return what the private coding scheme is, for readers of the object."""
    return CodingSchemeIdentificationItem(PRIVATE_SCHEME, name="Hounsfield local codes")


def equipment(report: Report, subject: Dataset) -> list[hd.ContributingEquipment]:
    """Return the devices that contributed: the one that made the image where it says who it is, and ours."""
    version = software_versions(report)
    ours = hd.ContributingEquipment(
        manufacturer=MANUFACTURER,
        purpose_of_reference=codes.DCM.ProcessingEquipment,
        manufacturer_model_name=model_line(report)[:LONG_STRING],
        software_versions=version,
        contribution_description="Artificial intelligence, research use, not a medical device",
    )
    maker = subject.get("Manufacturer")
    if not maker:
        return [ours]
    acquisition = hd.ContributingEquipment(
        manufacturer=str(maker),
        purpose_of_reference=codes.DCM.AcquisitionEquipment,
        manufacturer_model_name=subject.get("ManufacturerModelName"),
    )
    return [acquisition, ours]


def copy_subject(target: Dataset, subject: Dataset) -> None:
    """Take patient and study from a cleaned header; elements of type 2 are there even when nothing is known."""
    for keyword in REQUIRED_SUBJECT:
        setattr(target, keyword, subject.get(keyword))
    for keyword in OPTIONAL_SUBJECT:
        if keyword in subject:
            setattr(target, keyword, subject.get(keyword))
    if target.get("PatientIdentityRemoved") == "YES" and not target.get("DeidentificationMethod"):
        # Type 1C (PS3.3 C.7.1.1): the source may name its method by code alone.
        target.DeidentificationMethod = "As stated by the source image"


def encode(dataset: Dataset, document: str) -> bytes:
    """Return a data set as a DICOM file, in UTF-8 where a text needs more than ASCII.

    Raises:
        Unencodable: ``E605`` when pydicom cannot write it.
    """
    for element in dataset.iterall():
        if element.VR in ("LT", "ST", "UT") and isinstance(element.value, str):
            element.value = without_controls(element.value, "\t\n\f\r")
    if all(text.isascii() for text in _texts(dataset)):
        dataset.pop("SpecificCharacterSet", None)
    else:
        dataset.SpecificCharacterSet = UTF_8
    buffer = io.BytesIO()
    try:
        dataset.save_as(buffer, enforce_file_format=True)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        reason = type(error).__name__
        raise Unencodable("E605", uid=str(dataset.SOPInstanceUID), document=document, reason=reason) from error
    return buffer.getvalue()


def _texts(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR in ("LO", "LT", "PN", "SH", "ST", "UC", "UT"):
            yield str(element.value)
