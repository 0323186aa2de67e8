"""Files named in steps: what they hold is used, kept in the trace, and refused where it does not fit."""

import json

import numpy as np
import pytest
import SimpleITK

from hounsfield.cli import main
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import ArchiveError, PrepareError
from hounsfield.image import phantoms
from hounsfield.image.phantoms import BodyPhantom, HeadPhantom, Pose, pose_geometry
from hounsfield.image.write import write_volume
from hounsfield.opening import read_volumes
from hounsfield.prepare.grid import grid_record
from hounsfield.prepare.nyul import learn_standard
from hounsfield.supplied import supply_files

GRID = pose_geometry((6, 40, 36), (9.0, 3.2, 3.6), Pose("axial", (8.0, -6.0, 11.0)))
OTHER = pose_geometry((9, 30, 32), (5.0, 4.0, 4.1), Pose("coronal", (0.0, 12.0, -4.0)))


@pytest.fixture
def body(tmp_path):
    return phantoms.write_ct(tmp_path / "body", BodyPhantom(geometry=GRID))[0].parent


def stored(path, array, geometry=GRID):
    write_volume(Volume(array, geometry, Quantity.LABEL), path, "")
    return path


def run(capfd, *words):
    code = main(["prepare", *map(str, words), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


@pytest.mark.parametrize("name", ["mask.nrrd", "mask.nii.gz"])
def test_a_mask_from_a_file_is_filled_and_replays_without_it(capfd, body, tmp_path, name):
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2:4, 18:22, 16:20] = 1
    path = stored(tmp_path / name, mask)
    code, data = run(capfd, body, tmp_path / "out.nrrd", "--steps", f"inpaint:mask={path}")
    assert code == 0
    assert data["enhanced_by"] == ["inpaint"]
    (before,), (after,) = read_volumes(body).volumes, read_volumes(tmp_path / "out.nrrd").volumes
    changed = after.array != before.array
    assert not changed[mask == 0].any()
    path.unlink()
    trace = tmp_path / "out.nrrd.trace.json"
    assert run(capfd, body, tmp_path / "again.nrrd", "--trace", trace)[0] == 0
    (again,) = read_volumes(tmp_path / "again.nrrd").volumes
    np.testing.assert_array_equal(again.array, after.array)
    assert after.enhanced_by == again.enhanced_by == ("inpaint",)


def test_a_mask_that_does_not_share_the_grid_is_refused(capfd, body, tmp_path):
    path = stored(tmp_path / "mask.nrrd", np.ones(OTHER.shape, np.uint8), OTHER)
    code, data = run(capfd, body, tmp_path / "out.nrrd", "--steps", f"inpaint:mask={path}")
    assert code == 1
    assert data["error"]["code"] == "E445"
    assert not (tmp_path / "out.nrrd").exists()


def test_a_reference_gives_its_grid(capfd, body, tmp_path):
    path = stored(tmp_path / "reference.nii.gz", np.zeros(OTHER.shape, np.uint8), OTHER)
    code, data = run(capfd, body, tmp_path / "out.nrrd", "--steps", f"resample-to:reference={path},method=cubic")
    assert code == 0
    assert data["shape"] == list(OTHER.shape)
    found, reference = (SimpleITK.ReadImage(str(name)) for name in (tmp_path / "out.nrrd", path))
    for index in ((0, 0, 0), (31, 0, 0), (0, 29, 8)):
        point = found.TransformIndexToPhysicalPoint(index)
        at = np.asarray(reference.TransformPhysicalPointToContinuousIndex(point))
        np.testing.assert_allclose(at, at.round(), atol=1e-3)
    left = phantoms.ct.INSERTS["left"]
    assert abs(found[found.TransformPhysicalPointToIndex(left.center_mm)] - left.hounsfield) < 60


def test_a_standard_gives_its_landmarks(capfd, tmp_path):
    grid = pose_geometry((4, 56, 48), (12.0, 4.0, 4.0))
    phantoms.write_head(tmp_path / "head", HeadPhantom(grid))
    (head,) = read_volumes(tmp_path / "head").volumes
    step = learn_standard([head])
    (tmp_path / "standard.json").write_text(step.to_json(), encoding="utf-8")
    code, data = run(
        capfd, tmp_path / "head", tmp_path / "out.nrrd", "--steps", f"nyul:standard={tmp_path / 'standard.json'}"
    )
    assert code == 0
    assert data["enhanced_by"] == ["nyul"]
    (after,) = read_volumes(tmp_path / "out.nrrd").volumes
    samples = after.array[head.array > head.array.mean()]
    np.testing.assert_allclose(np.percentile(samples, step.percentiles), step.landmarks, atol=0.1)


def test_what_is_said_beside_a_file_wins():
    """And what names no file goes through untouched, misspelt or not."""
    plain = [{"step": "grey"}, {"step": "inpaint", "value": 3}, {"step": "inpaint", "mask": {"a": 1}}, {"mask": "x"}]
    assert supply_files(plain) == plain


def test_settings_of_a_standard_can_be_changed(tmp_path):
    step = learn_standard([read_head()])
    (tmp_path / "standard.json").write_text(step.to_json(), encoding="utf-8")
    (found,) = supply_files([{"step": "nyul", "standard": str(tmp_path / "standard.json"), "above": 12.5}])
    assert found["above"] == 12.5
    assert found["landmarks"] == step.landmarks
    assert "standard" not in found


def read_head():
    geometry = pose_geometry((2, 40, 40), (12.0, 5.0, 5.0))
    return Volume(HeadPhantom(geometry).samples(), geometry, Quantity.ARBITRARY)


def test_a_grid_is_recorded_as_it_is(tmp_path):
    path = stored(tmp_path / "reference.nrrd", np.zeros(OTHER.shape, np.uint8), OTHER)
    (found,) = supply_files([{"step": "resample-to", "reference": str(path)}])
    (volume,) = read_volumes(path).volumes
    assert found == {"step": "resample-to", "grid": grid_record(volume.geometry)}


def test_files_that_do_not_fit_are_refused(tmp_path):
    two = np.zeros((2, 3, 9, 9), np.uint8)
    image = SimpleITK.GetImageFromArray(two)
    SimpleITK.WriteImage(image, str(tmp_path / "two.nii.gz"))
    with pytest.raises(PrepareError, match="E449"):
        supply_files([{"step": "inpaint", "mask": str(tmp_path / "two.nii.gz")}])
    with pytest.raises(ArchiveError):
        supply_files([{"step": "inpaint", "mask": str(tmp_path / "none.nii.gz")}])
    (tmp_path / "long.json").write_text(" " * (1 << 17), encoding="utf-8")
    (tmp_path / "other.json").write_text('{"landmarks": "many"}', encoding="utf-8")
    for name in ("none.json", "long.json", "other.json"):
        with pytest.raises(PrepareError, match="E447"):
            supply_files([{"step": "nyul", "standard": str(tmp_path / name)}])
