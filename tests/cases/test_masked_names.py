"""What names say of patients and observers."""

import pytest

from hounsfield.cases.masked_names import patients_of, place_of


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("patient035_frame01", "patient035"),
        ("sub-12_ses-1", "sub12"),
        ("study_Patient_7_slice3", "patient7"),
        ("STS_004/CT", "sts004"),
        ("case_12", None),
        ("inpatient3", None),
        ("BRATS_001", None),
        ("03f583ec5018", None),
    ],
)
def test_patients_that_a_name_says(name: str, patient: str | None) -> None:
    assert patients_of([name]) == (patient,)


@pytest.mark.parametrize(
    "names",
    [
        ["a1L", "a2L", "a3L"],
        ["img1R", "img2L", "img3R", "img4L"],
        ["x", "y"],
        [],
        ["1L", "1R", "scan"],
    ],
)
def test_sides_without_pairs_are_no_patients(names: list[str]) -> None:
    assert patients_of(names) == (None,) * len(names)


def test_pairs_of_eyes_are_patients_though_one_is_missing() -> None:
    assert patients_of(["1L", "1R", "2L", "2R", "3R"]) == ("1", "1", "2", "2", "3")


@pytest.mark.parametrize(
    ("path", "observer"),
    [
        ("Image_01L_1stHO.png", "1stho"),
        ("manual1/im0001.ah.png", "manual1"),
        ("2nd_manual/21.gif", "2nd_manual"),
        ("a/x_observer2.png", "observer2"),
        ("masks/x.png", ""),
    ],
)
def test_observers_are_told_apart(path: str, observer: str) -> None:
    place = place_of(path.split("/"))
    assert place.is_mask
    assert place.observer == observer


@pytest.mark.parametrize("path", ["images/x.png", "x.png", "labelled/x.png", "mask.png", "gt.png", "t2/t2.nii.gz"])
def test_images_are_no_masks(path: str) -> None:
    assert not place_of(path.split("/")).is_mask


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train/images/x.png", "training"),
        ("images/val/x.png", "tuning"),
        ("x/testing/y.png", "test"),
        ("x/y.png", None),
    ],
)
def test_parts_are_read_from_folders(path: str, split: str | None) -> None:
    assert place_of(path.split("/")).split == split
