"""What the index page shows: a line for each report, and the files that never became one."""

from dataclasses import dataclass
from pathlib import Path

from hounsfield.core.report import Status
from hounsfield.report.bundle import Bundle, RefusedInput
from hounsfield.report.files import FileKind
from hounsfield.report.page import Link, Reason, link_to, reason
from hounsfield.report.text import Text, impression_texts, task_text, ui


@dataclass(frozen=True)
class IndexEntry:
    """One report as a line of the index."""

    title: Text
    status: str
    status_text: Text
    lines: tuple[Text, ...]
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
        report.study.study_date,
        report.series.modality if report.series else "",
        report.study.study_instance_uid,
    )
    return IndexEntry(
        title=task_text(report.task),
        status=report.status.value,
        status_text=ui(f"report-status-{report.status.value}"),
        lines=impression_texts(report),
        study=" · ".join(fact for fact in facts if fact),
        link=next((link_to(item, folder) for item in bundle.files if item.kind is FileKind.PAGE), None),
    )
