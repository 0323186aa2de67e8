"""Siemens mosaics: all slices of a volume side by side in one picture, taken apart into slices with their places.

Image Position of the object is that of a picture as large as the mosaic, centred on the volume, and its spacing holds.
The first slice therefore begins half the difference of the sizes further in (nibabel's documentation, "Siemens mosaic
format"). Slices follow each other along Slice Normal Vector of the CSA header, which may run against the normal of
Image Orientation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, isfinite, sqrt

import numpy as np
from pydicom.dataset import Dataset

from hounsfield.errors import Undecodable, UnsupportedModality
from hounsfield.image.attributes import FrameAttributes, numbers_of
from hounsfield.image.csa import CsaHeader, read_csa
from hounsfield.image.layout import PixelLayout
from hounsfield.image.place import FramePlace

_COUNT, _NORMAL = "NumberOfImagesInMosaic", "SliceNormalVector"
MAXIMUM_SLICES = 4096
"""Largest number that is believed; the largest mosaics in use have some hundreds of slices."""
_PARALLEL = 0.999
"""Smallest cosine between the normals of the CSA header and of Image Orientation."""
_NO_CSA = CsaHeader({})


@dataclass(frozen=True)
class Tile:
    """One slice of a mosaic.

    Attributes:
        whole: how the mosaic is stored.
        row: first row of the slice in it.
        column: first column.
        is_direction_known: false where no CSA header says in which direction slices follow each other.
    """

    whole: PixelLayout
    row: int
    column: int
    is_direction_known: bool


@dataclass(frozen=True)
class Mosaic:
    """How a mosaic is laid out.

    Attributes:
        count: slices in it.
        tiles: slices side by side; as many rows of slices as columns.
        direction: 1 where slices follow the normal of Image Orientation, -1 where they run against it.
        is_direction_known: whether the header says so.
        step_mm: distance between slices.
    """

    count: int
    tiles: int
    direction: int
    is_direction_known: bool
    step_mm: float

    def slices(self, whole: PixelLayout, place: FramePlace) -> Iterator[tuple[PixelLayout, FramePlace, Tile]]:
        """Yield the layout and plane of each slice, and where it lies in the mosaic."""
        rows, columns = whole.rows // self.tiles, whole.columns // self.tiles
        layout = replace(whole, rows=rows, columns=columns)
        cosines = np.asarray(place.cosines)
        row_mm, column_mm = place.spacing_mm or (1.0, 1.0)
        inwards = (
            cosines[3:] * row_mm * (whole.rows - rows) / 2 + cosines[:3] * column_mm * (whole.columns - columns) / 2
        )
        first, step = np.asarray(place.position_mm) + inwards, place.normal * self.direction * self.step_mm
        for index in range(self.count):
            x, y, z = (float(value) for value in first + index * step)
            tile = Tile(whole, index // self.tiles * rows, index % self.tiles * columns, self.is_direction_known)
            yield layout, replace(place, position_mm=(x, y, z), thickness_mm=self.step_mm), tile


def read_mosaic(dataset: Dataset, layout: PixelLayout, place: FramePlace, uid: str) -> Mosaic | None:
    """Return how a mosaic is laid out, None for any other object.

    Raises:
        UnsupportedModality: ``E330``, neither the CSA header nor (0019,xx0A) says how many slices there are, or they do
            not fit into the picture.
    """
    attributes = FrameAttributes(dataset)
    if "MOSAIC" not in attributes.text("ImageType").upper().split("\\") or layout.frames > 1 or layout.samples > 1:
        return None
    header, fault = _read_header(dataset, uid)
    count = _read_count(dataset, header)
    if count is None:
        raise UnsupportedModality("E330", uid=uid, found=fault or "no number of slices")
    tiles = ceil(sqrt(count))
    step_mm = attributes.number("SpacingBetweenSlices") or attributes.number("SliceThickness") or 0.0
    if layout.rows % tiles or layout.columns % tiles:
        raise UnsupportedModality("E330", uid=uid, found=f"{count} slices in {layout.rows} x {layout.columns}")
    if not place.is_placed or place.spacing_mm is None or not isfinite(step_mm) or step_mm == 0:
        raise UnsupportedModality("E330", uid=uid, found="no position, orientation or spacing")
    direction = _read_direction(header, place, uid)
    return Mosaic(count, tiles, direction or 1, direction != 0, abs(step_mm))


def _read_header(dataset: Dataset, uid: str) -> tuple[CsaHeader, str]:
    """Return the CSA image header, or an empty one with the reason."""
    raw = _private(dataset, 0x0029, "SIEMENS CSA HEADER", 0x10)
    if not isinstance(raw, bytes):
        return _NO_CSA, "no CSA header"
    try:
        return read_csa(raw, (_COUNT, _NORMAL), uid), ""
    except Undecodable as error:
        return _NO_CSA, f"a damaged CSA header: {error.facts['found']}"


def _private(dataset: Dataset, group: int, creator: str, element: int) -> object:
    try:
        return dataset.private_block(group, creator)[element].value
    except KeyError:
        return None


def _read_count(dataset: Dataset, header: CsaHeader) -> int | None:
    """Return the number of slices from the CSA header, else from (0019,xx0A) of newer software without one."""
    values = header.numbers(_COUNT)
    if not values:
        raw = _private(dataset, 0x0019, "SIEMENS MR HEADER", 0x0A)
        # Written with implicit VR the element is of unknown type: an unsigned short.
        values = (float(int.from_bytes(raw[:2], "little")),) if isinstance(raw, bytes) else numbers_of(raw)
    is_count = bool(values) and 1 <= values[0] <= MAXIMUM_SLICES and values[0] == int(values[0])
    return int(values[0]) if is_count else None


def _read_direction(header: CsaHeader, place: FramePlace, uid: str) -> int:
    """Return 1 or -1 for slices along or against the normal, 0 where it is not known.

    Raises:
        UnsupportedModality: ``E330``, the normal of the CSA header is not that of Image Orientation.
    """
    vector = np.asarray(header.numbers(_NORMAL))
    if vector.size != 3 or not np.isfinite(vector).all() or not vector.any():
        return 0
    cosine = float(vector @ place.normal / np.linalg.norm(vector))
    if abs(cosine) < _PARALLEL:
        raise UnsupportedModality("E330", uid=uid, found="a slice normal that is not that of the orientation")
    return 1 if cosine > 0 else -1
