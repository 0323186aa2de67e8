"""``hounsfield plan``: what training would do with a data set, and why, without training."""

import json
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
    Freeze,
    From,
    LearningRate,
    Modality,
    MultiScale,
    Name,
    Network,
    RecipeFile,
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
    from hounsfield.train.foresight import Foresight


def plan(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="What train takes.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the plan as JSON to this file.")] = None,
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
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Explain what train would do with these data and options, and why, without training.

    The plan is the one that train obeys and writes into its run folder.
    """
    seconds = None if time is None else duration(time)
    from hounsfield.cli.train import teller
    from hounsfield.settings import calm_threads, read_settings

    calm_threads()
    from hounsfield.train.foresight import foresee
    from hounsfield.train.options import TrainOptions

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
        multi_scale=multi_scale,
        start_from=start_from,
        freeze_epochs=freeze,
        trunk_rate=trunk_rate,
        strict=strict,
        task=task,
        class_names=words(classes),
        name=name,
        threads=threads,
    )
    with teller(talk) as tell:
        answer = _as_data(foresee(data, options, tell))
    if output:
        output.write_text(json.dumps(answer["document"], indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    talk.answer(answer, lambda: _lines(answer, talk, output))
    return 0


def _as_data(found: "Foresight") -> dict[str, Any]:
    from hounsfield.train.ledger import plan_facts

    data = found.data
    return {
        "data": data.data_name,
        "layout": data.layout,
        "task": data.task.value,
        "cases": data.case_count,
        "classes": data.counts,
        "fingerprint": dict(data.fingerprint),
        "document": plan_facts(found.plan, found.memory),
        "machine": {"cores": found.cores, "available_bytes": found.available_bytes},
        "fits": found.fits,
        "parts": data.parts,
        "left_out": data.left_out,
        "issues": [{"code": issue.code, "severity": issue.severity.value} for issue in data.issues],
    }


def _lines(found: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    document = found["document"]
    chosen = document["plan"]
    yield f"{found['data']} ({found['layout']}, {found['task']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    yield f"{talk.label('plan-found')}: {_said(found['fingerprint'])}"
    yield f"{talk.label('plan-prepare')}: {' > '.join(step['step'] for step in chosen['prepare'])}"
    yield f"{talk.label('plan-network')}: {_said(chosen['network'])}"
    yield f"{talk.label('plan-augment')}: {_augmentation(chosen['augment']) or '-'}"
    yield f"{talk.label('plan-learning')}: {_said(chosen['learning'])}"
    for reason in document["reasons"]:
        yield f"{talk.label('plan-why')} ({reason['choice']}): {reason[talk.language]}"
    for part, counts in found["parts"].items():
        yield f"{talk.label('data-parts')} {part}: {_said(counts)}"
    yield f"{talk.label('plan-left-out')}: {found['left_out']}"
    sizes = {name: -(-size // 2**20) for name, size in document["memory_estimate_bytes"].items()}
    free = found["machine"]["available_bytes"]
    parts = f"({sizes['images']}, {sizes['weights']}, {sizes['batch']})"
    yield f"{talk.label('plan-memory')}: {sizes['total']} {parts} / {'?' if free is None else free // 2**20}"
    if not found["fits"]:
        yield talk.label("plan-too-large")
    if output:
        yield f"{talk.label('written')}: {output}"


def _augmentation(chosen: list[dict[str, Any]] | dict[str, Any]) -> str:
    """Return the kinds of augmentation, or the settings of the one that changes images and boxes together."""
    return _said(chosen) if isinstance(chosen, dict) else ", ".join(kind["kind"] for kind in chosen)


def _said(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in facts.items() if value is not None)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return f"({_said(value)})"
    if isinstance(value, (list, tuple)):
        return " x ".join(map(_value, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
