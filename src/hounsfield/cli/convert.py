"""``hounsfield convert``: every volume of a source as NIfTI, NRRD or a new DICOM series."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.converting import Conversion, Converted
    from hounsfield.messages import Language


def convert(
    source: Annotated[Path, typer.Argument(help="File, folder, zip or DICOMDIR.")],
    output: Annotated[Path, typer.Argument(help="OUT.nii.gz, OUT.nii, OUT.nrrd, or a folder for DICOM.")],
    repair: Annotated[
        list[str] | None,
        typer.Option(help="Repair by interpolation: tilt, missing-slices or spacing; may be given several times."),
    ] = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Convert every volume of a source; grid and values are kept, nothing is resampled unless it is to be repaired.

    Exit codes: 0 all converted, 3 none, 4 some.
    """
    from hounsfield.cli.options import pipeline_options
    from hounsfield.converting import convert as run
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language, quiet)
    with talk.progress(talk.label("converting")) as progress:
        conversion = run(source, output, pipeline_options(settings).limits, progress, repair or ())
    data = _data(conversion, settings.language)
    talk.answer(data, lambda: _lines(data))
    if not data["volumes"]:
        return 3
    return 4 if data["failed"] or data["refused"] else 0


def _data(conversion: "Conversion", language: "Language") -> dict[str, Any]:
    from hounsfield.report.json import issue_entry, refused_entry

    return {
        "volumes": [
            {**_volume(volume), "issues": [issue_entry(issue, language) for issue in volume.issues]}
            for volume in conversion.volumes
        ],
        "failed": [
            {"series_instance_uid": series.series_instance_uid, **issue_entry(issue, language)}
            for series, issue in conversion.failed
        ],
        "refused": [refused_entry(item, language) for item in conversion.refused],
        "issues": [issue_entry(issue, language) for issue in conversion.issues],
    }


def _volume(volume: "Converted") -> dict[str, Any]:
    return {
        "series_instance_uid": volume.series.series_instance_uid,
        "modality": volume.series.modality,
        "shape": list(volume.geometry.shape),
        "spacing_mm": list(volume.geometry.spacing_mm),
        "index_to_patient": volume.geometry.index_to_patient.tolist(),
        "quantity": volume.quantity.name.lower(),
        "repaired_by": list(volume.repaired_by),
        "enhanced_by": list(volume.enhanced_by),
        "files": [str(path) for path in volume.files],
    }


def _lines(data: dict[str, Any]) -> Iterator[str]:
    for volume in data["volumes"]:
        shape = " x ".join(str(number) for number in volume["shape"])
        files = volume["files"]
        named = files[0] if len(files) == 1 else f"{Path(files[0]).parent} ({len(files)} files)"
        yield f"{volume['modality'] or 'picture':<8} {shape:<16} {named}"
        for issue in volume["issues"]:
            yield f"    {issue['severity']} {issue['code']}: {issue['text']}"
    for item in data["failed"]:
        yield f"failed {item['series_instance_uid']}: {item['code']} {item['text']} {item['next']}"
    for item in data["refused"]:
        yield f"refused {item['name']}: {item['code']} {item['text']} {item['next']}"
