"""The page of ``check``: verdict, middle slice and every check of each volume, and the same as JSON beside it."""

from dataclasses import dataclass
from pathlib import Path

from hounsfield.core.quality import Evidence, QualityCheck
from hounsfield.messages import Language, sentence
from hounsfield.report.checked import Checked, CheckedVolume, Verdict
from hounsfield.report.facts import Row
from hounsfield.report.files import write_atomic
from hounsfield.report.html import render
from hounsfield.report.json import render_json
from hounsfield.report.page import Reason, issue_reason, reason
from hounsfield.report.picture import data_address
from hounsfield.report.text import Text, both, ui

PAGE_NAME = "check.html"
JSON_NAME = "check.json"
PICTURE_SIDE = 512


@dataclass(frozen=True)
class FindingLine:
    """One finding of a check that makes many."""

    subject: str
    found: Text
    required: Text
    source: str
    files: int


@dataclass(frozen=True)
class CheckLine:
    """One check as it is shown; ``details`` say why it was not made, or how much was looked at."""

    state: str
    name: Text
    value: str
    threshold: str
    verdict: Text
    details: tuple[Text, ...]
    source: Text
    findings: tuple[FindingLine, ...]
    counted: Text


@dataclass(frozen=True)
class VolumeView:
    """One volume as it is shown; ``picture`` is a data address or empty."""

    verdict: str
    verdict_text: Text
    title: str
    picture: str
    issues: tuple[Reason, ...]
    lines: tuple[CheckLine, ...]
    facts: tuple[Row, ...]


def write_checked(checked: Checked, folder: Path, language: Language = "en") -> tuple[Path, Path]:
    """Write page and JSON into a folder and return their paths.

    Raises:
        ReportError: ``E600`` when a file cannot be written.
    """
    page = write_atomic(folder / PAGE_NAME, render_checked(checked, language).encode())
    content = render_json(checked.as_json(language)).encode("utf-8", "backslashreplace")
    return page, write_atomic(folder / JSON_NAME, content)


def render_checked(checked: Checked, language: Language = "en") -> str:
    """Return the page as HTML text, in both languages."""
    verdicts = [volume.verdict for volume in checked.volumes]
    lead = ui(
        "quality-lead",
        count=len(verdicts),
        reject=verdicts.count(Verdict.REJECT),
        warn=verdicts.count(Verdict.WARN),
        good=verdicts.count(Verdict.PASS),
    )
    refused = tuple(
        (item.name, reason("reject", item.error.code, item.error.text, item.error.next_step))
        for item in checked.refused
    )
    volumes = tuple(_volume(volume) for volume in checked.volumes)
    words = ui(f"verdict-{checked.verdict.value}")
    whole = Text(
        sentence("ui.quality-verdict", {"verdict": words.en}, "en"),
        sentence("ui.quality-verdict", {"verdict": words.zh}, "zh"),
    )
    shown = {"verdict": checked.verdict.value, "whole": whole, "lead": lead, "volumes": volumes, "refused": refused}
    return render("checked.html", language, **shown, json_name=JSON_NAME)


def _volume(volume: CheckedVolume) -> VolumeView:
    geometry = volume.geometry
    shape = " \u00d7 ".join(map(str, geometry.shape)) if geometry else ""
    series = volume.series
    spacing = aspect = None
    if geometry:
        spacing = " \u00d7 ".join(f"{value:.4g}" for value in geometry.spacing_mm) + " mm"
        aspect = geometry.row_spacing_mm / geometry.column_spacing_mm
    identity = (("Series Instance UID", series.series_instance_uid), ("Study Instance UID", series.study_instance_uid))
    rows = [Row(ui("page-body-part"), (series.body_part_examined,))] if series.body_part_examined else []
    return VolumeView(
        verdict=volume.verdict.value,
        verdict_text=ui(f"verdict-{volume.verdict.value}"),
        title=" \u00b7 ".join(filter(None, (series.modality, shape, spacing))),
        picture="" if volume.picture is None else data_address(volume.picture, PICTURE_SIDE, aspect or 1.0),
        issues=tuple(issue_reason(issue) for issue in volume.issues),
        lines=tuple(_line(check) for check in volume.checks),
        facts=(*rows, *(Row(Text(name, name), (value,)) for name, value in identity)),
    )


def _line(check: QualityCheck) -> CheckLine:
    state = check.verdict.value.replace(" ", "-")
    unit = {"[hnsf'U]": "HU", "1": ""}.get(check.unit, check.unit.strip("{}"))
    details = [ui(check.reason)] if check.reason else []
    if check.looked_at:
        details.append(ui("quality-looked-at", seen=check.looked_at[0], total=check.looked_at[1]))
    return CheckLine(
        state=state,
        name=ui(f"check-{check.name}"),
        value="" if check.value is None else f"{_number(check.value)} {unit}".strip(),
        threshold=f"{check.threshold} {unit}".strip() if check.threshold else "",
        verdict=ui(f"verdict-{state}"),
        details=tuple(details),
        source=ui(f"check-{check.name}-source"),
        findings=tuple(_finding(one) for one in check.evidence),
        counted=ui("quality-findings", count=len(check.evidence)),
    )


def _number(value: float) -> str:
    """Return a number to three digits and no more than three decimals, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{round(value, 3):.3g}"


def _finding(evidence: Evidence) -> FindingLine:
    return FindingLine(evidence.subject, both(evidence.found), both(evidence.required), evidence.source, evidence.files)
