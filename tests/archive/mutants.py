"""Files damaged on purpose, the same for the same seed: bits, cuts, lengths, counts, depth and compressed streams."""

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from pydicom.data import get_testdata_file

SOURCES = (
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "liver_1frame.dcm",
    "rtplan.dcm",
)
_HEADER_BYTES = 2000
_COUNTS = (b"\x28\x00\x10\x00", b"\x28\x00\x11\x00", b"\x28\x00\x00\x01", b"\x28\x00\x02\x00", b"\x28\x00\x08\x00")
"""Rows, Columns, Bits Allocated, Samples per Pixel, Number of Frames."""


def flip_bits(raw: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randint(1, 12)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return raw


def flip_header_bits(raw: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randint(1, 6)):
        raw[chance.randrange(128, min(len(raw), _HEADER_BYTES))] ^= 1 << chance.randrange(8)
    return raw


def cut(raw: bytearray, chance: random.Random) -> bytearray:
    return raw[: chance.randrange(1, len(raw))]


def change_length(raw: bytearray, chance: random.Random) -> bytearray:
    at = chance.randrange(132, min(len(raw), _HEADER_BYTES) - 4)
    number = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, chance.getrandbits(32)))
    raw[at : at + 4] = struct.pack("<L", number)
    return raw


def raise_count(raw: bytearray, chance: random.Random) -> bytearray:
    at = raw.find(chance.choice(_COUNTS))
    if at >= 0:
        raw[at + 8 : at + 10] = struct.pack("<H", chance.choice((0, 1, 32, 4096, 65535)))
    return raw


def nest(raw: bytearray, chance: random.Random) -> bytearray:
    """Put sequences into each other, of undefined length and never closed, before the pixel data."""
    one = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    at = raw.find(b"\xe0\x7f\x10\x00")
    at = len(raw) if at < 0 else at
    return raw[:at] + one * chance.choice((5, 31, 33, 2000, 20000)) + raw[at:]


def damage_stream(raw: bytearray, chance: random.Random) -> bytearray:
    """Damage what a codec reads: some bytes after the start of the pixel data."""
    start = raw.rfind(b"\xe0\x7f\x10\x00")
    if start < 0:
        return flip_bits(raw, chance)
    for _ in range(chance.randint(1, 20)):
        near = chance.random() < 0.5
        stop = min(len(raw), start + 200) if near else len(raw)
        raw[chance.randrange(start, stop)] = chance.getrandbits(8)
    return raw


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    flip_bits,
    flip_header_bits,
    cut,
    change_length,
    raise_count,
    nest,
    damage_stream,
)


def mutants(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of damaged files."""
    chance = random.Random(seed)
    originals = {name: Path(str(get_testdata_file(name))).read_bytes() for name in SOURCES}
    for index in range(count):
        name, mutate = SOURCES[index % len(SOURCES)], chance.choice(MUTATIONS)
        yield f"{index:04d}-{mutate.__name__}-{name}", bytes(mutate(bytearray(originals[name]), chance))
