"""Pairs of images and masks: which files belong together, what the masks hold, and what is refused."""

from pathlib import Path

import nrrd
import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.masked import MaskTable, is_masked, read_masked
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError
from tests.cases.examples import class_folders, codes, picture, save_picture
from tests.cases.masked_examples import disc, grains, noise, picture_pairs, save, solid


def read_first(table: MaskTable) -> np.ndarray:
    return table.read(table.cases[0]).mask.array


@pytest.mark.parametrize("masks", ["labels", "masks", "Ground_Truth", "segmentations"])
def test_two_folders_are_matched_by_stem(tmp_path: Path, masks: str) -> None:
    table = read_masked(picture_pairs(tmp_path / "anything", 3, masks=masks))
    assert [case.identifier for case in table.cases] == ["case00", "case01", "case02"]
    assert table.label_names == ("background", "foreground")
    assert not table.is_instances
    image = table.read(table.cases[1])
    assert (image.volumes[0].array[0] == picture(1)).all()
    assert (image.mask.array[0] == disc(radius=6.0)).all()
    assert image.mask.labels[1].meaning == "foreground"


def test_parts_and_case_of_names_do_not_part_a_pair(tmp_path: Path) -> None:
    for part in ("train", "test"):
        save_picture(tmp_path / part / "Images" / "a.jpg", 1)
        save(tmp_path / part / "Masks" / "a_mask.png", disc())
    table = read_masked(tmp_path)
    assert [case.split for case in table.cases] == ["test", "training"]
    assert table.declared_parts == ("training", "test")


def test_gaps_between_stored_values_become_indices(tmp_path: Path) -> None:
    picture_pairs(tmp_path, 2)
    save(tmp_path / "labels" / "case00.png", disc(value=40) + disc(value=7, at=(40, 8), radius=4))
    table = read_masked(tmp_path)
    assert table.label_names == ("background", "label 7", "label 40", "label 255")
    expected = 2 * disc() + disc(at=(40, 8), radius=4)
    assert (read_first(table)[0] == expected).all()


def test_palette_indices_and_bits_are_labels(tmp_path: Path) -> None:
    picture_pairs(tmp_path, 2)
    palette = Image.fromarray(disc(value=2), mode="P")
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    palette.save(tmp_path / "labels" / "case00.png")
    Image.fromarray(disc().astype(bool)).save(tmp_path / "labels" / "case01.png")
    table = read_masked(tmp_path)
    assert table.label_names == ("background", "label 1", "label 2")
    assert (read_first(table)[0] == disc(value=2)).all()
    assert (table.read(table.cases[1]).mask.array[0] == disc()).all()


def test_numbered_objects_are_instances(tmp_path: Path) -> None:
    for number, count in enumerate((3, 0, 40, 17)):
        save(tmp_path / "images" / f"{number}.png", picture(number, 64))
        save(tmp_path / "labels" / f"{number}.png", grains(count))
    table = read_masked(tmp_path)
    assert table.is_instances
    assert table.label_names == ("background", "object")
    assert codes(table.issues) == ["Q800", "Q887"]
    masks = [table.read(case).mask for case in table.cases]
    assert [int(mask.array.max()) for mask in masks] == [3, 0, 40, 17]
    assert (masks[2].array[0] == grains(40)).all()
    assert set(masks[0].labels) == {1, 2, 3}


def test_labels_of_several_pieces_are_no_instances(tmp_path: Path) -> None:
    for number, highest in enumerate((3, 9, 12)):
        save(tmp_path / "images" / f"{number}.png", picture(number, 64))
        save(tmp_path / "labels" / f"{number}.png", ((grains(60) + highest - 1) % (highest + 1)).astype(np.uint8))
    assert not read_masked(tmp_path).is_instances


def test_two_observers_beside_their_image(tmp_path: Path) -> None:
    for eye in ("01L", "01R", "02L", "02R"):
        save_picture(tmp_path / f"Image_{eye}.jpg", 1)
        save(tmp_path / f"Image_{eye}_2ndHO.png", disc(value=255, radius=4))
        save(tmp_path / f"Image_{eye}_1stHO.png", disc(value=255, radius=8))
    table = read_masked(tmp_path)
    assert [case.patient for case in table.cases] == ["Image_01", "Image_01", "Image_02", "Image_02"]
    assert table.cases[0].attributes == (("mask_2", "Image_01L_2ndHO.png"),)
    assert (read_first(table)[0] == disc(radius=8)).all()
    assert codes(table.issues) == ["Q881"]


def test_npz_files_hold_image_and_label(tmp_path: Path) -> None:
    for name in ("patient007_frame01", "patient007_frame12", "patient020_frame01"):
        np.savez(tmp_path / f"{name}.npz", image=noise(1).clip(0).astype(np.uint8), label=solid())
    assert is_masked(tmp_path)
    table = read_masked(tmp_path)
    assert [case.patient for case in table.cases] == ["patient007", "patient007", "patient020"]
    assert (read_first(table) == solid()).all()


