"""``hounsfield maps``: where in a region features are high, around each voxel, slice by slice and ring by ring."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.measuring.sources import RegionSource


def maps(
    image: Annotated[Path, typer.Argument(help="Image, or DICOM series folder.")],
    mask: Annotated[Path, typer.Argument(help="Label map, SEG or RTSTRUCT.")],
    feature: Annotated[str, typer.Option("--feature", help="Tags to map, such as ih_entropy,cm_contrast_3D_avg.")] = "",
    radius: Annotated[
        int, typer.Option("--radius", min=1, max=10, help="Of the kernel around a voxel, in voxels.")
    ] = 1,
    slices: Annotated[bool, typer.Option("--slices", help="Measure every slice of the region.")] = False,
    rings: Annotated[
        str, typer.Option("--rings", help="Edges of rings in mm from the border, inside negative: -4,-2,0,2,4.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for maps and tables; never overwritten.")
    ] = None,
    ending: Annotated[str, typer.Option("--format", help="Of the maps: nii.gz, nii or nrrd.")] = "nii.gz",
    page: Annotated[Path | None, typer.Option("--page", help="maps.html: maps laid over the region.")] = None,
    settings: Annotated[str | None, typer.Option("--settings", help="A name such as ibsi-c, or a TOML file.")] = None,
    label: Annotated[int | None, typer.Option("--label", min=1, help="Map only this value of the mask.")] = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Map radiomic features over the regions of a mask; time and memory are told before."""
    from hounsfield.cli.options import pipeline_options
    from hounsfield.measuring.asked import asked_settings
    from hounsfield.measuring.mapping import MappingOptions, case_json, map_case, require_folder, write_case
    from hounsfield.measuring.mapping_page import write_mapping_page
    from hounsfield.radiomics.parts import parse_edges
    from hounsfield.settings import read_settings

    house = read_settings({"language": language})
    talk = Talk(as_json, house.language, quiet)
    tags = tuple(word for word in feature.split(",") if word.strip())
    edges = parse_edges(rings) if rings else ()
    asked = asked_settings(settings) if settings is not None else None
    options = MappingOptions(tags, radius, slices, edges, asked, pipeline_options(house).limits)
    if output is not None:
        require_folder(output, ending)
    _check_page(page)
    source = _source(image, mask, label)
    with talk.progress(talk.label("maps-mapping")) as progress:
        case = map_case(source, options, lambda told: _tell(talk, told), progress)
    files = write_case(case, output, ending) if output is not None else ()
    if page is not None:
        write_mapping_page(case, page, house.language)
        talk.say(f"{talk.label('written')}: {page}")
    data = case_json(case, files, house.language)
    talk.answer(data, lambda: _lines(data, talk, output))
    return 0


def _source(image: Path, mask: Path, label: int | None) -> "RegionSource":
    """Return the only case that image and mask make."""
    from hounsfield.errors import SettingsError
    from hounsfield.measuring.sources import find_sources

    sources = find_sources(image, mask, label)
    if len(sources) != 1:
        raise SettingsError("E978", found=len(sources))
    return sources[0]


def _check_page(page: Path | None) -> None:
    from hounsfield.errors import SettingsError

    if page is not None and page.exists():
        raise SettingsError("E340", found=page.name)


def _tell(talk: Talk, told: Any) -> None:
    size = f"{told.voxels}, ~{told.seconds:.1f} s, {told.bytes / 2**20:.0f} MiB"
    talk.say(f"{talk.label('maps-estimate')}: {size}")


def _lines(data: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    for region in data["regions"]:
        yield f"{data['id']}  {region['region'] or 'label ' + str(region['label'])}"
        for one in region["maps"]:
            ends = " … ".join("–" if one[key] is None else f"{one[key]:.5g}" for key in ("minimum", "mean", "maximum"))
            yield f"  {one['tag']:<28} {ends}{'' if one['unit'] == '1' else ' ' + one['unit']}"
        for name in ("slices", "rings"):
            for part in region[name]:
                mean = next((each for each in part["features"] if each["tag"] == "stat_mean"), None)
                ends = " … ".join("" if part[key] is None else f"{part[key]:g}" for key in ("low_mm", "high_mm"))
                told = f"stat_mean {mean['value']:.5g}" if mean is not None else "–"
                yield f"  {talk.label('maps-' + name)} {ends} mm  {part['voxels']} voxels  {told}"
    for issue in data["issues"]:
        yield f"  {issue['severity']} {issue['code']}: {issue['text']}"
    if output is not None:
        yield f"{talk.label('written')}: {output}"
