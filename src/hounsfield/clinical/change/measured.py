"""Measured: the lesions that findings outline and measure, as what can be compared over time."""

from collections.abc import Iterable

import numpy as np

from hounsfield.clinical.change.lesion import Lesion, Point
from hounsfield.core.codes import PRIVATE_SCHEME, concept
from hounsfield.core.finding import Finding, Presence, Region
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import MILLILITRE, ml_to_mm3
from hounsfield.finding.measure import region_area

NODULE_TYPES = {"SOLID": "solid", "PART_SOLID": "part-solid", "GROUND_GLASS": "non-solid"}
"""Words of the rules by the local codes of the task ``chest-ct``."""


def lesions_of(findings: Iterable[Finding], geometry: VolumeGeometry) -> tuple[Lesion, ...]:
    """Return the present findings whose border was measured; what a model merely looked at has no size to compare.

    The volume is the one that was measured; without one it is that of the outlines, each as thick as a slice.
    """
    found = []
    for finding in findings:
        regions = [region for region in finding.regions if region.is_measured and region.polygons]
        areas = [region_area(region.polygons) for region in regions]
        if finding.presence is not Presence.PRESENT or sum(areas) <= 0:
            continue
        volume = _measured(finding, "volume") or sum(areas) * geometry.voxel_volume_mm3
        found.append(
            Lesion(
                finding.tracking_uid,
                _centre(regions, areas, geometry),
                volume,
                _measured(finding, "long-axis"),
                _nodule_type(finding),
            )
        )
    return tuple(found)


def _measured(finding: Finding, name: str) -> float | None:
    for one in finding.measurements:
        if (one.concept.value, one.concept.scheme) == (concept(name).value, concept(name).scheme):
            return ml_to_mm3(one.value) if one.unit == MILLILITRE else one.value
    return None


def _nodule_type(finding: Finding) -> str:
    codes = (one.value.value for one in finding.evaluations if one.value.scheme == PRIVATE_SCHEME)
    return next((NODULE_TYPES[code] for code in codes if code in NODULE_TYPES), "")


def _centre(regions: list[Region], areas: list[float], geometry: VolumeGeometry) -> Point:
    """Return the centre of the outlines in the patient, each weighed by its area."""
    places = []
    for region in regions:
        column, row = np.mean([_centroid(polygon) for polygon in region.polygons], axis=0)
        places.append((float(region.slice_index), row - 0.5, column - 0.5))
    x, y, z = geometry.to_patient([np.average(places, axis=0, weights=areas)])[0]
    return float(x), float(y), float(z)


def _centroid(polygon: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Return the centroid of the area that an outline encloses (column, row); of its points where it encloses none."""
    x, y = polygon[:, 0] - polygon[0, 0], polygon[:, 1] - polygon[0, 1]
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    cross = x * next_y - next_x * y
    if abs(cross.sum()) < 1e-12:
        return float(polygon[:, 0].mean()), float(polygon[:, 1].mean())
    at = ((x + next_x) @ cross, (y + next_y) @ cross) / (3 * cross.sum())
    return float(at[0] + polygon[0, 0]), float(at[1] + polygon[0, 1])
