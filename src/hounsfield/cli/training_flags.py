"""Flags of the verbs that plan and train, each with its help."""

from pathlib import Path
from typing import Annotated, Literal

import typer

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """Return seconds from ``90``, ``90s``, ``30m`` or ``2h``."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _SECONDS else (text, "s")
    try:
        seconds = float(number) * _SECONDS[unit]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a time such as 90s, 30m or 2h")
    return seconds


def words(text: str | None) -> tuple[str, ...]:
    """Return the words of a list parted by commas."""
    return tuple(word.strip() for word in text.split(",")) if text else ()


RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="Recipe file (TOML) of choices.")]
Network = Annotated[
    str | None, typer.Option("--network", help="article, vgg16, resnet18, densenet-121, efficientnet-b0 ...")
]
Size = Annotated[int | None, typer.Option("--size", min=8, help="Side in pixels images are prepared to.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Same seed, same weights.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the training part.")]
Time = Annotated[str | None, typer.Option("--time", help="Longest training time: 90s, 30m, 2h.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Images of a batch.")]
LearningRate = Annotated[float | None, typer.Option("--learning-rate", help="Highest learning rate.")]
Classes = Annotated[str | None, typer.Option("--classes", help="Names for numbered labels: normal,ill")]
Name = Annotated[str | None, typer.Option("--name", help="Name of the model; by default the file's.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")]
Arithmetic = Annotated[int | None, typer.Option("--threads", min=1, help="Threads of arithmetic.")]
MultiScale = Annotated[bool, typer.Option("--multi-scale", help="Draw batches at several sizes.")]
From = Annotated[str | None, typer.Option("--from", help="Model or file of weights to start from.")]
Freeze = Annotated[float | None, typer.Option("--freeze", min=0, help="Epochs in which only fresh layers learn.")]
TrunkRate = Annotated[float | None, typer.Option("--trunk-rate", help="Share of the learning rate for weights taken.")]
Modality = Annotated[str | None, typer.Option("--modality", help="What the images are: US, MR, CT, DX, SM ...")]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse data with anything that would spoil a result.")]
Task = Annotated[
    Literal["auto", "classification", "regression", "multi-label", "ordinal", "several", "sequence"],
    typer.Option("--task", help="What is learned; auto says why it chose."),
]
Filling = Annotated[
    str | None, typer.Option("--generator", help="Fill rare training classes with images of this generator.")
]
