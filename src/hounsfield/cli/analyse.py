"""``hounsfield analyse``: a study in, findings and reports out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Threads, Tongue
from hounsfield.cli.talk import Talk


def analyse(
    study: Annotated[Path, typer.Argument(help="File, folder, zip or DICOMDIR.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    task: Annotated[str | None, typer.Option("--task", help="Ask only this task; see `hounsfield info`.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="A model's name or file instead of the task's.")
    ] = None,
    facts: Annotated[
        Path | None, typer.Option("--facts", help="Patient facts: a TOML or JSON file, or a FHIR bundle.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", help="Lesions for the task tumour: clicks, boxes or masks, TOML or JSON."),
    ] = None,
    prior: Annotated[
        list[Path] | None,
        typer.Option("--prior", help="An earlier study of the patient to compare with; may be given several times."),
    ] = None,
    same_patient: Annotated[
        bool, typer.Option("--same-patient", help="The priors are of this patient though their identifiers differ.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Analyse a study: check it, ask the fitting model, write HTML, JSON, DICOM SR and Secondary Capture.

    Exit codes: 0 every series answered, 3 none could be, 4 some could.
    """
    from time import perf_counter

    from hounsfield.cli.options import exit_code, pipeline_options
    from hounsfield.pipeline import analyse as run
    from hounsfield.report.json import studies_document
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language, "threads": threads})
    talk = Talk(as_json, settings.language, quiet)
    began = perf_counter()
    options = replace(
        pipeline_options(settings, task=task, model=model, facts=facts, prompts=prompts),
        priors=tuple(prior or ()),
        is_same_patient=same_patient,
    )
    with talk.progress(talk.label("analysing")) as progress:
        analysis = run(study, output, options, progress)
    if len(analysis.bundles) > 1:
        rate = len(analysis.bundles) / max(perf_counter() - began, 1e-9)
        talk.say(f"{talk.label('throughput')}: {len(analysis.bundles)}, {rate:.1f}")
    data = studies_document(analysis.bundles, analysis.refused, settings.language)
    talk.answer(data, lambda: _lines(data, talk, output))
    return exit_code([entry["status"] == "complete" for entry in data["studies"]], data)


def _lines(data: dict[str, Any], talk: Talk, output: Path) -> Iterator[str]:
    for entry in data["studies"]:
        yield f"{entry['task'] or '-':<12} {entry['status']:<9} {entry['study_instance_uid']}"
        for finding in entry["findings"]:
            score = "" if finding["score"] is None else f"  {finding['score']:.3f}"
            yield f"    {finding['type']} ({finding['site']}): {finding['presence']}{score}"
        for said in entry.get("conclusions", ()):
            if said["kind"] == "change":
                yield f"    {said['text'][talk.language]}"
        for issue in entry["issues"]:
            yield f"    {issue['severity']} {issue['code']}: {issue['text']}"
    for item in data["refused"]:
        yield f"refused {item['name']}: {item['code']} {item['text']} {item['next']}"
    yield f"{talk.label('written')}: {output / 'index.html'}"
