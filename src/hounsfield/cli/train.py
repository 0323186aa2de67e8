"""``hounsfield train``: a data folder in, a model package out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk
from hounsfield.cli.training_flags import (
    Arithmetic,
    BatchSize,
    Classes,
    Epochs,
    Filling,
    Freeze,
    From,
    LearningRate,
    Modality,
    MultiScale,
    Name,
    Network,
    RecipeFile,
    Resume,
    Seed,
    Size,
    Strict,
    Task,
    Time,
    TrunkRate,
    duration,
    words,
)

if TYPE_CHECKING:
    from hounsfield.train.events import TrainEvent
    from hounsfield.train.options import TrainResult


def train(
    data: Annotated[Path, typer.Argument(help="Class folders, arrays (npz, idx), or a CSV or Excel manifest.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")],
    recipe: RecipeFile = None,
    network: Network = None,
    size: Size = None,
    seed: Seed = None,
    epochs: Epochs = None,
    time: Time = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    classes: Classes = None,
    name: Name = None,
    threads: Arithmetic = None,
    modality: Modality = None,
    multi_scale: MultiScale = False,
    start_from: From = None,
    freeze: Freeze = None,
    trunk_rate: TrunkRate = None,
    strict: Strict = False,
    task: Task = "auto",
    generator: Filling = None,
    resume: Resume = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Train a classifier: look the data over, split without leaks, train, calibrate, test, and write a model package.

    Beside the model stands its run folder with plan, log, learning curves, checkpoints and report.
    """
    seconds = None if time is None else duration(time)
    from hounsfield.settings import calm_threads, launched_rank, read_settings

    calm_threads()
    from hounsfield.train.options import TrainOptions
    from hounsfield.train.run import train as run

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    options = TrainOptions(
        recipe=recipe, network=network, size=size, seed=seed, epochs=epochs, time_limit_seconds=seconds,
        batch_size=batch_size, learning_rate=learning_rate, task=task, generator=generator, resume=resume,
        modality=modality, multi_scale=multi_scale, start_from=start_from, freeze_epochs=freeze,
        trunk_rate=trunk_rate, strict=strict, class_names=words(classes), name=name, threads=threads,
        command=" ".join(["hounsfield", *sys.argv[1:]]),
    )  # fmt: skip
    with teller(talk) as tell:
        result = run(data, output, options, tell)
    if launched_rank() == 0:  # the first process answers for all of a run
        answer = result_data(result)
        talk.answer(answer, lambda: lines_of(answer, talk))
    return 0


@contextmanager
def teller(talk: Talk) -> Iterator[Any]:
    """Print events as they come, and show those that count on as a bar."""
    from hounsfield.core.quality import Severity

    with talk.progress("") as progress:

        def tell(event: "TrainEvent") -> None:
            if event.done is not None and event.total is not None:
                progress(event.done, event.total)
                return
            mark = "" if event.issue is None or event.issue.severity is Severity.NOTE else f"{event.issue.severity} "
            code = "" if event.issue is None else f"{event.issue.code}: "
            talk.say(f"{mark}{code}{event.text(talk.language)}")

        yield tell


def result_data(result: "TrainResult") -> dict[str, Any]:
    """Return what a run wrote as JSON values."""
    return {
        "model": str(result.model),
        "run_folder": str(result.run_folder),
        "report": str(result.report),
        "weights_digest": result.weights_digest,
        "results": {
            part.part: {
                "n": part.case_count,
                "metrics": {
                    key: {"value": value, "low": low, "high": high} for key, (value, low, high) in part.metrics.items()
                },
            }
            for part in result.results
        },
        "epochs": result.epochs_run,
        "stopped_by": result.stopped_by,
        "seconds": round(result.seconds, 1),
    }


def lines_of(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    """Give the lines that a person reads of it."""
    for part, result in data["results"].items():
        yield f"{part} (n = {result['n']})"
        for key, metric in result["metrics"].items():
            yield f"  {key:<18} {metric['value']:.4f}  [{metric['low']:.4f}, {metric['high']:.4f}]"
    yield f"{talk.label('written')}: {data['model']}"
    yield f"{talk.label('written')}: {data['report']}"
