"""What must not change a volume does not, and what moves the patient or the pixels moves the grid by as much."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from hounsfield.core.volume import Volume
from hounsfield.image.phantoms import BodyPhantom, Pose, pose_geometry, write_ct
from hounsfield.opening import read_volumes
from tests.image.helpers import change, digest, only_volume

SHAPE = (6, 9, 11)
SPACING_MM = (3.1, 0.7, 1.3)
PLANES = ("axial", "coronal", "sagittal")


def written(folder: Path, seed: int) -> list[Path]:
    """Write a series of random samples in a pose of chance."""
    chance = np.random.default_rng(seed)
    turn = tuple(float(angle) for angle in chance.uniform(-40, 40, 3))
    center = tuple(float(place) for place in chance.uniform(-200, 200, 3))
    geometry = pose_geometry(SHAPE, SPACING_MM, Pose(PLANES[seed % 3], turn, center))  # type: ignore[arg-type]
    samples = chance.integers(-1000, 3000, SHAPE).astype(np.int16)
    return list(write_ct(folder, BodyPhantom(geometry), samples=samples))


def volume_in(source: Path) -> Volume:
    opened = read_volumes(source)
    assert not opened.refused
    (volume,) = opened.volumes
    return volume


def assert_same_places(part: Volume, whole: Volume) -> None:
    """Each voxel of the part lies on one of the whole and has its value."""
    indices = np.indices(part.geometry.shape).reshape(3, -1).T
    found = whole.geometry.to_index(part.geometry.to_patient(indices))
    nearest = np.rint(found).astype(int)
    np.testing.assert_allclose(found, nearest, atol=2e-4)
    np.testing.assert_array_equal(part.array.reshape(-1), whole.array[tuple(nearest.T)])


# ---- where and under what names the files lie


def renamed(paths: list[Path], folder: Path) -> Path:
    for number, path in enumerate(reversed(paths)):
        path.rename(folder / f"IM{number * 37 % 101:05}")
    return folder


def endings_of_all_kinds(paths: list[Path], folder: Path) -> Path:
    for number, path in enumerate(paths):
        path.rename(folder / f"{number}{('', '.ima', '.DCM', '.1', '.dicom', '.img')[number % 6]}")
    return folder


def in_folders(paths: list[Path], folder: Path) -> Path:
    for number, path in enumerate(paths):
        place = folder / f"disc {number % 3}" / ("same" if number % 2 else "deep/deeper")
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / "image.dcm" if not (place / "image.dcm").exists() else place / path.name)
    return folder


def twice(paths: list[Path], folder: Path) -> Path:
    (folder / "copy").mkdir()
    for path in paths[::2]:
        shutil.copy(path, folder / "copy" / path.name)
    return folder


def zipped(paths: list[Path], folder: Path) -> Path:
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths[::-1]:
            archive.write(path, f"a/{path.name}")
            path.unlink()
    return folder / "all.zip"


def renumbered(paths: list[Path], folder: Path) -> Path:
    for number, path in enumerate(paths):
        change(path, lambda dataset, number=number: setattr(dataset, "InstanceNumber", number * 5 % 6 + 100))
    return folder


MOVES: dict[str, Callable[[list[Path], Path], Path]] = {
    "renamed": renamed,
    "endings": endings_of_all_kinds,
    "folders": in_folders,
    "twice": twice,
    "zipped": zipped,
    "renumbered": renumbered,
}


@pytest.mark.parametrize(("name", "seed"), [(name, seed) for seed, name in enumerate(MOVES)])
def test_files_may_lie_anywhere_under_any_name(tmp_path: Path, name: str, seed: int):
    paths = written(tmp_path, seed)
    before = digest(only_volume(paths))
    assert digest(volume_in(tmp_path)) == before
    assert digest(volume_in(MOVES[name](paths, tmp_path))) == before


def test_digests_do_tell_volumes_apart(tmp_path: Path):
    digests = {digest(only_volume(written(tmp_path / str(seed), seed))) for seed in range(3)}
    assert len(digests) == 3


# ---- the same pixels told otherwise: every value stays at its place in the patient


def place(dataset: Dataset, row: float, column: float) -> None:
    """Move the first pixel of an image to another of its pixels."""
    cosines = np.array(dataset.ImageOrientationPatient, dtype=float)
    between_rows, between_columns = (float(step) for step in dataset.PixelSpacing)
    moved = np.array(dataset.ImagePositionPatient, dtype=float)
    moved += column * between_columns * cosines[:3] + row * between_rows * cosines[3:]
    dataset.ImagePositionPatient = [f"{value:.9f}"[:16] for value in moved]


def store(dataset: Dataset, pixels: np.ndarray) -> None:
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()


def transposed(dataset: Dataset) -> None:
    store(dataset, dataset.pixel_array.T)
    cosines, steps = list(dataset.ImageOrientationPatient), list(dataset.PixelSpacing)
    dataset.ImageOrientationPatient, dataset.PixelSpacing = cosines[3:] + cosines[:3], steps[::-1]


def mirrored(dataset: Dataset) -> None:
    place(dataset, 0, dataset.Columns - 1)
    store(dataset, dataset.pixel_array[:, ::-1])
    cosines = list(dataset.ImageOrientationPatient)
    dataset.ImageOrientationPatient = [str(-float(value))[:16] for value in cosines[:3]] + cosines[3:]


def upside_down(dataset: Dataset) -> None:
    place(dataset, dataset.Rows - 1, 0)
    store(dataset, dataset.pixel_array[::-1])
    cosines = list(dataset.ImageOrientationPatient)
    dataset.ImageOrientationPatient = cosines[:3] + [str(-float(value))[:16] for value in cosines[3:]]


def cropped(dataset: Dataset) -> None:
    place(dataset, 2, 3)
    store(dataset, dataset.pixel_array[2:7, 3:])


def thinned(dataset: Dataset) -> None:
    store(dataset, dataset.pixel_array[::2, ::3])
    between_rows, between_columns = (float(step) for step in dataset.PixelSpacing)
    dataset.PixelSpacing = [str(between_rows * 2), f"{between_columns * 3:.6f}"]


def padded_with_garbage(dataset: Dataset) -> None:
    cells = np.frombuffer(dataset.PixelData, dtype="<u2") | 0xA000
    dataset.PixelData = cells.tobytes()


def without_hints(dataset: Dataset) -> None:
    for keyword in ("SliceThickness", "InstanceNumber", "AcquisitionNumber", "ImageType", "PatientPosition"):
        del dataset[keyword]


TELLINGS = (transposed, mirrored, upside_down, cropped, thinned, padded_with_garbage, without_hints)


@pytest.mark.parametrize(("edit", "seed"), [(edit, seed) for seed, edit in enumerate(TELLINGS)])
def test_values_stay_at_their_places_however_an_image_is_told(
    tmp_path: Path, edit: Callable[[Dataset], None], seed: int
):
    paths = written(tmp_path, seed)
    whole = only_volume(paths)
    for path in paths:
        change(path, edit)
    part = only_volume(paths)
    assert part.array.size >= whole.array.size // 8
    assert_same_places(part, whole)
    assert np.linalg.det(part.geometry.index_to_patient[:3, :3]) != pytest.approx(0)


@pytest.mark.parametrize("kept", [slice(0, 4), slice(2, None), slice(1, 5), slice(0, None, 2), slice(1, None, 2)])
def test_fewer_slices_are_a_part_of_the_whole(tmp_path: Path, kept: slice):
    paths = written(tmp_path, 4)
    whole, part = only_volume(paths), only_volume(paths[kept])
    assert part.geometry.shape[0] == len(paths[kept])
    assert part.geometry.slice_spacing_mm == pytest.approx(SPACING_MM[0] * (kept.step or 1), abs=1e-5)
    assert_same_places(part, whole)


# ---- the patient moved: the grid moves with it


@pytest.mark.parametrize("seed", range(3))
def test_a_patient_turned_and_shifted_turns_and_shifts_the_grid(tmp_path: Path, seed: int):
    chance = np.random.default_rng(100 + seed)
    turn = Rotation.random(random_state=seed).as_matrix() if seed else np.eye(3)
    shift = chance.uniform(-300, 300, 3)
    paths = written(tmp_path, seed)
    before = only_volume(paths)

    def move(dataset: Dataset) -> None:
        moved = turn @ np.array(dataset.ImagePositionPatient, dtype=float) + shift
        dataset.ImagePositionPatient = [f"{value:.9f}"[:16] for value in moved]
        cosines = np.array(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3) @ turn.T
        dataset.ImageOrientationPatient = [f"{value:.12f}"[:16] for value in cosines.reshape(-1)]

    for path in paths:
        change(path, move)
    after = only_volume(paths)
    expected = np.eye(4)
    expected[:3, :3], expected[:3, 3] = turn, shift
    moved = expected @ before.geometry.index_to_patient
    np.testing.assert_allclose(after.geometry.index_to_patient, moved, atol=2e-5)
    np.testing.assert_array_equal(after.array, before.array)


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_a_larger_patient_has_a_wider_grid_and_the_same_samples(tmp_path: Path, factor: float):
    paths = written(tmp_path, 1)
    before = only_volume(paths)

    def grow(dataset: Dataset) -> None:
        for keyword in ("ImagePositionPatient", "PixelSpacing"):
            values = [f"{float(value) * factor:.9f}"[:16] for value in dataset[keyword].value]
            setattr(dataset, keyword, values)

    for path in paths:
        change(path, grow)
    after = only_volume(paths)
    np.testing.assert_allclose(after.geometry.spacing_mm, np.array(before.geometry.spacing_mm) * factor, rtol=1e-5)
    assert after.geometry.voxel_volume_mm3 == pytest.approx(before.geometry.voxel_volume_mm3 * factor**3, rel=1e-5)
    np.testing.assert_array_equal(after.array, before.array)


def test_each_slice_names_the_file_it_comes_from(tmp_path: Path):
    volume = only_volume(written(tmp_path, 5))
    for index in range(SHAPE[0]):
        source = volume.source_of(index)
        assert source is not None
        dataset = pydicom.dcmread(source[0].path)
        np.testing.assert_array_equal(dataset.pixel_array.astype(int) - 1024, volume.array[index])
        found = volume.geometry.to_patient([[index, 0, 0]])[0]
        np.testing.assert_allclose(found, np.array(dataset.ImagePositionPatient, dtype=float), atol=1e-5)
