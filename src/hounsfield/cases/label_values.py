"""Which values the label maps of a data set hold, and whether they name labels or number objects."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.label_maps import Labels, read_label_map
from hounsfield.errors import HounsfieldError

MOST_LABELS = 255
"""Most labels of a data set: nnU-Net and DICOM SEG label maps of 8 bits end there, and no published set has more."""

_LOOKED_AT = 12
_ONE_PIECE_SHARE = 0.9
_FEWEST_OBJECTS = 6


@dataclass(frozen=True)
class Survey:
    """What the label maps of a data set hold.

    Attributes:
        values: every value found, sorted, 0 included.
        is_instances: whether the values number objects.
        unreadable: number of maps that could not be read.
    """

    values: tuple[int, ...]
    is_instances: bool
    unreadable: int


@dataclass(frozen=True)
class _Look:
    values: tuple[int, ...]
    one_piece: tuple[int, int]


def survey(paths: Sequence[Path], workers: int = 2) -> Survey:
    """Read every label map once and return what they hold.

    Values number objects when in nearly every map they run from 1 without a gap, to a number that differs from map to
    map and is large in some, and nearly every value is one connected piece.
    """
    with ThreadPoolExecutor(workers) as pool:
        looks = list(pool.map(_look, paths, [index < _LOOKED_AT for index in range(len(paths))]))
    found = [look for look in looks if look is not None]
    values = {0}
    for look in found:
        values.update(look.values)
    return Survey(tuple(sorted(values)), _number_objects(found), len(looks) - len(found))


def _look(path: Path, with_pieces: bool) -> _Look | None:
    try:
        array = read_label_map(path).array
    except (HounsfieldError, OSError, ValueError, MemoryError):
        return None
    values = tuple(int(value) for value in np.unique(array))
    return _Look(values, _pieces(array) if with_pieces else (0, 0))


def _pieces(array: Labels) -> tuple[int, int]:
    """Return how many values are one connected piece, and how many there are."""
    from scipy.ndimage import find_objects, label  # only for masks

    whole = total = 0
    if int(array.max()) > 65535:
        return 0, 1
    for index, box in enumerate(find_objects(array.astype(np.int32))):
        if box is not None:
            total += 1
            whole += int(label(array[box] == index + 1, np.ones((3,) * array.ndim))[1]) == 1
    return whole, total


def _number_objects(looks: Iterable[_Look]) -> bool:
    held = [tuple(value for value in look.values if value) for look in looks]
    counts = {len(values) for values in held}
    filled = [values for values in held if values]
    if len(counts) < 2 or max(counts) < _FEWEST_OBJECTS:
        return False
    without_gap = sum(values[-1] <= 1.2 * len(values) + 1 for values in filled)
    whole = sum(look.one_piece[0] for look in looks)
    total = sum(look.one_piece[1] for look in looks)
    return without_gap >= _ONE_PIECE_SHARE * len(filled) and whole >= _ONE_PIECE_SHARE * total
