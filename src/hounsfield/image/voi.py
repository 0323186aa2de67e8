"""Reading how samples are meant to be shown: windows, VOI LUT and polarity (PS3.3 C.11.2, C.11.6)."""

import numpy as np

from hounsfield.core.volume import Presentation, Window
from hounsfield.image.attributes import FrameAttributes
from hounsfield.image.layout import PixelLayout
from hounsfield.image.transform import ModalityTransform, read_lookup_table

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def read_presentation(attributes: FrameAttributes, layout: PixelLayout, transform: ModalityTransform) -> Presentation:
    """Read the first window, else the first VOI LUT, the polarity and the padding of a frame.

    The entries of a VOI LUT are spread over 16 bits, whatever their own depth, so white is always 65535.
    """
    if layout.is_colour:
        return Presentation()
    shape = attributes.text("PresentationLUTShape").upper()
    # MONOCHROME1 and INVERSE say the same of one image (PS3.3 C.11.6.1.2); they do not cancel each other.
    is_inverted = layout.photometric == "MONOCHROME1" or shape == "INVERSE"
    window = _read_window(attributes)
    table = None if window is not None else _read_voi_table(attributes, layout, transform)
    padding = _read_padding(attributes, layout, transform)
    return Presentation(window=window, is_inverted=is_inverted, lookup_table=table, padding=padding)


def _read_window(attributes: FrameAttributes) -> Window | None:
    try:
        center, width = attributes.number("WindowCenter"), attributes.number("WindowWidth")
    except ValueError:
        # Text where numbers belong only costs the window: nothing is measured with it.
        return None
    function = attributes.text("VOILUTFunction").upper() or "LINEAR"
    if center is None or width is None or function not in _FUNCTIONS:
        return None
    # LINEAR needs a width of at least 1, the others above 0 (PS3.3 C.11.2.1.2.1).
    is_valid = width >= 1 if function == "LINEAR" else width > 0
    return Window(center, width, function) if is_valid and np.isfinite([center, width]).all() else None


def _read_voi_table(
    attributes: FrameAttributes, layout: PixelLayout, transform: ModalityTransform
) -> tuple[int, np.ndarray[tuple[int, ...], np.dtype[np.uint16]]] | None:
    is_signed = layout.is_signed or (transform.lookup_table is None and transform.intercept < 0)
    for item in attributes.sequence("VOILUTSequence")[:1]:
        found = read_lookup_table(item, is_signed=is_signed)
        if found is not None:
            top = (1 << max(found.bits, 1)) - 1
            spread = np.minimum(found.table.astype(np.float64) * (65535.0 / top), 65535.0)
            return found.first, np.rint(spread).astype(np.uint16)
    return None


def _read_padding(
    attributes: FrameAttributes, layout: PixelLayout, transform: ModalityTransform
) -> tuple[float, float] | None:
    """Return the padding range in modality values (PS3.3 C.7.5.1.1.2), None where there is none or a LUT hides it."""
    value = attributes.number("PixelPaddingValue")
    if value is None or transform.lookup_table is not None or layout.is_float:
        return None
    limit = attributes.number("PixelPaddingRangeLimit")
    stored = [_as_stored(bound, layout) for bound in (value, value if limit is None else limit)]
    if transform.is_integral:
        return min(stored) + transform.intercept, max(stored) + transform.intercept
    # The samples' own arithmetic, so that the bounds equal them to the last bit.
    mapped = transform.apply(np.asarray(stored, dtype=np.int64))
    return float(mapped.min()), float(mapped.max())


def _as_stored(value: float, layout: PixelLayout) -> float:
    """Settle the sign of a padding value that was written as the other of US and SS."""
    if layout.is_signed and value > 32767:
        return value - 65536
    return value + 65536 if not layout.is_signed and value < 0 else value