def test_volumes_keep_their_grid(tmp_path: Path) -> None:
    for patient in ("a", "b"):
        save(tmp_path / patient / "image.nii.gz", noise(1))
        save(tmp_path / patient / "mask.nii.gz", solid().astype(np.float32))
    table = read_masked(tmp_path)
    assert [(case.identifier, case.patient) for case in table.cases] == [("a", "a"), ("b", "b")]
    image = table.read(table.cases[0])
    assert image.mask.geometry.spacing_mm == pytest.approx((3.0, 2.0, 1.0))
    assert image.volumes[0].geometry == image.mask.geometry
    assert int((image.mask.array == 1).sum()) == int(solid().sum())
    inside = sorted(image.volumes[0].array[image.mask.array == 1])
    assert inside == sorted(noise(1)[solid() == 1])


def test_nrrd_volumes_of_two_folders_pair(tmp_path: Path) -> None:
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag([1.0, 2.0, 3.0]),
        "space origin": [0, 0, 0],
    }
    for folder, array in (("images", noise(3)), ("labels", solid())):
        (tmp_path / folder).mkdir()
        nrrd.write(str(tmp_path / folder / "x.nrrd"), array.transpose(2, 1, 0), header)
    table = read_masked(tmp_path)
    assert (read_first(table) == solid()).all()


def test_a_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    picture_pairs(tmp_path, 2)
    save(tmp_path / "labels" / "case00.png", disc(side=40, value=255))
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[0])
    assert caught.value.code == "E881"
    assert caught.value.facts["case"] == "case00"
    outcomes = [isinstance(image, DatasetError) for _, image in table.read_all()]
    assert outcomes == [True, False]


def test_a_mask_that_is_shifted_in_the_patient_is_refused(tmp_path: Path) -> None:
    import nibabel as nib

    save(tmp_path / "images" / "a.nii.gz", noise(1))
    (tmp_path / "labels").mkdir()
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[0, 3] = 0.5
    nib.save(nib.Nifti1Image(solid().transpose(2, 1, 0), affine), tmp_path / "labels" / "a.nii.gz")
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[0])
    assert (caught.value.code, caught.value.facts["found"]) == ("E881", "0.5 mm")


def test_fractions_and_colours_are_no_labels(tmp_path: Path) -> None:
    picture_pairs(tmp_path, 3)
    colours = np.stack([disc(value=255), disc(value=9), disc(value=3)], axis=-1)
    save(tmp_path / "labels" / "case00.png", colours)
    save(tmp_path / "labels" / "case01.tif", disc().astype(np.float32) * np.float32(0.5))
    (tmp_path / "labels" / "case01.png").unlink()
    table = read_masked(tmp_path)
    for case in table.cases[:2]:
        with pytest.raises(DatasetError) as caught:
            table.read(case)
        assert caught.value.code == "E882"


def test_what_has_no_partner_is_said(tmp_path: Path) -> None:
    picture_pairs(tmp_path, 3)
    save_picture(tmp_path / "images" / "lonely.png", 9)
    save(tmp_path / "labels" / "orphan.png", disc())
    table = read_masked(tmp_path)
    issue = next(issue for issue in table.issues if issue.code == "Q880")
    assert issue.facts == {"images": 1, "masks": 1, "cases": "lonely, orphan"}
    assert table.with_mask == (0, 1, 2)
    assert not table.read(table.cases[3]).mask.array.any()


def test_selection_keeps_order(tmp_path: Path) -> None:
    table = read_masked(picture_pairs(tmp_path, 4))
    assert [case.identifier for case in table.select([2, 0]).cases] == ["case02", "case00"]


def test_other_layouts_are_no_masks(tmp_path: Path) -> None:
    assert not is_masked(class_folders(tmp_path / "classes", {"with_mask": 3, "without_mask": 3}))
    assert not is_masked(class_folders(tmp_path / "words", {"image": 3, "mask": 3}))
    assert not is_masked(tmp_path / "nothing")
    with pytest.raises(DatasetError) as caught:
        read_masked(tmp_path / "classes")
    assert caught.value.code == "E880"
    with pytest.raises(DatasetError) as caught:
        read_masked(tmp_path / "nothing")
    assert caught.value.code == "E800"


@pytest.mark.parametrize(
    ("folder", "count", "labels", "is_instances", "patients"),
    [
        ("nuclei", 130, 2, True, 0),
        ("retina_vessels", 28, 2, False, 14),
        ("cardiac_mri", 90, 4, False, 45),
        ("sarcoma/nifti", 18, 2, False, 6),
    ],
)
def test_public_data_are_recognised(
    shared_data: Path, folder: str, count: int, labels: int, is_instances: bool, patients: int
) -> None:
    table = read_masked(shared_data / folder)
    assert (len(table), len(table.label_names), table.is_instances) == (count, labels, is_instances)
    assert len({case.patient for case in table.cases} - {None}) == patients
    assert table.with_mask == tuple(range(count))
    image = table.read(table.cases[-1])
    assert image.mask.array.any()


