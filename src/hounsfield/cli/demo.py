"""``hounsfield demo``: the main path on made-up and installed studies, offline."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pages.")] = Path("demo-out"),
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Check, analyse and report analytic phantoms and the test files that pydicom installs; no network."""
    from hounsfield.cli.options import pipeline_options
    from hounsfield.demo import run
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language, quiet)
    with talk.progress(talk.label("analysing")) as progress:
        data = run(output, pipeline_options(settings), progress)
    talk.answer(data, lambda: _lines(data, talk))
    return 0


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    for case in data["cases"]:
        yield f"{case['name']:<28} {case['verdict']:<7} {case['answer']}"
    yield talk.label("demo-note")
    yield talk.label("research-only")
    yield f"{talk.label('written')}:"
    for page in data["pages"]:
        yield f"  {page}"
