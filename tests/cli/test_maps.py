"""``hounsfield maps`` as a person or a script meets it."""

import json
from pathlib import Path

import pytest

from hounsfield.cli import main
from tests.measuring.cases import labels, samples, write_case

SETTINGS = 'name = "quick"\nfamilies = ["intensity-statistics"]\n'


def answered(capfd: pytest.CaptureFixture, *words: object) -> tuple[int, dict]:
    code = main(["maps", *map(str, words), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


def test_maps_slices_and_rings_are_answered_and_written(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "quick.toml").write_text(SETTINGS, encoding="utf-8")
    words = ["--feature", "stat_min, stat_mean", "--slices", "--rings", "-1,0,1", "--settings", tmp_path / "quick.toml"]
    folder, page = tmp_path / "maps", tmp_path / "maps.html"
    code, found = answered(
        capfd, *write_case(tmp_path), *words, "--label", 2, "-o", folder, "--page", page, "--format", "nrrd"
    )
    assert code == 0
    (region,) = found["regions"]
    assert [one["tag"] for one in region["maps"]] == ["stat_min", "stat_mean"]
    assert region["maps"][0]["minimum"] == samples()[labels() == 2].min()
    assert region["estimate"]["voxels"] == (labels() == 2).sum()
    assert sorted(found["files"]) == sorted(path.name for path in folder.iterdir())
    assert "label-2_stat_mean.nrrd" in found["files"]
    assert page.is_file()


def test_people_are_told_time_and_memory_before(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    files = map(str, write_case(tmp_path))
    assert main(["maps", *files, "--feature", "stat_mean", "--radius", "2", "--language", "zh"]) == 0
    said = capfd.readouterr()
    assert "预计时间与内存" in said.err
    assert "MiB" in said.err
    assert "stat_mean" in said.out
    assert "label 7" in said.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--feature", "morph_volume"], "E990"),
        (["--feature", "stat_mean", "--radius", "0"], "E703"),
        (["--rings", "3,1"], "E993"),
        ([], "E994"),
        (["--slices", "--settings", "none"], "E960"),
        (["--slices", "-o", "new", "--format", "png"], "E343"),
    ],
)
def test_wrong_words_are_refused_by_their_code(
    tmp_path: Path, words: list[str], code: str, capfd: pytest.CaptureFixture
) -> None:
    exit_code, found = answered(capfd, *write_case(tmp_path), *words)
    assert (exit_code, found["error"]["code"]) == (2, code)