@pytest.mark.parametrize("folder", ["breast_ultrasound", "brain_mri", "blood_cells", "fracture_xray"])
def test_public_data_without_masks_are_not(shared_data: Path, folder: str) -> None:
    assert not is_masked(shared_data / folder)


def test_one_mask_a_lesion_is_joined(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "benign" / f"benign ({number}).png", picture(number))
        save(tmp_path / "benign" / f"benign ({number})_mask.png", disc(value=255, at=(10, 10), radius=5))
    save(tmp_path / "benign" / "benign (1)_mask_1.png", disc(value=255, at=(30, 30), radius=7))
    save(tmp_path / "benign" / "benign (1)_mask_2.png", disc(value=255, at=(30, 34), radius=7))
    table = read_masked(tmp_path)
    assert [case.identifier for case in table.cases] == ["benign (0)", "benign (1)", "benign (2)"]
    assert "Q881" not in codes(table.issues)
    assert all(not case.attributes and case.patient is None for case in table.cases)
    joined = np.maximum(disc(at=(10, 10), radius=5), disc(at=(30, 30), radius=7))
    joined = np.maximum(joined, disc(at=(30, 34), radius=7))
    assert (table.read(table.cases[1]).mask.array[0] == joined).all()
    assert (read_first(table.select([2]))[0] == disc(at=(10, 10), radius=5)).all()


def test_a_further_mask_on_another_grid_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(1))
    save(tmp_path / "a_mask.png", disc(value=255))
    save(tmp_path / "a_mask_1.png", disc(side=40, value=255))
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[0])
    assert caught.value.code == "E881"


def test_values_of_further_masks_are_labels_too(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(1))
    save(tmp_path / "a_mask.png", disc(value=1))
    save(tmp_path / "a_mask_1.png", disc(value=4, at=(40, 8), radius=4))
    table = read_masked(tmp_path)
    assert table.label_names == ("background", "label 1", "label 4")
    assert set(read_first(table).ravel().tolist()) == {0, 1, 2}


@pytest.mark.parametrize("count", [2, 3, 6])
def test_many_folders_are_patients_and_few_are_not(tmp_path: Path, count: int) -> None:
    for folder in range(count):
        for number in range(2):
            save(tmp_path / f"site{folder}" / f"x{number}.png", picture(10 * folder + number))
            save(tmp_path / f"site{folder}" / f"x{number}_mask.png", disc(value=255))
    patients = {case.patient for case in read_masked(tmp_path).cases}
    assert patients == ({f"site{folder}" for folder in range(count)} if count >= 4 else {None})


def objects_in_files(root: Path, counts: tuple[int, ...]) -> Path:
    """Write a folder an image, with one mask an object, as the Data Science Bowl of 2018 gave them out."""
    for number, count in enumerate(counts):
        save(root / f"id{number}" / "images" / f"id{number}.png", picture(number, 64))
        numbered = grains(count)
        for value in range(1, count + 1):
            save(root / f"id{number}" / "masks" / f"{value:04d}abc.png", (numbered == value).astype(np.uint8) * 255)
    return root


def test_one_mask_an_object_is_numbered(tmp_path: Path) -> None:
    data = objects_in_files(tmp_path, (3, 1, 12))
    assert is_masked(data)
    assert task_of(data) is LearningTask.INSTANCES
    table = read_masked(data)
    assert [case.identifier for case in table.cases] == ["id0", "id1", "id2"]
    assert table.is_instances
    for case, count in zip(table.cases, (3, 1, 12), strict=True):
        assert (table.read(case).mask.array[0] == grains(count)).all()
    assert "Q880" not in codes(table.issues)
    assert "Q881" not in codes(table.issues)


def test_objects_of_an_image_without_any_are_none(tmp_path: Path) -> None:
    data = objects_in_files(tmp_path, (3, 5, 0))
    table = read_masked(data)
    assert [case.mask is None for case in table.cases] == [False, False, True]
    assert "Q880" in codes(table.issues)


def test_masks_of_a_folder_of_several_images_are_given_to_none(tmp_path: Path) -> None:
    picture_pairs(tmp_path / "site", 2)
    save_picture(tmp_path / "site" / "images" / "more.png", 8)
    save(tmp_path / "site" / "labels" / "orphan.png", disc())
    issue = next(issue for issue in read_masked(tmp_path).issues if issue.code == "Q880")
    assert (issue.facts["images"], issue.facts["masks"]) == (1, 1)
