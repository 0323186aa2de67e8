"""An image and a mask cut to a region: brought to the grid asked for, rounded, re-segmented (IBSI 2.4 to 2.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.machine import available_memory
from hounsfield.radiomics.filters import reach
from hounsfield.radiomics.local_intensity import RADIUS_MM
from hounsfield.radiomics.region import Inside, Region, Samples, Spacing
from hounsfield.radiomics.regrid import MARGIN, Regrid, regrid
from hounsfield.radiomics.settings import RadiomicsSettings

GRID_TOLERANCE = 1e-3
"""Largest part of a voxel by which the corners of image and mask may lie apart."""
BYTES_A_VOXEL = 40
"""Samples, two masks and what interpolation holds beside them."""

BYTES_A_FILTERED_VOXEL = 96
"""What filters hold beside them: maps and spectra."""

Span = tuple[int, int]
Spans = tuple[Span, Span, Span]
Far = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Surroundings:
    """The image about a region, as far as filters need it.

    Attributes:
        samples: (slice, row, column), on the grid of the region and rounded as its samples are.
        starts: index in it of the region's first sample.
    """

    samples: Samples
    starts: tuple[int, int, int]


def cut_region(volume: Volume, mask: Mask, settings: RadiomicsSettings, label: int | None = None) -> Region:
    """Return the region that features are taken of, as ``cut_surrounded`` does."""
    return cut_surrounded(volume, mask, settings, label)[0]


def cut_surrounded(
    volume: Volume, mask: Mask, settings: RadiomicsSettings, label: int | None = None
) -> tuple[Region, Surroundings]:
    """Return the region that features are taken of, and the image about it that the filters of the settings need.

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
    region, starts, shape = _on_grid(_Source(volume.array, inside, spacing), settings)
    if not np.isfinite(region.values).all():
        raise ImageError("E965", found=int((~np.isfinite(region.values)).sum()))
    rounds = volume.quantity is Quantity.HOUNSFIELD if settings.rounds is None else settings.rounds
    if rounds:
        region = replace(region, samples=np.rint(region.samples))
    around = Surroundings(region.samples, starts)
    box = tuple(slice(start, start + side) for start, side in zip(starts, shape, strict=True))
    inner = region.morphological[box]
    region = replace(region, samples=region.samples[box], morphological=inner, intensity=inner)
    return _resegmented(region, settings), around


def grid_of(geometry: VolumeGeometry, settings: RadiomicsSettings) -> VolumeGeometry:
    """Return the whole grid that settings bring an image to, in the patient."""
    change = regrid(geometry.shape, geometry.spacing_mm, _wanted(geometry.spacing_mm, settings))
    x, y, z = geometry.to_patient([change.starts])[0]
    return replace(geometry, shape=change.shape, spacing_mm=change.spacing_mm, origin_mm=(float(x), float(y), float(z)))


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


def _on_grid(source: _Source, settings: RadiomicsSettings) -> tuple[Region, tuple[int, int, int], tuple[int, int, int]]:
    """Return the region on the grid asked for, cut to what filters need, and start and shape of what features need."""
    change = regrid(source.samples.shape, source.spacing_mm, _wanted(source.spacing_mm, settings))
    plain = _spans(source, change, _peak_reach(change))
    new = _spans(source, change, _filter_reach(change, settings))
    old, inner = _cuts(source, change, new)
    box = tuple(slice(*span) for span in old)
    _check_memory(BYTES_A_FILTERED_VOXEL if settings.filters else BYTES_A_VOXEL, new, old)
    samples = np.ascontiguousarray(source.samples[box], dtype=np.float64)
    inside = source.inside[box]
    if inner is not None:
        samples = inner.apply(samples, settings.interpolation)
        inside = inner.apply(inside.astype(np.float64), "linear") >= settings.mask_threshold - 1e-9
        if not inside.any():
            raise ImageError("E968", found="interpolation")
    first, second, third = (low - outer for (low, _), (outer, _) in zip(plain, new, strict=True))
    deep, high, wide = (top - low for low, top in plain)
    (top, _), (upper, _), (left, _) = plain
    region = Region(samples, inside, inside, change.spacing_mm, start=(top, upper, left))
    return region, (first, second, third), (deep, high, wide)


def _peak_reach(change: Regrid) -> Far:
    first, second, third = (int(RADIUS_MM / side) + 1 for side in change.spacing_mm)
    return first, second, third


def _filter_reach(change: Regrid, settings: RadiomicsSettings) -> Far:
    """Return the voxels about the mask that peaks or filters reach; None for the whole image."""
    each = [_peak_reach(change), *(reach(one, change.spacing_mm) for one in settings.filters)]
    first, second, third = (
        None if None in fars else max(far for far in fars if far is not None) for fars in zip(*each, strict=True)
    )
    return first, second, third


def _wanted(own: Spacing, settings: RadiomicsSettings) -> Spacing:
    asked = settings.spacing_mm
    if asked is None:
        return own
    return asked if len(asked) == 3 else (own[0], *asked)


def _spans(source: _Source, change: Regrid, fars: Far) -> Spans:
    """Return the spans of new voxels that hold the mask and what lies about it."""
    spans = []
    for axis, far in enumerate(fars):
        others = tuple(index for index in range(3) if index != axis)
        found = np.flatnonzero(source.inside.any(axis=others))
        start, step = change.starts[axis], change.steps[axis]
        side = change.shape[axis]
        about = side if far is None else far
        low = max(0, int(np.floor((found[0] - 1 - start) / step)) - about)
        spans.append((low, min(side, int(np.ceil((found[-1] + 1 - start) / step)) + about + 1)))
    first, second, third = spans
    return first, second, third


def _cuts(source: _Source, change: Regrid, new: Spans) -> tuple[list[Span], Regrid | None]:
    """Return the spans of old voxels that new ones need, and the change from one to the other."""
    old, starts = [], []
    for axis, (side, (low, high)) in enumerate(zip(source.inside.shape, new, strict=True)):
        start, step = change.starts[axis], change.steps[axis]
        first = max(0, int(np.floor(start + low * step)) - MARGIN)
        last = min(side, int(np.ceil(start + (high - 1) * step)) + MARGIN + 1)
        if step == 1 and start == 0:
            first, last = low, high
        old.append((first, last))
        starts.append(start + low * step - first)
    if all(step == 1 for step in change.steps) and not any(change.starts):
        return old, None
    shape = tuple(high - low for low, high in new)
    return old, Regrid(shape, change.spacing_mm, tuple(starts), change.steps)  # type: ignore[arg-type]


def _check_memory(bytes_a_voxel: int, *grids: Sequence[Span]) -> None:
    voxels = sum(int(np.prod([high - low for low, high in grid], dtype=np.int64)) for grid in grids)
    free = available_memory()
    if free is not None and voxels * bytes_a_voxel > free:
        raise ImageError("E967", found=voxels * bytes_a_voxel // 2**20, expected=free // 2**20)


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
