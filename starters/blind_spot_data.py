"""Images and noise for the blind-spot network: real slices parted by patient, dead leaves, and noise in units of 1.

Only data whose licence lets weights be given away are learned from; the card names them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image

Pixels = npt.NDArray[np.float32]

TRAINING, TUNING, TEST = "training", "tuning", "test"
SARCOMA = {
    TRAINING: ("STS_001", "STS_002", "STS_003"),
    TUNING: ("STS_004",),
    TEST: ("STS_006", "STS_008"),
}
PARTS = {
    TRAINING: (("MR", "pyradiomics/brain1_image.nrrd"), ("MR", "dicom/pydicom_data/MR2_UNCR.dcm"),
               ("CT", "dicom/pydicom_data/693_UNCR.dcm"), ("X-ray", "dicom/pydicom_data/RG3_J2KR.dcm")),
    TUNING: (("MR", "spinal_cord/t2/t2.nii.gz"),),
    TEST: (("MR", "pyradiomics/brain2_image.nrrd"), ("CT", "whole_body/example_ct.nii.gz"),
           ("MR", "whole_body/example_mr_sm.nii.gz"), ("X-ray", "dicom/pydicom_data/RG1_J2KI.dcm"),
           ("X-ray", "body_part/CXR")),
}  # fmt: skip
"""Files of each part beside the sarcoma patients; no patient is in two of them."""

LARGEST_SIDE = 1024
CHEST_RADIOGRAPHS = 12


@dataclass(frozen=True)
class Picture:
    """A slice from 0 to 1, from its 0.5 to its 99.5 percentile, not clipped."""

    modality: str
    source: str
    pixels: Pixels


def pictures(data: Path, part: str) -> list[Picture]:
    """Return the slices of a part that hold something, each from 0 to 1 by its own percentiles."""
    named = [
        (modality, data / "sarcoma" / "nifti" / patient / f"{file}_image.nii.gz")
        for patient in SARCOMA[part]
        for modality, file in (("CT", "CT"), ("MR", "MR_T1"))
    ]
    named += [(modality, data / path) for modality, path in PARTS[part]]
    found = []
    for modality, path in named:
        for plane in _planes(path):
            low, high = np.percentile(plane, [0.5, 99.5])
            if min(plane.shape) >= 48 and high > low and (plane > low + 0.1 * (high - low)).mean() > 0.1:
                scaled = ((plane - low) / (high - low)).astype(np.float32)
                found.append(Picture(modality, path.relative_to(data).as_posix(), scaled))
    return found


def _planes(path: Path) -> list[Pixels]:
    """Return the slices of a file, or the first pictures of a folder."""
    if path.is_dir():
        files = sorted(path.iterdir())[:CHEST_RADIOGRAPHS]
        return [np.asarray(Image.open(file).convert("L"), np.float32) for file in files]
    if path.suffix == ".dcm":
        plane = pydicom.dcmread(path).pixel_array.astype(np.float32)
        return [reduced(plane, -(-max(plane.shape) // LARGEST_SIDE))]
    volume = nrrd.read(str(path))[0] if path.suffix == ".nrrd" else np.asarray(nib.load(path).dataobj)
    volume = np.asarray(volume, np.float32)
    return [np.ascontiguousarray(volume[:, :, index].T) for index in range(0, volume.shape[2], 2)]


def reduced(plane: Pixels, factor: int) -> Pixels:
    """Return means of blocks; noise falls with the factor."""
    rows, columns = (length // factor for length in plane.shape)
    blocks = plane[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def dead_leaves(side: int, chance: np.random.Generator) -> Pixels:
    """Return discs, boxes and stripes that hide each other, with radii after a power law, from 0 to 1.

    Scenes of this kind have the edges and the spectrum of images without being of anything (Lee, Mumford and Huang
    2001, doi:10.1023/A:1011109015675). They are drawn at twice the size, so that edges fall between samples too.
    """
    size = 2 * side
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    image = np.full((size, size), chance.uniform(), np.float32)
    for _ in range(int(chance.integers(20, 120))):
        radius = min(2.0 / (chance.uniform() ** 0.7 + 0.02), size / 2)
        turn, ratio = chance.uniform(0, np.pi), chance.uniform(0.3, 1)
        r, c = rows - chance.uniform(0, size), columns - chance.uniform(0, size)
        u, v = r * np.cos(turn) + c * np.sin(turn), (c * np.cos(turn) - r * np.sin(turn)) / ratio
        inside = (u * u + v * v if chance.uniform() < 0.7 else np.maximum(u * u, v * v)) < radius * radius
        value = chance.uniform() + chance.normal(0, 0.004) * u
        if chance.uniform() < 0.2:
            value = value + chance.uniform(0, 0.2) * np.sin(u * chance.uniform(0.1, 1.2))
        image = np.where(inside, value, image).astype(np.float32)
    return reduced(image, 2)


def gaussian(clean: Pixels, chance: np.random.Generator) -> Pixels:
    """Add normal noise with a standard deviation of 1."""
    return (clean + chance.standard_normal(clean.shape)).astype(np.float32)


def poisson(clean: Pixels, chance: np.random.Generator) -> Pixels:
    """Add noise of counts: its variance grows with the signal, from a fifth of its mean at the least; that is 1."""
    counts = clean - clean.min()
    gain = counts + 0.25 * max(float(counts.mean()), 1e-3)
    gain = gain / gain.mean()
    drawn = chance.poisson(gain * 400) / 400 - gain  # 400 counts: close to normal, as in a radiograph
    return (clean + drawn * 20).astype(np.float32)


def rician(clean: Pixels, chance: np.random.Generator) -> Pixels:
    """Return the magnitude of a complex signal with noise of 1 in both parts (Gudbjartsson and Patz 1995)."""
    signal = clean - clean.min()
    real, imaginary = chance.standard_normal((2, *clean.shape))
    return np.hypot(signal + real, imaginary).astype(np.float32)


NOISES: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "gaussian": gaussian,
    "poisson": poisson,
    "rician": rician,
}
