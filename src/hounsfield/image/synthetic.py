"""Synthetic images as PNG files that say in themselves that they are synthetic."""

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

MARK = "Synthetic"
DISCLAIMER = "Synthetic image made by a model; it shows no patient and proves no finding. Not a medical device."


def synthetic_png(pixels: npt.NDArray[np.uint8], facts: Mapping[str, str]) -> bytes:
    """Return grey (row, column) or colour (row, column, 3) pixels as PNG with text chunks, the same bytes each time.

    The keywords are those of PNG (ISO 15948, 11.3.4.2) where it has them; ``Synthetic`` is always ``yes``.

    Args:
        pixels: of 8 bits.
        facts: further keywords and their text, such as what made the image.
    """
    chunks = PngInfo()
    for keyword, text in {MARK: "yes", "Disclaimer": DISCLAIMER, **facts}.items():
        if text.isascii():
            chunks.add_text(keyword, text)
        else:
            chunks.add_itxt(keyword, text)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, format="PNG", pnginfo=chunks)
    return stream.getvalue()


def says_synthetic(raw: bytes) -> bool:
    """Tell whether a PNG file says that it is synthetic."""
    with Image.open(io.BytesIO(raw), formats=["PNG"]) as picture:
        return getattr(picture, "text", {}).get(MARK) == "yes"
