"""Phantoms conform to DICOM, repeat byte for byte, and carry the answers that they promise."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hounsfield.image.display import to_display
from hounsfield.image.phantoms import (
    BodyPhantom,
    ChestPhantom,
    HeadPhantom,
    HeartPhantom,
    Pose,
    pose_geometry,
    write_chest,
    write_ct,
    write_enhanced_ct,
    write_enhanced_mr,
    write_head,
    write_heart,
    write_pet,
    write_secondary_capture,
)
from hounsfield.image.phantoms.picture import colour_chart
from tests.image.helpers import assemble_files, only_volume

SMALL_BODY = BodyPhantom(pose_geometry((5, 24, 28), (12.0, 5.0, 4.0), Pose("axial", (8.0, 4.0, -20.0))))
SMALL_HEAD = HeadPhantom(pose_geometry((4, 48, 44), (30.0, 4.0, 4.0)), mass_radius_mm=16.0)
WRITERS: dict[str, Callable[[Path], object]] = {
    "CT": lambda folder: write_ct(folder, SMALL_BODY),
    "enhanced CT": lambda folder: write_enhanced_ct(folder, SMALL_BODY),
    "MR": lambda folder: write_head(folder, SMALL_HEAD),
    "enhanced MR": lambda folder: write_enhanced_mr(folder, SMALL_HEAD),
    "DX": lambda folder: write_chest(folder, ChestPhantom(rows=90, columns=100)),
    "DX inverted": lambda folder: write_chest(folder, ChestPhantom(rows=90, columns=100, is_inverted=True)),
    "US": lambda folder: write_heart(folder, HeartPhantom(frames=3)),
    "PET": lambda folder: write_pet(folder),
    "SC": lambda folder: write_secondary_capture(folder),
}


@pytest.mark.parametrize("name", WRITERS)
def test_written_objects_conform(tmp_path: Path, debian_tool: Callable[[str, str], Path], name: str) -> None:
    WRITERS[name](tmp_path)
    paths = sorted(tmp_path.iterdir())
    for path in (paths[0], paths[-1]):
        found = subprocess.run(
            [debian_tool("dciodvfy", "dicom3tools"), str(path)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        errors = [line for line in found.stderr.splitlines() if line.startswith("Error")]
        assert errors == []


@pytest.mark.parametrize("name", WRITERS)
def test_written_objects_repeat_and_assemble(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / "once")
    WRITERS[name](tmp_path / "twice")
    once, twice = (sorted((tmp_path / folder).iterdir()) for folder in ("once", "twice"))
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]
    assembly = assemble_files(once)
    assert len(assembly.volumes) == 1
    assert {issue.code for issue in assembly.issues} <= {"Q310"}


def test_beating_ellipse_has_its_volumes(tmp_path: Path) -> None:
    """The area of the dark ellipse gives the volume by the area-length formula, 8 A^2 / (3 pi L)."""
    phantom = HeartPhantom()
    volume = only_volume([write_heart(tmp_path, phantom)])
    expected = phantom.volumes_ml()
    assert expected.max() == pytest.approx(np.pi / 6 * 80 * 44**2 / 1000)
    assert (expected.max() - expected.min()) / expected.max() == pytest.approx(0.6)
    middle = volume.array.shape[1] // 2
    row = round((24.0 + 40.0) / 0.8)
    for index in (0, 8, 15):
        line = volume.array[index, row - 3 : row + 4].mean(axis=0)
        walls = np.flatnonzero(line > 60)
        width = (walls[walls > middle].min() - walls[walls < middle].max() - 1) * 0.8
        found = np.pi / 6 * 80 * width**2 / 1000
        assert found == pytest.approx(expected[index], rel=0.12)


def test_opacity_brightens_the_right_lower_lung_only(tmp_path: Path) -> None:
    plain = to_display(only_volume([write_chest(tmp_path / "plain")])).array[0]
    ill = to_display(only_volume([write_chest(tmp_path / "ill", ChestPhantom(opacity_mm=45.0))])).array[0]
    difference = ill - plain
    rows, columns = plain.shape
    right_low = difference[rows // 2 : rows * 3 // 4, columns // 8 : columns * 3 // 8]
    left_low = difference[rows // 2 : rows * 3 // 4, columns * 5 // 8 : columns * 7 // 8]
    assert right_low.mean() > 0.08
    assert abs(left_low.mean()) < 0.03


def test_chest_has_dark_lungs_between_bright_bones(tmp_path: Path) -> None:
    shown = to_display(only_volume([write_chest(tmp_path)])).array[0]
    rows, columns = shown.shape
    lung = shown[rows * 3 // 10 : rows // 2, columns // 5 : columns * 3 // 10].mean()
    spine = shown[rows // 2 : rows * 4 // 5, columns * 48 // 100 : columns * 52 // 100].mean()
    assert lung < 0.45 < 0.75 < spine


def test_mass_lies_on_the_left_and_has_its_volume(tmp_path: Path) -> None:
    phantom = HeadPhantom(pose_geometry((30, 120, 110), (3.0, 1.6, 1.6)), mass_radius_mm=16.0)
    volume = only_volume(write_head(tmp_path, phantom))
    bright = volume.array > 800
    where = volume.geometry.to_patient(np.argwhere(bright))
    np.testing.assert_allclose(where.mean(axis=0), phantom.mass_center_mm, atol=2.0)
    count = np.count_nonzero(bright)
    assert count * volume.geometry.voxel_volume_mm3 / 1000 == pytest.approx(phantom.truth_ml(), rel=0.2)
    healthy = HeadPhantom(phantom.geometry).samples()
    assert np.count_nonzero(healthy > 880) < 50


def test_secondary_capture_is_its_picture(tmp_path: Path) -> None:
    volume = only_volume([write_secondary_capture(tmp_path)])
    np.testing.assert_array_equal(volume.array[:, 0], colour_chart().transpose(2, 0, 1))


def test_unknown_plane() -> None:
    with pytest.raises(KeyError):
        pose_geometry((2, 2, 2), (1, 1, 1), Pose("diagonal"))
