"""DICOM structured report: the findings as TID 1500 in a Comprehensive 3D SR, filed in the study of the images."""

import copy
from pathlib import Path

import highdicom as hd
from highdicom.sr import RelationshipTypeValues
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from hounsfield.core.identifiers import new_uid
from hounsfield.core.report import Report
from hounsfield.errors import Unencodable
from hounsfield.report import narrative
from hounsfield.report.conclusions import conclusion_line
from hounsfield.report.document import (
    DEVICE,
    MANUFACTURER,
    copy_subject,
    device_uid,
    encode,
    equipment,
    model_line,
    private_scheme,
    series_description,
    software_versions,
)
from hounsfield.report.files import FileKind, WrittenFile, write_atomic
from hounsfield.report.header import SourceHeaders, read_headers
from hounsfield.report.structured_content import measurement_groups

DOCUMENT = "DICOM SR"
FILE_NAME = "structured.dcm"
SERIES_NUMBER = 9001

QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
"""Container of TID 1500 for what is said in words (PS3.16, TID 1500)."""

SOURCE = Code("260753009", "SCT", "Source")

_MODALITIES = {code.value: code for code in codes.cid29.concepts.values()}
_PROCEDURES = {
    "CT": codes.cid100.CTUnspecifiedBodyRegion,
    "MR": codes.cid100.MRIUnspecifiedBodyRegion,
    "PT": codes.cid100.PETUnspecifiedBodyRegion,
    "NM": codes.cid100.NMUnspecifiedBodyRegion,
    "CR": codes.cid100.XRUnspecifiedBodyRegion,
    "DX": codes.cid100.XRUnspecifiedBodyRegion,
    "MG": codes.cid100.XRUnspecifiedBodyRegion,
}


class _Document(hd.sr.Comprehensive3DSR):
    """A Comprehensive 3D SR whose subject comes from our cleaned header, whatever its SOP class is."""

    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        copy_subject(self, dataset)


def write_structured(report: Report, folder: Path) -> WrittenFile:
    """Write the structured report into a folder.

    Raises:
        Unencodable: the report cannot be a structured report; the code says why.
        ReportError: ``E600`` when the file cannot be written.
    """
    content = encode(structured_dataset(report), DOCUMENT)
    return WrittenFile(FileKind.STRUCTURED, write_atomic(folder / FILE_NAME, content))


def structured_dataset(report: Report) -> Dataset:
    """Return the structured report as a data set: preliminary, unverified, in a series of its own.

    Raises:
        Unencodable: ``E603`` without findings, and as ``read_headers``; ``E605`` when highdicom refuses the content.
    """
    if not report.findings:
        raise Unencodable("E603", uid=report.study.study_instance_uid, document=DOCUMENT, expected="a finding")
    headers = read_headers(report, DOCUMENT)
    try:
        return _dataset(report, headers)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        uid = report.study.study_instance_uid
        raise Unencodable("E605", uid=uid, document=DOCUMENT, reason=type(error).__name__) from error


def _dataset(report: Report, headers: SourceHeaders) -> Dataset:
    subject = copy.deepcopy(headers.subject)
    # highdicom takes a name without '^' for a fault; the real one is set by _Document.
    subject.PatientName = None
    subject.ReferringPhysicianName = None
    document = _Document(
        evidence=[subject, *headers.instances[1:]],
        content=_content(report, headers)[0],
        series_instance_uid=new_uid(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=DEVICE,
        software_versions=software_versions(report),
        series_description=series_description(report),
        is_complete=True,
        is_final=False,
        is_verified=False,
        coding_schemes=[private_scheme()],
        contributing_equipment=equipment(report, headers.subject)[-1:],
        specific_character_set="ISO_IR 192",
    )
    copy_subject(document, headers.subject)
    return document


def _content(report: Report, headers: SourceHeaders) -> hd.sr.MeasurementReport:
    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=device_uid(report),
            name=model_line(report),
            manufacturer_name=MANUFACTURER,
            model_name=f"{DEVICE} {report.provenance.software_version}",
        ),
    )
    modality = str(headers.subject.get("Modality", ""))
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_PROCEDURES.get(modality, codes.cid100.ImagingProcedure),
        imaging_measurements=measurement_groups(report, headers),
        title=codes.DCM.ImagingMeasurementReport,
    )
    items = content[0].ContentSequence
    # TID 1500 wants the library before the measurements and what is said in words after them.
    items.insert(len(items) - 1, _image_library(headers))
    items.append(_comments(report))
    return content


