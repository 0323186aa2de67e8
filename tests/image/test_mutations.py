"""Damaged files end in a volume or a typed refusal, never in another exception (B1 of the test catalogue)."""

import gzip
import random
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from hounsfield.core.study import Series
from hounsfield.errors import HounsfieldError
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.checks import check_volume
from hounsfield.image.display import to_display
from hounsfield.image.limits import PixelLimits
from hounsfield.image.phantoms import (
    BodyPhantom,
    HeartPhantom,
    pose_geometry,
    write_enhanced_ct,
    write_heart,
    write_pet,
)
from tests.image.helpers import PYDICOM_FILES, file_series

DICOM_SEEDS = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "examples_palette.dcm",
    "rtdose.dcm",
    "image_dfl.dcm",
    "SC_rgb_rle_2frame.dcm",
    "JPEG-lossy.dcm",
)
LIMITS = PixelLimits(max_pixel_bytes=64 << 20, max_file_bytes=64 << 20)


def _mutate(raw: bytes, generator: random.Random) -> bytes:
    """Change, cut or drop some bytes, mostly in the header."""
    data, kind, head = bytearray(raw), generator.random(), min(len(raw), 4000)
    start = min(132, head // 8)
    if kind < 0.7:
        for _ in range(generator.randint(1, 6)):
            data[generator.randrange(start, head if kind < 0.5 else len(data))] = generator.randrange(256)
    elif kind < 0.85:
        del data[generator.randrange(start, len(data)) :]
    else:
        at = generator.randrange(start, head)
        del data[at : at + generator.randint(1, 9)]
    return bytes(data)


def _read(series: Series) -> Assembly | HounsfieldError:
    try:
        return assemble(series, LIMITS)
    except HounsfieldError as error:
        return error


def _try(series: Series) -> None:
    found = _read(series)
    if isinstance(found, HounsfieldError):
        assert found.text("zh") != found.code
        return
    for volume in found.volumes:
        check_volume(volume)
        assert np.isfinite(to_display(volume).array).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DICOM_SEEDS)
def test_damaged_files_of_pydicom(tmp_path: Path, name: str) -> None:
    generator = random.Random(f"seed {name}")
    raw, path = (PYDICOM_FILES / name).read_bytes(), tmp_path / "damaged"
    for _ in range(25):
        path.write_bytes(_mutate(raw, generator))
        _try(file_series(path, "application/dicom"))


@pytest.mark.filterwarnings("ignore")
def test_damaged_phantoms(tmp_path: Path) -> None:
    generator = random.Random("phantoms")
    body = BodyPhantom(pose_geometry((4, 16, 16), (10.0, 8.0, 8.0)))
    seeds = [
        write_enhanced_ct(tmp_path / "ct", body),
        write_heart(tmp_path / "us", HeartPhantom(frames=2, rows=32)),
        write_pet(tmp_path / "pet")[0],
    ]
    path = tmp_path / "damaged"
    for seed in seeds:
        raw = seed.read_bytes()
        for _ in range(30):
            path.write_bytes(_mutate(raw, generator))
            _try(file_series(path, "application/dicom"))


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_of_other_kinds(tmp_path: Path) -> None:
    generator = random.Random("others")
    array = np.random.default_rng(1).integers(0, 255, (20, 24), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png")
    Image.fromarray(array).save(tmp_path / "a.jpg")
    Image.fromarray(array).save(tmp_path / "a.tiff")
    nib.save(nib.Nifti1Image(array[..., np.newaxis].astype(np.int16), np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    np.savez_compressed(tmp_path / "a.npz", image=array)
    kinds = {"png": "image/png", "jpg": "image/jpeg", "tiff": "image/tiff"}
    kinds |= {"nii": "application/x-nifti", "npz": "application/x-npz"}
    for seed in sorted(tmp_path.glob("?.*")):
        raw, path = seed.read_bytes(), tmp_path / "damaged"
        for _ in range(30):
            path.write_bytes(_mutate(raw, generator))
            _try(file_series(path, kinds[seed.suffix[1:]]))
