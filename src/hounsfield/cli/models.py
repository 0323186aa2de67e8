"""``hounsfield models``: the model packages at hand, and the card of one."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Tongue
from hounsfield.cli.talk import Talk
from hounsfield.messages import Language

if TYPE_CHECKING:
    from hounsfield.model.registry import ModelSummary


def models(
    name: Annotated[str | None, typer.Argument(help="A model's name or file: print its card.")] = None,
    as_json: Json = False,
    language: Tongue = None,
    debug: Debug = False,
) -> int:
    """List the models at hand, or print the card of one."""
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language)
    if name is not None:
        return _card(name, settings.models_folder, talk)
    rows = model_rows(settings.models_folder, settings.language)

    def lines() -> Iterator[str]:
        for row in rows:
            if "error" in row:
                yield f"{row['name']:<24} {row['error']['code']} {row['error']['text']}"
                continue
            yield f"{row['name']:<24} {row['version']:<8} {row['task']:<18} {row['licence']:<16} {row['digest'][:12]}"
        yield talk.label("models-fracture")

    talk.answer({"models": rows}, lines)
    return 0


def model_rows(folder: Path | None, language: Language = "en") -> list[dict[str, Any]]:
    """Return name, version, task, licence and weights digest of each model, without loading a network.

    A package that cannot be read has an ``error`` with code, text and next step.
    """
    from hounsfield.model.registry import list_models

    return [_row(summary, language) for summary in list_models([folder] if folder else [])]


def _row(summary: "ModelSummary", language: Language) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": summary.name,
        "version": summary.version,
        "task": summary.task,
        "licence": summary.licence,
        "digest": summary.weights_digest,
    }
    if summary.error is not None:
        code, text, advice = summary.error.code, summary.error.text(language), summary.error.next_step(language)
        row["error"] = {"code": code, "text": text, "next": advice}
    return row


def _card(name: str, folder: Path | None, talk: Talk) -> int:
    from hounsfield.model.registry import find_model

    package = find_model(name, [folder] if folder else [])
    talk.answer(
        {"manifest": package.manifest.model_dump(mode="json"), "card": package.card},
        lambda: iter(package.card.splitlines()),
    )
    return 0
