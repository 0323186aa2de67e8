"""Which image is measured under which mask, for every way of saying it."""

import json
from pathlib import Path

import pytest

from hounsfield.errors import DatasetError, NotFound, SettingsError
from hounsfield.measuring.sources import RegionSource, case_name, find_sources
from tests.cases import test_masked_dicom as dicom
from tests.measuring.cases import labels, samples, write_case, write_folders, write_nifti


def pairs(found: tuple[RegionSource, ...]) -> list[tuple[str, str, str]]:
    return [(one.identifier, one.image.name, one.mask.name if one.mask else "") for one in found]


def test_two_files_are_one_case(tmp_path: Path) -> None:
    found = find_sources(*write_case(tmp_path), 7)
    assert pairs(found) == [("image", "image.nii.gz", "mask.nii.gz")]
    assert found[0].label == 7


def test_a_folder_of_images_and_one_of_masks_share_names(tmp_path: Path) -> None:
    write_folders(tmp_path, 3)
    (tmp_path / "labels" / "case1.nii.gz").rename(tmp_path / "labels" / "case1_seg.nii.gz")
    (tmp_path / "labels" / "case2.nii.gz").unlink()
    expected = [
        ("case0", "case0.nii.gz", "case0.nii.gz"),
        ("case1", "case1.nii.gz", "case1_seg.nii.gz"),
        ("case2", "case2.nii.gz", ""),
    ]
    assert pairs(find_sources(tmp_path / "images", tmp_path / "labels")) == expected
    assert pairs(find_sources(tmp_path)) == expected


@pytest.mark.parametrize("name", ["masks", "labels", "segmentations"])
def test_the_folder_above_both_is_enough(tmp_path: Path, name: str) -> None:
    write_folders(tmp_path, 2)
    (tmp_path / "labels").rename(tmp_path / name)
    assert [one.mask.parent.name for one in find_sources(tmp_path)] == [name, name]


def test_folders_may_have_any_name_and_folders_in_them(tmp_path: Path) -> None:
    for name, folder in (("a", "x"), ("b", "y")):
        write_nifti(tmp_path / "T1" / folder / f"{name}.nii.gz", samples())
        write_nifti(tmp_path / "drawn" / folder / f"{name}.nii.gz", labels())
    assert [one.identifier for one in find_sources(tmp_path / "T1", tmp_path / "drawn")] == ["x/a", "y/b"]


def test_a_second_mask_of_an_image_is_a_case_of_its_own(tmp_path: Path) -> None:
    image, _ = write_case(tmp_path)
    image.rename(tmp_path / "lung.nii.gz")
    (tmp_path / "mask.nii.gz").rename(tmp_path / "lung_mask.nii.gz")
    write_nifti(tmp_path / "lung_mask_1.nii.gz", labels())
    assert [one.identifier for one in find_sources(tmp_path)] == ["lung", "lung 2"]


def test_a_manifest_names_image_mask_label_and_case(tmp_path: Path) -> None:
    write_case(tmp_path / "files")
    text = "ID;Image;Mask;Label\nfirst;files/image.nii.gz;files/mask.nii.gz;7\n;files/image.nii.gz;files/mask.nii.gz;\n"
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    found = find_sources(tmp_path / "list.csv", None, 2)
    assert [(one.identifier, one.label) for one in found] == [("first", 7), ("image", 2)]
    assert found[0].mask == tmp_path / "files" / "mask.nii.gz"


def test_cases_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image,mask\na/x.nii,m.nii\nb/x.nii,m.nii\n", encoding="utf-8")
    assert len({one.identifier for one in find_sources(tmp_path / "list.csv")}) == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("image,other\na,b\n", "E974"),
        ("picture,mask\na,b\n", "E813"),
        ("image,mask\na,\n", "E974"),
        ("image,mask,label\na,b,tumour\n", "E974"),
        ("image,mask\n", "E815"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_where(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    with pytest.raises((SettingsError, DatasetError), match=code):
        find_sources(tmp_path / "list.csv")


def test_nothing_to_measure_is_a_fault_of_the_words(tmp_path: Path) -> None:
    image, _ = write_case(tmp_path / "case")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="E970"):
        find_sources(image)
    with pytest.raises(SettingsError, match="E970"):
        find_sources(tmp_path / "empty")
    with pytest.raises(SettingsError, match="E970"):
        find_sources(tmp_path / "case", tmp_path / "empty")
    with pytest.raises(NotFound, match="E100"):
        find_sources(tmp_path / "none.nii.gz")
    with pytest.raises(NotFound, match="E100"):
        find_sources(image, tmp_path / "none.nii.gz")


def test_a_folder_of_dicom_studies_has_a_case_for_each_series_with_a_mask(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        slices = dicom.ct(tmp_path / name / "ct")
        dicom.seg(slices, tmp_path / name / "seg" / "seg.dcm", dicom.two_boxes())
    found = find_sources(tmp_path)
    assert [one.image for one in found] == [tmp_path / "p1" / "ct", tmp_path / "p2" / "ct"]
    assert {one.mask.name for one in found} == {"seg.dcm"}


def test_nnunet_gives_a_case_a_channel_and_the_names_of_labels(tmp_path: Path) -> None:
    declared = {
        "channel_names": {"0": "T1", "1": "FLAIR"},
        "labels": {"background": 0, "edema": 2, "core": 7},
        "numTraining": 1,
        "file_ending": ".nii.gz",
    }
    (tmp_path / "dataset.json").write_text(json.dumps(declared), encoding="utf-8")
    for channel in range(2):
        write_nifti(tmp_path / "imagesTr" / f"p_{channel:04d}.nii.gz", samples(channel))
    write_nifti(tmp_path / "labelsTr" / "p.nii.gz", labels())
    found = find_sources(tmp_path)
    assert [one.identifier for one in found] == ["p T1", "p FLAIR"]
    assert dict(found[0].names) == {2: "edema", 7: "core"}


def test_names_lose_their_ending_alone(tmp_path: Path) -> None:
    for name, expected in (("a.b.nii.gz", "a.b"), ("x.seg.nrrd", "x"), ("plain", "plain"), (".nrrd", ".nrrd")):
        (tmp_path / name).write_bytes(b"")
        assert case_name(tmp_path / name) == expected
    assert case_name(tmp_path) == tmp_path.name
