"""``hounsfield segment``: a lesion that a reader points at, as a mask with its size."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.clinical.tumour.drawing_masks import Drawn
    from hounsfield.clinical.tumour.measure import LesionMeasures
    from hounsfield.clinical.tumour.prompt import Prompt
    from hounsfield.messages import Language

Clicks = Annotated[
    list[str] | None,
    typer.Option("--click", help="A point in the lesion: slice,row,column from 0, or x,y,zmm in the patient (LPS)."),
]
Outside = Annotated[list[str] | None, typer.Option("--outside", help="A point that is not of the lesion.")]
Box = Annotated[str | None, typer.Option("--box", help="Two opposite corners: six numbers, as those of --click.")]
How = Annotated[str, typer.Option("--method", help="grow, walker or threshold.")]
Low = Annotated[float | None, typer.Option("--low", help="Least value, for thresholds.")]
High = Annotated[float | None, typer.Option("--high", help="Largest value, for thresholds.")]
Fraction = Annotated[float | None, typer.Option("--fraction", min=0.01, max=0.99, help="Of the maximum; 0.41 for PET.")]
Reach = Annotated[float, typer.Option("--reach", min=1, max=500, help="Millimetres from a click, without a box.")]


def segment(
    image: Annotated[Path, typer.Argument(help="Image file or folder with one volume: CT, MR, PET.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="MASK.nii.gz, .nii, .nrrd, or SEG.dcm.")],
    click: Clicks = None,
    outside: Outside = None,
    box: Box = None,
    method: How = "walker",
    low: Low = None,
    high: High = None,
    fraction: Fraction = None,
    reach: Reach = 60.0,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="TOML or JSON file of several lesions instead.")
    ] = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Segment what a reader points at by a click, a box or a threshold, and measure it."""
    from hounsfield.cli.options import pipeline_options
    from hounsfield.clinical.tumour.drawing_masks import draw_masks
    from hounsfield.settings import read_settings

    house = read_settings({"language": language})
    talk = Talk(as_json, house.language, quiet)
    if prompts is not None:
        asked = _listed(prompts)
    else:
        values = {"low": low, "high": high, "fraction": fraction, "reach_mm": reach}
        asked = (_asked(method, (click or [], outside or []), box, values),)
    drawn = draw_masks(image, asked, output, pipeline_options(house).limits)
    data = _data(drawn, house.language)
    talk.answer(data, lambda: _lines(data, talk))
    return 0


def _asked(method: str, points: tuple[list[str], list[str]], box: str | None, values: dict[str, Any]) -> "Prompt":
    """Return the prompt of the options.

    Raises:
        SettingsError: ``E240`` a point or a box cannot be read, ``E244`` there is no such method, or no place.
    """
    from hounsfield.clinical.tumour.prompt import Method, Prompt, parse_box, parse_place
    from hounsfield.errors import SettingsError

    if method not in tuple(Method):
        raise SettingsError("E244", found=method, expected=" / ".join(Method))
    clicks, outside = (tuple(parse_place(text) for text in texts) for texts in points)
    return Prompt(Method(method), clicks, outside, parse_box(box) if box else None, **values)


def _listed(path: Path) -> "tuple[Prompt, ...]":
    from hounsfield.clinical.tumour.lesion_file import read_lesions

    return tuple(entry.prompt() for entry in read_lesions(path).lesion)


def _data(drawn: "Drawn", language: "Language") -> dict[str, Any]:
    from hounsfield.report.json import issue_entry

    unit = drawn.volume.quantity.unit.code
    return {
        "lesions": [
            {
                "label": number,
                "method": lesion.method.value,
                "seed": list(lesion.seed),
                "voxels": int(lesion.inside.sum()),
                **({} if measures is None else _measured(measures, unit)),
                "issues": [issue_entry(issue, language) for issue in lesion.issues],
            }
            for number, (lesion, measures) in enumerate(zip(drawn.lesions, drawn.measures, strict=True), 1)
        ],
        "quantity": drawn.volume.quantity.name.lower(),
        "issues": [issue_entry(issue, language) for issue in drawn.issues],
        "files": [str(drawn.path)],
    }


def _measured(measures: "LesionMeasures", unit: str) -> dict[str, Any]:
    return {
        "long_axis_mm": measures.axes.long_mm,
        "short_axis_mm": measures.axes.short_mm,
        "slice_index": measures.axes.slice_index,
        "volume_mm3": measures.volume_mm3,
        "centre_mm": list(measures.centre_mm),
        "intensity": {"mean": measures.mean, "deviation": measures.deviation, "max": measures.high, "unit": unit},
    }


def _lines(data: dict[str, Any], talk: Talk) -> Iterator[str]:
    for lesion in data["lesions"]:
        size = "" if "long_axis_mm" not in lesion else _size(lesion)
        yield f"{lesion['label']}  {lesion['method']}  {lesion['voxels']} voxels{size}"
        for issue in lesion["issues"]:
            yield f"  {issue['severity']} {issue['code']}: {issue['text']}"
    for issue in data["issues"]:
        yield f"{issue['severity']} {issue['code']}: {issue['text']}"
    yield f"{talk.label('written')}: {data['files'][0]}"


def _size(lesion: dict[str, Any]) -> str:
    values = f"{lesion['intensity']['mean']:.4g} {lesion['intensity']['unit']}"
    axes = f"{lesion['long_axis_mm']:.1f} x {lesion['short_axis_mm']:.1f} mm"
    return f"  {axes}  {lesion['volume_mm3'] / 1000:.2f} ml  {values}"
