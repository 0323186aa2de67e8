"""Where in a region features are high: voxel-wise maps, slices and rings of one case, measured and written."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield import __version__
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import SettingsError
from hounsfield.image.saving import require_free, whole_folder
from hounsfield.image.write import write_volume
from hounsfield.measuring.regions import NamedRegion, OpenedSource, open_regions
from hounsfield.measuring.run import MeasuringOptions
from hounsfield.measuring.sources import RegionSource
from hounsfield.measuring.table import settings_json
from hounsfield.messages import Language, label
from hounsfield.radiomics import RadiomicsSettings
from hounsfield.radiomics.maps import FeatureMaps, MapEstimate, MapOptions, plan_maps
from hounsfield.radiomics.parts import Part, Rings, ring_labels, ring_parts, slice_parts
from hounsfield.radiomics.region import Inside

ENDINGS = ("nii.gz", "nii", "nrrd")
COLUMNS = ("label", "low_mm", "high_mm", "voxels", "volume_mm3", "tag", "value", "unit")
Row = dict[str, Any]


@dataclass(frozen=True)
class MappingOptions:
    """What is asked of the regions of a case.

    Attributes:
        tags: features that are mapped.
        radius: of the kernel in voxels.
        has_slices: measure every slice.
        edges_mm: of rings, rising distances to the border; empty for none.
        settings: of the extraction; None as for ``measure``.
        limits: bounds on what is read.
    """

    tags: tuple[str, ...] = ()
    radius: int = 1
    has_slices: bool = False
    edges_mm: tuple[float, ...] = ()
    settings: RadiomicsSettings | None = None
    limits: Limits = field(default_factory=lambda: DEFAULT_LIMITS)


@dataclass(frozen=True)
class MappedRegion:
    """What came of one region.

    Attributes:
        region: its number and name.
        inside: where it is in the image.
        maps: of the features, None where none were asked for.
        estimate: what the maps were told to take, before they were made.
        slices: that hold it.
        ring_labels: number of the ring of each voxel, None without rings.
        rings: from within outwards.
    """

    region: NamedRegion
    inside: Inside
    maps: FeatureMaps | None = None
    estimate: MapEstimate | None = None
    slices: tuple[Part, ...] = ()
    ring_labels: Rings | None = None
    rings: tuple[Part, ...] = ()


@dataclass(frozen=True)
class MappedCase:
    """The regions of one case.

    Attributes:
        opened: image, mask and what was found out about them.
        settings: of the extraction.
        options: what was asked for.
        regions: of the mask.
    """

    opened: OpenedSource
    settings: RadiomicsSettings
    options: MappingOptions
    regions: tuple[MappedRegion, ...]


def map_case(
    source: RegionSource,
    options: MappingOptions,
    tell: Callable[[MapEstimate], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MappedCase:
    """Map and measure the regions of a case.

    Args:
        source: image and mask.
        options: maps, slices and rings.
        tell: told what the maps of a region will take, before they are made.
        progress: told (kernels walked, all of them) for each region.

    Raises:
        SettingsError: ``E990``, a feature has no map; ``E994``, nothing is asked for.
        HounsfieldError: image or mask cannot be read or measured.
    """
    if not (options.tags or options.has_slices or options.edges_mm):
        raise SettingsError("E994")
    opened = open_regions(source, options.limits)
    settings = MeasuringOptions(options.settings).settings_for(opened.volume)
    found = []
    for region, mask in opened.regions():
        inside: Inside = np.asarray(mask.array == region.label)
        maps = estimate = rings = None
        if options.tags:
            plan = plan_maps(opened.volume, mask, options.tags, settings, MapOptions(options.radius, region.label))
            estimate = plan.estimate()
            if tell is not None:
                tell(estimate)
            maps = plan.run(progress)
        slices = slice_parts(opened.volume, mask, settings, region.label) if options.has_slices else ()
        parts: tuple[Part, ...] = ()
        if options.edges_mm:
            rings = ring_labels(inside, opened.volume.geometry.spacing_mm, options.edges_mm)
            parts = ring_parts(opened.volume, rings, options.edges_mm, settings)
        found.append(MappedRegion(region, inside, maps, estimate, slices, rings, parts))
    return MappedCase(opened, settings, options, tuple(found))


def require_folder(folder: Path, ending: str) -> None:
    """Refuse, before any work, a folder that holds something, or files that are not written.

    Raises:
        SettingsError: ``E340`` something stands there, ``E343`` the ending is none of ``ENDINGS``.
    """
    if ending not in ENDINGS:
        raise SettingsError("E343", found=ending)
    require_free(folder)


def write_case(case: MappedCase, folder: Path, ending: str = "nii.gz") -> tuple[Path, ...]:
    """Write maps and rings as volumes aligned with the image, slices and rings as tables; return the files.

    Args:
        case: what was mapped.
        folder: it must not exist or be empty, and is there complete or not at all.
        ending: of the volumes, one of ``ENDINGS``.

    Raises:
        SettingsError: as ``require_folder``.
    """
    require_folder(folder, ending)
    with whole_folder(folder) as partial_folder:
        for one in case.regions:
            begin = f"label-{one.region.label}"
            for each in one.maps.maps if one.maps is not None else ():
                target = partial_folder / f"{begin}_{each.tag}.{ending}"
                if one.maps is not None:
                    write_volume(one.maps.volume(each), target, f"{each.tag}, radius {one.maps.radius}")
            if one.ring_labels is not None:
                rings = Volume(one.ring_labels, case.opened.volume.geometry, Quantity.LABEL)
                write_volume(rings, partial_folder / f"{begin}_rings.{ending}", "rings")
        for name in ("slices", "rings"):
            rows = list(_rows(case.regions, name))
            if rows:
                with (partial_folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
                    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(rows)
    return tuple(sorted(folder.iterdir()))


def _rows(regions: Sequence[MappedRegion], name: str) -> Iterator[Row]:
    for one in regions:
        for part in one.slices if name == "slices" else one.rings:
            about = {"label": one.region.label, "low_mm": part.low_mm, "high_mm": part.high_mm}
            about |= {"voxels": part.voxels, "volume_mm3": part.volume_mm3}
            for feature in part.features:
                value = feature.value if math.isfinite(feature.value) else ""
                yield about | {"tag": feature.tag, "value": value, "unit": feature.unit}


def case_json(case: MappedCase, files: Sequence[Path], language: Language = "en") -> Row:
    """Return the answer of the verb; a value that is not defined is null."""
    return {
        "id": case.opened.source.identifier,
        "regions": [_region_json(one) for one in case.regions],
        "radius_voxels": case.options.radius,
        "settings": settings_json(case.settings),
        "inputs": [asdict(item) for item in case.opened.inputs],
        "issues": [
            {"code": issue.code, "severity": issue.severity.value, "text": issue.text(language)}
            for issue in case.opened.issues
        ],
        "files": [path.name for path in files],
        "software": {"name": "hounsfield", "version": __version__},
        "disclaimer": label("research-only", "en"),
    }


def _region_json(one: MappedRegion) -> Row:
    told: Row = {"label": one.region.label, "region": one.region.name, "maps": []}
    for each in one.maps.maps if one.maps is not None else ():
        held = each.values[np.isfinite(each.values)].astype(np.float64)
        ends = (held.min(), held.mean(), held.max()) if held.size else (None, None, None)
        about = {name: getattr(each, name) for name in ("tag", "family", "ibsi_id", "name", "aggregation", "unit")}
        values = {name: _finite(end) for name, end in zip(("minimum", "mean", "maximum"), ends, strict=True)}
        told["maps"].append({**about, "voxels": each.values.size, "defined": held.size, **values})
    told["estimate"] = asdict(one.estimate) if one.estimate is not None else None
    return told | {"slices": [_part_json(part) for part in one.slices], "rings": [_part_json(p) for p in one.rings]}


def _part_json(part: Part) -> Row:
    told = {name: _finite(getattr(part, name)) for name in ("low_mm", "high_mm", "volume_mm3")}
    features = [{"tag": one.tag, "value": _finite(one.value), "unit": one.unit} for one in part.features]
    return {**told, "voxels": part.voxels, "features": features}


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
