"""Folders read whole and compared with pydicom and nibabel, slice by slice: ``python -m tests.image.sweep FOLDER...``.

Where ``test_decode`` reads files one by one, these go the way of a folder: from eight files on headers are walked by
compiled code, and pixels go from the files straight into the volume.
"""

import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut
from pydicom.pixels.processing import apply_modality_lut
from pydicom.uid import UID

from hounsfield.core.quantities import Quantity
from hounsfield.core.study import DICOM_MEDIA_TYPE
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError
from hounsfield.opening import Opened, read_volumes

SCALED = (Quantity.SUV_BW, Quantity.ACTIVITY)
LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
"""Decoders of these processes may differ by a grey level; all others are compared to the bit."""
COPIES = 8


@dataclass
class Sweep:
    """How many slices are what the other reader gives, why others are not, and what differs."""

    equal: int = 0
    lossy: int = 0
    without_oracle: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def add(self, other: "Sweep") -> None:
        """Count what another found as well."""
        self.equal += other.equal
        self.lossy += other.lossy
        self.without_oracle += other.without_oracle
        self.refused += other.refused
        self.different += other.different

    def __str__(self) -> str:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(self.refused.items())) or "none"
        return (
            f"slices equal {self.equal}, lossy within a grey level {self.lossy}, "
            f"no other reader {self.without_oracle}, different {len(self.different)}; refused: {codes}"
        )


def sweep(source: Path, found: Opened | None = None) -> Sweep:
    """Read a folder and compare every slice whose source is known."""
    said = Sweep()
    try:
        opened = found or read_volumes(source)
    except HounsfieldError as error:
        said.refused[error.code] += 1
        return said
    said.refused.update(file.error.code for file in opened.refused)
    said.refused.update(issue.code for issue in opened.issues if issue.code.startswith("E"))
    oracle = Oracle()
    for volume in opened.volumes:
        if volume.instances[0].media_type == DICOM_MEDIA_TYPE:
            _compare_slices(volume, oracle, said)
        elif volume.instances[0].media_type == "application/x-nifti":
            _compare_nifti(volume, said)
    return said


def copies(path: Path, folder: Path, count: int = COPIES) -> bool:
    """Write copies of a file as the slices of a series, their pixel data untouched; False where that cannot be."""
    folder.mkdir(parents=True)
    try:
        dataset = pydicom.dcmread(path)
    except Exception:  # noqa: BLE001 (what pydicom cannot read is no source of copies)
        return False
    if "SOPInstanceUID" not in dataset or "Rows" not in dataset or "file_meta" not in dir(dataset):
        return False
    uid = str(dataset.SOPInstanceUID)[:56]
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{number}"
        dataset.InstanceNumber = number + 1
        if "ImagePositionPatient" in dataset and "ImageOrientationPatient" in dataset:
            across = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
            place = np.array(dataset.ImagePositionPatient, float) + np.cross(*across) * (5 if number else 0)
            dataset.ImagePositionPatient = [f"{value:.6f}" for value in place]
        try:
            dataset.save_as(folder / f"{number}.dcm")
        except Exception:  # noqa: BLE001 (nor is what it cannot write)
            return False
    return True


