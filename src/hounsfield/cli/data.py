"""``hounsfield data``: what a data set is, and what is wrong with it, before anything learns from it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

_SHOWN = 8


def data(
    folder: Annotated[Path, typer.Argument(metavar="DATA", help="A data set in any layout that train takes.")],
    to: Annotated[str | None, typer.Option("--to", help="Write images with boxes in this layout: coco.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="New folder for --to.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 when something would spoil a result.")] = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Look a data set over without training: classes, parts, sizes; copies, conflicts, torn patients, shortcuts.

    Exit codes: 0 ok, 3 refused, or with --strict a warning.
    """
    from hounsfield.cases.boxed_layouts import has_boxes
    from hounsfield.cli.data_boxes import boxed_lines, examine_boxed
    from hounsfield.settings import read_settings

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    if to is not None:
        return _convert(folder, output, to, talk)
    if has_boxes(folder):
        found = examine_boxed(folder, talk)
        talk.answer(found, lambda: boxed_lines(found, talk))
    else:
        found = _examine(folder, talk)
        talk.answer(found, lambda: _lines(found, talk))
    is_spoilt = any(issue["severity"] != "note" for issue in found["issues"])
    return 3 if strict and is_spoilt else 0


def _convert(folder: Path, output: Path | None, to: str, talk: Talk) -> int:
    from hounsfield.cli.data_boxes import convert_boxed
    from hounsfield.errors import SettingsError

    if to != "coco" or output is None:
        raise SettingsError("E896", found=f"--to {to}" if to != "coco" else "-o")
    written = convert_boxed(folder, output)
    talk.answer(written, lambda: iter([f"{talk.label('data-written')}: {', '.join(written['files'])}"]))
    return 0


def _examine(folder: Path, talk: Talk) -> dict[str, Any]:
    from hounsfield.cases.description import copies, describe, few_cases, torn_patients
    from hounsfield.cases.guard import examine
    from hounsfield.cases.headers import read_headers
    from hounsfield.cases.layouts import read_cases

    table = read_cases(folder)
    with talk.progress(talk.label("data-looking")) as progress:
        examination = examine(table, progress=progress)
    issues = (*examination.issues, *few_cases(table, examination))
    return {
        "data": table.name,
        "layout": table.layout,
        "cases": len(table),
        "classes": table.counts(),
        **asdict(describe(table, read_headers(table))),
        "issues": [
            {
                "code": issue.code,
                "severity": issue.severity.value,
                "text": issue.text(talk.language),
                "facts": dict(issue.facts),
            }
            for issue in issues
        ],
        "copies": [asdict(pair) for pair in copies(table, examination)],
        "shortcuts": [asdict(shortcut) for shortcut in examination.shortcuts],
        "patients_in_several_parts": [list(names) for names in torn_patients(table)],
        "unreadable": [table.cases[index].identifier for index in examination.unreadable],
    }


def _lines(found: dict[str, Any], talk: Talk) -> Iterator[str]:
    yield f"{found['data']} ({found['layout']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    if found["unlabelled"]:
        yield f"{talk.label('data-unlabelled')}: {found['unlabelled']}"
    yield f"{talk.label('data-classes')}: {_counts(found['classes'])}"
    for part, counts in found["parts"].items():
        yield f"{talk.label('data-parts')} {part}: {_counts(counts)}"
    yield f"{talk.label('data-sizes')}: {_counts(found['sizes'])}"
    yield f"{talk.label('data-bits')}: {_counts(found['bits'])}"
    yield f"{talk.label('data-kinds')}: {_counts(found['kinds'])}"
    patients = talk.label("data-unknown") if found["patients"] is None else str(found["patients"])
    yield f"{talk.label('data-patients')}: {patients} ({talk.label('data-without')}: {found['without_patient']})"
    for issue in found["issues"]:
        yield f"{issue['severity']} {issue['code']}: {issue['text']}"


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" ... +{more}" if more > 0 else "")
