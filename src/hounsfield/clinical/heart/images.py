"""Images of a heart as a report shows them."""

from hounsfield.core.report import KeyImage
from hounsfield.core.volume import Volume
from hounsfield.image.display import to_greyscale_pixels


def key_image(volume: Volume, slice_index: int) -> KeyImage:
    """Return a slice with the instance and frame that it comes from."""
    source = volume.source_of(slice_index)
    uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", slice_index)
    ratio = volume.geometry.row_spacing_mm / volume.geometry.column_spacing_mm
    return KeyImage(to_greyscale_pixels(volume, slice_index), None, uid, frame + 1, ratio)
