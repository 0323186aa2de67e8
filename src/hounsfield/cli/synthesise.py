"""``hounsfield synthesise``: a data folder in, a generator of synthetic images out, judged."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk
from hounsfield.cli.training_flags import (
    Arithmetic,
    BatchSize,
    Classes,
    Epochs,
    LearningRate,
    Name,
    Resume,
    Seed,
    Strict,
    Time,
    duration,
    words,
)

Side = Annotated[int | None, typer.Option("--size", help="Side of the images: 32, 64 or 128 pixels; of pairs 256 too.")]
Game = Annotated[
    Literal["minimax", "saturating", "hinge", "least-squares"],
    typer.Option("--game", help="What the two networks lower."),
]
Features = Annotated[str, typer.Option("--features", help="Model whose features judge the images; not Inception's.")]
Licence = Annotated[str, typer.Option("--licence", help="Licence of the weights.")]
ByTraining = Annotated[
    bool, typer.Option("--judge-by-training", help="Train classifiers on synthetic and on real images too.")
]


def synthesise(
    data: Annotated[Path, typer.Argument(help="Class folders, arrays, a manifest; or pairs, input and target.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The generator to write, such as G.model.")],
    size: Side = None,
    game: Game = "minimax",
    features: Features = "body-part",
    seed: Seed = None,
    epochs: Epochs = None,
    time: Time = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    classes: Classes = None,
    name: Name = None,
    licence: Licence = "not stated",
    threads: Arithmetic = None,
    strict: Strict = False,
    judge_by_training: ByTraining = False,
    resume: Resume = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Learn to make images like those of a data set, by class, and judge them beside real ones that were held back.

    Of pairs (folders input and target, or columns path and target_path), learn to turn the one image into the other.

    The images show no patient. Figures use the features of a model of ours: they compare only with each other.
    """
    seconds = None if time is None else duration(time)
    from hounsfield.cli.train import lines_of, result_data, teller
    from hounsfield.settings import calm_threads, read_settings

    calm_threads()
    from hounsfield.train.synthesis.plan import SynthesisOptions
    from hounsfield.train.synthesis.run import synthesise as run

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language, quiet)
    options = SynthesisOptions(
        size=size,
        game=game,
        features=features,
        judges_by_training=judge_by_training,
        seed=seed,
        epochs=epochs,
        time_limit_seconds=seconds,
        batch_size=batch_size,
        learning_rate=learning_rate,
        resume=resume,
        strict=strict,
        class_names=words(classes),
        name=name,
        licence=licence,
        threads=threads,
        command=" ".join(["hounsfield", *sys.argv[1:]]),
        models_folder=settings.models_folder,
    )
    with teller(talk) as tell:
        result = run(data, output, options, tell)
    answer = result_data(result)
    talk.answer(answer, lambda: lines_of(answer, talk))
    return 0
