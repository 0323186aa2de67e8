"""An image and a mask cut to a region: brought to the grid asked for, rounded, re-segmented (IBSI 2.4 to 2.6)."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.machine import available_memory
from hounsfield.radiomics.local_intensity import RADIUS_MM
from hounsfield.radiomics.region import Inside, Region, Samples, Spacing
from hounsfield.radiomics.regrid import MARGIN, Regrid, regrid
from hounsfield.radiomics.settings import RadiomicsSettings

GRID_TOLERANCE = 1e-3
"""Largest part of a voxel by which the corners of image and mask may lie apart."""
BYTES_A_VOXEL = 40
"""Samples, two masks and what interpolation holds beside them."""

Span = tuple[int, int]


def cut_region(volume: Volume, mask: Mask, settings: RadiomicsSettings, label: int | None = None) -> Region:
    """Return the region that features are taken of.

    Args:
        volume: grey, measurable.
        mask: on the same grid.
        settings: grid, rounding and re-segmentation.
        label: value of the mask that is the region; None takes every value above 0 together.

    Raises:
        EnhancedPixels: ``E460``, the samples were changed to be looked at.
        ImageError: ``E962`` the grids differ, ``E963`` the mask is empty, ``E964`` the image is colour, ``E965`` a
            sample in the region is not a number, ``E967`` the new grid does not fit in memory, ``E968`` the region is
            lost on the new grid, or re-segmentation leaves nothing of it.
    """
    volume.require_measurable()
    if volume.is_colour:
        raise ImageError("E964", found=volume.array.shape[0])
    check_grids(volume, mask)
    inside = mask.array > 0 if label is None else mask.array == label
    if not inside.any():
        raise ImageError("E963", found="any label" if label is None else f"label {label}")
    own = volume.geometry
    spacing = (own.slice_spacing_mm, own.row_spacing_mm, own.column_spacing_mm)
    region = _on_grid(_Source(volume.array, inside, spacing), settings)
    if not np.isfinite(region.values).all():
        raise ImageError("E965", found=int((~np.isfinite(region.values)).sum()))
    rounds = volume.quantity is Quantity.HOUNSFIELD if settings.rounds is None else settings.rounds
    if rounds:
        region = replace(region, samples=np.rint(region.samples))
    return _resegmented(region, settings)


def check_grids(volume: Volume, mask: Mask) -> None:
    """Refuse a mask that does not lie on the grid of its image.

    Raises:
        ImageError: ``E962``, in shape or by more than a thousandth of a voxel.
    """
    one, other = volume.geometry, mask.geometry
    if one.shape == other.shape:
        corners = np.array(np.meshgrid(*[(0, side - 1) for side in one.shape], indexing="ij")).reshape(3, -1).T
        apart = np.abs(one.to_index(other.to_patient(corners)) - corners).max()
        if apart <= GRID_TOLERANCE:
            return
    raise ImageError("E962", found=_words(other), expected=_words(one))


def _words(geometry: object) -> str:
    shape = " x ".join(str(side) for side in geometry.shape)  # type: ignore[attr-defined]
    spacing = " x ".join(f"{side:.4g}" for side in geometry.spacing_mm)  # type: ignore[attr-defined]
    origin = ", ".join(f"{side:.4g}" for side in geometry.origin_mm)  # type: ignore[attr-defined]
    return f"{shape} ({spacing} mm, from {origin})"


@dataclass(frozen=True)
class _Source:
    samples: npt.NDArray[np.generic]
    inside: Inside
    spacing_mm: Spacing


def _on_grid(source: _Source, settings: RadiomicsSettings) -> Region:
    """Return the region on the grid asked for, cut to the mask and what its neighbourhood needs."""
    change = regrid(source.samples.shape, source.spacing_mm, _wanted(source.spacing_mm, settings))
    old, new, inner = _cuts(source, change)
    box = tuple(slice(*span) for span in old)
    _check_memory(new, old)
    samples = np.ascontiguousarray(source.samples[box], dtype=np.float64)
    inside = source.inside[box]
    if inner is not None:
        samples = inner.apply(samples, settings.interpolation)
        inside = inner.apply(inside.astype(np.float64), "linear") >= settings.mask_threshold - 1e-9
        if not inside.any():
            raise ImageError("E968", found="interpolation")
    return Region(samples, inside, inside, change.spacing_mm)


def _wanted(own: Spacing, settings: RadiomicsSettings) -> Spacing:
    asked = settings.spacing_mm
    if asked is None:
        return own
    return asked if len(asked) == 3 else (own[0], *asked)


def _cuts(source: _Source, change: Regrid) -> tuple[list[Span], list[Span], Regrid | None]:
    """Return the spans of old and new voxels that are needed, and the change from one to the other."""
    old, new, starts = [], [], []
    for axis, side in enumerate(source.inside.shape):
        others = tuple(index for index in range(3) if index != axis)
        found = np.flatnonzero(source.inside.any(axis=others))
        start, step = change.starts[axis], change.steps[axis]
        reach = int(RADIUS_MM / change.spacing_mm[axis]) + 1
        low = max(0, int(np.floor((found[0] - 1 - start) / step)) - reach)
        high = min(change.shape[axis], int(np.ceil((found[-1] + 1 - start) / step)) + reach + 1)
        first = max(0, int(np.floor(start + low * step)) - MARGIN)
        last = min(side, int(np.ceil(start + (high - 1) * step)) + MARGIN + 1)
        if step == 1 and start == 0:
            first, last = low, high
        old.append((first, last))
        new.append((low, high))
        starts.append(start + low * step - first)
    if all(step == 1 for step in change.steps) and not any(change.starts):
        return old, new, None
    shape = tuple(high - low for low, high in new)
    return old, new, Regrid(shape, change.spacing_mm, tuple(starts), change.steps)  # type: ignore[arg-type]


def _check_memory(*grids: list[Span]) -> None:
    voxels = sum(int(np.prod([high - low for low, high in grid], dtype=np.int64)) for grid in grids)
    free = available_memory()
    if free is not None and voxels * BYTES_A_VOXEL > free:
        raise ImageError("E967", found=voxels * BYTES_A_VOXEL // 2**20, expected=free // 2**20)


def _resegmented(region: Region, settings: RadiomicsSettings) -> Region:
    """Return the region with the intensities outside the range, and the outliers, taken from the intensity mask."""
    low, high = settings.range or (None, None)
    samples, kept = region.samples, region.intensity
    values: Samples = region.values
    if low is not None:
        kept = kept & (samples >= low)
    if high is not None:
        kept = kept & (samples <= high)
    if settings.outlier_deviations is not None:
        mean, reach = values.mean(), settings.outlier_deviations * values.std()
        kept = kept & (samples >= mean - reach) & (samples <= mean + reach)
    if not kept.any():
        raise ImageError("E968", found="re-segmentation")
    return replace(region, intensity=kept, low=low, high=high)
