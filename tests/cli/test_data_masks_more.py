"""``hounsfield data`` on masks of several labels, objects and volumes: the figures it prints, and what it hides."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hounsfield.cli import main
from tests.cases.masked_examples import disc, grains, noise, picture_pairs, save, solid


def look(capsys: pytest.CaptureFixture[str], data: Path, *more: str) -> dict[str, Any]:
    assert main(["data", str(data), "--json", "--quiet", *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def volumes(root: Path, count: int = 4) -> Path:
    for number in range(count):
        save(root / "images" / f"scan{number}.nii.gz", noise(number))
        save(root / "labels" / f"scan{number}.nii.gz", solid(value=1) + 2 * solid()[:, ::-1])
    return root


def test_volumes_have_their_spacing_and_a_line_for_each_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = look(capsys, volumes(tmp_path / "set"))
    assert found["task"] == "segmentation"
    assert found["sizes"] == {"6 x 20 x 24": 4}
    assert found["spacings_mm"] == {"3 x 2 x 1": 4}
    array = solid(value=1) + 2 * solid()[:, ::-1]
    for label, value in zip(found["labels"], np.unique(array)[1:], strict=True):
        assert label["cases"] == 4
        assert label["voxels"] == 4 * int((array == value).sum())
        assert label["share"] == pytest.approx((array == value).mean())


def test_objects_are_told_from_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = np.random.default_rng(0)
    for number in range(4):
        Path(tmp_path / "set").mkdir(exist_ok=True)
        save(tmp_path / "set" / "images" / f"{number}.png", chance.integers(0, 255, (64, 64), dtype=np.uint8))
        save(tmp_path / "set" / "labels" / f"{number}.png", grains(40 + number))
    found = look(capsys, tmp_path / "set")
    assert found["task"] == "instances"
    (label,) = found["labels"]
    assert label["objects"] == 40 + 41 + 42 + 43
    assert label["median_object_voxels"] == 16
    assert main(["data", str(tmp_path / "set"), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "(pairs, instances)" in shown
    assert "166" in shown


def test_cases_without_a_mask_are_counted_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = picture_pairs(tmp_path / "set", 6)
    (data / "labels" / "case02.png").unlink()
    found = look(capsys, data)
    assert found["cases"] == 6
    assert found["without_mask"] == 1
    assert sum(label["cases"] for label in found["labels"]) == 5


def test_a_copy_under_another_name_is_named_with_its_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = picture_pairs(tmp_path / "set", 6)
    for folder in ("images", "labels"):
        (data / folder / "again.png").write_bytes((data / folder / "case04.png").read_bytes())
    (pair,) = look(capsys, data)["copies"]
    assert {"again", "case04"} <= set(map(str, pair.values()))


def test_a_strict_look_at_clean_data_is_content_and_at_torn_files_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = picture_pairs(tmp_path / "set", 24)
    clean = look(capsys, data)
    (data / "images" / "case07.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    assert main(["data", str(data), "--json", "--quiet", "--strict"]) == 3
    torn = json.loads(capsys.readouterr().out)
    assert torn["unreadable"] == ["case07"]
    assert clean["unreadable"] == []
    new = {issue["code"] for issue in torn["issues"]} - {issue["code"] for issue in clean["issues"]}
    assert new


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_issue_has_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    data = picture_pairs(tmp_path / "set", 4)
    save(data / "labels" / "case01.png", np.zeros((48, 48), np.uint8))
    found = look(capsys, data, "--language", language)
    assert main(["data", str(data), "--quiet", "--language", language]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert found["issues"]
    for issue in found["issues"]:
        assert f"{issue['severity']} {issue['code']}: {issue['text']}" in lines


def test_the_folder_for_nnunet_holds_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, made = picture_pairs(tmp_path / "set", 6), tmp_path / "Dataset009_More"
    found = look(capsys, data, "--to", "nnunet", "-o", str(made))
    described = json.loads((made / "dataset.json").read_text(encoding="utf-8"))
    assert described["numTraining"] == len(list((made / "labelsTr").iterdir())) == found["cases"] == 6
    assert sorted(described["labels"].values()) == [0, 1]
    ending = described["file_ending"]
    for number in range(6):
        written = np.asarray(Image.open(made / "labelsTr" / f"case{number:02d}{ending}"))
        assert np.array_equal(written, disc(value=1, radius=5.0 + number % 7))
    again = look(capsys, made)
    assert again["layout"] == "nnunet"
    assert [label["voxels"] for label in again["labels"]] == [label["voxels"] for label in found["labels"]]


def test_nothing_is_written_beside_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = volumes(tmp_path / "set", 2)
    before = {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))}
    look(capsys, data)
    assert {path: path.stat().st_mtime_ns for path in sorted(tmp_path.rglob("*"))} == before


@pytest.mark.parametrize("made", ["missing", "empty"])
def test_no_data_are_refused_without_a_trace_of_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: str
) -> None:
    if made == "empty":
        (tmp_path / made / "images").mkdir(parents=True)
        (tmp_path / made / "labels").mkdir()
    assert main(["data", str(tmp_path / made), "--quiet"]) not in (0, 1)
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err + shown.out
    assert str(tmp_path) not in shown.out
