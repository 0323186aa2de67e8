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


def test_two_patients_of_a_public_set_are_one_image_with_two_masks(shared_data: Path) -> None:
    table = read_masked(shared_data / "cardiac_mri")
    chosen = [
        index for index, case in enumerate(table.cases) if case.patient in ("patient073", "patient074", "patient076")
    ]
    found = examine_masked(table.select(chosen))
    conflict = facts_by_code(found, "Q883")
    assert conflict["cases"] == "patient074_frame01 = patient076_frame01, patient074_frame02 = patient076_frame02"
    by_patient: dict[str, set[int]] = {}
    for index, group in zip(chosen, found.groups, strict=True):
        by_patient.setdefault(str(table.cases[index].patient), set()).add(group)
    assert by_patient["patient074"] == by_patient["patient076"]
    assert by_patient["patient073"].isdisjoint(by_patient["patient074"])


@pytest.mark.parametrize("folder", ["nuclei", "retina_vessels"])
def test_public_sets_without_copies_have_none(shared_data: Path, folder: str) -> None:
    table = read_masked(shared_data / folder)
    found = examine_masked(table.select(range(0, len(table), 3)))
    assert not {"Q801", "Q803", "Q808", "Q883", "Q884", "Q885", "Q805"} & set(codes(found.issues))
    assert found.unusable == ()
    assert all(fact is not None and not fact.is_empty for fact in found.facts)


def test_labels_of_a_case_are_counted_by_their_own_voxels(tmp_path: Path) -> None:
    picture_pairs(tmp_path, 3)
    both = disc(value=1, radius=6) + disc(value=2, at=(40, 8), radius=4)
    save(tmp_path / "labels" / "case00.png", both)
    save(tmp_path / "labels" / "case01.png", disc(value=2, radius=3))
    save(tmp_path / "labels" / "case02.png", disc(value=0))
    found = examine(tmp_path)
    assert [fact.voxels for fact in found.facts if fact] == [
        (int((both == 1).sum()), int((both == 2).sum())),
        (0, int(disc(radius=3).sum())),
        (0, 0),
    ]
    assert [label.cases for label in found.labels] == [1, 2]
    assert [label.smallest_object_voxels for label in found.labels] == [
        int((both == 1).sum()),
        min(int((both == 2).sum()), int(disc(radius=3).sum())),
    ]


def test_every_patient_in_two_parts_is_one_group(tmp_path: Path) -> None:
    for part, number in (("train", 1), ("test", 2)):
        for patient in range(6):
            stem = f"{part}{patient}"
            save_picture(tmp_path / part / "images" / f"patient{patient:03d}_{stem}.png", patient + 20 * number)
            save(tmp_path / part / "labels" / f"patient{patient:03d}_{stem}.png", disc(value=255))
    found = examine(tmp_path)
    assert facts_by_code(found, "Q808")["count"] == 6
    assert len(set(found.groups)) == 6


def test_an_issue_has_words_in_both_languages(clean: Path) -> None:
    save(clean / "labels" / "case05.png", np.zeros((48, 48), np.uint8))
    save(clean / "labels" / "case07.png", disc(side=40, value=255))
    for issue in examine(clean).issues:
        for language in ("en", "zh"):
            text = issue.text(language)
            assert text
            assert "{" not in text
            assert "?" not in text
