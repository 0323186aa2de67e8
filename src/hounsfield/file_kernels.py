"""Files opened and read by compiled code, without the interpreter between one file and the next.

The calls of the operating system are those of the C library that the process has loaded. ``is_usable`` tells whether
they are there; where they are not, callers read with ``os`` and get the same bytes.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.core.typing import signature

from hounsfield.compiled import compiled

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

_TEXT = types.CPointer(types.uint8)
_open = types.ExternalFunction("open", signature(types.int32, _TEXT, types.int32))
_close = types.ExternalFunction("close", signature(types.int32, types.int32))
_pread = types.ExternalFunction("pread", signature(types.intp, types.int32, _TEXT, types.uintp, types.int64))
_statx = types.ExternalFunction(
    "statx", signature(types.int32, types.int32, _TEXT, types.int32, types.uint32, _TEXT)
)

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_EMPTY_PATH, _TYPE_AND_SIZE = 0x1000, 0x201
_STATX_BYTES, _MODE_SHORT, _SIZE_LONG = 256, 14, 5
"""``struct statx`` is laid out alike on all processors: the mode 28 bytes from its start, the size 40."""
_KIND, _REGULAR = 0o170000, 0o100000


class Names(NamedTuple):
    """Paths of files as the operating system takes them.

    Attributes:
        text: every path, each ended by a zero.
        starts: (n,) where each begins.
    """

    text: Bytes
    starts: Integers


@cache
def is_usable() -> bool:
    """Tell whether the C library of this process has the calls: a Linux of 2018 or later."""
    if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return False
    library: Any = ctypes.CDLL(None)
    return all(hasattr(library, name) for name in ("open", "close", "pread", "statx"))


def pack_names(paths: Sequence[str]) -> Names | None:
    """Return paths for compiled code, None where one cannot be a path or the calls are not there."""
    if not is_usable():
        return None
    encoded = [os.fsencode(path) for path in paths]
    text = b"\0".join(encoded) + b"\0"
    if text.count(b"\0") != len(encoded):
        return None
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    starts = np.zeros(len(encoded), dtype=np.int64)
    np.cumsum(lengths[:-1] + 1, out=starts[1:])
    return Names(np.frombuffer(text, dtype=np.uint8), starts)


@compiled
def read_starts(names: Names, rows: Bytes, counts: Integers, sizes: Integers, span: tuple[int, int]) -> None:
    """Read the first bytes of some files.

    Args:
        names: paths.
        rows: (n, capacity) out.
        counts: (n,) out: bytes read; as it was for what cannot be read or is no regular file.
        sizes: (n,) out: bytes of the file; likewise.
        span: first row and the one after the last.
    """
    facts, nothing = np.zeros(_STATX_BYTES, dtype=np.uint8), np.zeros(1, dtype=np.uint8)
    for row in range(span[0], span[1]):
        descriptor = _open(names.text[names.starts[row] :].ctypes, _FLAGS)
        if descriptor < 0:
            continue
        is_known = _statx(descriptor, nothing.ctypes, _EMPTY_PATH, _TYPE_AND_SIZE, facts.ctypes) == 0
        if is_known and (facts.view(np.uint16)[_MODE_SHORT] & _KIND) == _REGULAR:
            count = _pread(descriptor, rows[row].ctypes, rows.shape[1], 0)
            if count >= 0:
                counts[row] = count
                sizes[row] = facts.view(np.int64)[_SIZE_LONG]
        _close(descriptor)


@compiled
def read_at(names: Names, index: int, offset: int, out: Bytes) -> int:
    """Read a part of one file.

    Args:
        names: paths.
        index: which.
        offset: of the first byte.
        out: filled as far as the file goes.

    Returns:
        Bytes read; -1 where the file cannot be opened or read.
    """
    descriptor = _open(names.text[names.starts[index] :].ctypes, _FLAGS)
    if descriptor < 0:
        return -1
    done = 0
    while done < out.size:
        count = _pread(descriptor, out[done:].ctypes, out.size - done, offset + done)
        if count <= 0:
            done = done if count == 0 else -1
            break
        done += count
    _close(descriptor)
    return done
