"""``hounsfield evaluate``: a model and labelled data in, figures with intervals out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.explaining import explainer
from hounsfield.cli.flags import Debug, Json, Quiet, Threads, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.evaluate.run import EvaluateOptions
    from hounsfield.model.package import ModelPackage


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
    from hounsfield.evaluate.run import EvaluateOptions
    from hounsfield.model.registry import find_model, run_folder_of
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language, "threads": threads})
    talk = Talk(as_json, settings.language, quiet)
    package = find_model(model, [settings.models_folder] if settings.models_folder else [])
    with talk.progress(talk.label("analysing")) as progress:
        run_folder = run_folder_of(model)
        options = EvaluateOptions(threads=settings.threads, prevalence=prevalence, run_folder=run_folder)
        answer = _answer(package, data, output, options, progress)
    talk.answer(answer, lambda: _lines(answer, talk, output))
    return 0


def _answer(
    package: "ModelPackage",
    data: Path,
    output: Path | None,
    options: "EvaluateOptions",
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Evaluate as the model answers: with masks, boxes, labels, a number, or a class an image or a sequence."""
    from hounsfield.model.interface import BoxInterface, SequenceInterface

    if isinstance(package.manifest.network, SequenceInterface):
        from hounsfield.evaluate.sequences import evaluate_sequences

        return evaluate_sequences(package, data, output, options, progress).as_json()
    if package.manifest.masks is not None:
        from hounsfield.cases.masked import read_masked
        from hounsfield.evaluate.masks import evaluate_masks

        return evaluate_masks(package, read_masked(data), output, options, progress).as_json()
    if isinstance(package.manifest.network, BoxInterface):
        from hounsfield.cases.boxed_layouts import read_boxed
        from hounsfield.evaluate.boxes import evaluate_boxes

        table = read_boxed(data, tuple(entry.name for entry in package.manifest.classes))
        return evaluate_boxes(package, table, output, options, progress).as_json()
    if package.manifest.heads:
        from hounsfield.evaluate.several import evaluate_several, read_several_for

        return evaluate_several(package, read_several_for(package.manifest, data), output, options, progress).as_json()
    if package.manifest.answer != "class":
        from hounsfield.evaluate.targets import evaluate_targets, read_targets_for

        targets = read_targets_for(package.manifest, data)
        return evaluate_targets(package, targets, output, options, progress).as_json()
    from hounsfield.cases.layouts import read_cases
    from hounsfield.evaluate.run import evaluate as run

    explain = explainer(package, options.threads) if output is not None else None
    return run(package, read_cases(data), output, options, progress, explain).as_json()


def _lines(data: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    origin = f" ({talk.label('evaluate-origin-' + data['origin']['test'])})" if "origin" in data else ""
    yield f"n = {data['n']}{origin}"
    for key, metric in data["metrics"].items():
        if metric["low"] is None:
            yield f"  {key:<18} {metric['value']:.4f}"
            continue
        yield f"  {key:<18} {metric['value']:.4f}  [{metric['low']:.4f}, {metric['high']:.4f}]"
    if output is not None:
        yield f"{talk.label('written')}: {output / 'report.html'}"
