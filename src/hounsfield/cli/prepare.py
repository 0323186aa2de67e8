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
    source: Annotated[Path, typer.Argument(help="File, folder, zip or DICOMDIR; left out with --phantom.")],
    output: Annotated[
        Path | None, typer.Argument(help="OUT.nii.gz, OUT.nii, OUT.nrrd or a folder for DICOM; never overwritten.")
    ] = None,
    steps: Annotated[str | None, typer.Option("--steps", help="Such as 'clahe:clip=0.02;unsharp:amount=0.5'.")] = None,
    steps_file: Annotated[Path | None, typer.Option("--steps-file", help="JSON or TOML file of steps.")] = None,
    trace: Annotated[Path | None, typer.Option("--trace", help="Trace of an earlier run, to be replayed.")] = None,
    volume: Annotated[int | None, typer.Option("--volume", min=1, help="Which volume of the source, from 1.")] = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="The truth to compare with on the page, on the same grid.")
    ] = None,
    phantom: Annotated[
        str | None, typer.Option("--phantom", help="Degrade this phantom and prepare it: body or head.")
    ] = None,
    noise: Annotated[float, typer.Option("--noise", help="Deviation of the noise put on the phantom.")] = 0.0,
    blur_mm: Annotated[float, typer.Option("--blur", help="Deviation of the blur put on the phantom, in mm.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the noise.")] = 0,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Prepare a volume: resample, scale, enhance, find edges; written with its trace and a page of before and after."""
    from hounsfield.cli.options import pipeline_options
    from hounsfield.errors import SettingsError
    from hounsfield.preparing import PreparingOptions, prepare_volume
    from hounsfield.settings import read_settings
    from hounsfield.trying import Degradation, Trial, try_steps

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language, quiet)
    limits = pipeline_options(settings).limits
    is_tried = phantom is not None
    has_other = reference is not None or volume is not None
    if is_tried != (output is None) or (is_tried and has_other) or (not is_tried and (noise, blur_mm) != (0, 0)):
        raise SettingsError("E451")
    done = _asked(steps, steps_file, trace, limits)
    options = PreparingOptions(volume, reference, settings.language, limits)
    with talk.progress(talk.label("preparing")):
        if phantom is not None:
            prepared = try_steps(Trial(phantom, Degradation(noise, blur_mm, seed)), source, done, settings.language)
        else:
            prepared = prepare_volume(source, output or Path(), done, options)
    data = {
        "steps": [step.name for step in prepared.trace.steps],
        "shape": list(prepared.volume.geometry.shape),
        "spacing_mm": list(prepared.volume.geometry.spacing_mm),
        "quantity": prepared.volume.quantity.name.lower(),
        "enhanced_by": list(prepared.volume.enhanced_by),
        "figures": prepared.comparison.values(),
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
