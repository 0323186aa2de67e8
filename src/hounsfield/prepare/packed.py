"""Masks as JSON values, so that a trace holds the mask it was made with: packed bits, deflated, in base 64."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError, PrepareError
from hounsfield.prepare.grid import grid_record, recorded_grid
from hounsfield.prepare.step import MAXIMUM_SAMPLES

MAXIMUM_CHARACTERS = 700_000
"""Longest packed mask: a trace with it still fits into the bytes that are read of one."""

Flags = npt.NDArray[np.bool_]


def pack_mask(mask: Volume, step: str) -> dict[str, Any]:
    """Return what is not 0 in a volume as a record of JSON values, with its grid.

    Args:
        mask: grey.
        step: that asks for it, for the error.

    Raises:
        PrepareError: ``E448`` for colour; ``E449`` for a mask so rugged that a trace cannot hold it.
    """
    if mask.is_colour:
        raise PrepareError("E448", step=step)
    bits = np.packbits(np.ascontiguousarray(mask.array != 0).reshape(-1))
    text = base64.b64encode(zlib.compress(bits.tobytes(), 9)).decode("ascii")
    if len(text) > MAXIMUM_CHARACTERS:
        raise PrepareError("E449", step=step, found=f"{len(text)} bytes", expected=f"{MAXIMUM_CHARACTERS} bytes")
    return {"grid": grid_record(mask.geometry), "bits": text}


def unpack_mask(record: Mapping[str, Any]) -> tuple[Flags, VolumeGeometry]:
    """Return the (slice, row, column) flags of a record and their grid.

    Raises:
        ValueError: it is no record of ``pack_mask``.
    """
    try:
        geometry = recorded_grid(record["grid"])
        text = record["bits"]
        count = int(np.prod(geometry.shape, dtype=object))
        if set(record) != {"grid", "bits"} or count > MAXIMUM_SAMPLES or len(text) > MAXIMUM_CHARACTERS:
            raise ValueError("not a packed mask within the limits")
        inflater = zlib.decompressobj()
        size = (count + 7) // 8
        raw = inflater.decompress(base64.b64decode(text, validate=True), size + 1)
    except (KeyError, TypeError, IndexError, binascii.Error, zlib.error, HounsfieldError) as error:
        raise ValueError("not a packed mask") from error
    if len(raw) != size or not inflater.eof:
        raise ValueError(f"{len(raw)} bytes of bits for a grid of {count} samples")
    flags = np.unpackbits(np.frombuffer(raw, dtype=np.uint8), count=count).astype(bool)
    return flags.reshape(geometry.shape), geometry
