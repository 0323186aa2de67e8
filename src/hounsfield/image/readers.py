"""Files that are not DICOM: which reader takes which media type."""

from collections.abc import Callable
from dataclasses import dataclass

from hounsfield.core.quality import QualityIssue
from hounsfield.core.study import InstanceRef, Series
from hounsfield.core.volume import Volume
from hounsfield.errors import UnsupportedModality
from hounsfield.image.arrays import read_arrays
from hounsfield.image.cine import read_cine
from hounsfield.image.isolated_files import read_isolated
from hounsfield.image.limits import PixelLimits
from hounsfield.image.nifti import read_nifti
from hounsfield.image.nrrd import read_nrrd
from hounsfield.image.picture import read_picture

Reader = Callable[[InstanceRef, PixelLimits], tuple[tuple[Volume, ...], tuple[QualityIssue, ...]]]


@dataclass(frozen=True)
class FileReading:
    """The volumes of one file and what reading it found out."""

    volumes: tuple[Volume, ...]
    issues: tuple[QualityIssue, ...]


_READERS: dict[str, Reader] = {
    "image/png": read_picture,
    "image/jpeg": read_picture,
    "image/tiff": read_picture,
    "application/x-nifti": read_nifti,
    "application/x-nrrd": read_nrrd,
    "application/x-npz": read_arrays,
    "video/avi": read_cine,
    "video/mp4": read_cine,
}
_BY_LIBRARY = (read_picture, read_cine)
"""Readers whose work is done in C, by Pillow and FFmpeg."""


def media_types() -> tuple[str, ...]:
    """Return the media types that are read beside DICOM, sorted."""
    return tuple(sorted(_READERS))


def read_file(series: Series, limits: PixelLimits) -> FileReading:
    """Read the one file of a series that is not DICOM.

    Raises:
        UnsupportedModality: ``E314``: no reader takes its media type.
        Undecodable: the reader cannot take the file, or not within the limits.
    """
    instance = series.instances[0]
    reader = reader_of(instance)
    limits.require_file(instance.path.stat().st_size, instance.sop_instance_uid)
    is_isolated = limits.isolated and reader in _BY_LIBRARY
    volumes, issues = read_isolated(instance, limits) if is_isolated else reader(instance, limits)
    return FileReading(volumes, issues)


def reader_of(instance: InstanceRef) -> Reader:
    """Return the reader of a file's media type.

    Raises:
        UnsupportedModality: ``E314``: no reader takes it.
    """
    reader = _READERS.get(instance.media_type)
    if reader is None:
        raise UnsupportedModality("E314", uid=instance.sop_instance_uid, found=instance.media_type)
    return reader
