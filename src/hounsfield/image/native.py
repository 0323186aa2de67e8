"""Native cells of single-frame objects read from their files into a volume by compiled code, in all cores."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import core_count
from hounsfield.image.frame import Frame

if TYPE_CHECKING:
    from hounsfield.file_kernels import Names

Samples = npt.NDArray[Any]
Found = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class NativeCells:
    """Where the cells of every slice lie, and what becomes of them.

    Attributes:
        paths: the file of each slice.
        offsets: (n,) int64, where its cells begin in it.
        shape: slices, rows and columns.
        form: Bits Stored, and whether in two's complement.
        intercept: the whole number added to every cell, None for floats.
        scales: (n, 3) float64 slope, intercept and factor of each slice; (0, 3) for whole numbers.
    """

    paths: tuple[str, ...]
    offsets: npt.NDArray[np.int64]
    shape: tuple[int, int, int]
    form: tuple[int, bool]
    intercept: int | None
    scales: npt.NDArray[np.float64]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples: int16, modulo 2^16 where they do not fit; or float32."""
        return np.dtype(np.float32 if self.intercept is None else np.int16)

    def is_same(self, other: "NativeCells") -> bool:
        """Tell whether the other ones give the same volume."""
        return (
            (self.paths, self.shape, self.form, self.intercept)
            == (other.paths, other.shape, other.form, other.intercept)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.scales, other.scales)
        )


def native_cells(frames: Sequence[Frame], intercept: int | None, factors: Sequence[float]) -> NativeCells | None:
    """Return the cells of frames of one layout, one a slice; None where one has to be parsed for them.

    Args:
        frames: of 16-bit grey cells, native.
        intercept: that all share, None for floats.
        factors: one a frame, empty when all are 1.
    """
    offsets = [frame.pixels.offset for frame in frames if frame.pixels is not None]
    if len(offsets) != len(frames):
        return None
    layout = frames[0].layout
    scales = np.ones((len(frames) if intercept is None else 0, 3), dtype=np.float64)
    if intercept is None:
        scales[:, 0] = [frame.transform.slope for frame in frames]
        scales[:, 1] = [frame.transform.intercept for frame in frames]
        if factors:
            scales[:, 2] = factors
    return NativeCells(
        tuple(str(frame.instance.path) for frame in frames),
        np.array(offsets, dtype=np.int64),
        (len(frames), layout.rows, layout.columns),
        (layout.bits_stored, layout.is_signed),
        intercept,
        scales,
    )


def reading_of(cells: NativeCells) -> "NativeReading | None":
    """Return a reading of cells; None where the platform has no calls for it, or a path is none."""
    from hounsfield.file_kernels import pack_names

    names = pack_names(cells.paths)
    return None if names is None else NativeReading(cells, names)


class NativeReading:
    """The cells on their way into a volume; it can begin before anybody waits for them."""

    def __init__(self, cells: NativeCells, names: "Names") -> None:
        """Take fresh memory; nothing is read yet."""
        from hounsfield.claims import fresh_counter

        self.cells = cells
        self._names = names
        self.array: Samples = np.empty(cells.shape, dtype=cells.dtype)
        self._counter = fresh_counter()
        self._pool: ThreadPoolExecutor | None = None
        self._started: list[Future[Found]] = []

    def start(self, threads: int) -> None:
        """Read in the background."""
        self._pool = ThreadPoolExecutor(threads)
        self._started = [self._pool.submit(self._read) for _ in range(threads)]

    def finish(self) -> tuple[int | None, int, int]:
        """Read what is left in all cores and wait for the rest.

        Returns:
            A slice that could not be read, None when all were; the lowest and highest whole number, zeros for floats.
        """
        if self._pool is None and core_count() > 1:
            self.start(core_count() - 1)
        found = [self._read(), *(future.result() for future in self._started)]
        self._close()
        failed = [index for index, _, _ in found if index >= 0]
        return min(failed, default=None), min(low for _, low, _ in found), max(high for _, _, high in found)

    def stop(self) -> None:
        """Read no more and let go of the memory."""
        from hounsfield.claims import end_claims

        end_claims(self._counter)
        self._close()
        self.array = np.empty(0, dtype=self.cells.dtype)

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _read(self) -> Found:
        from hounsfield.image.fill_kernels import read_floats, read_words

        cells, out = self.cells, self.array.reshape(len(self.array), -1)
        if cells.intercept is None:
            return read_floats(self._names, (cells.offsets, cells.scales), out, cells.form, self._counter)
        form = (*cells.form, cells.intercept)
        return read_words(self._names, cells.offsets, out.view(np.uint16), form, self._counter)
