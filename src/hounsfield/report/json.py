"""JSON: what ``analyse --json`` prints and the file beside each page: strict, UTF-8, machine fields in English."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hounsfield.core.codes import CodedConcept
from hounsfield.core.conclusion import Conclusion
from hounsfield.core.finding import Finding, Measurement, Region
from hounsfield.core.prediction import Interval, ModelIdentity, OperatingPoint
from hounsfield.core.quality import QualityIssue
from hounsfield.core.report import Provenance, Report
from hounsfield.errors import ReportError
from hounsfield.messages import LANGUAGES, Language
from hounsfield.report import narrative
from hounsfield.report.bundle import Bundle, RefusedInput
from hounsfield.report.files import FileKind, WrittenFile, write_atomic

FILE_NAME = "report.json"
FORMAT_VERSION = 1

JsonObject = dict[str, Any]


def write_json(report: Report, folder: Path, files: Sequence[WrittenFile] = ()) -> WrittenFile:
    """Write a report as JSON into a folder; the files are named relative to it.

    Raises:
        ReportError: ``E600`` when the file cannot be written, ``E606`` when a number is not finite.
    """
    content = study_entry(Bundle(report, tuple(files)), relative_to=folder)
    path = write_atomic(folder / FILE_NAME, _bytes({"format_version": FORMAT_VERSION, **content}))
    return WrittenFile(FileKind.JSON, path)


def render_json(content: JsonObject) -> str:
    """Return strict JSON text, readable by people, with every letter as it is.

    Raises:
        ReportError: ``E606`` when a number is not finite, which JSON has no word for.
    """
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    except ValueError as error:
        raise ReportError("E606") from error


def _bytes(content: JsonObject) -> bytes:
    """Return JSON in UTF-8; half a letter (of a file name that is no UTF-8) becomes its escape, which JSON reads."""
    return render_json(content).encode("utf-8", "backslashreplace")


def studies_document(
    bundles: Sequence[Bundle], refused: Sequence[RefusedInput] = (), language: Language = "en"
) -> JsonObject:
    """Return the one object of ``analyse --json``: an entry for each report, and the files that were not taken.

    Args:
        bundles: reports with the paths of their files as they are to be shown.
        refused: files that never became a study.
        language: of ``text`` and ``next``; all other fields are the same in each language.
    """
    return {
        "format_version": FORMAT_VERSION,
        "disclaimer": narrative.disclaimer(language),
        "studies": [study_entry(bundle, language) for bundle in bundles],
        "refused": [refused_entry(item, language) for item in refused],
    }


def study_entry(bundle: Bundle, language: Language = "en", relative_to: Path | None = None) -> JsonObject:
    """Return one report as JSON values.

    Args:
        bundle: the report and its files.
        language: of ``text``, ``next`` and ``impression``.
        relative_to: folder that the files are named from, None for the paths as they are.
    """
    report = bundle.report
    series = report.series
    return {
        "study_instance_uid": report.study.study_instance_uid,
        "series_instance_uid": series.series_instance_uid if series else None,
        "modality": series.modality if series else None,
        "study_date": report.study.study_date or None,
        "accession_number": report.study.accession_number or None,
        "task": report.task,
        "status": report.status.value,
        "impression": list(narrative.impression(report, language)),
        "findings": [_finding(finding) for finding in report.findings],
        "issues": [issue_entry(issue, language) for issue in report.issues],
        "conclusions": [_conclusion(item) for item in report.conclusions],
        "limits": [{"en": english, "zh": chinese} for english, chinese in report.limits],
        "files": [_name(item.path, relative_to) for item in bundle.files],
        "documents": [{"kind": item.kind.value, "path": _name(item.path, relative_to)} for item in bundle.files],
        "provenance": _provenance(report.provenance),
        "disclaimer": {tongue: narrative.disclaimer(tongue) for tongue in LANGUAGES},
    }


def _finding(finding: Finding) -> JsonObject:
    return {
        "type": finding.type.meaning,
        "site": finding.site.meaning,
        "presence": finding.presence.value,
        "score": None if finding.score is None else float(finding.score),
        "measurements": [_measurement(item) for item in finding.measurements],
        "evaluations": [
            {
                "name": item.concept.meaning,
                "value": item.value.meaning,
                "code": _concept(item.concept),
                "value_code": _concept(item.value),
            }
            for item in finding.evaluations
        ],
        "number": finding.number,
        "laterality": finding.laterality.value or None,
        "tracking_uid": finding.tracking_uid,
        "type_code": _concept(finding.type),
        "site_code": _concept(finding.site),
        "operating_point": _operating_point(finding.operating_point) if finding.operating_point else None,
        "region": _region(finding.region) if finding.region else None,
        "outlines": [_region(region) for region in finding.outlines],
        "model": _model(finding.model),
        "narrative": {
            tongue: [narrative.answer(finding, tongue), *narrative.explanation(finding, tongue)] for tongue in LANGUAGES
        },
    }


def _conclusion(conclusion: Conclusion) -> JsonObject:
    rule, measured = conclusion.rule, conclusion.measurement
    return {
        "kind": conclusion.kind.value,
        "result": conclusion.result or None,
        "text": {tongue: conclusion.wording.text(tongue) for tongue in LANGUAGES},
        "rule": {
            "name": rule.name,
            "title": rule.title,
            "edition": rule.edition,
            "citation": rule.citation,
            "certainty": rule.certainty.value,
        },
        "inputs": [
            {
                "name": item.name,
                "value": item.value,
                "unit": item.unit.code if item.unit else None,
                "origin": item.origin,
            }
            for item in conclusion.inputs
        ],
        "missing": list(conclusion.missing),
        "measurement": _measurement(measured) if measured else None,
        "findings": list(conclusion.tracking_uids),
        "evidence": conclusion.evidence or None,
        "would_change": [{tongue: item.text(tongue) for tongue in LANGUAGES} for item in conclusion.would_change],
        "confirmed_by": {tongue: conclusion.confirmed_by.text(tongue) for tongue in LANGUAGES},
    }


def _measurement(measurement: Measurement) -> JsonObject:
    return {
        "name": measurement.concept.meaning,
        "value": float(measurement.value),
        "unit": measurement.unit.code,
        "interval": _interval(measurement.interval) if measurement.interval else None,
        "code": _concept(measurement.concept),
    }


def refused_entry(item: RefusedInput, language: Language = "en") -> JsonObject:
    """Return a file that was not taken, with code, reason and next step."""
    error = item.error
    return {
        "name": item.name,
        "code": error.code,
        "text": error.text(language),
        "next": error.next_step(language),
    }


def issue_entry(issue: QualityIssue, language: Language = "en") -> JsonObject:
    """Return an issue, with severity, sentence, next step and evidence: value, threshold and its source."""
    return {
        "code": issue.code,
        "severity": issue.severity.value,
        "text": issue.text(language),
        "next": issue.next_step(language),
        "value": issue.value(language),
        "threshold": issue.threshold(language),
        "source": issue.source(language),
        "uid": issue.uid,
    }


def _concept(concept: CodedConcept) -> JsonObject:
    return {
        "value": concept.value,
        "scheme": concept.scheme,
        "meaning": concept.meaning,
        "meaning_zh": concept.meaning_zh or None,
    }


def _interval(interval: Interval) -> JsonObject:
    return {"value": interval.value, "low": interval.low, "high": interval.high, "level": interval.level}


def _operating_point(point: OperatingPoint) -> JsonObject:
    return {
        "threshold": point.threshold,
        "sensitivity": _interval(point.sensitivity),
        "specificity": _interval(point.specificity),
        "data_set": point.data_set,
    }


def _region(region: Region) -> JsonObject:
    return {
        "sop_instance_uid": region.sop_instance_uid,
        "frame_number": region.frame_number,
        "slice_index": region.slice_index,
        "is_measured": region.is_measured,
        "polygons": [polygon.tolist() for polygon in region.polygons],
        "coordinates": "column, row in pixels; the outer corner of the first pixel is 0, 0",
    }


def _model(model: ModelIdentity) -> JsonObject:
    return {"name": model.name, "version": model.version, "task": model.task, "weights_sha256": model.weights_digest}


def _provenance(provenance: Provenance) -> JsonObject:
    return {
        "models": [_model(model) for model in provenance.models],
        "software": {"name": "hounsfield", "version": provenance.software_version},
        "settings_sha256": provenance.settings_digest,
        "inputs": [{"uid": uid, "sha256": digest} for uid, digest in provenance.input_digests],
        "started": provenance.started,
        "ended": provenance.ended,
        "runtime": provenance.runtime,
    }


def _name(path: Path, relative_to: Path | None) -> str:
    if relative_to is not None and path.is_relative_to(relative_to):
        return path.relative_to(relative_to).as_posix()
    return str(path)
