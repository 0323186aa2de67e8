"""Cine: a manifest of videos and multi-frame DICOM files with one label a video is read as a table like any other."""

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

from hounsfield.cases.guard import examine
from hounsfield.cases.headers import read_headers
from hounsfield.cases.layouts import read_cases
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import HounsfieldError

FRAMES, ROWS, COLUMNS = 7, 32, 48


def frames_of(seed: int) -> np.ndarray:
    """Return (frame, row, column): a bright square that wanders over a slope of its own."""
    chance = np.random.default_rng(seed)
    frames = np.zeros((FRAMES, ROWS, COLUMNS), np.uint8)
    frames += np.linspace(0, chance.integers(60, 120), COLUMNS).astype(np.uint8)
    row, column = chance.integers(0, 10, 2)
    for number in range(FRAMES):
        frames[number, row + number : row + number + 12, column + 2 * number : column + 2 * number + 12] = 220
    return frames


def write_video(path: Path, frames: np.ndarray) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4" if path.suffix == ".mp4" else "ffv1", rate=10)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.stack([frame] * 3, axis=-1), format="rgb24")))
        container.mux(stream.encode())


def write_dicom(path: Path, frames: np.ndarray) -> None:
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.PatientID, dataset.PatientName = "US", "p", "p"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.FrameTime, dataset.FrameIncrementPointer = 100, 0x00181063
    dataset.PixelData = frames.tobytes()
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture(params=[".avi", ".mp4", ".dcm"])
def cines(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    (tmp_path / "films").mkdir()
    with (tmp_path / "manifest.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "label", "patient_id", "split"])
        for number in range(8):
            path = tmp_path / "films" / f"{number}{request.param}"
            (write_dicom if request.param == ".dcm" else write_video)(path, frames_of(number))
            rows.writerow([f"films/{path.name}", "low" if number % 2 else "high", f"p{number}", "train"])
    return tmp_path


def test_each_film_is_a_case_with_its_frames(cines: Path) -> None:
    table = read_cases(cines)
    assert (table.layout, table.class_names, len(table)) == ("manifest", ("high", "low"), 8)
    for index in (0, 5):
        volume = table.read_volume(table.cases[index])
        assert volume.slice_axis is SliceAxis.TIME
        grey = volume.array.mean(axis=0) if volume.is_colour else volume.array
        assert grey.shape == (FRAMES, ROWS, COLUMNS)
        scale = 255 if grey.max() <= 1 else 1
        # codecs that lose a little keep the square where it was
        assert np.abs(grey.astype(np.float64) * scale - frames_of(index)).mean() < 8


def test_films_are_examined_and_described(cines: Path) -> None:
    table = read_cases(cines)
    examination = examine(table)
    assert examination.unreadable == ()
    assert len(set(examination.groups)) == 8
    assert len(read_headers(table)) == 8


def test_a_cut_film_is_an_error_with_a_code(cines: Path) -> None:
    table = read_cases(cines)
    path = table.cases[3].source.path
    path.write_bytes(path.read_bytes()[:120])
    with pytest.raises(HounsfieldError):
        table.read(table.cases[3])
