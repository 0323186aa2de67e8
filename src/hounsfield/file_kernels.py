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

_TEXT = types.CPointer(types.uint8)  # type: ignore[attr-defined]


def _external(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of the C library, resolved when what calls it is compiled."""
    return types.ExternalFunction(name, signature(result, *arguments))


_open = _external("open", types.int32, _TEXT, types.int32)
_close = _external("close", types.int32, types.int32)
_pread = _external("pread", types.intp, types.int32, _TEXT, types.uintp, types.int64)
_statx = _external("statx", types.int32, types.int32, _TEXT, types.int32, types.uint32, _TEXT)

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_EMPTY_PATH, _TYPE_AND_SIZE = 0x1000, 0x201
STATX_BYTES = 264
_MODE_SHORT, _SIZE_LONG = 14, 5
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
def open_file(names: Names, index: int) -> int:
    """Open a file for reading, without waiting for a pipe; return its descriptor, negative where that fails."""
    return int(_open(names.text[names.starts[index] :].ctypes, _FLAGS))


@compiled
def close_file(descriptor: int) -> None:
    """Close a descriptor."""
    _close(descriptor)


@compiled
def size_of(descriptor: int, scratch: Bytes) -> int:
    """Return the bytes of a regular file, -1 for anything else; ``scratch`` holds at least ``STATX_BYTES``."""
    scratch[STATX_BYTES - 1] = 0  # the empty path
    if _statx(descriptor, scratch[STATX_BYTES - 1 :].ctypes, _EMPTY_PATH, _TYPE_AND_SIZE, scratch.ctypes) != 0:
        return -1
    is_regular = (scratch.view(np.uint16)[_MODE_SHORT] & _KIND) == _REGULAR
    return int(scratch.view(np.int64)[_SIZE_LONG]) if is_regular else -1


@compiled
def read_from(descriptor: int, offset: int, out: Bytes) -> int:
    """Fill ``out`` from an offset on as far as the file goes; return the bytes read, -1 where reading fails."""
    done = 0
    while done < out.size:
        count = _pread(descriptor, out[done:].ctypes, out.size - done, offset + done)
        if count < 0:
            return -1
        if count == 0:
            break
        done += count
    return done


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
    descriptor = open_file(names, index)
    if descriptor < 0:
        return -1
    done = read_from(descriptor, offset, out)
    close_file(descriptor)
    return done
