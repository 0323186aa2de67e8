"""NRRD files of volumes by pynrrd, in the patient space of DICOM."""

from pathlib import Path

import nrrd as pynrrd
import numpy as np

from hounsfield.core.geometry import Calibration
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import ImageError
from hounsfield.image.mark import keep
from hounsfield.image.saving import whole_file

_SPACE = "left-posterior-superior"


def write_nrrd(volume: Volume, path: Path) -> Path:
    """Write a volume as NRRD, gzip compressed, its header and samples in one file.

    The axes are column, row, slice in the space left-posterior-superior, millimetres; a sheared grid is kept, as space
    directions may meet at any angle. Samples keep their type and value. Colour is a first axis of kind ``RGB-color``.

    Args:
        volume: grey or colour; frames in time are a last axis of kind ``time``.
        path: ends in ``.nrrd``.

    Raises:
        ImageError: ``E341`` for samples that NRRD has no type for.
        SettingsError: ``E340``: the file exists.
    """
    array = volume.array.astype(np.uint8) if volume.array.dtype == np.bool_ else volume.array
    array = array.astype(np.float32) if array.dtype == np.float16 else array
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise ImageError("E341", found=str(array.dtype), expected="NRRD")
    affine = volume.geometry.index_to_patient
    directions = [affine[:3, axis].tolist() for axis in (2, 1, 0)]
    samples = np.transpose(array)
    kinds = ["domain", "domain", "time" if volume.slice_axis is SliceAxis.TIME else "domain"]
    header: dict[str, object] = {"type": array.dtype.name, "encoding": "gzip", "endian": "little"}
    if volume.is_colour:
        samples = np.moveaxis(samples, -1, 0)
        directions, kinds = [[float("nan")] * 3, *directions], ["RGB-color", *kinds]
    header["kinds"] = kinds
    if volume.geometry.calibration is Calibration.NONE:
        # Without a known size there is no space, only the proportions of a pixel.
        spacings = [float(mm) for mm in reversed(volume.geometry.spacing_mm)]
        header["spacings"] = [float("nan"), *spacings] if volume.is_colour else spacings
    else:
        header |= {
            "space": _SPACE,
            "space directions": directions,
            "space origin": affine[:3, 3].tolist(),
            "space units": ["mm"] * 3,
        }
    header |= keep(volume)
    with whole_file(path) as partial:
        pynrrd.write(str(partial), np.asarray(samples), header, index_order="F", compression_level=6)
    return path
