"""Cases on disk: balls of known size and intensity as NIfTI, NRRD, pictures and DICOM."""

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

SPACING_MM = (2.0, 1.0, 0.5)
"""Of slices, rows and columns: no two axes are alike, so that none can be taken for another."""


def samples(seed: int = 0, shape: tuple[int, int, int] = (8, 12, 20)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 60, shape).astype(np.int16)


def labels(shape: tuple[int, int, int] = (8, 12, 20)) -> np.ndarray:
    """Label 2 is a box of 4 x 5 x 6 voxels, label 7 one of 2 x 3 x 4."""
    array = np.zeros(shape, np.uint8)
    array[1:5, 2:7, 3:9] = 2
    array[5:7, 7:10, 12:16] = 7
    return array


def write_nifti(path: Path, array: np.ndarray) -> Path:
    """Write (slice, row, column) as a NIfTI whose axes are x, y, z."""
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([-SPACING_MM[2], -SPACING_MM[1], SPACING_MM[0], 1.0])
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), path)
    return path


def write_case(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    return write_nifti(folder / "image.nii.gz", samples(seed)), write_nifti(folder / "mask.nii.gz", labels())


def write_folders(data: Path, count: int) -> Path:
    for index in range(count):
        write_nifti(data / "images" / f"case{index}.nii.gz", samples(index))
        write_nifti(data / "labels" / f"case{index}.nii.gz", labels())
    return data


def write_picture(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)
    return path
