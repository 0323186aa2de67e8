"""Derived images of every class: no error to dciodvfy, the same grid and values when read again, their source named."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.image import phantoms
from hounsfield.image.derived import write_derived
from tests.image.helpers import assemble_files

Tool = Callable[[str, str], Path]
GRID = phantoms.pose_geometry((6, 40, 36), (12.0, 4.0, 5.0), phantoms.Pose("axial", (12.0, -20.0, 31.0)))
WRITERS: dict[str, Callable[[Path], list[Path]]] = {
    "CT": lambda folder: list(phantoms.write_ct(folder, phantoms.BodyPhantom(GRID))),
    "MR": lambda folder: list(phantoms.write_head(folder, phantoms.HeadPhantom(GRID))),
    "PET": lambda folder: list(phantoms.write_pet(folder, phantoms.PetPhantom(GRID))),
    "enhanced CT": lambda folder: [phantoms.write_enhanced_ct(folder, phantoms.BodyPhantom(GRID))],
    "enhanced MR": lambda folder: [phantoms.write_enhanced_mr(folder, phantoms.HeadPhantom(GRID))],
    "ultrasound": lambda folder: [phantoms.write_heart(folder, phantoms.HeartPhantom(frames=4))],
    "capture": lambda folder: [phantoms.write_secondary_capture(folder)],
    "radiograph": lambda folder: [phantoms.write_chest(folder, phantoms.ChestPhantom(rows=80, columns=90))],
}


def errors_of(tool: Path, path: Path) -> list[str]:
    done = subprocess.run([tool, path], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


@pytest.mark.parametrize("kind", WRITERS)
def test_every_class_is_valid_to_dciodvfy_and_reads_back(tmp_path: Path, debian_tool: Tool, kind: str) -> None:
    source = assemble_files(WRITERS[kind](tmp_path / "in")).volumes[0]
    files = write_derived(source, tmp_path / "out", "Tested")
    for path in (files[0], files[-1]):
        assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []
    (back,) = assemble_files(files).volumes
    np.testing.assert_allclose(back.geometry.index_to_patient, source.geometry.index_to_patient, atol=1e-6)
    assert back.quantity is source.quantity
    # Floats take 65 536 steps: half a step is the most that may be lost.
    step = float(pydicom.dcmread(files[0]).get("RescaleSlope") or 1.0) if source.array.dtype.kind == "f" else 0.0
    assert np.abs(back.array.astype(np.float64) - source.array).max() <= 0.51 * step
    assert pydicom.dcmread(files[0]).SourceImageSequence


@pytest.mark.parametrize("modality", ["CT", "MR_T1", "PET"])
def test_series_of_scanners_are_valid_to_dciodvfy(
    tmp_path: Path, shared_data: Path, debian_tool: Tool, modality: str
) -> None:
    folder = shared_data / "sarcoma" / "dicom" / "STS_004" / modality / "image"
    source = assemble_files(sorted(folder.iterdir())[:5]).volumes[0]
    path = write_derived(source, tmp_path / "out", "Tested")[0]
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []
