"""How the frames of a sequence are read: a film, a volume or an array as a whole, or the pictures of a folder."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.media import ImageKind, image_kind
from hounsfield.cases.medmnist import FAULTS
from hounsfield.cases.readers import FileReader, display_scale
from hounsfield.cases.table import Case, CaseImage, Source
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import DatasetError
from hounsfield.image.limits import PixelLimits

ARRAY_SUFFIXES = (".npy", ".npz")
_KEYS = ("frames", "images", "image", "video", "x", "data")
_LIMITS = PixelLimits()


class SequenceReader(FileReader):
    """Files and folders whose slices or frames are one case."""

    def read(self, case: Case) -> CaseImage:
        """Return all frames of a case as one volume.

        Raises:
            HounsfieldError: the archive or the image room refuses it; ``E818`` it holds no frames, ``E906`` its frames
                differ in size or in colour.
        """
        path = case.source.path
        if path.suffix.lower() in ARRAY_SUFFIXES and path.is_file():
            return stack_image(_stored(path, case.identifier), case)
        pictures = pictures_of(path) if path.is_dir() else []
        return self._joined(pictures, case) if pictures else super().read(case)

    def _joined(self, pictures: Sequence[Path], case: Case) -> CaseImage:
        """Return the pictures of a folder, one after the other, as one volume."""
        frames = [super(SequenceReader, self).read(replace(case, source=Source(path))) for path in pictures]
        first = frames[0].volume
        shapes = {frame.volume.array.shape: None for frame in frames}
        if len(shapes) > 1 or first.geometry.shape[0] != 1:
            raise DatasetError("E906", case=case.identifier, found=", ".join(map(str, list(shapes)[:4])))
        array = np.concatenate([frame.volume.array for frame in frames], axis=-3)
        _, rows, columns = first.geometry.shape
        volume = replace(
            first,
            array=array,
            geometry=first.geometry.cropped((0, 0, 0), (len(frames), rows, columns)),
            instances=tuple(instance for frame in frames for instance in frame.volume.instances[:1]),
            slice_axis=SliceAxis.SPACE if len(frames) > 1 else SliceAxis.SINGLE,
        )
        issues = tuple(dict.fromkeys(issue.code for frame in frames for issue in frame.issues))
        kept = tuple(next(issue for frame in frames for issue in frame.issues if issue.code == code) for code in issues)
        return CaseImage(volume, frames[0].study, frames[0].series, kept)


class StackReader:
    """Rows of arrays held in memory, each one sequence: (case, frame, row, column), or with a last axis of colour."""

    def __init__(self, arrays: Sequence[npt.NDArray[np.generic]], counts: Sequence[int] | None = None) -> None:
        """Hold the arrays; an index counts through them one after another.

        Args:
            arrays: the images.
            counts: frames of each case that are real; those behind are padding. None takes all.
        """
        self.arrays = tuple(arrays)
        self.counts = None if counts is None else tuple(counts)
        self._starts = np.cumsum([0, *(len(array) for array in arrays)])
        self._scale = display_scale(self.arrays)

    def frames(self, case: Case) -> npt.NDArray[np.generic]:
        """Return the frames of a case as they are stored, without padding."""
        index = case.source.row
        block = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = np.asarray(self.arrays[block][index - int(self._starts[block])])
        return row if self.counts is None else row[: self.counts[index]]

    def read(self, case: Case) -> CaseImage:
        """Return the frames of a case as a volume."""
        return stack_image(self.frames(case), case, self._scale)


def pictures_of(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their numbers; none where it holds no pictures."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return sorted((path for path in files if image_kind(path) is ImageKind.PICTURE), key=natural_key)


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts names as people count: frame 2 before frame 10.

    >>> sorted([Path("f10.png"), Path("f2.png"), Path("f1.png")], key=natural_key)[1].name
    'f2.png'
    """
    pieces = re.findall(r"\d+|\D+", path.name)
    return tuple((0, int(piece), piece) if piece.isdecimal() else (1, 0, piece) for piece in pieces)


def stack_image(frames: npt.NDArray[np.generic], case: Case, scale: float | None = None) -> CaseImage:
    """Return frames (frame, row, column), or (frame, row, column, 3), as a volume.

    Args:
        frames: as stored.
        case: whose frames they are.
        scale: the largest value of display pictures; None takes 255 for 8 bits and leaves other values as they are.

    Raises:
        DatasetError: ``E818``, no frames of this form, or NaN among them.
    """
    colour = frames.ndim == 4 and frames.shape[-1] in (1, 3)
    if frames.dtype.kind not in "biuf" or not (frames.ndim == 3 or colour) or 0 in frames.shape:
        raise DatasetError("E818", case=case.identifier, reason=f"{frames.shape} {frames.dtype}")
    if frames.dtype.kind == "f" and not np.isfinite(frames).all():
        raise DatasetError("E818", case=case.identifier, reason="NaN")
    array = frames.astype(np.float32)
    if colour:
        array = np.moveaxis(array, -1, 0)
        array = array[0] if array.shape[0] == 1 else array
    scale = 255.0 if scale is None and frames.dtype == np.uint8 else scale
    if scale is not None:
        array = array * np.float32(1.0 / scale)
    shape = (array.shape[-3], array.shape[-2], array.shape[-1])
    instance = InstanceRef("", "", case.source.path, "application/x-npz", "")
    volume = Volume(
        np.ascontiguousarray(array),
        VolumeGeometry(shape, calibration=Calibration.NONE),
        Quantity.ARBITRARY if scale is None else Quantity.DISPLAY,
        (instance,),
        slice_axis=SliceAxis.SPACE if shape[0] > 1 else SliceAxis.SINGLE,
    )
    return CaseImage(volume, Study("", ()), Series("", "", "", (instance,)))


def _stored(path: Path, name: str) -> npt.NDArray[np.generic]:
    """Return the array of a .npy file, or the frames of a .npz file.

    Raises:
        DatasetError: ``E818``.
    """
    try:
        if path.suffix.lower() == ".npy":
            held = np.load(path, mmap_mode="r", allow_pickle=False)
            _LIMITS.require_samples(held.shape, held.dtype.itemsize)
            return np.array(held)
        with np.load(path, allow_pickle=False) as arrays:
            keys = [key for key in _KEYS if key in arrays.files] or arrays.files[:1]
            return np.asarray(arrays[keys[0]])
    except (*FAULTS, IndexError) as error:
        raise DatasetError("E818", case=name, reason=type(error).__name__) from error
