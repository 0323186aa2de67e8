"""Writing in an image: sharp, evenly bright strokes of the size of letters, several in a line."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, label, minimum_filter

from hounsfield.image.quality.sample import Plane

BRIGHT = 0.9
"""Letters are at least so bright, in parts of the range of the image."""
CONTRAST = 0.4
REACH = 5
LETTER_SIDES = (5, 60)
LETTER_FILL = (0.15, 0.85)
MOST_STROKES = 4000
LEAST_LINE = 4


def letters_in(image: Plane) -> int:
    """Return how many shapes like letters stand in lines of at least four; an estimate for a suspicion, no reading.

    Args:
        image: (row, column), bright is large.
    """
    low, high = float(image.min()), float(image.max())
    if high <= low or min(image.shape) < 48:
        return 0
    scaled = (image - low) / (high - low)
    bright = scaled >= BRIGHT
    if bright.mean() > 0.25:
        return 0
    labels, count = label(bright, structure=np.ones((3, 3), int))
    if not 3 <= count <= MOST_STROKES:
        return 0
    ground = minimum_filter(scaled, 2 * REACH + 1)
    boxes = []
    for number, box in enumerate(find_objects(labels), start=1):
        if _is_letter(labels[box] == number, scaled[box], ground[box]):
            boxes.append((box[0].start, box[0].stop, box[1].start, box[1].stop))
    return _in_lines(boxes)


def _is_letter(shape: npt.NDArray[np.bool_], values: Plane, ground: Plane) -> bool:
    rows, columns = shape.shape
    if not LETTER_SIDES[0] <= rows <= LETTER_SIDES[1] or not 1 <= columns <= 1.6 * rows:
        return False
    fill = float(shape.mean())
    if not LETTER_FILL[0] <= fill <= (1.0 if columns <= 0.35 * rows else LETTER_FILL[1]):
        return False
    stroke = values[shape]
    return float(np.median(stroke - ground[shape])) >= CONTRAST and float(np.std(stroke)) < 0.05


def _in_lines(boxes: list[tuple[int, int, int, int]]) -> int:
    """Count letters in lines of at least four of about one height, each at most a height and a half from the next."""
    ordered = sorted(boxes, key=lambda box: box[2])
    total = 0
    used: set[int] = set()
    for start in range(len(ordered)):
        if start in used:
            continue
        line = [start]
        for index in range(start + 1, len(ordered)):
            if index not in used and _follows(ordered[line[-1]], ordered[index]):
                line.append(index)
        if len(line) >= LEAST_LINE:
            used.update(line)
            total += len(line)
    return total


def _follows(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    height = one[1] - one[0]
    gap = other[2] - one[3]
    has_size = 0.6 <= (other[1] - other[0]) / height <= 1.7
    is_level = abs(other[1] - one[1]) <= 0.25 * height or abs(other[0] - one[0]) <= 0.25 * height
    return has_size and is_level and -1 <= gap <= 1.5 * height
