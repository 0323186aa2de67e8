"""A picture of the habitats of a region, each in its colour, in the slice where they cover most."""

import numpy as np

from hounsfield.core.volume import Mask, Volume
from hounsfield.report.figures import COLOURS
from hounsfield.report.picture import data_address
from hounsfield.report.regions import PICTURE_SIDE
from hounsfield.report.text import Text, ui

STRENGTH = 0.55
"""Of the colours over the image."""
LEAST_SIDE = 320
MARGIN_MM = 12.0


def habitat_picture(volume: Volume, habitats: Mask) -> tuple[Text, str]:
    """Return title and picture as a data address; habitat 1, the darkest, has the first colour."""
    index = int(np.argmax((habitats.array > 0).sum(axis=(1, 2))))
    labels = habitats.array[index]
    own = volume.geometry
    box = []
    for axis, step in ((1, own.row_spacing_mm), (0, own.column_spacing_mm)):
        span, margin = np.flatnonzero(labels.any(axis=axis)), max(1, round(MARGIN_MM / step))
        box.append(slice(max(0, int(span[0]) - margin), int(span[-1]) + 1 + margin))
    samples, labels = np.nan_to_num(volume.array[index][tuple(box)].astype(np.float64)), labels[tuple(box)]
    low, high = np.percentile(samples, (1, 99))
    grey = 255 * np.clip((samples - low) / (high - low if high > low else 1.0), 0, 1)
    shown = np.repeat(grey[..., np.newaxis], 3, axis=2)
    for number in range(1, int(labels.max()) + 1):
        colour = np.array([int(COLOURS[(number - 1) % len(COLOURS)][at : at + 2], 16) for at in (1, 3, 5)])
        shown[labels == number] = (1 - STRENGTH) * shown[labels == number] + STRENGTH * colour
    factor = max(1, -(-LEAST_SIDE // max(labels.shape)))
    tall = max(1, round(factor * own.row_spacing_mm / own.column_spacing_mm))
    large = np.rint(shown).astype(np.uint8).repeat(tall, 0).repeat(factor, 1)
    return ui("regions-habitats", count=int(habitats.array.max())), data_address(large, PICTURE_SIDE)
