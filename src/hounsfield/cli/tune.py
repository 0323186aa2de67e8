"""``hounsfield tune``: search for the choices that do best on the tuning part, and write them as a recipe."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk
from hounsfield.cli.training_flags import (
    Arithmetic,
    Classes,
    Epochs,
    Network,
    RecipeFile,
    Seed,
    Size,
    Strict,
    duration,
    words,
)

if TYPE_CHECKING:
    from hounsfield.train.trials import TuneResult


def tune(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="What train takes, for classification.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The recipe (TOML) to write.")],
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trainings of the search in all.")] = 20,
    time: Annotated[str | None, typer.Option("--time", help="Time of the whole search: 90s, 30m, 2h.")] = None,
    networks: Annotated[str | None, typer.Option("--networks", help="Networks to try: article,resnet18")] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="File of the search; processes that share it work together.")
    ] = None,
    recipe: RecipeFile = None,
    network: Network = None,
    size: Size = None,
    seed: Seed = None,
    epochs: Epochs = None,
    classes: Classes = None,
    threads: Arithmetic = None,
    strict: Strict = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Search for network, augmentation, batch size and learning rate that do best on the tuning part.

    The plan's own choice is tried first, trials that fall behind are ended early, and the test part is never looked at.
    """
    seconds = None if time is None else duration(time)
    from hounsfield.cli.train import teller
    from hounsfield.settings import calm_threads, read_settings

    calm_threads()
    from hounsfield.train.options import TrainOptions
    from hounsfield.train.trials import TuneOptions
    from hounsfield.train.tune import tune as search

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    learning = TrainOptions(
        recipe=recipe,
        network=network,
        size=size,
        seed=seed,
        epochs=epochs,
        strict=strict,
        class_names=words(classes),
        threads=threads,
    )
    with teller(talk) as tell:
        result = search(data, output, TuneOptions(learning, trials, seconds, words(networks), store), tell)
    answer = _as_data(result)
    talk.answer(answer, lambda: _lines(answer, talk))
    return 0


def _as_data(result: "TuneResult") -> dict[str, Any]:
    return {
        "recipe": str(result.recipe),
        "report": str(result.report),
        "best": asdict(result.best),
        "trials": [asdict(trial) for trial in result.trials],
        "weights": dict(result.weights),
    }


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    best = data["best"]
    yield f"{talk.label('tune.page.best')}: {best['number'] + 1}: {best['score']:.4f}"
    for name, value in best["choice"].items():
        yield f"  {name:<18} {value:.3g}" if isinstance(value, float) else f"  {name:<18} {value}"
    yield talk.label("tune.page.optimistic")
    yield f"{talk.label('written')}: {data['recipe']}"
    yield f"{talk.label('written')}: {data['report']}"
