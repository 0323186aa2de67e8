"""Write a report in every form that its source allows: page, JSON, structured report, Secondary Capture."""

from dataclasses import replace
from pathlib import Path

from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.report import Report, Status
from hounsfield.errors import Unencodable
from hounsfield.messages import Language
from hounsfield.report.bundle import Bundle
from hounsfield.report.files import FileKind, WrittenFile
from hounsfield.report.folder import OutputFolder
from hounsfield.report.html import write_html
from hounsfield.report.json import write_json
from hounsfield.report.picture import thumbnail_of
from hounsfield.report.presentation import write_presentation
from hounsfield.report.structured import write_structured


def write_report(report: Report, folder: Path, language: Language = "en") -> Bundle:
    """Write a report into a folder and return it with its files and without its pixels.

    DICOM objects are written for complete reports of DICOM series alone: a refusal is no result to be filed in a
    patient's record. What cannot be encoded becomes an issue of the report, and the rest is written all the same.

    Raises:
        ReportError: ``E600`` when a file cannot be written.
    """
    written: list[WrittenFile] = []
    issues = list(report.issues)
    if report.status is Status.COMPLETE and report.series is not None and report.series.is_dicom:
        for write in (_write_structured, write_presentation):
            try:
                written += write(report, folder)
            except Unencodable as error:
                issues.append(QualityIssue(error.code, Severity.WARN, error.facts, error.uid))
    elif report.status is Status.COMPLETE and report.series is not None:
        media_type = report.series.instances[0].media_type
        issues.append(QualityIssue("Q680", Severity.NOTE, {"found": media_type}, report.series.series_instance_uid))
    told = replace(report, issues=tuple(issues))
    page = write_html(told, folder, written, language)
    data = write_json(told, folder, [page, *written])
    thumbnail = thumbnail_of(report.key_images[0]) if report.key_images else ""
    return Bundle(replace(told, key_images=()), (page, data, *written), thumbnail)


def _write_structured(report: Report, folder: Path) -> tuple[WrittenFile, ...]:
    return (write_structured(report, folder),)


def published(bundle: Bundle, folder: OutputFolder) -> Bundle:
    """Return a bundle with its files named where they stand once the folder is published."""
    return replace(bundle, files=tuple(WrittenFile(file.kind, folder.final_path(file.path)) for file in bundle.files))


def page_of(bundle: Bundle) -> Path:
    """Return the page of a bundle."""
    return next(file.path for file in bundle.files if file.kind is FileKind.PAGE)
