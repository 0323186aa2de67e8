"""``hounsfield data``: what a data set is, and what is wrong with it, before anything learns from it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hounsfield.cli.data_words import common_lines, counted, told
from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    pass

Lines = Callable[[dict[str, Any], Talk], Iterator[str]]


def data(
    folder: Annotated[Path, typer.Argument(metavar="DATA", help="A data set in any layout that train takes.")],
    task: Annotated[
        Literal["auto", "sequence", "several"],
        typer.Option("--task", help="sequence: a folder of frames is one case; several: each column is a target."),
    ] = "auto",
    to: Annotated[str | None, typer.Option("--to", help="Write boxes as coco, or masks as nnunet.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="New folder for --to.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 when something would spoil a result.")] = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Look a data set over without training: classes or labels, parts, sizes; copies, conflicts, torn patients.

    Exit codes: 0 ok, 3 refused, or with --strict a warning.
    """
    from hounsfield.settings import read_settings

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    if to == "coco" and output is not None:
        return _write_coco(folder, output, talk)
    found, lines = _look(folder, talk, to, output, task)
    talk.answer(found, lambda: lines(found, talk))
    is_spoilt = any(issue["severity"] != "note" for issue in found["issues"])
    return 3 if strict and is_spoilt else 0


def _write_coco(folder: Path, output: Path, talk: Talk) -> int:
    from hounsfield.cli.data_boxes import convert_boxed

    written = convert_boxed(folder, output)
    talk.answer(written, lambda: iter([f"{talk.label('data-written')}: {', '.join(written['files'])}"]))
    return 0


def _look(folder: Path, talk: Talk, to: str | None, output: Path | None, asked: str) -> tuple[dict[str, Any], Lines]:
    from hounsfield.cases.task import LearningTask, task_of
    from hounsfield.cli.data_boxes import boxed_lines, examine_boxed
    from hounsfield.cli.data_masked import examine_masks, mask_lines
    from hounsfield.cli.data_targets import examine_targets, read_columns_of, target_lines
    from hounsfield.errors import SettingsError

    if to not in (None, "nnunet") or (to is None) != (output is None):
        raise SettingsError("E896", found=f"--to {to}" if to not in (None, "coco", "nnunet") else "--to, -o")
    task = LearningTask(asked) if asked != "auto" else task_of(folder)
    if task in (LearningTask.SEGMENTATION, LearningTask.INSTANCES) or to is not None:
        return examine_masks(folder, talk, output), mask_lines
    if task is LearningTask.DETECTION:
        return examine_boxed(folder, talk), boxed_lines
    if task is LearningTask.SEQUENCE:
        return _examine_sequences(folder, talk), _lines
    targets = read_columns_of(folder, asked)
    if targets is not None:
        return examine_targets(targets, talk), target_lines
    return _examine(folder, talk), _lines


def _examine(folder: Path, talk: Talk) -> dict[str, Any]:
    from hounsfield.cases.guard import examine
    from hounsfield.cases.layouts import read_cases

    table = read_cases(folder)
    with talk.progress(talk.label("data-looking")) as progress:
        examination = examine(table, progress=progress)
    return told(table, examination, talk)


def _examine_sequences(folder: Path, talk: Talk) -> dict[str, Any]:
    from hounsfield.cases.sequenced import read_sequences
    from hounsfield.cases.sequenced_guard import examine_sequences

    table = read_sequences(folder).table
    with talk.progress(talk.label("data-looking")) as progress:
        examined = examine_sequences(table, progress=progress)
    frames = sorted(count for count in examined.frame_counts if count)
    spread = {"least": frames[0], "median": frames[len(frames) // 2], "most": frames[-1]} if frames else {}
    return {**told(table, examined.found, talk), "frames": spread}


def _lines(found: dict[str, Any], talk: Talk) -> Iterator[str]:
    yield f"{found['data']} ({found['layout']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    if found["unlabelled"]:
        yield f"{talk.label('data-unlabelled')}: {found['unlabelled']}"
    yield f"{talk.label('data-classes')}: {counted(found['classes'])}"
    yield from common_lines(found, talk)
