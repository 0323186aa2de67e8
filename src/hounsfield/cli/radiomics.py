"""``hounsfield radiomics``: an image and its mask in, IBSI features of every region out."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.radiomics_flags import Beyond, Deep, DeepMasked, Habitats, Robustness, Seed, Targets, write_answer
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.measuring.run import MeasuredRegion

SHOWN = ("morph_volume", "stat_mean", "stat_p10", "stat_median", "stat_p90", "ih_entropy", "cm_joint_entr_3D_comb")


def radiomics(
    image: Annotated[
        Path, typer.Argument(help="Image, DICOM series folder, folder of images, or CSV with columns image and mask.")
    ],
    mask: Annotated[
        Path | None,
        typer.Argument(help="Label map, SEG, RTSTRUCT, or folder of masks; left out where IMAGE tells the masks."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="features.csv, .parquet or .json; never overwritten.")
    ] = None,
    settings: Annotated[
        str | None,
        typer.Option("--settings", help="A name such as ibsi-c, or a TOML file (docs/guides/radiomics.md)."),
    ] = None,
    label: Annotated[int | None, typer.Option("--label", min=1, help="Measure only this value of the mask.")] = None,
    long: Annotated[bool, typer.Option("--long", help="One row a feature instead of one row a region.")] = False,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="report.html: the regions outlined, with their features in plain words."),
    ] = None,
    robustness: Robustness = 0,
    seed: Seed = 0,
    habitats: Habitats = 0,
    deep: Deep = None,
    deep_masked: DeepMasked = False,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes for many cases.")] = 1,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Measure the features of the Image Biomarker Standardisation Initiative in the regions of masks.

    Exit codes: 0 everything measured, 3 nothing, 4 some; what failed is a row with its error code.
    """
    from hounsfield.cli.options import pipeline_options
    from hounsfield.measuring.asked import asked_settings
    from hounsfield.measuring.run import MeasuringOptions, measure
    from hounsfield.measuring.sources import find_sources
    from hounsfield.measuring.table import as_json as told
    from hounsfield.measuring.table import require_writable
    from hounsfield.settings import read_settings

    house = read_settings({"language": language})
    talk = Talk(as_json, house.language, quiet)
    asked = asked_settings(settings) if settings is not None else None
    if output is not None:
        require_writable(output)
    sources = find_sources(image, mask, label)
    _check_page(page, 1 if robustness else len(sources))
    read = pipeline_options(house)
    beyond = Beyond(robustness, seed, habitats, deep, deep_masked).options(output, read.model_folders)
    options = MeasuringOptions(asked, workers, limits=read.limits, **beyond)
    with talk.progress(talk.label("radiomics-measuring")) as progress:
        regions = measure(sources, options, progress)
    _raise_alone(regions)
    data = told(regions, house.language) | write_answer(regions, options, Targets(output, page, long), house.language)
    if page is not None:
        talk.say(f"{talk.label('written')}: {page}")
    talk.answer(data, lambda: _lines(data, talk, output))
    is_good = [region.found is not None for region in regions]
    return 0 if all(is_good) else 4 if any(is_good) else 3


def _check_page(page: Path | None, cases: int) -> None:
    """Refuse a page of several cases, or in the place of another file, before any work."""
    from hounsfield.errors import SettingsError

    if page is not None and cases > 1:
        raise SettingsError("E978", found=cases)
    if page is not None and page.exists():
        raise SettingsError("E340", found=page.name)


def _raise_alone(regions: "tuple[MeasuredRegion, ...]") -> None:
    """Let the fault of the only region be the fault of the verb."""
    from hounsfield.errors import ImageError

    if len(regions) == 1 and (fault := regions[0].fault) is not None:
        raise ImageError(fault.code, uid=fault.uid, **fault.facts)


def _lines(data: dict[str, Any], talk: Talk, output: Path | None) -> Iterator[str]:
    for region in data.get("regions", [data]):
        name = region["region"] or (f"label {region['label']}" if region["label"] is not None else "")
        part = f" / {region['habitat']}" if region.get("habitat") else ""
        yield f"{region['id']}  {name}{part}".rstrip()
        for issue in region["issues"]:
            yield f"  {issue['severity']} {issue['code']}: {issue['text']}"
        if "error" in region:
            yield f"  {region['error']['code']}: {region['error']['text']} {region['error']['next']}"
            continue
        yield f"  {region['settings']['name']}, {region['voxels']} voxels, {len(region['features'])} features"
        for feature in region["features"]:
            if feature["tag"] in SHOWN and feature["value"] is not None:
                unit = "" if feature["unit"] == "1" else f" {feature['unit']}"
                yield f"    {feature['name']:<32} {feature['value']:.6g}{unit}"
    for one in data.get("robustness", []):
        ratings = [feature["rating"] for feature in one["features"]]
        counts = ", ".join(f"{ratings.count(rating)} {rating}" for rating in dict.fromkeys(sorted(ratings)))
        name = one["region"] or f"label {one['label']}"
        yield f"{talk.label('repeats-robustness')}: {name} ({one['cases']}): {counts}"
        yield from (f"  {issue['severity']} {issue['code']}: {issue['text']}" for issue in one["issues"])
    if output is not None:
        yield f"{talk.label('written')}: {output}"
