"""Series of which some slices are damaged on purpose, beside one that is whole; the same for the same seed.

From eight files on a folder is not read file by file: headers are walked by compiled code and compared with each other,
and pixels go from the files straight into the volume. Each syntax that this way knows is here, and some it does not.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.archive.mutants import MUTATIONS

SLICES = 8
SYNTAXES = (
    ExplicitVRLittleEndian,
    RLELossless,
    JPEG2000Lossless,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    JPEGLosslessSV1,
    HTJ2KLossless,
)
_ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    str(JPEG2000Lossless): lambda cells: imagecodecs.jpeg2k_encode(cells, level=0, reversible=True, codecformat="j2k"),
    str(JPEGLSLossless): imagecodecs.jpegls_encode,
    str(JPEGLosslessSV1): imagecodecs.ljpeg_encode,
    str(HTJ2KLossless): imagecodecs.htj2k_encode,
}
_MOVING = (b"\x20\x00\x32\x00", b"\x20\x00\x13\x00", b"\x08\x00\x18\x00", b"\x28\x00\x52\x10", b"\x28\x00\x53\x10")
"""Image Position, Instance Number, SOP Instance UID, Rescale Intercept and Slope."""


@dataclass(frozen=True)
class Folder:
    """One folder to read: names and bytes of its files, and the samples of those that are whole."""

    name: str
    files: dict[str, bytes]
    whole: dict[str, np.ndarray]


def _slice(syntax: str, series: int, number: int) -> tuple[bytes, np.ndarray]:
    """Return a file of one slice, and its samples."""
    dataset = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
    cells = np.roll(dataset.pixel_array, 5 * number + series, axis=1) & 0xFFF
    dataset.SeriesInstanceUID = f"1.2.826.0.1.3680043.8.498.{series}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{dataset.SeriesInstanceUID}.{number}"
    dataset.InstanceNumber = number + 1
    dataset.ImagePositionPatient = [-83.9, -91.2, 6.5 + 2.5 * number]
    dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, 12, 11
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1000"
    dataset.PixelData = cells.astype("<u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    elif syntax in _ENCODERS:
        dataset.PixelData = encapsulate([bytes(_ENCODERS[syntax](cells.astype(np.uint16)))])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    elif syntax == ImplicitVRLittleEndian:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    written = BytesIO()
    is_implicit = syntax == ImplicitVRLittleEndian
    dataset.save_as(written, enforce_file_format=True, implicit_vr=is_implicit, little_endian=True)
    return written.getvalue(), cells.astype(np.int64) - 1000


@cache
def _series(syntax: str, series: int) -> tuple[tuple[bytes, np.ndarray], ...]:
    return tuple(_slice(syntax, series, number) for number in range(SLICES))


def change_moving(raw: bytearray, chance: random.Random) -> bytearray:
    """Write rubbish into a value that slices do not share: it is read by itself, not compared."""
    at = raw.find(chance.choice(_MOVING), 132)
    if at >= 0:
        for place in range(at + 8, at + 8 + chance.randint(1, 20)):
            raw[place] = chance.choice(b"0123456789.-+eE\\ \0nNaAiI\xff")
    return raw


def blank(raw: bytearray, chance: random.Random) -> bytearray:
    """Overwrite a stretch of the header with one byte."""
    at = chance.randrange(132, 1800)
    length = chance.randint(1, 40)
    raw[at : at + length] = bytes([chance.choice((0, 32, 255, 0x5C))]) * length
    return raw


def repeat(raw: bytearray, chance: random.Random) -> bytearray:
    """Put a stretch of the header in twice, so that elements are out of order."""
    at = chance.randrange(132, 1500)
    return raw[:at] + raw[at - chance.randint(8, 100) : at] + raw[at:]


FOLDER_MUTATIONS = (*MUTATIONS, change_moving, change_moving, blank, repeat)


def folders(count: int, seed: int = 0) -> Iterator[Folder]:
    """Yield folders with so many damaged files in all, one to three in each."""
    chance = random.Random(seed)
    left, number = count, 0
    while left > 0:
        syntax = str(SYNTAXES[number % len(SYNTAXES)])
        damaged = chance.sample(range(SLICES), min(left, chance.randint(1, 3)))
        files: dict[str, bytes] = {}
        whole: dict[str, np.ndarray] = {}
        kinds = []
        for series in (1, 2):
            for index, (raw, samples) in enumerate(_series(syntax, series)):
                name = f"{series}-{index}.dcm"
                if series == 1 and index in damaged:
                    mutate = chance.choice(FOLDER_MUTATIONS)
                    kinds.append(mutate.__name__)
                    files[name] = bytes(mutate(bytearray(raw), chance))
                else:
                    files[name], whole[name] = raw, samples
        yield Folder(f"{number:04d}-{syntax.split('.')[-1]}-{'+'.join(kinds)}", files, whole)
        left -= len(damaged)
        number += 1
