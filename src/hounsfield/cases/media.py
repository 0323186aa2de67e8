"""Whether a file looks like an image: by its first bytes, never by its name."""

from enum import StrEnum
from pathlib import Path


class ImageKind(StrEnum):
    """What a file is taken for before it is decoded."""

    DICOM = "dicom"
    PICTURE = "picture"
    VOLUME = "volume"


_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NIFTI_MAGIC = (b"n+1\0", b"ni1\0")


def image_kind(path: Path) -> ImageKind | None:
    """Return what kind of image a file is, or None for any other file; at most 352 bytes are read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(352)
    except OSError:
        return None
    if head[128:132] == b"DICM":
        return ImageKind.DICOM
    if head.startswith(_PICTURES):
        return ImageKind.PICTURE
    is_nifti = head[344:348] in _NIFTI_MAGIC or head[4:8] in (b"n+2\0", b"ni2\0")
    is_packed_nifti = head[:2] == b"\x1f\x8b" and path.name.lower().endswith(".nii.gz")
    if is_nifti or is_packed_nifti or head.startswith(b"NRRD000"):
        return ImageKind.VOLUME
    return None
