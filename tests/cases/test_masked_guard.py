"""The examination of masks finds what is planted, names the cases, and finds nothing in a clean set."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import label

from hounsfield.cases.masked import read_masked
from hounsfield.cases.masked_facts import facts_of
from hounsfield.cases.masked_guard import MaskedExamination, examine_masked
from hounsfield.errors import DatasetError
from tests.cases.examples import codes, picture, save_picture
from tests.cases.masked_examples import disc, grains, noise, picture_pairs, save, solid
from tests.cases.test_masked_nnunet import nnunet

CLEAN = 24


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return picture_pairs(tmp_path / "data", CLEAN)


def examine(data: Path) -> MaskedExamination:
    return examine_masked(read_masked(data))


def facts_by_code(found: MaskedExamination, code: str) -> dict[str, object]:
    return dict(next(issue.facts for issue in found.issues if issue.code == code))


def test_a_clean_set_has_no_warning(clean: Path) -> None:
    found = examine(clean)
    assert codes(found.issues) == ["Q800"]
    assert len(set(found.groups)) == CLEAN
    assert found.unusable == ()


def test_copies_in_two_parts_are_found(tmp_path: Path) -> None:
    for part, seeds in (("train", range(20)), ("test", range(18, 24))):
        for seed in seeds:
            save_picture(tmp_path / part / "images" / f"{part}{seed}.png", seed)
            save(tmp_path / part / "labels" / f"{part}{seed}.png", disc(value=255))
    found = examine(tmp_path)
    assert {"Q801", "Q803"} <= set(codes(found.issues))
    assert "train18" in str(facts_by_code(found, "Q803")["cases"])
    assert "Q883" not in codes(found.issues)


def test_one_patient_in_two_parts_is_found(tmp_path: Path) -> None:
    for part, patients in (("train", range(12)), ("test", range(11, 16))):
        for patient in patients:
            save_picture(
                tmp_path / part / "images" / f"patient{patient:03d}_{part}.png", patient + 50 * (part == "test")
            )
            save(tmp_path / part / "labels" / f"patient{patient:03d}_{part}.png", disc(value=255))
    found = examine(tmp_path)
    torn = facts_by_code(found, "Q808")
    assert torn["count"] == 1
    assert "patient011_train" in str(torn["cases"])


def test_copies_with_other_masks_are_found(clean: Path) -> None:
    shutil.copy(clean / "images" / "case03.png", clean / "images" / "again.png")
    save(clean / "labels" / "again.png", disc(value=255, at=(10, 10)))
    assert facts_by_code(examine(clean), "Q883") == {"count": 1, "cases": "again = case03"}


def test_empty_masks_are_named(clean: Path) -> None:
    save(clean / "labels" / "case05.png", np.zeros((48, 48), np.uint8))
    found = examine(clean)
    assert facts_by_code(found, "Q882") == {"count": 1, "cases": "case05"}
    assert found.empty == (5,)


def test_other_grids_are_named_and_left_out(clean: Path) -> None:
    save(clean / "labels" / "case07.png", disc(side=40, value=255))
    found = examine(clean)
    assert facts_by_code(found, "Q885") == {"count": 1, "cases": "case07"}
    assert found.unusable == found.other_grids == (7,)
    assert found.facts[7] is None


def test_unreadable_files_are_named(clean: Path) -> None:
    path = clean / "images" / "case09.png"
    path.write_bytes(path.read_bytes()[:200])
    found = examine(clean)
    assert facts_by_code(found, "Q805") == {"count": 1, "cases": "case09"}
    assert found.unreadable == (9,)


def test_many_unreadable_files_are_refused(clean: Path) -> None:
    for number in range(5):
        path = clean / "images" / f"case{number:02d}.png"
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError) as caught:
        examine(clean)
    assert caught.value.code == "E805"


def test_specks_are_found(clean: Path) -> None:
    speckled = disc(value=255, radius=9)
    speckled[2, 2] = speckled[40, 44] = 255
    save(clean / "labels" / "case11.png", speckled)
    for number in range(CLEAN):
        if number != 11:
            save(clean / "labels" / f"case{number:02d}.png", disc(value=255, radius=9))
    assert facts_by_code(examine(clean), "Q886") == {"count": 2, "expected": 4, "cases": "case11"}


def test_small_objects_that_are_the_rule_are_no_specks(tmp_path: Path) -> None:
    for number in range(21):
        save(tmp_path / "images" / f"{number}.png", picture(number))
        points = np.zeros((48, 48), np.uint8)
        points[5 : 5 + number : 2, 7] = 1
        save(tmp_path / "labels" / f"{number}.png", points)
    assert "Q886" not in codes(examine(tmp_path).issues)


def test_undeclared_values_are_named(tmp_path: Path) -> None:
    nnunet(tmp_path)
    save(tmp_path / "labelsTr" / "p_002.nii.gz", solid(value=9))
    found = examine(tmp_path)
    assert facts_by_code(found, "Q884") == {"count": 1, "cases": "p_002"}
    assert found.undeclared == (1,)
    assert facts_by_code(found, "Q870")["found"] == "PZ 1, TZ 0"


def test_a_case_without_mask_is_not_empty(tmp_path: Path) -> None:
    found = examine(nnunet(tmp_path))
    assert found.empty == ()
    assert [fact.channels for fact in found.facts if fact] == [2, 2, 2]


def test_labels_are_counted_as_scipy_counts_them(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    for number in range(3):
        save(tmp_path / "images" / f"{number}.nii.gz", noise(number))
        save(tmp_path / "labels" / f"{number}.nii.gz", (generator.random((6, 20, 24)) < 0.05).astype(np.uint8) * 2)
    save(tmp_path / "labels" / "0.nii.gz", solid())
    table = read_masked(tmp_path)
    found = examine_masked(table)
    masks = [table.read(case).mask.array for case in table.cases]
    for index, known in enumerate(found.labels, start=1):
        pieces = [label(mask == index, np.ones((3, 3, 3)))[1] for mask in masks]
        assert known.objects == sum(pieces)
        assert known.voxels == sum(int((mask == index).sum()) for mask in masks)
        assert known.cases == sum(piece > 0 for piece in pieces)
        assert known.share == pytest.approx(known.voxels / sum(mask.size for mask in masks))
    assert found.facts[0] is not None
    assert found.facts[0].spacing_mm == pytest.approx((3, 2, 1))


def test_numbers_are_objects_in_instances(tmp_path: Path) -> None:
    for number, count in enumerate((3, 20, 40)):
        save(tmp_path / "images" / f"{number}.png", picture(number, 64))
        save(tmp_path / "labels" / f"{number}.png", grains(count))
    table = read_masked(tmp_path)
    found = examine_masked(table)
    assert found.labels[0].objects == 63
    assert found.labels[0].median_object_voxels == 16
    fact = facts_of(table.read(table.cases[1]), 2, is_instances=True)
    assert fact.objects == ((16,) * 20,)
    assert fact.spacing_mm is None
    assert fact.voxels == (320,)


def test_progress_is_told(clean: Path) -> None:
    told: list[tuple[int, int]] = []
    examine_masked(read_masked(clean), progress=lambda done, total: told.append((done, total)))
    assert told == [(number + 1, CLEAN) for number in range(CLEAN)]
