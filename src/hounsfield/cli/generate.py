"""``hounsfield generate``: synthetic images from a generator, marked as synthetic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk


def generate(
    generator: Annotated[str, typer.Argument(help="A generator's name or file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the images, new or empty.")],
    given: Annotated[
        Path | None, typer.Option("--input", help="Image or folder, for a generator of images from images.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Images of each class.")] = 16,
    class_name: Annotated[
        list[str] | None, typer.Option("--class", help="A class to make; may be given several times. All by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same images.")] = 0,
    threads: Annotated[int, typer.Option("--threads", min=0, help="0 takes the machine's cores.")] = 0,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Write synthetic images and a manifest that train takes as training cases; every file says what it is.

    The images show no patient and prove no finding.
    """
    from hounsfield.generating import generate as run
    from hounsfield.generating import generate_from
    from hounsfield.model.registry import find_model
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language, quiet)
    folder = settings.models_folder
    package = find_model(generator, [folder] if folder else [])
    if given is not None:
        made = generate_from(package, given, output, threads)
    else:
        made = run(package, output, count, tuple(class_name or ()), seed, threads)
    data = {
        "generator": package.identity.name,
        "weights_digest": package.identity.weights_digest,
        "is_synthetic": True,
        "folder": str(made.folder),
        "manifest": str(made.manifest),
        "counts": made.counts,
    }
    talk.answer(data, lambda: _lines(data, talk))
    return 0


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    for name, count in data["counts"].items():
        yield f"{name}: {count}"
    yield talk.label("synthesis.page.no-patients")
    yield f"{talk.label('written')}: {data['manifest']}"
