"""Nodule: its border from a seed, freed of vessels and pleura, solid or ground-glass.

The border runs half way between the nodule and the lung around it. Vessels that are thinner than the nodule fall off
when it is opened with a ball (Kostis, IEEE Trans Med Imaging 2003;22:1259); the closed lung cuts it off the pleura.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from hounsfield.clinical.chest_ct.grid import Flags, Floats, around, read_at
from hounsfield.clinical.chest_ct.lungs import Lungs
from hounsfield.clinical.chest_ct.search import Candidate
from hounsfield.core.volume import Volume
from hounsfield.metrics.components import label_components


@dataclass(frozen=True)
class NoduleSettings:
    """Parameters of the border and of the types; they are part of the identity of the algorithm.

    Attributes:
        solid_hu: from here on tissue counts as solid; -300 HU fits expert volumes best (PLoS ONE 2018 e0205490).
        lung_hu: what counts as aerated lung is below.
        least_contrast_hu: less above the lung around it is no nodule.
        opening_share: radius of the ball that frees a nodule of vessels, as a share of its own radius.
        solid_share: share of solid tissue from which a nodule counts as solid.
        ground_glass_share: share of solid tissue up to which it counts as pure ground glass.
        halo_hu: how far above the lung the surroundings of a solid core must lie to count as ground glass.
        calcium_hu: from here on tissue counts as calcified.
        fat_hu: range of fat.
    """

    solid_hu: float = -300.0
    lung_hu: float = -600.0
    least_contrast_hu: float = 120.0
    opening_share: float = 0.55
    solid_share: float = 0.65
    ground_glass_share: float = 0.05
    halo_hu: float = 120.0
    calcium_hu: float = 200.0
    fat_hu: tuple[float, float] = (-120.0, -40.0)


SETTINGS = NoduleSettings()


@dataclass(frozen=True)
class Nodule:
    """A nodule on a cube of one spacing.

    Attributes:
        samples: the cube, HU; what is no lung holds that of the lung around it.
        inside: the nodule.
        lines: (3, n) index of the volume along each axis of the cube.
        step_mm: distance of the samples.
        lung_hu: of the lung around it.
        core_hu: within it, away from its border.
        level_hu: of its border.
        pleural: share of its surface where the closed lung ends.
    """

    samples: Floats = field(repr=False)
    inside: Flags = field(repr=False)
    lines: npt.NDArray[np.float64] = field(repr=False)
    step_mm: float
    lung_hu: float
    core_hu: float
    level_hu: float
    pleural: float

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The box of the nodule in its cube, one sample wider on each side."""
        ends = [np.flatnonzero(self.inside.any(axis=tuple(a for a in range(3) if a != k)))[[0, -1]] for k in range(3)]
        parts = [slice(max(int(low) - 1, 0), int(high) + 2) for low, high in ends]
        return (parts[0], parts[1], parts[2])


def segment_nodule(
    volume: Volume, lungs: Lungs, candidate: Candidate, settings: NoduleSettings = SETTINGS
) -> Nodule | None:
    """Return the nodule at a candidate, or None where nothing stands out of the lung.

    Args:
        volume: in Hounsfield units.
        lungs: of the volume.
        candidate: where, and about how large.
        settings: parameters.
    """
    radius = max(candidate.radius_mm, 2.0)
    step = float(np.clip(radius / 7.0, 0.35, 1.0))
    samples, lines = around(volume, candidate.index, 2.6 * radius + 4.0, step)
    blocks = np.stack([(line - (f - 1) / 2) / f for line, f in zip(lines, lungs.factors, strict=True)])
    allowed = read_at(lungs.closed, blocks)
    seed = _seed(samples, allowed, radius / step)
    aerated = samples[allowed & (samples < settings.lung_hu)]
    lung = float(np.median(aerated)) if len(aerated) > 50 else -850.0
    core = float(np.median(samples[_ball(samples.shape, seed, max(1.0, 0.35 * radius / step))]))
    if core - lung < settings.least_contrast_hu:
        return None
    inside = _region(samples, allowed, seed, (lung + core) / 2, settings)
    for _ in range(2):  # the core is told from the border once there is one
        if not inside.any():
            return None
        core, seed = _core(samples, inside)
        inside = _region(samples, allowed, seed, (lung + core) / 2, settings)
    level = (lung + core) / 2
    halo = _halo_hu(samples, allowed & ~_opened_out(inside, 0.0), inside, step, max(volume.geometry.spacing_mm))
    if halo is not None and lung + settings.halo_hu < halo < settings.solid_hu and core > settings.solid_hu:
        wider = _region(samples, allowed, seed, (lung + halo) / 2, settings)
        if wider.sum() > 1.5 * inside.sum():
            inside, level = wider, (lung + halo) / 2
    if not inside.any():
        return None
    freed = np.where(allowed, samples, np.float32(lung))  # or the chest wall would count into border and volume
    return Nodule(freed, inside, lines, step, lung, core, level, _pleural(inside, allowed))


