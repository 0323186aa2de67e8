"""HTML: one page a report and an index over several, each a single file that asks nothing of any network.

Both languages are in the page and switched without a script. What comes from files is escaped by the template, control
and text-direction characters are made visible, and the page forbids itself every request and every script but its own.
"""

import base64
import hashlib
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from hounsfield.core.report import Report
from hounsfield.messages import Language
from hounsfield.report import narrative
from hounsfield.report.bundle import Bundle, RefusedInput
from hounsfield.report.files import FileKind, WrittenFile, write_atomic
from hounsfield.report.overview import index_of
from hounsfield.report.page import page_of
from hounsfield.report.text import both, ui

FILE_NAME = "report.html"
INDEX_NAME = "index.html"
_VISIBLE_SPACES = "\n\t"


def write_html(
    report: Report, folder: Path, files_written: Sequence[WrittenFile] = (), language: Language = "en"
) -> WrittenFile:
    """Write the page of a report into a folder.

    Args:
        report: what to show.
        folder: where the page stands; links to files are relative to it.
        files_written: the files to link.
        language: the language shown first; the other one is in the page as well.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    content = render_page(Bundle(report, tuple(files_written)), folder, language)
    return WrittenFile(FileKind.PAGE, write_atomic(folder / FILE_NAME, content.encode()))


def write_index(
    bundles: Sequence[Bundle], folder: Path, refused: Sequence[RefusedInput] = (), language: Language = "en"
) -> WrittenFile:
    """Write the index page over several reports into a folder.

    Args:
        bundles: reports with their files; the one of kind ``page`` is linked.
        folder: where the index stands; links are relative to it.
        refused: files that never became a study.
        language: the language shown first.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    content = render_index(bundles, folder, refused, language)
    return WrittenFile(FileKind.PAGE, write_atomic(folder / INDEX_NAME, content.encode()))


def render_page(bundle: Bundle, folder: Path, language: Language = "en") -> str:
    """Return the page of a report as HTML text."""
    return render("report.html", language, page=page_of(bundle, folder))


def render_index(
    bundles: Sequence[Bundle], folder: Path, refused: Sequence[RefusedInput] = (), language: Language = "en"
) -> str:
    """Return the index page as HTML text."""
    return render("index.html", language, index=index_of(tuple(bundles), tuple(refused), folder))


def render(template: str, language: Language, **content: object) -> str:
    """Return a template of this room as a page, with the style, the script and the policy that all pages share."""
    style, script = _resource("page.css"), _resource("page.js")
    return (
        _environment()
        .get_template(template)
        .render(
            language=language,
            disclaimer=both(narrative.disclaimer),
            style=Markup(style),  # noqa: S704 - our own file, not input
            script=Markup(script),  # noqa: S704 - our own file, not input
            policy=content_policy(style, script),
            **content,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.globals["ui"] = ui
    return environment


@cache
def _resource(name: str) -> str:
    return files("hounsfield.report").joinpath("templates", name).read_text(encoding="utf-8")


def visible(value: object) -> object:
    """Replace control characters and those that turn the direction of text: they can make a page lie."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        letter if unicodedata.category(letter) not in ("Cc", "Cf", "Cs") or letter in _VISIBLE_SPACES else "\ufffd"
        for letter in value
    )


def content_policy(style: str, script: str) -> str:
    """Return the Content Security Policy of a page: data images, and the very style and script that are in the page."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
