"""Colours that people with any colour vision can tell apart, on grey images and on paper."""

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps

Grey = npt.NDArray[np.uint8]
Heat = npt.NDArray[np.float32]
Colour = tuple[int, int, int]

# Okabe and Ito 2008, Color Universal Design.
YELLOW: Colour = (240, 228, 66)
ORANGE: Colour = (230, 159, 0)
SKY_BLUE: Colour = (86, 180, 233)
WHITE: Colour = (255, 255, 255)
GREY: Colour = (185, 185, 185)
BLACK: Colour = (0, 0, 0)

HEAT_MAP = "cividis"
"""Nunez, Anderton and Renslow 2018: even lightness steps, the same for people with and without colour blindness."""


def heat_overlay(heat: Heat) -> npt.NDArray[np.uint8]:
    """Return a heat map as (row, column, 4) RGBA: colour and opacity both follow the value, 0 is transparent."""
    level = np.clip(np.nan_to_num(np.asarray(heat, dtype=np.float64)), 0.0, 1.0)
    overlay = np.asarray(colormaps[HEAT_MAP](level, bytes=True), dtype=np.uint8)
    overlay[..., 3] = np.round(255 * level).astype(np.uint8)
    return overlay
