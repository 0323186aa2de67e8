"""``hounsfield pretrain``: images without labels in, the weights of a trunk out, for ``train --from``."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk
from hounsfield.cli.training_flags import (
    Arithmetic,
    BatchSize,
    Epochs,
    From,
    LearningRate,
    Modality,
    Network,
    RecipeFile,
    Resume,
    Seed,
    Size,
    Time,
    duration,
)

if TYPE_CHECKING:
    from hounsfield.train.pretrain.run import PretrainResult


def pretrain(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Images, with or without labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file of weights to write (.safetensors).")],
    recipe: RecipeFile = None,
    network: Network = None,
    size: Size = None,
    seed: Seed = None,
    epochs: Epochs = None,
    time: Time = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    modality: Modality = None,
    start_from: From = None,
    threads: Arithmetic = None,
    resume: Resume = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Learn from images without their labels (SimCLR), and write weights that ``train --from`` starts with.

    Images of the test part are left out, so that what starts from these weights can be tested on them.
    """
    seconds = None if time is None else duration(time)
    from hounsfield.cli.train import teller
    from hounsfield.settings import calm_threads, read_settings

    calm_threads()
    from hounsfield.train.options import TrainOptions
    from hounsfield.train.pretrain.run import pretrain as run

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    options = TrainOptions(
        recipe=recipe,
        network=network,
        size=size,
        seed=seed,
        epochs=epochs,
        time_limit_seconds=seconds,
        batch_size=batch_size,
        learning_rate=learning_rate,
        modality=modality,
        start_from=start_from,
        threads=threads,
        resume=resume,
        command=" ".join(["hounsfield", *sys.argv[1:]]),
    )
    with teller(talk) as tell:
        answer = _as_data(run(data, output, options, tell))
    talk.answer(answer, lambda: _lines(answer, talk))
    return 0


def _as_data(result: "PretrainResult") -> dict[str, Any]:
    values = asdict(result) | {"weights": str(result.weights), "run_folder": str(result.run_folder)}
    return values | {"seconds": round(result.seconds, 1)}


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    from hounsfield.messages import sentence

    facts = {name: data[name] for name in ("images", "epochs_run", "held_back")}
    facts |= {name: f"{data[name]:.4f}" for name in ("loss", "found")}
    yield sentence("ui.pretrained", facts, talk.language)
    yield f"SHA-256: {data['digest']}"
    yield f"{talk.label('written')}: {data['weights']}"
