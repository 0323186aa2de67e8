"""Pairs of images: found by names or by a manifest, kept together, and every one without a partner said."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.masked import is_masked
from hounsfield.cases.paired import examine_pairs, is_paired, read_pairs_of
from hounsfield.errors import DatasetError
from tests.cases.examples import class_folders, codes
from tests.cases.masked_examples import picture_pairs
from tests.cases.pair_examples import given, paired_folders, paired_manifest, save

ROWS = [{"path": f"low/{number}.png", "target_path": f"full/{number}.png"} for number in range(4)]


def samples(table, case) -> np.ndarray:
    array = np.asarray(table.read_volume(case).array, dtype=np.float64)[0]
    return array / (255.0 if array.max() > 1 else 1.0)


def check_inverted(table) -> None:
    """Every target is its own input with dark and bright exchanged."""
    for first, second in zip(table.inputs.cases, table.targets.cases, strict=True):
        assert (first.identifier, first.patient, first.split) == (second.identifier, second.patient, second.split)
        np.testing.assert_allclose(samples(table.inputs, first) + samples(table.targets, second), 1, atol=1e-6)


@pytest.mark.parametrize(
    "names", [("input", "target"), ("inputs", "targets"), ("Source", "Target"), ("INPUT", "targets")]
)
def test_two_folders_of_equal_names_are_pairs(tmp_path: Path, names) -> None:
    data = paired_folders(tmp_path / "films", names=names)
    assert is_paired(data)
    table = read_pairs_of(data)
    assert [case.identifier for case in table.inputs.cases] == ["00", "01", "02", "03"]
    assert (table.inputs.name, table.inputs.layout, len(table)) == ("films", "paired-folders", 4)
    assert codes(table.inputs.issues) == ["Q800"]
    check_inverted(table)


def test_parts_may_lie_above_the_folders_or_below_them(tmp_path: Path) -> None:
    above = tmp_path / "above"
    for part in ("train", "val", "test"):
        paired_folders(above, 2, part=part)
    below = tmp_path / "below"
    for number, part in enumerate(("train", "val", "test")):
        save(below / "input" / part / "x.png", given(number))
        save(below / "target" / part / "x.png", 255 - given(number))
    for data, count in ((above, 2), (below, 1)):
        table = read_pairs_of(data)
        assert is_paired(data)
        assert table.inputs.declared_parts == ("training", "tuning", "test")
        assert len(table) == 3 * count
        assert len({case.identifier for case in table.inputs.cases}) == len(table)
        check_inverted(table)


def test_endings_may_differ_and_folders_may_be_patients(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"input/p{number}/slice.png", given(number))
        save(tmp_path / f"target/p{number}/slice.tif", 255 - given(number))
    table = read_pairs_of(tmp_path)
    assert [case.patient for case in table.inputs.cases] == ["p0", "p1", "p2"]
    check_inverted(table)


def test_images_without_a_partner_are_left_out_and_said(tmp_path: Path) -> None:
    data = paired_folders(tmp_path)
    (data / "target/01.png").unlink()
    save(data / "target/alone.png", given(9))
    table = read_pairs_of(data)
    assert [case.identifier for case in table.inputs.cases] == ["00", "02", "03"]
    (issue,) = [issue for issue in table.inputs.issues if issue.code == "Q624"]
    assert dict(issue.facts) == {"count": 2, "cases": "01, alone"}


@pytest.mark.parametrize(
    "column", ["target_path", "path_target", "Target Image", "image target", "target-file", "TargetPath"]
)
def test_a_manifest_names_both_images(tmp_path: Path, column) -> None:
    rows = [{"path": row["path"], column: row["target_path"]} for row in ROWS]
    path = paired_manifest(tmp_path, rows, ("path", column))
    for data in (path, tmp_path):
        assert is_paired(data)
        table = read_pairs_of(data)
        assert [case.identifier for case in table.inputs.cases] == [row["path"] for row in ROWS]
        assert table.inputs.layout == "manifest"
        check_inverted(table)


def test_a_manifest_says_patients_and_parts(tmp_path: Path) -> None:
    more = [("p1", "train"), ("p1", "train"), ("p2", "val"), ("p3", "test")]
    rows = [{**row, "patient_id": who, "split": part} for row, (who, part) in zip(ROWS, more, strict=True)]
    table = read_pairs_of(paired_manifest(tmp_path, rows, ("path", "target_path", "patient_id", "split")))
    assert [case.patient for case in table.targets.cases] == ["p1", "p1", "p2", "p3"]
    assert [case.split for case in table.targets.cases] == ["training", "training", "tuning", "test"]
    assert table.inputs.issues == ()


@pytest.mark.parametrize("place", ["../secret.png", "/etc/secret.png", "", "gone.png"])
@pytest.mark.parametrize("column", ["path", "target_path"])
def test_no_row_of_a_manifest_leads_out_of_it(tmp_path: Path, place, column) -> None:
    save(tmp_path / "secret.png", given(1))
    path = paired_manifest(tmp_path / "data", ROWS)
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = dict(zip(("path", "target_path"), lines[2].split(","), strict=True)) | {column: place}
    lines[2] = ",".join(cells.values())
    path.write_text("\n".join(lines), encoding="utf-8")
    table = read_pairs_of(path)
    assert len(table) == 3
    assert [issue.facts["count"] for issue in table.inputs.issues if issue.code == "Q624"] == [1]


def test_other_data_are_no_pairs(tmp_path: Path) -> None:
    assert not is_paired(class_folders(tmp_path / "classes", {"a": 2, "b": 2}))
    assert not is_paired(picture_pairs(tmp_path / "masks", 3))
    assert not is_paired(tmp_path / "nothing")
    assert is_masked(tmp_path / "masks")
    rows = [{"path": f"{number}.png", "label": f"{number % 2}.png"} for number in range(4)]
    path = paired_manifest(tmp_path / "table", rows, ("path", "label"))
    assert not is_paired(path)
    assert len(read_cases(path)) == 4


def test_data_without_a_pair_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "input/a.png", given(1))
    save(tmp_path / "target/b.png", given(2))
    with pytest.raises(DatasetError) as caught:
        read_pairs_of(tmp_path)
    assert caught.value.code == "E622"


def test_pairs_that_share_an_image_on_either_side_stay_together(tmp_path: Path) -> None:
    """01 has the input of 00, 02 the target of 01: all three are one group; 03 is by itself."""
    data = paired_folders(tmp_path)
    save(data / "input/01.png", given(0))
    save(data / "target/02.png", 255 - given(1))
    groups = examine_pairs(read_pairs_of(data)).groups
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_clean_pairs_are_groups_of_their_own_and_nothing_is_said(tmp_path: Path) -> None:
    found = examine_pairs(read_pairs_of(paired_folders(tmp_path)))
    assert len(set(found.groups)) == 4
    assert {issue.code for issue in found.issues} <= {"Q800"}


@pytest.mark.parametrize("side", ["input", "target"])
def test_a_pair_with_a_broken_image_is_unreadable(tmp_path: Path, side) -> None:
    data = paired_folders(tmp_path, 12)
    (data / side / "03.png").write_bytes((data / side / "03.png").read_bytes()[:60])
    found = examine_pairs(read_pairs_of(data))
    assert found.unreadable == (3,)
    assert "Q805" in codes(found.issues)


def test_progress_counts_both_sides(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    examine_pairs(read_pairs_of(paired_folders(tmp_path)), lambda done, total: said.append((done, total)))
    assert said == [(number, 8) for number in range(1, 9)]
