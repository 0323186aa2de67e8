"""Measures of a nodule: axes in the axial plane, volume, mass, density, solid part, shape."""

from dataclasses import dataclass
from enum import StrEnum

import contourpy
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from hounsfield.clinical.chest_ct.grid import Flags
from hounsfield.clinical.chest_ct.nodule import SETTINGS, Nodule, NoduleSettings
from hounsfield.metrics.components import label_components
from hounsfield.radiomics.mesh import measure_mesh, outer_points
from hounsfield.radiomics.solids import Hull

Polygon = npt.NDArray[np.float64]


class NoduleType(StrEnum):
    """How dense a nodule is."""

    SOLID = "solid"
    PART_SOLID = "part-solid"
    GROUND_GLASS = "ground-glass"


@dataclass(frozen=True)
class NoduleMeasures:
    """What was measured of a nodule; lengths in mm, volumes in mm3, densities in HU.

    Attributes:
        long_axis_mm: largest diameter in an axial plane, to the border between samples.
        short_axis_mm: largest extent at a right angle to it in the same plane.
        longest_mm: largest diameter in space.
        volume_mm3: each sample counted by how full it is of the nodule.
        mass_mg: volume times (mean HU + 1000) / 1000.
        mean_hu: away from the border.
        solid_volume_mm3: of its solid part.
        solid_long_axis_mm: of its solid part, 0 without one.
        solid_short_axis_mm: at a right angle to it.
        type: solid, part-solid, ground-glass.
        sphericity: 1 for a ball.
        spiculation: share of its volume that is thinner than a third of its radius; spikes raise it.
        calcified_share: of its core.
        fat_share: of its core.
        pleural_share: of its surface at the end of the lung.
        plane_index: slice index of the volume where the long axis lies.
    """

    long_axis_mm: float
    short_axis_mm: float
    longest_mm: float
    volume_mm3: float
    mass_mg: float
    mean_hu: float
    solid_volume_mm3: float
    solid_long_axis_mm: float
    solid_short_axis_mm: float
    type: NoduleType
    sphericity: float
    spiculation: float
    calcified_share: float
    fat_share: float
    pleural_share: float
    plane_index: float

    @property
    def mean_diameter_mm(self) -> float:
        """Mean of long and short axis, as Lung-RADS and Fleischner want it."""
        return (self.long_axis_mm + self.short_axis_mm) / 2


def measure_nodule(nodule: Nodule, settings: NoduleSettings = SETTINGS) -> NoduleMeasures:
    """Measure a nodule."""
    voxel = nodule.step_mm**3
    long_axis, short_axis, plane = _axes(nodule, nodule.inside, nodule.level_hu)
    solid = _largest(nodule.inside & (nodule.samples > settings.solid_hu))
    solid_share = np.count_nonzero(solid) / np.count_nonzero(nodule.inside)
    kind = _type(nodule, float(solid_share), settings)
    solid_long, solid_short = (0.0, 0.0) if kind is NoduleType.GROUND_GLASS else (long_axis, short_axis)
    if kind is NoduleType.PART_SOLID:
        solid_long, solid_short, _ = _axes(nodule, solid, settings.solid_hu)
    volume = _volume_mm3(nodule, kind)
    depth = distance_transform_edt(nodule.inside)
    core = nodule.samples[depth >= min(0.5 * depth.max(), depth.max() - 0.5)]
    mean = float(core.mean()) if kind is NoduleType.SOLID else float(nodule.samples[depth > 1.5].mean())
    box = nodule.box
    inside = np.ascontiguousarray(np.pad(nodule.inside[box], 1))
    step = (nodule.step_mm,) * 3
    mesh = measure_mesh(inside, step)
    return NoduleMeasures(
        long_axis_mm=long_axis,
        short_axis_mm=short_axis,
        longest_mm=Hull(outer_points(inside, step)).diameter_mm,
        volume_mm3=volume,
        mass_mg=volume * (mean + 1000.0) / 1000.0,
        mean_hu=mean,
        solid_volume_mm3={NoduleType.SOLID: volume, NoduleType.GROUND_GLASS: 0.0}.get(kind, solid.sum() * voxel),
        solid_long_axis_mm=solid_long,
        solid_short_axis_mm=solid_short,
        type=kind,
        sphericity=float((36 * np.pi * mesh.volume_mm3**2) ** (1 / 3) / mesh.area_mm2),
        spiculation=_thin_share(nodule),
        calcified_share=float((core >= settings.calcium_hu).mean()),
        fat_share=float(((core >= settings.fat_hu[0]) & (core <= settings.fat_hu[1])).mean()),
        pleural_share=nodule.pleural,
        plane_index=plane,
    )