def _image_library(headers: SourceHeaders) -> hd.sr.ContainerContentItem:
    """Return TID 1600 with what the headers hold; highdicom's own refuses images that lack an optional element."""
    library = hd.sr.ContainerContentItem(codes.DCM.ImageLibrary, relationship_type=RelationshipTypeValues.CONTAINS)
    group = hd.sr.ContainerContentItem(codes.DCM.ImageLibraryGroup, relationship_type=RelationshipTypeValues.CONTAINS)
    group.ContentSequence = hd.sr.ContentSequence([_library_entry(header) for header in headers.instances])
    library.ContentSequence = hd.sr.ContentSequence([group])
    return library


def _library_entry(header: Dataset) -> hd.sr.ImageContentItem:
    entry = hd.sr.ImageContentItem(
        name=SOURCE,
        referenced_sop_class_uid=header.SOPClassUID,
        referenced_sop_instance_uid=header.SOPInstanceUID,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    context = RelationshipTypeValues.HAS_ACQ_CONTEXT
    modality = _MODALITIES.get(str(header.get("Modality", "")), codes.cid32.Other)
    items: list[hd.sr.ContentItem] = [hd.sr.CodeContentItem(codes.DCM.Modality, modality, context)]
    pixels = hd.sr.CodedConcept("{pixels}", "UCUM", "Pixels")
    for name, keyword in ((codes.DCM.PixelDataRows, "Rows"), (codes.DCM.PixelDataColumns, "Columns")):
        if keyword in header:
            items.append(hd.sr.NumContentItem(name, int(header[keyword].value), pixels, relationship_type=context))
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    if spacing is not None and len(spacing) == 2:
        for name, value in (
            (codes.DCM.VerticalPixelSpacing, spacing[0]),
            (codes.DCM.HorizontalPixelSpacing, spacing[1]),
        ):
            items.append(hd.sr.NumContentItem(name, float(value), codes.UCUM.Millimeter, relationship_type=context))
    entry.ContentSequence = hd.sr.ContentSequence(items)
    return entry


def _comments(report: Report) -> hd.sr.ContainerContentItem:
    """Return what is said in words: the disclaimer first, then answers, quality, limits and provenance."""
    container = hd.sr.ContainerContentItem(QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = hd.sr.ContentSequence(
        [
            hd.sr.TextContentItem(codes.DCM.Comment, text, RelationshipTypeValues.CONTAINS)
            for text in _sentences(report)
            if text.strip()
        ]
    )
    return container


def _sentences(report: Report) -> list[str]:
    lines = [narrative.disclaimer()]
    for finding in report.findings:
        lines.append(" ".join((f"{narrative.answer(finding)}.", *narrative.explanation(finding))))
    lines += [conclusion_line(conclusion) for conclusion in report.conclusions]
    lines += [
        f"Quality {issue.severity.value} {issue.code}: {issue.text()} {issue.next_step()}".strip()
        for issue in report.issues
    ]
    lines += [f"Limit of the model: {english}" for english, _ in report.limits]
    provenance = report.provenance
    lines += [
        f"Model {model.name} {model.version}, weights SHA-256 {model.weights_digest}" for model in provenance.models
    ]
    lines.append(
        f"Software Hounsfield {provenance.software_version}, {provenance.runtime}, settings SHA-256 "
        f"{provenance.settings_digest}, started {provenance.started}, ended {provenance.ended}"
    )
    lines += [f"Input {uid}, SHA-256 {digest}" for uid, digest in provenance.input_digests]
    return lines