def _seed(samples: Floats, allowed: Flags, radius: float) -> tuple[int, int, int]:
    """Return the sample of the densest tissue near the middle of a cube."""
    middle = tuple(n // 2 for n in samples.shape)
    near = _ball(samples.shape, (middle[0], middle[1], middle[2]), max(1.5, 0.5 * radius)) & allowed
    if not near.any():
        return (middle[0], middle[1], middle[2])
    dense = near & (samples >= np.percentile(samples[near], 60))
    place = np.argwhere(dense)
    best = place[np.argmin(((place - place.mean(axis=0)) ** 2).sum(axis=1))]
    return (int(best[0]), int(best[1]), int(best[2]))


def _ball(shape: tuple[int, ...], centre: tuple[int, int, int], radius: float) -> Flags:
    z, y, x = np.ogrid[tuple(slice(-c, n - c) for c, n in zip(centre, shape, strict=True))]
    return np.asarray(z * z + y * y + x * x <= radius * radius)


def _region(
    samples: Floats, allowed: Flags, seed: tuple[int, int, int], level: float, settings: NoduleSettings
) -> Flags:
    """Return what is denser than a level and hangs together with the seed through nothing thin."""
    dense = (samples > level) & allowed
    found = label_components(dense, 6)
    if not found.labels[seed]:
        return np.zeros(samples.shape, dtype=bool)
    joined = found.labels == found.labels[seed]
    depth = distance_transform_edt(joined)
    near = _ball(samples.shape, seed, max(2.0, float(depth[seed])))
    thickness = float(depth[near].max()) * settings.opening_share
    cores = label_components(depth > thickness, 26)
    place = np.unravel_index(int(np.argmax(np.where(near, depth, 0))), depth.shape)
    core = cores.labels == cores.labels[place]
    return np.asarray(joined & (distance_transform_edt(~core) <= thickness + 0.8))


def _core(samples: Floats, inside: Flags) -> tuple[float, tuple[int, int, int]]:
    depth = distance_transform_edt(inside)
    deep = depth >= 0.55 * depth.max()
    place = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return float(np.median(samples[deep])), (int(place[0]), int(place[1]), int(place[2]))


def _opened_out(inside: Flags, reach: float) -> Flags:
    return inside if reach <= 0 else np.asarray(distance_transform_edt(~inside) <= reach)


def _halo_hu(samples: Floats, free: Flags, inside: Flags, step: float, blur_mm: float) -> float | None:
    """Return the median of a shell beyond the blur of the border: ground glass around a solid core shows there."""
    away = distance_transform_edt(~inside) * step
    first = 1.0 + 0.5 * blur_mm
    shell = free & (away > first) & (away <= first + 1.5)
    return float(np.median(samples[shell])) if shell.sum() > 50 else None


def _pleural(inside: Flags, allowed: Flags) -> float:
    """Return the share of the samples just outside a nodule that are no lung."""
    shell = (distance_transform_edt(~inside) <= 1.8) & ~inside
    return float(np.count_nonzero(shell & ~allowed)) / max(1, int(np.count_nonzero(shell)))
