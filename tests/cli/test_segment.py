"""``hounsfield segment`` as a person or a script meets it."""

import json

import numpy as np
import pytest

from hounsfield.cases.label_maps import read_label_map
from hounsfield.cli import main
from hounsfield.image import phantoms
from hounsfield.image.write import write_volume
from hounsfield.opening import read_volumes
from tests.clinical.tumour.drawn import dice, ellipsoid, grid, image

CENTRE = (12, 22, 26)


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    """A CT of one lesion as NIfTI, and the lesion as it is read back."""
    path = tmp_path_factory.mktemp("ball") / "ct.nii.gz"
    geometry = grid()
    write_volume(image(ellipsoid(geometry, CENTRE, (15.0, 10.0, 13.0)), geometry, 4.0), path, "drawn")
    volume = read_volumes(path).volumes[0]
    return path, volume, volume.array > 75


def answered(capfd, *words):
    code = main([*words, "--json"])
    return code, json.loads(capfd.readouterr().out)


def seed_of(volume, truth) -> str:
    return ",".join(str(round(float(at))) for at in np.argwhere(truth).mean(axis=0))


@pytest.mark.parametrize("method", ["walker", "grow"])
@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd"])
def test_a_click_becomes_a_label_map(ball, method, name, tmp_path, capfd):
    path, volume, truth = ball
    output = tmp_path / name
    words = "segment", str(path), "-o", str(output), "--click", seed_of(volume, truth), "--method", method
    code, data = answered(capfd, *words)
    assert code == 0
    assert dice(read_label_map(output).array == 1, truth) > 0.9
    lesion = data["lesions"][0]
    assert lesion["long_axis_mm"] == pytest.approx(26, abs=2)
    assert lesion["short_axis_mm"] == pytest.approx(20, abs=2)
    assert lesion["volume_mm3"] / 1000 == pytest.approx(4 / 3 * np.pi * 15 * 10 * 13 / 1000, rel=0.08)
    assert data["files"] == [str(output)]


def test_millimetres_box_and_threshold(ball, tmp_path, capfd):
    path, volume, truth = ball
    low, high = np.argwhere(truth).min(axis=0), np.argwhere(truth).max(axis=0)
    corners = volume.geometry.to_patient([low, high]).ravel()
    box = ",".join(f"{value:.3f}" for value in corners) + "mm"
    words = ("segment", str(path), "--method", "threshold", "--low", "75")
    code, data = answered(capfd, *words, "-o", str(tmp_path / "a.nii.gz"), "--box", box)
    assert (code, data["lesions"][0]["issues"]) == (0, [])
    assert dice(read_label_map(tmp_path / "a.nii.gz").array == 1, truth) > 0.99


def test_several_lesions_come_from_a_file(ball, tmp_path, capfd):
    path, volume, truth = ball
    seed = [float(at) for at in seed_of(volume, truth).split(",")]
    lesions = [
        {"click": [seed], "method": "threshold", "low": 75},
        {"click": [[1, 2, 2]], "method": "threshold", "high": 75},
    ]
    (tmp_path / "lesions.json").write_text(json.dumps({"lesion": lesions}), encoding="utf-8")
    words = ("segment", str(path), "-o", str(tmp_path / "m.nii.gz"), "--prompts", str(tmp_path / "lesions.json"))
    code, data = answered(capfd, *words)
    assert code == 0
    assert [lesion["label"] for lesion in data["lesions"]] == [1, 2]
    assert data["lesions"][1]["issues"][0]["code"] == "Q241"
    assert set(np.unique(read_label_map(tmp_path / "m.nii.gz").array)) == {0, 1, 2}


def test_a_dicom_series_gets_a_segmentation(tmp_path, capfd):
    phantoms.write_ct(tmp_path / "ct")
    volume = read_volumes(tmp_path / "ct").volumes[0]
    middle = ",".join(str(side // 2) for side in volume.geometry.shape)
    words = (
        "segment",
        str(tmp_path / "ct"),
        "--click",
        middle,
        "--method",
        "threshold",
        "--low",
        "-100",
        "--high",
        "200",
    )
    code, data = answered(capfd, *words, "-o", str(tmp_path / "seg.dcm"))
    assert code == 0
    assert data["quantity"] == "hounsfield"
    assert (tmp_path / "seg.dcm").stat().st_size > 1000


def test_people_are_told_size_and_place(ball, tmp_path, capfd):
    path, volume, truth = ball
    output = tmp_path / "mask.nii.gz"
    assert main(["segment", str(path), "-o", str(output), "--click", seed_of(volume, truth), "--language", "zh"]) == 0
    told = capfd.readouterr().out
    assert "mm" in told
    assert str(output) in told


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--click", "1,2"), "E240"),
        (("--click", "99,0,0"), "E241"),
        ((), "E244"),
        (("--click", "12,22,26", "--method", "magic"), "E244"),
        (("--click", "12,22,26", "--method", "threshold"), "E244"),
        (("--click", "12,22,26", "--method", "threshold", "--low", "5000"), "E242"),
        (("--prompts", "nowhere.toml"), "E246"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(ball, words, code, tmp_path, capfd):
    status, data = answered(capfd, "segment", str(ball[0]), "-o", str(tmp_path / "m.nii.gz"), *words)
    assert status in (2, 3)
    assert data["error"]["code"] == code
    assert not (tmp_path / "m.nii.gz").exists()


@pytest.mark.parametrize(("name", "code"), [("mask.png", "E343"), ("mask", "E343")])
def test_a_name_that_is_no_mask_is_refused_before_any_work(ball, name, code, tmp_path, capfd):
    _, data = answered(capfd, "segment", str(ball[0]), "-o", str(tmp_path / name), "--click", "1,1,1")
    assert data["error"]["code"] == code
    taken = tmp_path / "taken.nii.gz"
    taken.write_bytes(b"mine")
    _, data = answered(capfd, "segment", str(ball[0]), "-o", str(taken), "--click", "1,1,1")
    assert data["error"]["code"] == "E340"
    assert taken.read_bytes() == b"mine"
