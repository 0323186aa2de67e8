"""Drawing: sheets of synthetic images by class beside real ones, and synthetic images with their nearest real one."""

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.copying import Copying
from hounsfield.model.generator import Images
from hounsfield.train.parts import Part

ACROSS = 10
GAP = 2
LEAST_SIDE = 64
"""Smaller images are enlarged by whole factors, so that a sheet can be looked at."""
Sheet = npt.NDArray[np.uint8]


def sheet(rows: list[Images]) -> Sheet:
    """Return rows of images (image, channel, row, column) in 0..1 as one grey sheet, with white between them."""
    factor = max(1, -(-LEAST_SIDE // rows[0].shape[-1]))
    most = max(len(row) for row in rows)
    lines = []
    for row in rows:
        tiles = np.repeat(np.repeat(row.mean(1), factor, 1), factor, 2)
        tiles = np.concatenate([tiles, np.ones((most - len(tiles), *tiles.shape[1:]), dtype=np.float32)])
        framed = np.pad(tiles, ((0, 0), (GAP, GAP), (GAP, GAP)), constant_values=1.0)
        lines.append(np.concatenate(list(framed), axis=1))
    return np.asarray(np.rint(np.concatenate(lines).clip(0, 1) * 255), dtype=np.uint8)


def by_class(images: Images, labels: npt.NDArray[np.int64], class_count: int) -> list[Images]:
    """Return the first images of each class that has any, a row a class."""
    rows = [images[np.flatnonzero(labels == label)[:ACROSS]] for label in range(class_count)]
    return [row for row in rows if len(row)]


def closest_pairs(made: Images, training: Part, found: Copying) -> list[Images]:
    """Return two rows: the synthetic images nearest to a training image for their kind, and those training images."""
    pairs = found.closest(ACROSS)
    return [made[[one for one, _ in pairs]], training.images[[other for _, other in pairs]]]
