"""``hounsfield data`` on columns of targets: what each holds, what was not assessed, the same faults as for classes."""

import json
from pathlib import Path

import pytest

from hounsfield.cli import main
from tests.cases.examples import save_picture
from tests.cases.test_equal_numbers import manifest

COUNT = 24
LABELS = {
    "effusion": ["1", "0", "", "0"] * (COUNT // 4),
    "nodule": ["0", "1", "1", "0"] * (COUNT // 4),
}
NUMBERS = {"label": [f"{number / 4}" for number in range(COUNT - 1)] + [""]}
SEVERAL = {"kind": ["a", "b", "c"] * (COUNT // 3), "grade": ["1", "2.0", "2", "3"] * (COUNT // 4), **NUMBERS}


def look(data: Path, capfd: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict]:
    code = main(["data", str(data), "--json", "--quiet", *more])
    return code, json.loads(capfd.readouterr().out)


def test_labels_with_blanks_are_described_each(tmp_path, capfd) -> None:
    manifest(tmp_path / "films", LABELS)
    code, found = look(tmp_path / "films", capfd)
    assert (code, found["data"], found["cases"]) == (0, "films", COUNT)
    assert found["targets"] == [
        {"name": "effusion", "task": "multi-label", "not_assessed": 6, "counts": {"1": 6, "0": 12}},
        {"name": "nodule", "task": "multi-label", "not_assessed": 0, "counts": {"1": 12, "0": 12}},
    ]
    assert [issue["facts"] for issue in found["issues"] if issue["code"] == "Q840"] == [{"count": 6, "total": 48}]


def test_a_number_is_described_by_its_range(tmp_path, capfd) -> None:
    found = look(manifest(tmp_path, NUMBERS), capfd)[1]
    (target,) = found["targets"]
    assert (target["task"], target["not_assessed"]) == ("regression", 1)
    assert (target["least"], target["median"], target["most"]) == (0.0, 2.75, 5.5)


def test_several_heads_are_described_where_they_are_asked_for(tmp_path, capfd) -> None:
    found = look(manifest(tmp_path, SEVERAL), capfd, "--task", "several")[1]
    rows = {target["name"]: target for target in found["targets"]}
    assert rows["kind"] == {"name": "kind", "task": "classification", "not_assessed": 0,
                            "counts": {"a": 8, "b": 8, "c": 8}}  # fmt: skip
    assert rows["grade"]["counts"] == {"1": 6, "2": 12, "3": 6}
    assert rows["label"]["task"] == "regression"
    assert "Q623" in [issue["code"] for issue in found["issues"]]


def test_a_planted_copy_is_found_among_targets(tmp_path, capfd) -> None:
    path = manifest(tmp_path, LABELS)
    save_picture(tmp_path / "5.png", 3)
    found = look(path, capfd)[1]
    assert [(pair["first"], pair["second"], pair["likeness"]) for pair in found["copies"]] == [("3.png", "5.png", 1.0)]
    assert main(["data", str(path), "--strict", "--quiet"]) == 3


@pytest.mark.parametrize(
    ("language", "line"),
    [("en", "Target effusion (multi-label): 1 6, 0 12; not assessed 6"),
     ("zh", "目标 effusion (multi-label): 1 6, 0 12; 未评估 6")],
)  # fmt: skip
def test_people_read_the_targets_in_their_language(tmp_path, capfd, language, line) -> None:
    assert main(["data", str(manifest(tmp_path, LABELS)), "--language", language]) == 0
    assert line in capfd.readouterr().out.splitlines()


def test_the_range_of_a_number_is_read_by_people(tmp_path, capfd) -> None:
    assert main(["data", str(manifest(tmp_path, NUMBERS)), "--language", "en"]) == 0
    out = capfd.readouterr().out
    assert "Target label (regression): least 0, median 2.75, most 5.5; not assessed 1" in out


def test_classes_are_described_as_before(tmp_path, capfd) -> None:
    found = look(manifest(tmp_path, {"label": ["a", "b"] * 12}), capfd)[1]
    assert "targets" not in found
    assert found["classes"] == {"a": 12, "b": 12}


def test_one_column_is_not_several(tmp_path, capfd) -> None:
    assert main(["data", str(manifest(tmp_path, {"kind": ["a", "b"] * 4})), "--task", "several", "--json"]) == 3
    assert "E932" in capfd.readouterr().err
