"""Pixels of a series read while its headers are still judged: guessed from the first walk, used only where right.

On two cores the judging of headers, which is work of one core, and the reading, which waits for none, overlap. The
guess is compared in full with what the judged headers ask for; wherever it differs it is given up, and the volume is
read as if nobody had guessed.
"""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import core_count
from hounsfield.core.study import InstanceRef
from hounsfield.errors import HounsfieldError
from hounsfield.header_walk import FEWEST, HeaderStatus, Walked, walk_headers
from hounsfield.image.limits import PixelLimits
from hounsfield.image.native import NativeCells, NativeReading, reading_of
from hounsfield.image.values import numbers_in
from hounsfield.machine import available_memory

ROWS, COLUMNS, ALLOCATED, STORED, HIGH, SIGN, SAMPLES = range(7)
_COUNTS = (0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280002)
_SERIES, _ORIENTATION = 0x0020000E, 0x00200037
_CONSTANT = (*_COUNTS, _SERIES, _ORIENTATION)
_POSITION, _SLOPE, _INTERCEPT = 0x00200032, 0x00281053, 0x00281052
_TAGS = (*_CONSTANT, _POSITION, _SLOPE, _INTERCEPT)
_PIXEL_DATA = 0x7FE00010
_NATIVE_SYNTAXES = (0, 1)
"""Places of implicit and explicit little endian among the transfer syntaxes of the walk."""

_SPARE = 4
"""Memory must be free for this many times the volume; where it is not, nothing is read ahead."""


class ReadAhead:
    """What is known of the files of a source before its headers are judged, and the pixels on their way."""

    def __init__(self, limits: PixelLimits, as_float: bool) -> None:
        """Know nothing yet."""
        self._limits = limits
        self._as_float = as_float
        self._places: dict[str, int] = {}
        self._walked: Walked | None = None
        self._reading: NativeReading | None = None

    def see(self, paths: Sequence[Path], walked: Walked) -> None:
        """Take note of walked headers, and begin to read where they look like one plain series."""
        self._places = {str(path): row for row, path in enumerate(paths)}
        self._walked = walked
        if core_count() < 2 or len(paths) < FEWEST:
            return
        cells = self._guess([str(path) for path in paths], walked)
        if cells is not None and self._has_room(cells):
            self._reading = reading_of(cells)
            if self._reading is not None:
                self._reading.start(core_count() - 1)

    def in_order(self, instances: Sequence[InstanceRef]) -> Sequence[InstanceRef]:
        """Return instances in the order in which their files were walked, where these were walked and no others."""
        places = [self._places.get(str(instance.path), -1) for instance in instances]
        if len(places) != len(self._places) or min(places, default=-1) < 0:
            return instances
        return [instance for _, instance in sorted(zip(places, instances, strict=True), key=itemgetter(0))]

    def walk(self, paths: Sequence[Path], wanted: Sequence[int]) -> Walked:
        """Walk headers as ``walk_headers`` does, from memory where they have been read already."""
        rows = [self._places.get(str(path), -1) for path in paths]
        known = self._walked.again(rows, wanted) if self._walked is not None and min(rows, default=-1) >= 0 else None
        return walk_headers(paths, wanted) if known is None else known

    def take(self, cells: NativeCells) -> NativeReading | None:
        """Return the reading of just these cells, None where there is none; any other is given up."""
        reading, self._reading = self._reading, None
        if reading is not None and not reading.cells.is_same(cells):
            reading.stop()
            return None
        return reading

    def close(self) -> None:
        """Give up what nobody took."""
        if self._reading is not None:
            self._reading.stop()
            self._reading = None

    def _has_room(self, cells: NativeCells) -> bool:
        try:
            self._limits.require_samples(cells.shape, cells.dtype.itemsize)
        except HounsfieldError:
            return False
        available = available_memory()
        return available is None or available > _SPARE * int(np.prod(cells.shape)) * cells.dtype.itemsize

    def _guess(self, paths: Sequence[str], walked: Walked) -> NativeCells | None:
        """Return what the files hold if they are one stack of native grey slices, None where they do not look so."""
        is_native = np.isin(walked.syntax, _NATIVE_SYNTAXES) & (walked.pixel_tag == _PIXEL_DATA)
        if not (is_native & (walked.status == HeaderStatus.PLAIN)).all():
            return None
        heads = walked.again(range(len(paths)), _TAGS)
        if heads is None or not all(heads.is_constant(column) for column in range(len(_CONSTANT))):
            return None
        counts = [int.from_bytes(heads.value(0, column), "little") for column in range(len(_COUNTS))]
        size = counts[ROWS] * counts[COLUMNS] * 2
        is_plain = counts[ALLOCATED] == 16 and counts[SAMPLES] == 1 and counts[HIGH] + 1 == counts[STORED] <= 16
        is_within = heads.sizes.max() <= self._limits.max_file_bytes
        if not is_plain or not size or not is_within or (heads.pixel_length < size).any():
            return None
        order = _order(heads)
        scales = _scales(heads)
        if order is None or scales is None:
            return None
        return NativeCells(
            tuple(paths[row] for row in order),
            heads.pixel_offset[order],
            (len(paths), counts[ROWS], counts[COLUMNS]),
            (counts[STORED], counts[SIGN] == 1),
            *self._meaning(scales[order]),
        )

    def _meaning(self, scales: npt.NDArray[np.float64]) -> tuple[int | None, npt.NDArray[np.float64]]:
        """Return the whole intercept that all slices share, or their scales."""
        slope, intercept = scales[0, :2]
        is_shared = bool((scales == scales[0]).all())
        if is_shared and slope == 1.0 and float(intercept).is_integer() and not self._as_float:
            return int(intercept), np.ones((0, 3))
        return None, scales


def _order(heads: Walked) -> npt.NDArray[np.intp] | None:
    """Return the rows in the order of their positions along the normal, None where one has none."""
    orientation = numbers_in([heads.value(0, _TAGS.index(_ORIENTATION))], 6)
    positions = numbers_in(heads.values(_TAGS.index(_POSITION)), 3)
    if orientation is None or positions is None:
        return None
    normal = np.cross(orientation[0, :3], orientation[0, 3:])
    return np.argsort(positions @ normal, kind="stable")


def _scales(heads: Walked) -> npt.NDArray[np.float64] | None:
    """Return slope, intercept and factor 1 of each row; 1 and 0 where no row gives them."""
    scales = np.ones((len(heads), 3), dtype=np.float64)
    for place, tag, missing in ((0, _SLOPE, 1.0), (1, _INTERCEPT, 0.0)):
        column = _TAGS.index(tag)
        raws = [heads.value(0, column)] if heads.is_constant(column) else heads.values(column)
        found = numbers_in(raws, 1) if any(raws) else np.full((1, 1), missing)
        if found is None:
            return None
        scales[:, place] = found[:, 0]
    return scales
