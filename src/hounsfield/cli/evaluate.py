"""``hounsfield evaluate``: a model and labelled data in, figures with intervals out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.explaining import explainer
from hounsfield.cli.flags import Debug, Json, Quiet, Threads, Tongue
from hounsfield.cli.talk import Talk


def evaluate(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a starter.")],
    data: Annotated[Path, typer.Argument(help="Any data layout that `train` takes.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for table, plots and report.")] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Prevalence where the model is used, such as 0.05: predictive values there.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Evaluate a model on labelled data: metrics with 95 % intervals, plots and a report."""
    from hounsfield.cases.layouts import read_cases
    from hounsfield.evaluate.run import EvaluateOptions
    from hounsfield.evaluate.run import evaluate as run
    from hounsfield.model.registry import find_model, run_folder_of
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language, "threads": threads})
    talk = Talk(as_json, settings.language, quiet)
    package = find_model(model, [settings.models_folder] if settings.models_folder else [])
    with talk.progress(talk.label("analysing")) as progress:
        run_folder = run_folder_of(model)
        options = EvaluateOptions(threads=settings.threads, prevalence=prevalence, run_folder=run_folder)
        explain = explainer(package, settings.threads) if output is not None else None
        result = run(package, read_cases(data), output, options, progress, explain)
    answer = result.as_json()
    talk.answer(answer, lambda: _lines(answer, talk, output))
    return 0


def _lines(data: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    yield f"n = {data['n']} ({talk.label('evaluate-origin-' + data['origin']['test'])})"
    for key, metric in data["metrics"].items():
        yield f"  {key:<18} {metric['value']:.4f}  [{metric['low']:.4f}, {metric['high']:.4f}]"
    if output is not None:
        yield f"{talk.label('written')}: {output / 'report.html'}"
