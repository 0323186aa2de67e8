"""MNIST idx files: images and labels of a part in two files, as LeCun published them, packed with gzip or not."""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from hounsfield.cases.medmnist import MAX_ARRAY_BYTES, UNDECLARED_PART, array_table
from hounsfield.cases.names import TEST, part_of, readable, summary
from hounsfield.cases.table import CaseTable
from hounsfield.errors import DatasetError

_NAME = re.compile(r"(?P<stem>.*?)[-_.]?(?P<what>images|labels)[-_.]idx\d[-_]ubyte(\.gz)?", re.IGNORECASE)
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Sample type of the third byte of the magic number (yann.lecun.com/exdb/mnist)."""

MOST_AXES = 4


def is_idx(path: Path) -> bool:
    """Tell whether a file is named as an idx file of images or labels."""
    return _NAME.fullmatch(path.name) is not None


def read_idx_set(data: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the cases of the idx files of a folder, or of the set that one file belongs to.

    ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` are the training part, ``t10k-`` the test part.

    Raises:
        DatasetError: ``E873`` a damaged file, ``E874`` images without labels or labels without images, ``E811`` too
            large, ``E817`` several sets, ``E806``, ``E808``, ``E809``, ``E812`` as for other arrays.
    """
    folder = data.parent if data.is_file() else data
    sets: dict[str, dict[tuple[str, str], Path]] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file() and is_idx(path)):
        prefix, part, what = _place(path)
        found = sets.setdefault(prefix, {})
        if (part, what) in found:
            raise DatasetError("E817", found=summary([found[part, what].name, path.name]), count=2)
        found[part, what] = path
    if data.is_file():
        sets = {_place(data)[0]: sets[_place(data)[0]]}
    if len(sets) > 1:
        raise DatasetError("E817", found=summary([name or "-" for name in sets]), count=len(sets))
    files = next(iter(sets.values()))
    parts = {}
    for part in sorted({part for part, _ in files}, key=_order):
        if (part, "images") not in files or (part, "labels") not in files:
            raise DatasetError("E874", found=summary([path.name for (name, _), path in files.items() if name == part]))
        parts[part] = (read_idx(files[part, "images"]), read_idx(files[part, "labels"]))
    table = array_table(files[min(files)], parts, class_names, "idx")
    return replace(table, name=readable(folder.name))


def read_idx(path: Path) -> npt.NDArray[np.generic]:
    """Return the array of an idx file; a packed one is never unpacked beyond what its header declares.

    Raises:
        DatasetError: ``E873`` damaged, ``E811`` too large.
    """
    try:
        with cast(BinaryIO, gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")) as stream:
            shape, kind = _read_head(stream, path)
            size = math.prod(shape) * kind.itemsize
            if size > MAX_ARRAY_BYTES:
                limit = MAX_ARRAY_BYTES // 2**20
                raise DatasetError("E811", path=path.name, found_mb=size // 2**20, expected_mb=limit)
            raw = stream.read(size + 1)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DatasetError("E873", path=path.name, reason=type(error).__name__) from error
    except MemoryError as error:
        raise DatasetError("E811", path=path.name, found_mb="?", expected_mb=MAX_ARRAY_BYTES // 2**20) from error
    if len(raw) != size:
        raise DatasetError("E873", path=path.name, reason=f"{'>' if len(raw) > size else len(raw)} {size} bytes")
    array = np.frombuffer(raw, dtype=kind).reshape(shape)
    return array.astype(kind.newbyteorder("="), copy=False)


def _read_head(stream: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    zero, code, axes = struct.unpack(">HBB", stream.read(4))
    if zero or code not in _TYPES or not 1 <= axes <= MOST_AXES:
        raise DatasetError("E873", path=path.name, reason=f"magic {zero:04x}{code:02x}{axes:02x}")
    return struct.unpack(f">{axes}I", stream.read(4 * axes)), np.dtype(_TYPES[code])


def _place(path: Path) -> tuple[str, str, str]:
    """Return the name of the set, the part and ``images`` or ``labels`` that the name of a file tells."""
    match = _NAME.fullmatch(path.name)
    stem, what = (match["stem"], match["what"].lower()) if match else ("", "")
    prefix, _, last = stem.rpartition("-") if "-" in stem else ("", "", stem)
    part = TEST if last.lower() == "t10k" else part_of(last) or UNDECLARED_PART
    return (prefix if part else stem), part, what


def _order(part: str) -> tuple[bool, str]:
    return part == TEST, part
