"""NIfTI files of volumes by nibabel; ``nifti`` says where their axes lie."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import Calibration
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import ImageError
from hounsfield.image.mark import keep, mark_line
from hounsfield.image.nifti import COMMENT, to_nifti_order
from hounsfield.image.saving import whole_file

Samples = npt.NDArray[Any]

_SCANNER = 1
"""NIFTI_XFORM_SCANNER_ANAT: coordinates of the scanner."""
_RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def write_nifti(volume: Volume, path: Path) -> Path:
    """Write a volume as NIfTI-1, gzip compressed where the name ends in ``.gz``.

    Samples keep their type and value: the scale is 1, so integers stay exact. sform and qform hold the same RAS affine
    in millimetres; a sheared grid has an sform alone, which is all that a shear fits into, and a volume of unknown
    size (``Calibration.NONE``) has neither. Axes are those of dcm2niix: column, row from the last one, slice.

    Args:
        volume: grey, or colour of 8 bits; frames in time become the fourth axis.
        path: ends in ``.nii`` or ``.nii.gz``.

    Raises:
        ImageError: ``E341`` for samples that NIfTI has no type for.
        SettingsError: ``E340``: the file exists.
    """
    samples, affine = to_nifti_order(_storable(volume), volume.geometry)
    if volume.slice_axis is SliceAxis.TIME:
        samples = np.expand_dims(np.moveaxis(samples, 2, -1), 2)
    made: Any = nib.Nifti1Image  # nibabel publishes no types
    image = made(samples, None)
    header = image.header
    is_known = volume.geometry.calibration is not Calibration.NONE
    header.set_xyzt_units("mm" if is_known else "unknown", "sec" if volume.slice_axis is SliceAxis.TIME else "unknown")
    slice_mm, row_mm, column_mm = volume.geometry.spacing_mm
    zooms = (column_mm, row_mm, slice_mm, _frame_seconds(volume))
    header.set_zooms(zooms[: samples.ndim])
    if is_known:
        image.set_sform(affine, code=_SCANNER)
        image.set_qform(affine, code=_SCANNER, update_affine=False)
    header.set_slope_inter(1.0, 0.0)
    if volume.enhanced_by:
        header["descrip"] = mark_line(volume.enhanced_by)
    elif volume.repaired_by:
        # The one free text of NIfTI, 80 bytes: these samples are not those that were acquired.
        header["descrip"] = f"repaired by interpolation: {', '.join(volume.repaired_by)}".encode()[:79]
    made_extension: Any = nib.nifti1.Nifti1Extension
    header.extensions.extend(made_extension(COMMENT, f"{key}={text}".encode()) for key, text in keep(volume).items())
    with whole_file(path) as partial:
        image.to_filename(partial)
    return path


def _storable(volume: Volume) -> Samples:
    """Return the samples, (slice, row, column), in a type that NIfTI has."""
    array = volume.array
    if volume.is_colour:
        if array.dtype != np.uint8:
            raise ImageError("E341", found=f"colour of the type {array.dtype}", expected="NIfTI")
        return np.ascontiguousarray(np.moveaxis(array, 0, -1)).view(_RGB)[..., 0]
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise ImageError("E341", found=str(array.dtype), expected="NIfTI")
    return array


def _frame_seconds(volume: Volume) -> float:
    """Return the time between frames, 0 where it is not known."""
    times = volume.frame_times_seconds
    return float(np.mean(np.diff(times))) if len(times) > 1 else 0.0
