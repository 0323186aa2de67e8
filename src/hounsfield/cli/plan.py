"""``hounsfield plan``: what training would do with a data set, and why, without training."""

import json
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
    Classes,
    Epochs,
    LearningRate,
    Name,
    Network,
    RecipeFile,
    Seed,
    Size,
    Strict,
    Time,
    duration,
    words,
)

if TYPE_CHECKING:
    from hounsfield.train.outline import Foresight


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
    strict: Strict = False,
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
    from hounsfield.train.options import TrainOptions
    from hounsfield.train.outline import foresee

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
        strict=strict,
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

    outline = found.outline
    return {
        "data": outline.table.name,
        "layout": outline.table.layout,
        "cases": len(outline.table),
        "classes": outline.table.counts(),
        "fingerprint": asdict(outline.fingerprint),
        "document": plan_facts(outline.plan, found.memory),
        "machine": {"cores": found.cores, "available_bytes": found.available_bytes},
        "fits": found.fits,
        "parts": found.parts(),
        "left_out": found.left_out(),
        "issues": [{"code": issue.code, "severity": issue.severity.value} for issue in outline.issues],
    }


def _lines(found: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    document = found["document"]
    chosen = document["plan"]
    yield f"{found['data']} ({found['layout']})"
    yield f"{talk.label('data-cases')}: {found['cases']}"
    yield f"{talk.label('plan-found')}: {_said(found['fingerprint'])}"
    yield f"{talk.label('plan-prepare')}: {' > '.join(step['step'] for step in chosen['prepare'])}"
    yield f"{talk.label('plan-network')}: {_said(chosen['network'])}"
    yield f"{talk.label('plan-augment')}: {', '.join(kind['kind'] for kind in chosen['augment']) or '-'}"
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


def _said(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
