"""``hounsfield radiomics`` as a person or a script meets it."""

import csv
import json
from pathlib import Path

import pytest

from hounsfield.cli import main
from tests.measuring.cases import labels, samples, write_case, write_folders

SETTINGS = 'name = "quick"\nfamilies = ["intensity-statistics", "glcm"]\n'


@pytest.fixture
def quick(tmp_path: Path) -> str:
    path = tmp_path / "quick.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return str(path)


def answered(capfd: pytest.CaptureFixture, *words: object) -> tuple[int, dict]:
    code = main(["radiomics", *map(str, words), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


def test_one_region_is_answered_with_its_features(tmp_path: Path, quick: str, capfd: pytest.CaptureFixture) -> None:
    code, found = answered(capfd, *write_case(tmp_path), "--settings", quick, "--label", 2)
    assert code == 0
    values = {feature["tag"]: feature["value"] for feature in found["features"]}
    assert values["stat_mean"] == pytest.approx(samples()[labels() == 2].mean())
    assert values["cm_contrast_3D_comb"] > 0
    assert found["settings"]["name"] == "quick"
    assert "medical device" in found["disclaimer"]


def test_many_cases_are_a_table_and_a_failing_one_a_row(
    tmp_path: Path, quick: str, capfd: pytest.CaptureFixture
) -> None:
    write_folders(tmp_path / "data", 3)
    (tmp_path / "data" / "labels" / "case1.nii.gz").write_bytes(b"\x1f\x8b")
    table = tmp_path / "features.csv"
    code, found = answered(capfd, tmp_path / "data", "-o", table, "--settings", quick)
    assert code == 4
    assert [one["status"] for one in found["regions"]] == ["measured", "measured", "failed", "measured", "measured"]
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [row["id"] for row in rows] == ["case0", "case0", "case1", "case2", "case2"]
    assert rows[2]["error"]


def test_the_fault_of_the_only_case_is_the_fault_of_the_verb(
    tmp_path: Path, quick: str, capfd: pytest.CaptureFixture
) -> None:
    code, found = answered(capfd, *write_case(tmp_path), "--settings", quick, "--label", 5)
    assert (code, found["error"]["code"]) == (3, "E963")


def test_people_read_lines_in_their_language(tmp_path: Path, quick: str, capfd: pytest.CaptureFixture) -> None:
    files = map(str, write_case(tmp_path))
    assert main(["radiomics", *files, "--settings", quick, "--language", "zh", "-o", str(tmp_path / "a.json")]) == 0
    said = capfd.readouterr()
    assert "label 7" in said.out
    assert "Mean intensity" in said.out
    assert "医疗器械" in said.out
    assert (tmp_path / "a.json").is_file()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--settings", "none"], "E960"),
        (["-o", "features.txt"], "E975"),
        (["--label", "0"], "E703"),
        (["--workers", "0"], "E703"),
    ],
)
def test_wrong_words_end_before_anything_is_read(
    tmp_path: Path, words: list[str], code: str, capfd: pytest.CaptureFixture
) -> None:
    found = answered(capfd, tmp_path / "none.nii.gz", *words)
    assert (found[0], found[1]["error"]["code"]) == (2, code)


def test_a_table_that_stands_is_kept(tmp_path: Path, quick: str, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "features.csv").write_text("mine", encoding="utf-8")
    code, found = answered(capfd, *write_case(tmp_path), "--settings", quick, "-o", tmp_path / "features.csv")
    assert (code, found["error"]["code"]) == (2, "E340")
    assert (tmp_path / "features.csv").read_text(encoding="utf-8") == "mine"


def test_a_page_is_of_one_case_and_never_in_the_place_of_another(
    tmp_path: Path, quick: str, capfd: pytest.CaptureFixture
) -> None:
    page = tmp_path / "report.html"
    files = write_case(tmp_path / "case")
    assert answered(capfd, *files, "--settings", quick, "--page", page)[0] == 0
    content = page.read_bytes()
    code, found = answered(capfd, *files, "--settings", quick, "--page", page)
    assert (code, found["error"]["code"]) == (2, "E340")
    assert page.read_bytes() == content
    write_folders(tmp_path / "data", 2)
    code, found = answered(capfd, tmp_path / "data", "--page", tmp_path / "other.html")
    assert (code, found["error"]["code"]) == (2, "E978")
