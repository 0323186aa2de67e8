"""``hounsfield check``: what is in a study, and whether it is fit to be analysed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Threads, Tongue
from hounsfield.cli.talk import Talk


def check(
    study: Annotated[Path, typer.Argument(help="File, folder, zip or DICOMDIR.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for a page and JSON with every check.")
    ] = None,
    expect: Annotated[
        str | None, typer.Option("--expect", help="Task whose input is expected, such as chest-xray; else is rejected.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Check a study without analysing it: reject, warn or pass for each series, with reasons.

    Exit codes: 0 nothing to reject, 3 everything rejected, 4 some.
    """
    from hounsfield.cli.options import exit_code, pipeline_options
    from hounsfield.pipeline import check as run
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language, "threads": threads})
    talk = Talk(as_json, settings.language, quiet)
    with talk.progress(talk.label("checking")) as progress:
        outcome = run(study, replace(pipeline_options(settings), expect=expect), progress, output)
    data = outcome.as_json(settings.language)
    talk.answer(data, lambda: _lines(data))
    if output is not None:
        talk.say(f"{talk.label('written')}: {output / 'check.html'}")
    verdicts = [series["verdict"] for entry in data["studies"] for series in entry["series"]]
    return exit_code([verdict != "reject" for verdict in verdicts], data)


def _lines(data: dict[str, Any]) -> Iterator[str]:
    for entry in data["studies"]:
        yield entry["study_instance_uid"]
        for series in entry["series"]:
            shape = " x ".join(str(number) for number in series["shape"] or ())
            kind = series["modality"] or "picture"
            yield f"  {series['verdict']:<6} {kind:<8} {shape:<16} {series['series_instance_uid']}"
            for issue in series["issues"]:
                evidence = f"{issue['value']}; {issue['threshold']}; {issue['source']}"
                yield f"      {issue['severity']} {issue['code']}: {issue['text']} ({evidence})"
    yield f"verdict: {data['verdict']}"
    for item in data["refused"]:
        yield f"refused {item['name']}: {item['code']} {item['text']} {item['next']}"
