"""The page of a mapped case: maps over the largest slice of each region, its slices as curves, its rings as bars."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield import __version__
from hounsfield.core.volume import Volume
from hounsfield.measuring.mapping import MappedCase, MappedRegion
from hounsfield.measuring.table import settings_json
from hounsfield.messages import Language
from hounsfield.radiomics.catalogue import catalogue
from hounsfield.radiomics.maps import FeatureMap, FeatureMaps
from hounsfield.radiomics.parts import Part
from hounsfield.radiomics.words import feature_words
from hounsfield.report.mapped import MappedView, MapView, PlotView, laid_over, write_mapped
from hounsfield.report.text import Text

MARGIN_MM = 12.0
SHOWN = ("stat_mean", "ih_entropy")
"""Features that plots show where no others are asked for."""

Plane = npt.NDArray[np.float64]


def write_mapping_page(case: MappedCase, path: Path, language: Language = "en") -> Path:
    """Write the page.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    return write_mapped([_view(one, case) for one in case.regions], path, language)


def _view(one: MappedRegion, case: MappedCase) -> MappedView:
    volume = case.opened.volume
    named = one.region.name or f"label {one.region.label}"
    maps = one.maps.maps if one.maps is not None else ()
    wanted = [each.tag for each in maps] or list(SHOWN)
    rings = ""
    if one.ring_labels is not None:
        labels = one.ring_labels.astype(np.float64)
        index = int(np.argmax(one.inside.sum(axis=(1, 2))))
        scaled = np.where(labels > 0, labels, np.nan)[index] / max(1, len(one.rings))
        rings = _picture(volume, index, scaled)
    return MappedView(
        title=f"{case.opened.source.identifier} · {named}",
        maps=tuple(_map(one.maps, each) for each in maps if one.maps is not None),
        kernel=_kernel(one.maps) if one.maps is not None else "",
        curves=tuple(_plots(one.slices, wanted, is_bars=False)),
        rings=rings,
        bars=tuple(_plots(one.rings, wanted, is_bars=True)),
        facts=(
            *((f"{item.role} {item.name}", f"SHA-256 {item.sha256}") for item in case.opened.inputs),
            ("software", f"hounsfield {__version__}"),
            *((key, json.dumps(value, ensure_ascii=False)) for key, value in settings_json(case.settings).items()),
        ),
    )


def _kernel(maps: FeatureMaps) -> str:
    side = 2 * maps.radius + 1
    sizes = " × ".join(f"{side * step:g}" for step in maps.geometry.spacing_mm)
    return f"{side} × {side} × {side} ({sizes} mm)"


def _map(maps: FeatureMaps, one: FeatureMap) -> MapView:
    """Show the slice of the map's own grid that has most voxels; colours span the middle 98 % of the values."""
    held = one.values[np.isfinite(one.values)]
    low, high = (float(end) for end in np.percentile(held, (1, 99))) if held.size else (0.0, 1.0)
    index = int(np.argmax(maps.inside.sum(axis=(1, 2))))
    plane = np.full(maps.geometry.shape[1:], np.nan)
    _, rows, columns = (slice(at, at + side) for at, side in zip(maps.start, maps.inside.shape, strict=True))
    plane[rows, columns] = (maps.boxed(one)[index] - low) / (high - low if high > low else 1.0)
    place = maps.geometry.to_patient([[index + maps.start[0], 0, 0]])
    source = maps.source
    nearest = int(np.clip(np.rint(source.geometry.to_index(place)[0, 0]), 0, source.geometry.shape[0] - 1))
    if maps.geometry.shape[1:] != source.geometry.shape[1:]:
        plane = _onto(plane, maps, source)
    name = feature_words(one.tag.removeprefix(_filter_of(one)))
    unit = "" if one.unit == "1" else one.unit
    words = Text(name.en, name.zh)
    return MapView(
        one.tag, Text(one.name, name.name_zh), words, _picture(source, nearest, plane), *_ends(low, high), unit
    )


def _onto(plane: Plane, maps: FeatureMaps, source: Volume) -> Plane:
    """Return a plane of the map's grid on that of the image, by the nearest voxel."""
    rows, columns = np.indices(source.geometry.shape[1:])
    points = np.stack([np.zeros(rows.size), rows.ravel(), columns.ravel()], axis=1)
    places = np.rint(maps.geometry.to_index(source.geometry.to_patient(points)))[:, 1:].astype(int)
    high, wide = plane.shape
    row, column = np.clip(places[:, 0], 0, high - 1), np.clip(places[:, 1], 0, wide - 1)
    return np.asarray(plane[row, column].reshape(rows.shape))


def _filter_of(one: FeatureMap) -> str:
    """Return what the name of a filter puts before the tag."""
    bare = (facts.tag for facts in catalogue()[one.family] if facts.name == one.name)
    return next((one.tag[: one.tag.index(tag)] for tag in bare if tag in one.tag), "")


def _ends(low: float, high: float) -> tuple[str, str]:
    return f"{low:.4g}", f"{high:.4g}"


def _picture(volume: Volume, index: int, values: Plane) -> str:
    """Return a slice of the image with values laid over it, cut to what they cover and a margin."""
    grey = volume.array[index].astype(np.float64)
    steps = volume.geometry.row_spacing_mm, volume.geometry.column_spacing_mm
    has_value, box = np.isfinite(values), []
    for axis, step in enumerate(steps):
        span = np.flatnonzero(has_value.any(axis=1 - axis))
        margin = max(1, round(MARGIN_MM / step))
        first, last = (int(span[0]), int(span[-1])) if span.size else (0, grey.shape[axis] - 1)
        box.append(slice(max(0, first - margin), last + 1 + margin))
    cut = grey[tuple(box)]
    low, high = np.percentile(cut[np.isfinite(cut)], (1, 99))
    return laid_over((cut - low) / (high - low if high > low else 1.0), values[tuple(box)], steps[0] / steps[1])


def _plots(parts: Sequence[Part], wanted: Sequence[str], *, is_bars: bool) -> list[PlotView]:
    """Return a plot of each feature that the parts have; slices have the planar kin of a feature in a volume."""
    if not parts:
        return []
    known = {one.tag: one for part in parts for one in part.features}
    tags = [tag for tag in dict.fromkeys((*_planar(wanted), *SHOWN)) if tag in known]
    found = []
    for tag in tags:
        values = [{one.tag: one.value for one in part.features}.get(tag, math.nan) for part in parts]
        facts = known[tag]
        unit = "" if facts.unit == "1" else facts.unit
        name = Text(facts.name, feature_words(tag).name_zh)
        places = tuple((part.low_mm, part.high_mm) for part in parts)
        found.append(PlotView(tag, name, unit, places, tuple(values), is_bars))
    return found


def _planar(tags: Sequence[str]) -> list[str]:
    return [word for tag in tags for word in (tag, tag.replace("_3D", "_2D"))]
