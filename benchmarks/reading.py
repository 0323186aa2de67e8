"""Reading a CT series of 300 slices of 512 x 512: native and compressed, beside the readers that people use."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.image import phantoms
from hounsfield.opening import read_volumes

SHAPE = (300, 512, 512)
FLOAT = "CT series, 300 x 512 x 512, to a float32 volume [series_float32]"
WHOLE = "CT series, 300 x 512 x 512, to an int16 volume [series_int16]"
COMPRESSED_ROUNDS = 3
FEW = 20
"""Slices of a compressed series that the readers warm up with."""
COMPRESSED = {"jpeg2000": JPEG2000Lossless, "jpegls": JPEGLSLossless, "rle": RLELossless}


def write_series(folder: Path) -> None:
    """Write the series: an analytic body with noise, explicit VR little endian."""
    geometry = VolumeGeometry(SHAPE, (1.0, 0.7, 0.7), (-179.2, -179.2, 0.0))
    phantoms.write_ct(folder, phantoms.BodyPhantom(geometry=geometry))
    chance = np.random.default_rng(0)
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        samples = np.frombuffer(dataset.PixelData, dtype=np.int16) + chance.normal(0, 12, 512 * 512).astype(np.int16)
        dataset.PixelData = np.clip(samples, 0, 4095).astype(np.int16).tobytes()  # unsigned, 12 bits
        dataset.save_as(path)


def compress_series(source: Path, target: Path, syntax: str) -> None:
    """Write the series again in a compressed transfer syntax, with the depth of its samples as scanners do."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(target / path.name)


def by_pydicom(folder: Path, dtype: type = np.float32) -> np.ndarray:
    """Read by a loop over pydicom, sorted by position."""
    datasets = sorted(
        (pydicom.dcmread(path) for path in folder.iterdir()), key=lambda item: item.ImagePositionPatient[2]
    )
    if dtype is np.int16:
        return np.stack([item.pixel_array + np.int16(item.RescaleIntercept) for item in datasets])
    return np.stack(
        [
            (item.pixel_array * float(item.RescaleSlope) + float(item.RescaleIntercept)).astype(dtype)
            for item in datasets
        ]
    )


def by_simpleitk(folder: Path, dtype: type = np.float32) -> np.ndarray:
    """Read by SimpleITK's series reader."""
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reader.SetOutputPixelType(SimpleITK.sitkFloat32 if dtype is np.float32 else SimpleITK.sitkInt16)
    return SimpleITK.GetArrayFromImage(reader.Execute())


def by_monai(folder: Path) -> np.ndarray:
    """Read by MONAI's PydicomReader."""
    from monai.data import PydicomReader

    reader = PydicomReader()
    return np.asarray(reader.get_data(reader.read(str(folder)))[0])


def by_dicomsdl(folder: Path, dtype: type = np.float32) -> np.ndarray:
    """Read by dicomsdl, sorted by position; it has no series reader and no affine."""
    import dicomsdl

    files = [dicomsdl.open(str(path)) for path in folder.iterdir()]
    files.sort(key=lambda item: item.ImagePositionPatient[2])
    array = np.empty((len(files), files[0].Rows, files[0].Columns), dtype=dtype)
    for index, item in enumerate(files):
        # Without storedvalue, pixelData() applies slope and intercept in float32.
        is_float = dtype is np.float32
        array[index] = item.pixelData() if is_float else item.pixelData(storedvalue=True)
        if not is_float:
            array[index] += np.int16(item.RescaleIntercept)
    return array


def by_copy(array: np.ndarray) -> np.ndarray:
    """Copy an array into fresh memory."""
    fresh = np.empty_like(array)
    fresh[...] = array
    return fresh


def measure_reading(rounds: int) -> dict[str, list[Row]]:
    """Measure every job, ours first in each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = folder / "plain"
        write_series(plain)
        tables = {FLOAT: measure(_float_subjects(plain), rounds), WHOLE: measure(_whole_subjects(plain), rounds)}
        for label, syntax in COMPRESSED.items():
            compressed, few = folder / label, folder / f"{label}-few"
            compress_series(plain, compressed, syntax)
            few.mkdir()
            for path in sorted(compressed.iterdir())[:FEW]:
                shutil.copy(path, few)
            tables[f"The same series compressed, to int16 [series_{label}]"] = measure(
                _compressed_subjects(compressed, few), COMPRESSED_ROUNDS
            )
            shutil.rmtree(compressed)
        return tables


def _compressed_subjects(folder: Path, few: Path) -> list[Subject]:
    def by_us(source: Path) -> np.ndarray:
        return read_volumes(source).volumes[0].array

    readers: dict[str, Callable[[Path], np.ndarray]] = {
        "hounsfield": by_us,
        "pydicom": partial(by_pydicom, dtype=np.int16),
        "SimpleITK": partial(by_simpleitk, dtype=np.int16),
        "dicomsdl": partial(by_dicomsdl, dtype=np.int16),
    }
    return [
        Subject(name, partial(_read_and_sum, read, folder), partial(_read_and_sum, read, few))
        for name, read in readers.items()
    ]


def _read_and_sum(read: Callable[[Path], np.ndarray], folder: Path) -> float:
    return _checksum(read(folder))


def _checksum(array: np.ndarray) -> float:
    """Return a number that all subjects must agree on, cheap beside the reading."""
    return float(array[::37, ::41, ::43].astype(np.float64).sum())


def _float_subjects(folder: Path) -> list[Subject]:
    return [
        Subject("hounsfield", lambda: _checksum(read_volumes(folder, as_float=True).volumes[0].array)),
        Subject("MONAI", lambda: by_monai(folder).shape),
        Subject("pydicom", lambda: _checksum(by_pydicom(folder))),
        Subject("SimpleITK", lambda: _checksum(by_simpleitk(folder))),
        Subject("dicomsdl", lambda: _checksum(by_dicomsdl(folder))),
    ]


def _whole_subjects(folder: Path) -> list[Subject]:
    kept = read_volumes(folder).volumes[0].array
    return [
        Subject("hounsfield", lambda: _checksum(read_volumes(folder).volumes[0].array)),
        Subject("dicomsdl", lambda: _checksum(by_dicomsdl(folder, np.int16))),
        Subject("copy", lambda: _checksum(by_copy(kept))),
    ]
