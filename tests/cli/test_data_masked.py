"""``hounsfield data`` on images with masks: what it says, its JSON, its exit codes and the nnU-Net folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cli import main
from tests.cases.examples import class_folders
from tests.cases.masked_examples import disc, picture_pairs, save


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main(["data", *map(str, arguments), "--quiet"])
    return code, capsys.readouterr().out


def test_lines_say_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, picture_pairs(tmp_path / "set", 21))
    assert code == 0
    assert "set (pairs, segmentation)" in out
    assert "Label foreground: 21 cases" in out
    assert "1 x 48 x 48 21" in out
    assert "?" not in out
    assert "not a medical device" in out


def test_the_same_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = run(capsys, picture_pairs(tmp_path / "set", 21), "--language", "zh")
    assert "标签 foreground：21 例" in out


def test_json_names_the_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture_pairs(tmp_path / "set", 21)
    save(tmp_path / "set" / "labels" / "case03.png", np.zeros((48, 48), np.uint8))
    save(tmp_path / "set" / "labels" / "case04.png", disc(side=40, value=255))
    code, out = run(capsys, tmp_path / "set", "--json", "--strict")
    found = json.loads(out)
    assert code == 3
    assert (found["empty"], found["other_grids"]) == (["case03"], ["case04"])
    assert found["task"] == "segmentation"
    (label,) = found["labels"]
    assert label["cases"] == 19
    assert label["voxels"] == sum(
        int((disc(radius=5.0 + number % 7) > 0).sum()) for number in range(21) if number not in (3, 4)
    )


def test_a_folder_for_nnunet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture_pairs(tmp_path / "set", 8)
    code, out = run(capsys, tmp_path / "set", "--to", "nnunet", "-o", tmp_path / "Dataset007_Discs")
    assert code == 0
    assert "Written to Dataset007_Discs: 8 training cases" in out
    assert (tmp_path / "Dataset007_Discs" / "dataset.json").is_file()
    code, _ = run(capsys, tmp_path / "set", "--to", "nnunet", "-o", tmp_path / "Dataset007_Discs")
    assert code == 2


@pytest.mark.parametrize("arguments", [("--to", "nnunet"), ("-o", "out")])
def test_layout_and_folder_belong_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, _ = run(capsys, picture_pairs(tmp_path / "set", 3), *arguments)
    assert code == 2
    assert not Path("out").exists()


def test_classes_have_no_masks_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = class_folders(tmp_path / "set", {"a": 3, "b": 3})
    code, _ = run(capsys, data, "--to", "nnunet", "-o", tmp_path / "out")
    assert code != 0
    assert not (tmp_path / "out").exists()
