"""A volume as the bytes of a NIfTI-1 or NRRD file, its grid exact."""

import gzip
import io
from typing import Any

import nibabel
import nrrd
import numpy as np

from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError

SUFFIXES = (".nii.gz", ".nii", ".nrrd")
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def encode_volume(volume: Volume, name: str) -> bytes:
    """Return a volume as the file that the ending of a name asks for; samples keep type and value.

    NIfTI has the affine in RAS millimetres as sform and, where nothing is sheared, as qform; NRRD has space directions
    in left-posterior-superior. Axes are column, row, slice. Equal volumes give equal bytes.

    Raises:
        ImageError: ``E466``, the format does not hold such samples: colour in NIfTI, or another ending.
    """
    if name.endswith(".nrrd"):
        return _nrrd(volume)
    if not name.endswith((".nii", ".nii.gz")) or volume.is_colour:
        raise ImageError("E466", found="colour" if volume.is_colour else "samples", expected=name[-40:])
    content = _nifti(volume)
    return gzip.compress(content, 6, mtime=0) if name.endswith(".gz") else content


def _nifti(volume: Volume) -> bytes:
    affine = _LPS_TO_RAS @ volume.geometry.index_to_patient[:, [2, 1, 0, 3]]
    array = volume.array.transpose(2, 1, 0)
    array = array.astype(np.uint8) if array.dtype.kind == "b" else array
    maker: Any = nibabel.Nifti1Image  # publishes no types
    image = maker(array, affine, dtype=array.dtype)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    image.header["descrip"] = b"Hounsfield, research software"
    return bytes(image.to_bytes())


def _nrrd(volume: Volume) -> bytes:
    matrix = volume.geometry.index_to_patient
    directions = matrix[:3, [2, 1, 0]].T
    array = volume.array.transpose(*range(volume.array.ndim)[::-1])
    kinds = ["domain"] * 3
    if volume.is_colour:
        array = np.moveaxis(array, -1, 0)
        directions = np.vstack([np.full((1, 3), np.nan), directions])
        kinds = ["RGB-color" if len(array) == 3 else "list", *kinds]
    array = array.astype(np.uint8) if array.dtype.kind == "b" else array
    header = {
        "space": "left-posterior-superior", "space directions": directions, "space origin": matrix[:3, 3],
        "kinds": kinds, "encoding": "raw",
    }  # fmt: skip
    buffer = io.BytesIO()
    nrrd.write(buffer, array, header)
    return buffer.getvalue()
