"""Apical views: a drawn border of the left ventricle becomes length, discs, area and volume.

Lang 2015 (J Am Soc Echocardiogr 28:1): the long axis runs from the middle of the mitral ring to the apex, cut into 20
discs of equal height; two views share the longer axis, and are doubted when their axes differ by more than a tenth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.clinical.facts import Contour
from hounsfield.clinical.rules import area_length, has_foreshortening, simpson_biplane, simpson_single_plane
from hounsfield.errors import SettingsError

DISCS = 20


@dataclass(frozen=True)
class ApicalView:
    """The left ventricle of one view.

    Attributes:
        length_mm: middle of the ring to the apex.
        diameters_mm: of the discs, ring to apex.
        area_mm2: within the border and the ring.
    """

    length_mm: float
    diameters_mm: tuple[float, ...]
    area_mm2: float


@dataclass(frozen=True)
class ApicalVolume:
    """A volume with how it was made.

    Attributes:
        volume_ml: by discs.
        area_length_ml: of the first view by area and length.
        is_biplane: whether two views went into it.
        is_foreshortened: whether their axes differ by more than a tenth.
    """

    volume_ml: float
    area_length_ml: float
    is_biplane: bool
    is_foreshortened: bool


def apical_view(points_mm: Sequence[tuple[float, float]]) -> ApicalView:
    """Return a view from the border, from one end of the mitral ring over the apex to the other.

    Raises:
        SettingsError: ``E223``, the border has no length or does not hold an area.
    """
    points = np.asarray(points_mm, dtype=np.float64)
    if len(points) < 5 or not np.isfinite(points).all():
        raise SettingsError("E223", found=len(points), expected=">= 5")
    ring = (points[0] + points[-1]) / 2
    reach = np.linalg.norm(points - ring, axis=1)
    apex = points[int(reach.argmax())]
    length = float(reach.max())
    x, y = points.T
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    if length <= 0 or area <= 0:
        raise SettingsError("E223", found=f"{length:.1f} mm, {area:.1f} mm2", expected="> 0")
    axis = (apex - ring) / length
    along = (points - ring) @ axis
    across = (points - ring) @ np.array([-axis[1], axis[0]])
    heights = (np.arange(DISCS) + 0.5) / DISCS * length
    return ApicalView(length, tuple(_width(along, across, float(height)) for height in heights), area)


def _width(along: npt.NDArray[np.float64], across: npt.NDArray[np.float64], height: float) -> float:
    """Return the distance of the outermost crossings of a line across the axis; 0 where the border has none."""
    following = np.roll(along, -1)
    crossing = (along <= height) != (following <= height)
    share = (height - along[crossing]) / (following[crossing] - along[crossing])
    places = across[crossing] + share * (np.roll(across, -1)[crossing] - across[crossing])
    return float(np.ptp(places)) if len(places) else 0.0


def apical_volume(first: ApicalView, second: ApicalView | None = None) -> ApicalVolume:
    """Return the volume by discs of one view, or of two that share the longer axis."""
    single = area_length(first.area_mm2, first.length_mm)
    if second is None:
        return ApicalVolume(simpson_single_plane(first.diameters_mm, first.length_mm), single, False, False)
    longer = max(first.length_mm, second.length_mm)
    volume = simpson_biplane(first.diameters_mm, second.diameters_mm, longer)
    return ApicalVolume(volume, single, True, has_foreshortening(first.length_mm, second.length_mm))


def volumes_of_contours(contours: Sequence[Contour]) -> dict[str, ApicalVolume]:
    """Return the volume at ``diastole`` and ``systole`` from the borders that were drawn, four chambers first.

    Raises:
        SettingsError: ``E223``, a border has no length or does not hold an area.
    """
    found = {}
    for phase in ("diastole", "systole"):
        views = {item.view: apical_view(item.points_mm) for item in contours if item.phase == phase}
        ordered = [views[name] for name in ("four-chamber", "two-chamber") if name in views]
        if ordered:
            found[phase] = apical_volume(*ordered)
    return found