def _type(nodule: Nodule, solid_share: float, settings: NoduleSettings) -> NoduleType:
    if solid_share <= settings.ground_glass_share and nodule.core_hu < settings.solid_hu:
        return NoduleType.GROUND_GLASS
    return NoduleType.SOLID if solid_share >= settings.solid_share else NoduleType.PART_SOLID


def _largest(mask: Flags) -> Flags:
    found = label_components(mask, 6)
    return found.labels == int(np.argmax(found.voxels)) + 1 if len(found.voxels) else mask


def _volume_mm3(nodule: Nodule, kind: NoduleType) -> float:
    """Return the volume; of a nodule of one density each sample near the border counts by how full it is."""
    if kind is NoduleType.PART_SOLID:
        return float(np.count_nonzero(nodule.inside)) * nodule.step_mm**3
    blur_mm = float(max(np.abs(np.diff(nodule.lines, axis=1)).min(), 0.1))
    reach = 1.0 + nodule.step_mm / blur_mm * 0.35  # about a third of a slice beyond the border
    near = distance_transform_edt(~nodule.inside) * nodule.step_mm <= min(reach, 2.2)
    depth = distance_transform_edt(nodule.inside) * nodule.step_mm
    full = np.clip((nodule.samples - nodule.lung_hu) / (nodule.core_hu - nodule.lung_hu), 0.0, 1.0)
    full[depth > 2.0] = 1.0
    return float(full[near].sum(dtype=np.float64)) * nodule.step_mm**3


def _thin_share(nodule: Nodule) -> float:
    """Return how much of what is joined to the nodule within a tenth of its size is thin."""
    depth = distance_transform_edt(nodule.inside)
    core = depth > depth.max() / 3
    opened = distance_transform_edt(~core) <= depth.max() / 3 + 0.5
    joined = (nodule.samples > nodule.level_hu) & (distance_transform_edt(~nodule.inside) <= 0.35 * depth.max() + 1)
    joined = _largest(joined | nodule.inside)
    return float(1.0 - np.count_nonzero(opened & joined) / np.count_nonzero(joined))


def polygons_at(nodule: Nodule, mask: Flags, level: float, index: int) -> tuple[Polygon, ...]:
    """Return closed outlines of a plane of the cube, (n, 2) row and column index of the volume, the longest first."""
    if not mask[index].any():
        return ()
    near = distance_transform_edt(~mask[index]) <= 2.0
    kept = mask[index] | (near & (nodule.samples[index] <= level))  # a vessel that was cut off lies near, but is dense
    values = np.where(kept, nodule.samples[index], min(nodule.lung_hu, level - 100.0)).astype(np.float64)
    values = np.where(mask[index], np.maximum(values, level + 1e-3), values)
    lines = contourpy.contour_generator(nodule.lines[2], nodule.lines[1], values).lines(level)
    return tuple(sorted((np.asarray(line)[:, ::-1] for line in lines if len(line) > 3), key=len, reverse=True))


def _axes(nodule: Nodule, mask: Flags, level: float) -> tuple[float, float, float]:
    """Return long axis, short axis, and the slice index of the volume where the long axis is longest."""
    best = (0.0, 0.0, float(nodule.lines[0][len(mask) // 2]))
    scale = nodule.step_mm / np.abs(np.diff(nodule.lines[1:], axis=1)).mean(axis=1)
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        for polygon in polygons_at(nodule, mask, level, int(index))[:1]:
            points = polygon * scale
            difference = points[:, None] - points[None]
            lengths = np.hypot(difference[..., 0], difference[..., 1])
            first, second = np.unravel_index(int(np.argmax(lengths)), lengths.shape)
            if lengths[first, second] > best[0]:
                along = difference[first, second] / lengths[first, second]
                across = points @ np.array([-along[1], along[0]])
                best = (float(lengths[first, second]), float(np.ptp(across)), float(nodule.lines[0][index]))
    return best
