"""Radiographs of 1024 x 1024 and 16 bits from files to 224 x 224, beside pydicom with OpenCV and OpenCV, 2 threads."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.side_by_side import Row, Subject, measure, show
from hounsfield.core.study import InstanceRef
from hounsfield.image.radiograph import read_reduced

FILES = 24
SIDE = 224
THREADS = 2


def film(seed: int) -> npt.NDArray[np.uint16]:
    """Return a smooth picture with the noise of a detector, 12 of 16 bits in use."""
    chance = np.random.default_rng(seed)
    row, column = np.mgrid[0:1024, 0:1024] / 1024
    shape = 30_000 + 20_000 * np.sin(5 * row + seed) * np.cos(7 * column)
    return (shape + chance.normal(0, 200, shape.shape)).clip(0, 65535).astype(np.uint16)


def _write_dicom(path: Path, pixels: npt.NDArray[np.uint16]) -> InstanceRef:
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        "1.2.840.10008.5.1.4.1.1.1",
        pydicom.uid.generate_uid(),
    )
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "CR", "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)
    uid = str(meta.MediaStorageSOPInstanceUID)
    return InstanceRef(uid, str(dataset.SOPClassUID), path, "application/dicom", "", str(meta.TransferSyntaxUID))


def _table(name: str, instances: list[InstanceRef], read: Callable[[Path], Any], rounds: int) -> list[Row]:
    import cv2

    cv2.setNumThreads(1)

    def as_floats(instance: InstanceRef) -> float:
        floats = read(instance.path).astype(np.float32)
        return float(cv2.resize(floats, (SIDE, SIDE), interpolation=cv2.INTER_AREA).mean())

    def as_integers(instance: InstanceRef) -> float:
        shrunk = cv2.resize(read(instance.path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return float(shrunk.astype(np.float32).mean())

    def peer(one: Callable[[InstanceRef], float]) -> object:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(one, instances))

    def ours() -> object:
        return read_reduced(instances, SIDE, SIDE, THREADS).array.mean(axis=(1, 2))

    subjects = [
        Subject("hounsfield", ours),
        Subject(name, lambda: peer(as_floats)),
        Subject(f"{name}, means rounded", lambda: peer(as_integers)),
    ]
    return measure(subjects, rounds)


def measure_reducing(rounds: int) -> dict[str, list[Row]]:
    """Return a table for DICOM and one for PNG; the first row of each is ours."""
    import cv2
    import pydicom

    with tempfile.TemporaryDirectory() as folder:
        dicom, png = [], []
        for place in range(FILES):
            pixels = film(place)
            dicom.append(_write_dicom(Path(folder) / f"{place}.dcm", pixels))
            path = Path(folder) / f"{place}.png"
            cv2.imwrite(str(path), pixels)
            png.append(InstanceRef(str(place), "", path, "image/png", ""))
        return {
            f"{FILES} radiographs, DICOM, to {SIDE} x {SIDE}": _table(
                "pydicom and OpenCV", dicom, lambda path: pydicom.dcmread(path).pixel_array, rounds
            ),
            f"{FILES} radiographs, PNG, to {SIDE} x {SIDE}": _table(
                "OpenCV", png, lambda path: cv2.imread(str(path), cv2.IMREAD_UNCHANGED), rounds
            ),
        }


if __name__ == "__main__":
    for title, rows in measure_reducing(5).items():
        show(title, rows)
