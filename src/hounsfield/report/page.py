"""What the page of a report shows, in both languages, before any of it is HTML."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from hounsfield.core.finding import Finding, Measurement, Presence, QualitativeEvaluation
from hounsfield.core.quality import QualityIssue
from hounsfield.core.report import Status
from hounsfield.messages import Language
from hounsfield.report import narrative
from hounsfield.report.bundle import Bundle
from hounsfield.report.conclusions import ConclusionView, split_conclusions
from hounsfield.report.facts import Row, provenance_rows, study_rows
from hounsfield.report.files import FileKind, WrittenFile
from hounsfield.report.picture import ChartView, Figure, charts_of, figures_of
from hounsfield.report.text import Text, both, pairs, task_text, ui


@dataclass(frozen=True)
class Scale:
    """Score and cut-off on the line from 0 to 1, each in thousandths, and as text."""

    score: int
    threshold: int
    description: Text
    score_text: str
    threshold_text: str


@dataclass(frozen=True)
class FindingView:
    """One finding as it is shown."""

    state: str
    type: Text
    site: Text
    presence: Text
    scale: Scale | None
    sentences: tuple[Text, ...]
    measurements: tuple[Text, ...]
    evaluations: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Reason:
    """What is wrong, with its severity in words and what to do."""

    severity: str
    label: Text
    code: str
    text: Text
    next_step: Text
    value: Text | None = None
    threshold: Text | None = None
    source: Text | None = None


@dataclass(frozen=True)
class Link:
    """A file beside the page."""

    label: Text
    name: str
    address: str


@dataclass(frozen=True)
class Page:
    """Everything a report's page shows."""

    title: Text
    status: str
    status_text: Text
    lead: Text | None
    findings: tuple[FindingView, ...]
    cautions: tuple[Text, ...]
    figures: tuple[Figure, ...]
    charts: tuple[ChartView, ...]
    conclusions: tuple[ConclusionView, ...]
    options: tuple[ConclusionView, ...]
    issues: tuple[Reason, ...]
    limits: tuple[Text, ...]
    not_assessed: tuple[Text, ...]
    study: tuple[Row, ...]
    provenance: tuple[Row, ...]
    links: tuple[Link, ...]


def page_of(bundle: Bundle, folder: Path) -> Page:
    """Return what the page of a report shows; links are relative to its folder."""
    report = bundle.report
    assessed = [finding for finding in report.findings if finding.presence is not Presence.NOT_ASSESSED]
    conclusions, options = split_conclusions(report)
    missing = [finding for finding in report.findings if finding.presence is Presence.NOT_ASSESSED]
    return Page(
        title=task_text(report.task),
        status=report.status.value,
        status_text=ui(f"report-status-{report.status.value}"),
        lead=_lead(report.status),
        findings=tuple(_finding(finding) for finding in assessed),
        cautions=_cautions(assessed),
        figures=figures_of(report),
        charts=charts_of(report),
        conclusions=conclusions,
        options=options,
        issues=tuple(issue_reason(issue) for issue in report.issues),
        limits=tuple(Text(english, chinese or english) for english, chinese in report.limits),
        not_assessed=tuple(_what_and_where(finding) for finding in missing),
        study=study_rows(report),
        provenance=provenance_rows(report.provenance),
        links=tuple(link_to(item, folder) for item in bundle.files if item.kind is not FileKind.PAGE),
    )


def link_to(item: WrittenFile, folder: Path) -> Link:
    """Return the link to a file from a page in a folder."""
    path = item.path.relative_to(folder) if item.path.is_relative_to(folder) else Path(item.path.name)
    # './' keeps a file name with a colon from being read as a scheme.
    address = "./" + quote(path.as_posix().encode("utf-8", "surrogateescape"))
    return Link(ui(f"page-file-{item.kind.value.replace(' ', '-')}"), path.as_posix(), address)


def reason(severity: str, code: str, text: Callable[[Language], str], next_step: Callable[[Language], str]) -> Reason:
    """Return an issue or an error as it is shown."""
    return Reason(severity, ui(f"page-severity-{severity}"), code, both(text), both(next_step))


def issue_reason(issue: QualityIssue) -> Reason:
    """Return an issue as it is shown, with what was measured, where the fault begins and who says so."""
    plain = reason(issue.severity.value, issue.code, issue.text, issue.next_step)
    return replace(plain, value=both(issue.value), threshold=both(issue.threshold), source=both(issue.source))


def state_of(finding: Finding) -> str:
    """Return the presence as a word that style sheets can use."""
    return finding.presence.value.replace(" ", "-")


def _cautions(findings: list[Finding]) -> tuple[Text, ...]:
    """Return what must not be read into the answers, each once."""
    return tuple(dict.fromkeys(_caution(finding) for finding in findings))


def _caution(finding: Finding) -> Text:
    return both(lambda language: narrative.caution_sentence(finding, language))


def _lead(status: Status) -> Text | None:
    keys = {Status.REFUSED: "page-refused-lead", Status.FAILED: "page-failed-lead", Status.PARTIAL: "page-partial-lead"}
    return ui(keys[status]) if status in keys else None


def _what_and_where(finding: Finding) -> Text:
    return both(lambda language: f"{finding.type.text(language)} ({narrative.site_text(finding, language)})")


def _finding(finding: Finding) -> FindingView:
    return FindingView(
        state=state_of(finding),
        type=both(finding.name),
        site=both(lambda language: narrative.site_text(finding, language)),
        presence=both(lambda language: narrative.presence_text(finding.presence, language)),
        scale=_scale(finding),
        sentences=pairs(lambda language: _sentences(finding, language)),
        measurements=tuple(_measurement(measurement) for measurement in finding.measurements),
        evaluations=tuple(_evaluation(evaluation) for evaluation in finding.evaluations),
    )


def _sentences(finding: Finding, language: Language) -> tuple[str, ...]:
    """Return the evidence; where the line from 0 to 1 says the same as the sentence about the score, without that."""
    score, *others = narrative.evidence(finding, language) or ("",)
    point = finding.operating_point
    if finding.score is None or point is None:
        return tuple(text for text in (score, *others) if text)
    is_plain = (finding.score >= point.threshold) == (finding.presence is Presence.PRESENT)
    return tuple(others) if is_plain else (score, *others)


def _measurement(measurement: Measurement) -> Text:
    return both(lambda language: narrative.measurement_text(measurement, language))


def _evaluation(evaluation: QualitativeEvaluation) -> Text:
    return both(lambda language: narrative.evaluation_text(evaluation, language))


def _scale(finding: Finding) -> Scale | None:
    if finding.score is None or finding.operating_point is None:
        return None
    threshold = finding.operating_point.threshold
    score_text, threshold_text = narrative.score_text(finding.score, threshold), narrative.score_text(threshold)
    return Scale(
        score=round(1000 * finding.score),
        threshold=round(1000 * threshold),
        description=ui("page-score-of", score=score_text, threshold=threshold_text),
        score_text=score_text,
        threshold_text=threshold_text,
    )
