"""The page of one case: each of its regions outlined in three planes, its histogram and features in plain words."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield import __version__
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.measuring.habitat_picture import habitat_picture
from hounsfield.measuring.habitats import habitat_map
from hounsfield.measuring.regions import open_regions
from hounsfield.measuring.run import MeasuredRegion
from hounsfield.measuring.table import settings_json
from hounsfield.messages import Language
from hounsfield.radiomics import Feature, FeatureSet
from hounsfield.radiomics.catalogue import catalogue
from hounsfield.radiomics.words import family_words, feature_words
from hounsfield.report.regions import FeatureLine, RegionView, outlined, write_regions
from hounsfield.report.repeats import RepeatView
from hounsfield.report.text import Text, ui

MARGIN_MM = 12.0
BARS = 32
_PLANES = ("axial", "coronal", "sagittal")

Inside = npt.NDArray[np.bool_]


def write_page(
    regions: Sequence[MeasuredRegion],
    path: Path,
    language: Language = "en",
    limits: Limits = DEFAULT_LIMITS,
    repeats: Sequence[RepeatView] = (),
) -> Path:
    """Write the page of the regions of one case that were measured; the image is read again.

    Args:
        regions: of one source.
        path: where the page is written.
        language: shown first.
        limits: bounds on what is read.
        repeats: how well the features come out again.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
        HounsfieldError: the image or the mask cannot be read any more.
    """
    whole = [one for one in regions if one.region is not None and one.found is not None and not one.region.habitat]
    measured = {one.region.label: one for one in whole if one.region is not None}
    parts = max((one.region.habitat for one in regions if one.region is not None), default=0)
    views = []
    if measured:
        opened = open_regions(next(iter(measured.values())).source, limits)
        for region, mask in opened.regions():
            one = measured.get(region.label)
            if one is not None and one.found is not None:
                view = _view(one, one.found, opened.volume, mask.array == region.label)
                views.append(_with_habitats(view, opened.volume, mask, (one, parts)) if parts else view)
    return write_regions(views, path, language, repeats)


def _with_habitats(view: RegionView, volume: Volume, mask: Mask, of: tuple[MeasuredRegion, int]) -> RegionView:
    """Return a view with a picture of the habitats, found again as they were when they were measured."""
    one, count = of
    if one.region is None or one.found is None:
        return view
    try:
        habitats = habitat_map(volume, mask, one.region.label, one.found.settings, count)
    except ImageError:
        return view
    return replace(view, pictures=(*view.pictures, habitat_picture(volume, habitats)))


def _view(one: MeasuredRegion, found: FeatureSet, volume: Volume, inside: Inside) -> RegionView:
    values = volume.array[inside].astype(np.float64)
    counts, edges = np.histogram(values, bins=BARS)
    named = one.region.name or f"label {one.region.label}" if one.region else ""
    families = [
        (Text(*family_words(family)), tuple(_line(each) for each in found.features if each.family == family))
        for family in catalogue()
    ]
    return RegionView(
        title=f"{one.source.identifier} · {named}",
        pictures=_pictures(volume, inside),
        bars=tuple(int(count) for count in counts),
        span=(f"{edges[0]:g}", f"{edges[-1]:g}"),
        families=tuple((name, lines) for name, lines in families if lines),
        facts=(
            *((f"{item.role} {item.name}", f"SHA-256 {item.sha256}") for item in one.inputs),
            ("software", f"hounsfield {__version__}"),
            *((key, json.dumps(value, ensure_ascii=False)) for key, value in settings_json(found.settings).items()),
        ),
    )


def _line(feature: Feature) -> FeatureLine:
    words = feature_words(feature.tag.removeprefix(f"{feature.filter}_") if feature.filter else feature.tag)
    unit = "" if feature.unit == "1" else f" {feature.unit}"
    value = f"{feature.value:.6g}{unit}" if math.isfinite(feature.value) else "–"
    name = Text(feature.name, words.name_zh)
    return FeatureLine(feature.tag, name, Text(words.en, words.zh), feature.aggregation, value, feature.is_compliant)


def _pictures(volume: Volume, inside: Inside) -> tuple[tuple[Text, str], ...]:
    """Return the slice of each plane in which the region is largest; of an image of one slice, that slice alone."""
    own = volume.geometry
    spacing = own.slice_spacing_mm, own.row_spacing_mm, own.column_spacing_mm
    box = []
    for axis, step in enumerate(spacing):
        span = np.flatnonzero(inside.any(axis=tuple(set(range(3)) - {axis})))
        margin = max(1, round(MARGIN_MM / step))
        box.append(slice(max(0, int(span[0]) - margin), int(span[-1]) + 1 + margin))
    samples, mask = volume.array[tuple(box)].astype(np.float64), inside[tuple(box)]
    low, high = np.percentile(samples[np.isfinite(samples)], (1, 99))
    shown = (samples - low) / (high - low if high > low else 1.0)
    aspects = (spacing[1] / spacing[2], spacing[0] / spacing[2], spacing[0] / spacing[1])
    found = []
    for axis, (plane, aspect) in enumerate(zip(_PLANES, aspects, strict=True)):
        if axis and samples.shape[0] == 1:
            break
        others = tuple(set(range(3)) - {axis})
        index = int(np.argmax(mask.sum(axis=others)))
        picture = np.asarray(np.moveaxis(shown, axis, 0)[index])
        region: Inside = np.asarray(np.moveaxis(mask, axis, 0)[index], dtype=bool)
        # slices rise towards the head, which is shown above
        turn = -1 if axis else 1
        found.append((ui(f"regions-{plane}"), outlined(picture[::turn], region[::turn], aspect)))
    return tuple(found)
