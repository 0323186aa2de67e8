"""What the file of a case says of itself before a pixel is decoded: format, size in pixels, bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.cases.media import ImageKind, image_kind
from hounsfield.cases.npz_cases import NpzReader, image_header
from hounsfield.cases.readers import ArrayReader
from hounsfield.cases.sequenced_reader import StackReader
from hounsfield.cases.table import Case, CaseTable

_MODES = {"1": (1, 1), "L": (8, 1), "P": (8, 1), "LA": (8, 2), "RGB": (8, 3), "RGBA": (8, 4), "CMYK": (8, 4)}
_DEEP_MODES = {"I": (32, 1), "F": (32, 1), "I;16": (16, 1), "I;16B": (16, 1), "I;16L": (16, 1)}
_TAGS = ["Rows", "Columns", "BitsStored", "SamplesPerPixel"]


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a case without its pixels; a field that its format does not tell is None.

    Attributes:
        kind: ``PNG``, ``JPEG``, ``TIFF``, ``dicom``, ``array``, ``volume``, ``folder`` or ``unknown``.
        rows: rows of the image.
        columns: columns of the image.
        bits: bits of a sample.
        channels: samples of a pixel.
    """

    kind: str
    rows: int | None = None
    columns: int | None = None
    bits: int | None = None
    channels: int | None = None


def read_headers(table: CaseTable) -> tuple[Header, ...]:
    """Return the header of each case, in the order of the table; a broken file has the kind ``unknown``."""
    return tuple(_of_array(table.reader, case) or _of_file(case.source.path) for case in table.cases)


def _of_array(reader: object, case: Case) -> Header | None:
    if isinstance(reader, NpzReader):
        found = image_header(case.source.path)
        return Header("unknown") if found is None else _of_shape(*found)
    if isinstance(reader, StackReader):
        frames = reader.frames(case)
        return _of_shape(frames.shape[1:], frames.dtype)
    if not isinstance(reader, ArrayReader):
        return None
    row = reader.row(case.source.row)
    return _of_shape(row.shape, row.dtype)


def _of_shape(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Header:
    is_colour = len(shape) == 3 and shape[-1] in (1, 3)
    rows, columns = shape[:2] if is_colour else shape[-2:]
    return Header("array", rows, columns, dtype.itemsize * 8, shape[-1] if is_colour else 1)


def _of_file(path: Path) -> Header:
    if path.is_dir():
        return Header("folder")
    kind = image_kind(path)
    try:
        if kind is ImageKind.PICTURE:
            return _of_picture(path)
        if kind is ImageKind.DICOM:
            return _of_dicom(path)
    except (OSError, ValueError, UnidentifiedImageError, InvalidDicomError, Image.DecompressionBombError):
        return Header("unknown")
    return Header("volume" if kind else "unknown")


def _of_picture(path: Path) -> Header:
    with Image.open(path) as picture:
        bits, channels = {**_MODES, **_DEEP_MODES}.get(picture.mode, (None, None))
        return Header(picture.format or "unknown", picture.height, picture.width, bits, channels)


def _of_dicom(path: Path) -> Header:
    dataset = dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
    numbers = (dataset.get(name) for name in _TAGS)
    return Header("dicom", *(int(number) if isinstance(number, int) else None for number in numbers))