class Oracle:
    """What pydicom gives for a frame of a file; files are decoded once."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._known: tuple[pydicom.Dataset, np.ndarray] | None = None

    def frame(self, path: Path, index: int) -> tuple[pydicom.Dataset, np.ndarray] | None:
        """Return the data set and the rescaled values, or the colours, of a frame; None where pydicom cannot."""
        if path != self._path:
            self._path, self._known = path, _decoded(path)
        if self._known is None:
            return None
        dataset, frames = self._known
        stored = frames[index]
        if stored.ndim == 3:
            return dataset, np.moveaxis(stored, -1, 0)
        groups = _groups(dataset, index)
        for group in groups:
            if "PixelValueTransformationSequence" in group:
                item = group.PixelValueTransformationSequence[0]
                return dataset, stored * float(item.RescaleSlope) + float(item.RescaleIntercept)
        factor = float(dataset.get("DoseGridScaling", 1))
        return dataset, np.asarray(apply_modality_lut(stored, dataset), np.float64) * factor


def _groups(dataset: pydicom.Dataset, index: int) -> Iterator[pydicom.Dataset]:
    if "PerFrameFunctionalGroupsSequence" in dataset:
        yield dataset.PerFrameFunctionalGroupsSequence[index]
    if "SharedFunctionalGroupsSequence" in dataset:
        yield dataset.SharedFunctionalGroupsSequence[0]


def _decoded(path: Path) -> tuple[pydicom.Dataset, np.ndarray] | None:
    dataset = pydicom.dcmread(path, force=True)
    try:
        array = dataset.pixel_array
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            if dataset.original_encoding[1] is False:
                # pydicom leaves the bytes of the tables as they lie; test_samples compares these with DCMTK.
                return None
            array = apply_color_lut(array, dataset)
    except Exception:  # noqa: BLE001 (whatever pydicom cannot decode is no oracle)
        return None
    return dataset, array if int(dataset.get("NumberOfFrames") or 1) > 1 else array[np.newaxis]


def _compare_slices(volume: Volume, oracle: Oracle, said: Sweep) -> None:
    for index in range(volume.geometry.shape[0]):
        source = volume.source_of(index)
        known = None if source is None else oracle.frame(source[0].path, source[1])
        if source is None or known is None:
            said.without_oracle += 1
            continue
        dataset, expected = known
        ours = volume.array[..., index, :, :]
        if volume.quantity in SCALED and expected.max() > 0:
            # By one more factor a slice; the tests of the PET module say by which.
            expected = expected * (float(ours.max()) / float(expected.max()))
        if volume.is_colour and ours.dtype.itemsize < expected.dtype.itemsize:
            # Tables of 16 bits that hold colours of 8.
            expected = expected >> 8
        if _is_same(ours, expected):
            said.equal += 1
        elif UID(dataset.file_meta.TransferSyntaxUID) in LOSSY and np.abs(ours - expected.astype(float)).max() <= 1:
            said.lossy += 1
        else:
            said.different.append(f"{source[0].path.name} frame {source[1]}")


def _is_same(ours: np.ndarray, expected: np.ndarray) -> bool:
    if ours.shape != expected.shape:
        return False
    # Integers to the bit; floats to the rounding of float32, whichever of the two multiplied in it.
    return np.allclose(ours, expected, rtol=3e-6 if ours.dtype.kind == "f" else 0, atol=0)


def _compare_nifti(volume: Volume, said: Sweep) -> None:
    """Compare the slices of a file of three axes with nibabel, sample by sample through both affines."""
    image = nib.Nifti1Image.from_bytes(_inflated(volume.instances[0].path))
    if image.ndim != 3 or image.get_data_dtype().kind not in "iuf":
        said.without_oracle += volume.geometry.shape[0]
        return
    to_theirs = np.linalg.inv(np.diag([-1, -1, 1, 1]) @ image.affine) @ volume.geometry.index_to_patient
    shape = volume.geometry.shape
    index = np.stack([*np.meshgrid(*map(np.arange, shape), indexing="ij"), np.ones(shape)], axis=-1)
    place = np.rint(index @ to_theirs.T).astype(int)[..., :3]
    theirs = np.asarray(image.dataobj, np.float32)[tuple(np.moveaxis(place, -1, 0))]
    for number, (one, other) in enumerate(zip(volume.array, theirs, strict=True)):
        if np.array_equal(one.astype(np.float32), other, equal_nan=True):
            said.equal += 1
        else:
            said.different.append(f"{volume.instances[0].path.name} slice {number}")


def _inflated(path: Path) -> bytes:
    import gzip

    raw = path.read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def sweep_copies(paths: Iterable[Path], folder: Path) -> Sweep:
    """Compare files one after the other, each as a series of copies of itself."""
    said = Sweep()
    for number, path in enumerate(paths):
        place = folder / str(number)
        if copies(path, place):
            said.add(sweep(place))
        shutil.rmtree(place)
    return said


def main(folders: list[str]) -> None:
    """Compare folders whole, then each DICOM file in them as a series of its own, and write a line for each."""
    warnings.simplefilter("ignore")
    for folder in folders:
        files = sorted(Path(folder).rglob("*.dcm"))
        with tempfile.TemporaryDirectory() as place:
            for name, said in (("as it is", sweep(Path(folder))), ("copies", sweep_copies(files, Path(place)))):
                lines = "".join(f"    different: {different}\n" for different in said.different)
                sys.stdout.write(f"{folder}, {name}: {said}\n{lines}")


if __name__ == "__main__":
    main(sys.argv[1:])
