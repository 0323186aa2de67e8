"""``hounsfield crossvalidate``: a model for each fold, and what they are worth on all cases."""

import sys
from collections.abc import Iterator
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
    LearningRate,
    Modality,
    Name,
    Network,
    RecipeFile,
    Resume,
    Seed,
    Size,
    Strict,
    Time,
    duration,
    words,
)

if TYPE_CHECKING:
    from hounsfield.train.folded import CrossValidation


def crossvalidate(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="What train takes, for classes or masks.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    folds: Annotated[int, typer.Option("--folds", min=2, max=100, help="Shares of the cases.")] = 5,
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
    strict: Strict = False,
    resume: Resume = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Hold every case back once, whole patients at a time, and say what a model of these data is worth.

    One model for each fold learns from the others by the same plan; what they say of the cases that they never saw is
    pooled, with intervals drawn by patient. The time it takes is told first.
    """
    seconds = None if time is None else duration(time)
    from hounsfield.cli.train import teller
    from hounsfield.settings import calm_threads, read_settings

    calm_threads()
    from hounsfield.train.folded import FoldOptions
    from hounsfield.train.folding import cross_validate
    from hounsfield.train.options import TrainOptions

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    learning = TrainOptions(
        recipe=recipe, network=network, size=size, seed=seed, epochs=epochs, time_limit_seconds=seconds,
        batch_size=batch_size, learning_rate=learning_rate, resume=resume, modality=modality, strict=strict,
        class_names=words(classes), name=name, threads=threads, command=" ".join(["hounsfield", *sys.argv[1:]]),
    )  # fmt: skip
    with teller(talk) as tell:
        result = cross_validate(data, output, FoldOptions(learning, folds), tell)
    answer = _as_data(result)
    talk.answer(answer, lambda: _lines(answer, talk))
    return 0


def _as_data(result: "CrossValidation") -> dict[str, Any]:
    import json

    known: dict[str, Any] = json.loads(result.document.read_text(encoding="utf-8"))
    return {**known, "report": str(result.report), "document": str(result.document), "table": str(result.cases)}


def _said(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    yield f"{talk.label('folds.page.pooled')} (n = {data['cases']} / {data['groups']})"
    for name, found in data["pooled"].items():
        value, low, high = (_said(found[key]) for key in ("value", "low", "high"))
        between = data["between"].get(name)
        told = f"  ({_said(between['mean'])} ± {_said(between['deviation'])})" if between else ""
        yield f"  {name:<18} {value}  [{low}, {high}]{told}"
    for key in ("report", "document", "table"):
        yield f"{talk.label('written')}: {data[key]}"
