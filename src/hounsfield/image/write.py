"""A volume written in the format that a name asks for."""

from pathlib import Path

from hounsfield.core.volume import Volume
from hounsfield.errors import SettingsError
from hounsfield.image.derived import write_derived
from hounsfield.image.nifti_writer import write_nifti
from hounsfield.image.nrrd_writer import write_nrrd
from hounsfield.image.saving import require_free

SUFFIXES = (".nii.gz", ".nii", ".nrrd")
"""Endings of files; any other name is that of a folder for DICOM."""


_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm")
_VOLUMES = (".mha", ".mhd", ".img", ".hdr", ".mgz", ".npy", ".npz", ".h5", ".gz", ".zip")
_OTHER_FILES = frozenset((*_PICTURES, *_VOLUMES))
"""Endings of formats that are not written: no folder is meant by them."""


def require_target(target: Path) -> None:
    """Refuse, before any work is done for it, a target that cannot be written to.

    Raises:
        SettingsError: ``E343`` for the name of a file in a format that is not written; ``E340`` when something stands
            in its place.
    """
    name = target.name.lower()
    if not name or name in SUFFIXES or (target.suffix.lower() in _OTHER_FILES and not name.endswith(SUFFIXES)):
        raise SettingsError("E343", found=target.name)
    require_free(target)


def write_volume(volume: Volume, target: Path, description: str) -> tuple[Path, ...]:
    """Write a volume as NIfTI, as NRRD, or as a new DICOM series of derived images.

    Args:
        volume: what to write; for DICOM its source instances must still be there.
        target: ends in ``.nii.gz``, ``.nii`` or ``.nrrd``, else it becomes a folder.
        description: what was done, for the Derivation Description of DICOM.

    Returns:
        The files, in the order of the slices.

    Raises:
        ImageError: ``E341``, the format does not hold such samples; ``E342``, a source is gone.
        SettingsError: ``E340``, something stands in its place.
    """
    name = target.name.lower()
    if name.endswith((".nii.gz", ".nii")):
        return (write_nifti(volume, target),)
    if name.endswith(".nrrd"):
        return (write_nrrd(volume, target),)
    return write_derived(volume, target, description)
