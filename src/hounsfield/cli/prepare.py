"""``hounsfield prepare``: take a volume through steps, with its trace and a page of before and after."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.archive.limits import Limits
    from hounsfield.core.trace import Trace
    from hounsfield.prepare.step import Step


def prepare(
    source: Annotated[Path, typer.Argument(help="File, folder, zip or DICOMDIR.")],
    output: Annotated[Path, typer.Argument(help="OUT.nii.gz, OUT.nii or OUT.nrrd; never overwritten.")],
    steps: Annotated[str | None, typer.Option("--steps", help="Such as 'clahe:clip=0.02;unsharp:amount=0.5'.")] = None,
    steps_file: Annotated[Path | None, typer.Option("--steps-file", help="JSON or TOML file of steps.")] = None,
    trace: Annotated[Path | None, typer.Option("--trace", help="Trace of an earlier run, to be replayed.")] = None,
    volume: Annotated[int | None, typer.Option("--volume", min=1, help="Which volume of the source, from 1.")] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="The truth to compare with on the page, on the same grid.")
    ] = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Prepare a volume: resample, scale, enhance, find edges; written with its trace and a page of before and after."""
    from hounsfield.cli.options import pipeline_options
    from hounsfield.preparing import PreparingOptions, prepare_volume
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language, quiet)
    limits = pipeline_options(settings).limits
    done = _asked(steps, steps_file, trace, limits)
    options = PreparingOptions(volume, reference, settings.language, limits)
    with talk.progress(talk.label("preparing")):
        prepared = prepare_volume(source, output, done, options)
    data = {
        "steps": [step.name for step in prepared.trace.steps],
        "shape": list(prepared.volume.geometry.shape),
        "spacing_mm": list(prepared.volume.geometry.spacing_mm),
        "quantity": prepared.volume.quantity.name.lower(),
        "enhanced_by": list(prepared.volume.enhanced_by),
        "files": [str(path) for path in prepared.files],
    }
    talk.answer(data, lambda: _lines(data, talk))
    return 0


def _asked(
    steps: str | None, steps_file: Path | None, trace: Path | None, limits: "Limits"
) -> "tuple[Step, ...] | Trace":
    from hounsfield.errors import SettingsError
    from hounsfield.prepare.notation import parse_steps, read_steps, read_trace
    from hounsfield.prepare.sequence import build_steps
    from hounsfield.supplied import supply_files

    if sum(given is not None for given in (steps, steps_file, trace)) != 1:
        raise SettingsError("E465")
    if trace is not None:
        return read_trace(trace)
    asked = parse_steps(steps) if steps is not None else read_steps(steps_file or Path())
    return build_steps(supply_files(asked, limits))


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    yield f"{' x '.join(map(str, data['shape']))}  {data['quantity']}  {'; '.join(data['steps'])}"
    if data["enhanced_by"]:
        yield talk.label("compare-note")
    yield f"{talk.label('written')}:"
    for name in data["files"][-3:]:
        yield f"  {name}"
