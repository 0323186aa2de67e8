"""What the index page shows: a line for each report, and the files that never became one."""

from dataclasses import dataclass
from pathlib import Path

from hounsfield.core.report import Report, Status
from hounsfield.report import narrative
from hounsfield.report.bundle import Bundle, RefusedInput
from hounsfield.report.facts import date_text
from hounsfield.report.files import FileKind
from hounsfield.report.page import Link, Reason, link_to, reason, state_of
from hounsfield.report.picture import thumbnail_of
from hounsfield.report.text import Text, pairs, task_text, ui


@dataclass(frozen=True)
class IndexLine:
    """One answer, with its presence (``present``, ``absent``, ``not-assessed``) or ``stopped`` where there is none."""

    state: str
    text: Text


@dataclass(frozen=True)
class IndexEntry:
    """One report on the index; ``thumbnail`` is a data address or empty."""

    title: Text
    status: str
    status_text: Text
    lines: tuple[IndexLine, ...]
    thumbnail: str
    study: str
    link: Link | None


@dataclass(frozen=True)
class Index:
    """Everything the index page shows; ``refused`` pairs a file's name with the reason."""

    lead: Text
    entries: tuple[IndexEntry, ...]
    refused: tuple[tuple[str, Reason], ...]


def index_of(bundles: tuple[Bundle, ...], refused: tuple[RefusedInput, ...], folder: Path) -> Index:
    """Return what the index shows; links are relative to its folder."""
    stopped = [bundle for bundle in bundles if bundle.report.status is Status.REFUSED]
    return Index(
        lead=ui("page-index-lead", count=len(bundles), refused=len(refused) + len(stopped)),
        entries=tuple(_entry(bundle, folder) for bundle in bundles),
        refused=tuple(
            (item.name, reason("reject", item.error.code, item.error.text, item.error.next_step)) for item in refused
        ),
    )


def _entry(bundle: Bundle, folder: Path) -> IndexEntry:
    report = bundle.report
    facts = (
        date_text(report.study.study_date),
        report.series.modality if report.series else "",
        report.study.study_instance_uid,
    )
    return IndexEntry(
        title=task_text(report.task),
        status=report.status.value,
        status_text=ui(f"report-status-{report.status.value}"),
        lines=_lines(report),
        thumbnail=bundle.thumbnail or (thumbnail_of(report.key_images[0]) if report.key_images else ""),
        study=" · ".join(fact for fact in facts if fact),
        link=next((link_to(item, folder) for item in bundle.files if item.kind is FileKind.PAGE), None),
    )


def _lines(report: Report) -> tuple[IndexLine, ...]:
    texts = pairs(lambda language: narrative.impression(report, language))
    is_answered = len(texts) == len(report.findings) and report.status not in (Status.REFUSED, Status.FAILED)
    states = [state_of(finding) for finding in report.findings] if is_answered else ["stopped"] * len(texts)
    return tuple(IndexLine(state, text) for state, text in zip(states, texts, strict=True))
