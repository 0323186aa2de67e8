"""``hounsfield radiomics``: an image and its mask in, IBSI features of every region out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.measuring.run import MeasuredRegion, MeasuringOptions
    from hounsfield.messages import Language

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
    robustness: Annotated[
        int, typer.Option("--robustness", min=0, max=1000, help="Measure each region again under so many changes.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the changes.")] = 0,
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
        _check_beside(output, robustness)
    sources = find_sources(image, mask, label)
    _check_page(page, 1 if robustness else len(sources))
    options = MeasuringOptions(
        asked, workers, limits=pipeline_options(house).limits, perturbations=robustness, seed=seed
    )
    with talk.progress(talk.label("radiomics-measuring")) as progress:
        regions = measure(sources, options, progress)
    _raise_alone(regions)
    data = told(regions, house.language) | _written(regions, options, Targets(output, page, long), house.language)
    if page is not None:
        talk.say(f"{talk.label('written')}: {page}")
    talk.answer(data, lambda: _lines(data, talk, output))
    is_good = [region.found is not None for region in regions]
    return 0 if all(is_good) else 4 if any(is_good) else 3


@dataclass(frozen=True)
class Targets:
    """Where the answer is written."""

    output: Path | None
    page: Path | None
    is_long: bool


def _written(
    regions: "tuple[MeasuredRegion, ...]", options: "MeasuringOptions", targets: Targets, language: "Language"
) -> dict[str, Any]:
    """Write table and page, and return what the answer holds beside the regions."""
    from hounsfield.measuring.page import write_page
    from hounsfield.measuring.repeat_page import robustness_views, write_robustness_page
    from hounsfield.measuring.robustness import robustness_json, robustness_of, robustness_path, write_robustness
    from hounsfield.measuring.table import write_table

    robust = robustness_of(regions)
    data = {"robustness": robustness_json(robust, options.seed, language)} if options.perturbations else {}
    if targets.output is not None:
        write_table(regions, targets.output, is_long=targets.is_long, beside=data)
        if robust and targets.output.suffix.lower() != ".json":
            write_robustness(robust, robustness_path(targets.output))
    if targets.page is not None and len({region.source for region in regions}) > 1:
        write_robustness_page(robust, options.seed, targets.page, language)
    elif targets.page is not None:
        views = robustness_views(robust, options.seed)
        write_page(regions, targets.page, language, options.limits, views)
    return data


def _check_beside(output: Path, robustness: int) -> None:
    """Refuse a table whose robustness would take the place of another file."""
    from hounsfield.errors import SettingsError
    from hounsfield.measuring.robustness import robustness_path

    if robustness and output.suffix.lower() != ".json" and (path := robustness_path(output)).exists():
        raise SettingsError("E340", found=path.name)


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
        yield f"{region['id']}  {name}".rstrip()
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
