"""Many radiographs at the size of a network's input: area averages taken straight from the bytes of each file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hounsfield.compiled import in_threads
from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef, Series
from hounsfield.errors import HounsfieldError, Undecodable
from hounsfield.header_walk import FEWEST
from hounsfield.image.assemble import assemble
from hounsfield.image.attributes import FrameAttributes
from hounsfield.image.fast_fill import NATIVE, is_fast
from hounsfield.image.frame import Frame
from hounsfield.image.guard import refusing
from hounsfield.image.layout import PixelLayout, read_layout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.png import read_plain_png
from hounsfield.image.series_frames import read_each
from hounsfield.image.transform import ModalityTransform, read_transform
from hounsfield.image.voi import read_presentation

if TYPE_CHECKING:
    from hounsfield.image.radiograph_kernels import Films

Samples = npt.NDArray[Any]

_NATIVE = {ExplicitVRLittleEndian: 12, ImplicitVRLittleEndian: 8}
"""Bytes between the tag of native Pixel Data and its value (PS3.5 7.1.2, 7.1.3)."""
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_UNKNOWN_VALUES = ("PT",)
"""Modalities whose values depend on more than the rescaling of one object."""


@dataclass(frozen=True)
class ReducedPictures:
    """Pictures of one size.

    Attributes:
        array: (picture, row, column) float32, the values that ``assemble`` gives, averaged.
        is_inverted: (picture,) True where low values are meant to be shown bright, as MONOCHROME1.
    """

    array: npt.NDArray[np.float32] = field(repr=False)
    is_inverted: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True)
class _Stored:
    samples: Samples
    slope: float
    intercept: float
    is_inverted: bool


def read_reduced(
    instances: Sequence[InstanceRef],
    rows: int,
    columns: int,
    threads: int = 2,
    limits: PixelLimits = PixelLimits(),  # noqa: B008 (frozen)
) -> ReducedPictures:
    """Read files of one grey picture each and average them to one size.

    Native DICOM and plain PNG take the short way; every other file is read by ``assemble``. The values are the same.

    Args:
        instances: the files.
        rows: rows to make, at most those of the smallest picture.
        columns: columns to make, likewise.
        threads: files to read at a time.
        limits: bounds checked before anything is allocated.

    Raises:
        Undecodable: ``E371``, a file is not one grey picture of at least the size wanted; ``E370`` and the refusals of
            ``assemble`` for what cannot be decoded.
    """
    out = np.empty((len(instances), rows, columns), np.float32)
    is_inverted = np.zeros(len(instances), np.bool_)
    together = _reduce_together(instances, out, is_inverted, threads, limits)
    calls = [(instance, out[place], limits) for place, instance in enumerate(instances) if place not in together]
    others = [place for place in range(len(instances)) if place not in together]
    is_inverted[others] = in_threads(_reduce, calls, threads)
    return ReducedPictures(out, is_inverted)


def _reduce_together(
    instances: Sequence[InstanceRef],
    out: npt.NDArray[np.float32],
    is_inverted: npt.NDArray[np.bool_],
    threads: int,
    limits: PixelLimits,
) -> frozenset[int]:
    """Reduce native DICOM of 16-bit cells by compiled code alone, and return which ones that were.

    Their headers are compared with one that was parsed, so that no more than those that differ have to be.
    """
    native = [place for place, each in enumerate(instances) if each.transfer_syntax_uid in NATIVE]
    if len(native) < FEWEST:
        return frozenset()
    try:
        reads = list(read_each([instances[place] for place in native], limits))
    except HounsfieldError:
        return frozenset()
    frames: dict[int, Frame] = {}
    for place, read in zip(native, reads, strict=True):
        if isinstance(read, list) and len(read) == 1 and _is_film(read[0], out.shape[1:]):
            frames[place] = read[0]
    from hounsfield.claims import fresh_counter
    from hounsfield.file_kernels import pack_names
    from hounsfield.image.fill_kernels import NONE
    from hounsfield.image.radiograph_kernels import reduce_films

    names = pack_names([str(frame.instance.path) for frame in frames.values()])
    if names is None or not frames:
        return frozenset()
    films, places = _films(list(frames.values())), list(frames)
    reduced, counter = np.empty((len(places), *out.shape[1:]), np.float32), fresh_counter()
    if max(in_threads(reduce_films, [(names, films, reduced, counter)] * threads, threads)) != NONE:
        return frozenset()  # the way of each file by itself says what is wrong
    out[places] = reduced
    is_inverted[places] = [frame.presentation.is_inverted for frame in frames.values()]
    return frozenset(places)


def _is_film(frame: Frame, least: tuple[int, ...]) -> bool:
    """Tell a frame whose cells can be averaged as they lie in the file."""
    layout = frame.layout
    is_large = layout.rows >= least[0] and layout.columns >= least[1]
    is_known = frame.facts.modality not in _UNKNOWN_VALUES and is_fast((frame,))
    return is_large and is_known and frame.tile is None


def _films(frames: Sequence[Frame]) -> "Films":
    from hounsfield.image.radiograph_kernels import Films

    layouts = [frame.layout for frame in frames]
    return Films(
        np.array([frame.pixels.offset if frame.pixels else 0 for frame in frames], np.int64),
        np.array([(layout.rows, layout.columns) for layout in layouts], np.int64),
        np.array([(layout.bits_stored, layout.is_signed) for layout in layouts], np.int64),
        np.array([(frame.transform.slope, frame.transform.intercept) for frame in frames], np.float64),
    )


def _reduce(instance: InstanceRef, out: npt.NDArray[np.float32], limits: PixelLimits) -> bool:
    from hounsfield.image.radiograph_kernels import average_areas

    stored = _read_short(instance, limits) or _read_long(instance, limits)
    rows, columns = stored.samples.shape
    if rows < out.shape[0] or columns < out.shape[1]:
        raise Undecodable(
            "E371",
            uid=instance.sop_instance_uid,
            found=f"{rows} x {columns}",
            expected=f"{out.shape[0]} x {out.shape[1]}",
        )
    average_areas(stored.samples, out, stored.slope, stored.intercept)
    return stored.is_inverted


def _read_short(instance: InstanceRef, limits: PixelLimits) -> _Stored | None:
    if instance.media_type == "image/png":
        samples = read_plain_png(instance.path, limits)
        return None if samples is None else _Stored(samples, 1.0, 0.0, False)
    if instance.media_type == DICOM_MEDIA_TYPE and instance.transfer_syntax_uid in _NATIVE:
        return _read_native(instance, limits)
    return None


def _read_native(instance: InstanceRef, limits: PixelLimits) -> _Stored | None:
    """Read the header, then the samples with one call; None where the object is not one plain grey frame."""
    uid = instance.sop_instance_uid
    with refusing("E300", uid), instance.path.open("rb") as stream:
        limits.require_file(instance.path.stat().st_size, uid)
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        if "Rows" not in dataset or str(dataset.get("Modality")) in _UNKNOWN_VALUES:
            return None
        layout = read_layout(dataset, instance.transfer_syntax_uid, uid, limits)
        attributes = FrameAttributes(dataset)
        transform = read_transform(attributes, is_signed=layout.is_signed)
        if not _is_plain(layout, transform):
            return None
        samples = _read_samples(stream.fileno(), stream.tell(), layout)
        if samples is None:
            return None
        presentation = read_presentation(attributes, layout, transform)
    return _Stored(samples, transform.slope, transform.intercept, presentation.is_inverted)


def _is_plain(layout: PixelLayout, transform: ModalityTransform) -> bool:
    is_grey = layout.samples == 1 and not layout.is_colour and layout.frames == 1
    is_whole = layout.bits_allocated in (8, 16) and not layout.is_float and not layout.shift
    return is_grey and is_whole and transform.lookup_table is None


def _read_samples(file: int, at: int, layout: PixelLayout) -> Samples | None:
    """Return (row, column) stored values; None where the element at a place is not pixels of at least their size."""
    head = os.pread(file, 12, at)
    value_at = _NATIVE[UID(layout.transfer_syntax_uid)]
    length = int.from_bytes(head[value_at - 4 : value_at], "little")
    size = layout.native_bytes
    if head[:4] != _PIXEL_DATA or not size <= length < 0xFFFFFFFF or at + value_at + size > os.fstat(file).st_size:
        return None
    samples = np.empty((layout.rows, layout.columns), layout.dtype.newbyteorder("<"))
    if os.preadv(file, [samples.reshape(-1).view(np.uint8).data], at + value_at) != size:
        return None
    unused = layout.bits_allocated - layout.bits_stored
    if unused:
        # Overlays of old scanners lie in the unused bits.
        np.left_shift(samples, unused, out=samples)
        np.right_shift(samples, unused, out=samples)
    return samples


def _read_long(instance: InstanceRef, limits: PixelLimits) -> _Stored:
    uid = instance.sop_instance_uid
    volume = assemble(Series(uid, uid, "", (instance,)), limits).volumes[0]
    if volume.is_colour or volume.array.shape[0] != 1:
        raise Undecodable("E371", uid=uid, found=f"shape {volume.array.shape}", expected="one grey picture")
    return _Stored(volume.array[0], 1.0, 0.0, volume.presentation.is_inverted)
