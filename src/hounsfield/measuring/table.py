"""Measured regions as JSON, CSV and Parquet: the same values, nothing left out of any."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hounsfield import __version__
from hounsfield.core.codes import CodedConcept
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import SettingsError
from hounsfield.image.saving import whole_file
from hounsfield.measuring.run import MeasuredRegion
from hounsfield.messages import Language, label
from hounsfield.radiomics import Feature, RadiomicsSettings

SUFFIXES = (".csv", ".parquet", ".json")
LONG_COLUMNS = ("tag", "family", "ibsi_id", "name", "aggregation", "filter", "value", "unit", "is_compliant")

Row = dict[str, Any]


def as_json(regions: Sequence[MeasuredRegion], language: Language = "en") -> Row:
    """Return the answer of the verb: for one region its features, for several a list.

    A value that is not defined is null; everything else is as it was measured, unrounded.
    """
    software = {"name": "hounsfield", "version": __version__}
    common = {"software": software, "disclaimer": label("research-only", "en")}
    if len(regions) == 1 and regions[0].found is not None:
        return {**_region_json(regions[0], language), **common}
    return {"regions": [_region_json(region, language) for region in regions], **common}


def _region_json(measured: MeasuredRegion, language: Language) -> Row:
    found, region, fault = measured.found, measured.region, measured.fault
    told: Row = {
        "id": measured.source.identifier,
        "label": region.label if region else None,
        "region": region.name if region else "",
        **({"habitat": region.habitat} if region and region.habitat else {}),
        "concept": asdict(region.concept) if region and region.concept else None,
        "status": "measured" if found else "failed",
        "inputs": [asdict(item) for item in measured.inputs],
        "issues": [_issue(issue, language) for issue in measured.issues],
    }
    if fault is not None:
        told["error"] = {"code": fault.code, "text": fault.text(language), "next": fault.next_step(language)}
    if found is None:
        return {"features": [], "settings": None, **told}
    counts = {
        "voxels": found.voxel_count,
        "intensity_voxels": found.intensity_voxel_count,
        "grey_levels": found.level_count,
    }
    features = [_feature(feature) for feature in found.features]
    return {"features": features, "settings": settings_json(found.settings), **told, **counts}


def settings_json(settings: RadiomicsSettings) -> Row:
    """Return every setting, those that were left out included, in the form of the TOML file."""
    told: Row = json.loads(json.dumps(asdict(settings)))
    return told


def _issue(issue: QualityIssue, language: Language) -> Row:
    return {"code": issue.code, "severity": issue.severity.value, "text": issue.text(language)}


def _feature(feature: Feature) -> Row:
    told = asdict(feature)
    return {**told, "value": _finite(feature.value)}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def require_writable(path: Path) -> None:
    """Refuse a name that is no table, one that is taken, or Parquet where nothing can write it, before any work.

    Raises:
        SettingsError: ``E340`` something stands there, ``E975`` no table has this ending, ``E976`` Parquet needs the
            extra ``table``.
    """
    if not path.name.lower().endswith(SUFFIXES):
        raise SettingsError("E975", found=path.name, expected=", ".join(SUFFIXES))
    if path.exists():
        raise SettingsError("E340", found=path.name)
    if path.suffix.lower() == ".parquet":
        _pyarrow()


def write_table(
    regions: Sequence[MeasuredRegion], path: Path, *, is_long: bool = False, beside: Row | None = None
) -> Path:
    """Write regions as CSV, Parquet or JSON, by the ending of the name, and return it.

    Args:
        regions: what was measured.
        path: it is never overwritten.
        is_long: one row a feature, instead of one row a region with one column a feature.
        beside: what a JSON file holds beside the regions.

    Raises:
        SettingsError: as ``require_writable``.
    """
    require_writable(path)
    with whole_file(path) as partial_path:
        if path.suffix.lower() == ".json":
            text = json.dumps(as_json(regions) | (beside or {}), ensure_ascii=False, indent=2, allow_nan=False)
            partial_path.write_text(text + "\n", encoding="utf-8")
        elif path.suffix.lower() == ".csv":
            partial_path.write_text(as_csv(regions, is_long=is_long), encoding="utf-8", newline="")
        else:
            arrow, parquet = _pyarrow()
            columns = _columns(list(rows_of(regions, is_long=is_long)))
            parquet.write_table(arrow.table(columns), partial_path)
    return path


def as_csv(regions: Sequence[MeasuredRegion], *, is_long: bool = False) -> str:
    """Return regions as CSV text; a value that is not defined is empty."""
    rows = list(rows_of(regions, is_long=is_long))
    stream = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return stream.getvalue()


def rows_of(regions: Sequence[MeasuredRegion], *, is_long: bool = False) -> Iterator[Row]:
    """Give the rows of a table: one a region, or one a feature; a case that failed is one row either way."""
    for measured in regions:
        about = _about(measured)
        features = measured.found.features if measured.found else ()
        if not is_long:
            yield about | {feature.tag: _finite(feature.value) for feature in features}
            continue
        for feature in features:
            told = _feature(feature)
            yield about | {name: told[name] for name in LONG_COLUMNS}
        if not features:
            yield about | dict.fromkeys(LONG_COLUMNS)


def _about(measured: MeasuredRegion) -> Row:
    """Return what a row says beside its features; further columns of a manifest never take the place of our own."""
    own = _facts(measured)
    about = {name: value for name, value in measured.source.about if name not in own}
    if measured.region is not None and measured.region.habitat:
        about["habitat"] = str(measured.region.habitat)
    for item in measured.inputs:
        if item.role == "model":
            about |= {"model": item.name, "model_sha256": item.sha256}
    return {name: own[name] for name in ("id", "label", "region")} | about | own


def _facts(measured: MeasuredRegion) -> Row:
    region, found = measured.region, measured.found
    digests = {item.role: item.sha256 for item in measured.inputs}
    return {
        "id": measured.source.identifier,
        "label": region.label if region else None,
        "region": region.name if region else "",
        "concept": _code(region.concept if region else None),
        "error": measured.fault.code if measured.fault else "",
        "issues": " ".join(issue.code for issue in measured.issues),
        "image": measured.source.image.name,
        "mask": measured.source.mask.name if measured.source.mask else "",
        "image_sha256": digests.get("image", ""),
        "mask_sha256": digests.get("mask", ""),
        "settings": found.settings.name if found else "",
        "settings_json": json.dumps(settings_json(found.settings), separators=(",", ":")) if found else "",
        "software": f"hounsfield {__version__}",
        "voxels": found.voxel_count if found else None,
        "intensity_voxels": found.intensity_voxel_count if found else None,
        "grey_levels": found.level_count if found else None,
    }


def _code(concept: CodedConcept | None) -> str:
    return f"{concept.scheme}:{concept.value}" if concept else ""


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise SettingsError("E976") from None
    return pyarrow, parquet
