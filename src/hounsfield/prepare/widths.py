"""Widths in millimetres, told in samples of a grid."""

from hounsfield.core.volume import SliceAxis, Volume


def is_within_slices(volume: Volume, is_planar: bool) -> bool:
    """Return whether a step works slice by slice: because it was asked to, or because slices are not places."""
    return is_planar or volume.slice_axis is not SliceAxis.SPACE


def widths_of(volume: Volume, width_mm: float, is_planar: bool) -> list[float]:
    """Return a width along slices, rows and columns in samples; 0 along slices where each is worked on alone."""
    widths = [width_mm / spacing for spacing in volume.geometry.spacing_mm]
    if is_within_slices(volume, is_planar):
        widths[0] = 0.0
    return widths
