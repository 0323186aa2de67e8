"""Label maps from files: what is kept as stored, and what is refused with its cause."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.label_maps import as_labels, label_array_of, read_label_map
from hounsfield.cases.label_values import survey
from hounsfield.cases.masked_names import place_of
from hounsfield.errors import DatasetError, HounsfieldError
from tests.cases.masked_examples import disc, grains, save


@pytest.mark.parametrize(
    "array",
    [np.array([[-1, 2]]), np.array([[0.5]]), np.array([[np.nan]]), np.array([[2**40]]), np.array([[1j]])],
)
def test_what_is_no_label_is_refused(array: np.ndarray) -> None:
    with pytest.raises(DatasetError) as caught:
        as_labels(array, "x")
    assert caught.value.code == "E882"


@pytest.mark.parametrize(("highest", "kind"), [(255, np.uint8), (256, np.uint16), (70000, np.int32)])
def test_labels_take_the_smallest_type(highest: int, kind: type) -> None:
    found = as_labels(np.array([[0.0, float(highest)]]), "x")
    assert found.dtype == kind
    assert found.tolist() == [[0, highest]]


def test_pages_of_a_tiff_are_slices(tmp_path: Path) -> None:
    pages = [Image.fromarray(grains(number)) for number in (1, 5, 9)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    found = read_label_map(tmp_path / "a.tif").array
    assert found.shape == (3, 64, 64)
    assert [int(page.max()) for page in found] == [1, 5, 9]


def test_grey_saved_as_colour_is_one_value(tmp_path: Path) -> None:
    rgba = np.stack([disc(value=3)] * 3 + [np.full((48, 48), 255, np.uint8)], axis=-1)
    save(tmp_path / "a.png", rgba)
    assert (read_label_map(tmp_path / "a.png").array[0] == disc(value=3)).all()


def test_broken_files_are_typed_errors(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", disc())
    path.write_bytes(path.read_bytes()[:60])
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez(tmp_path / "c.npz", image=disc(), label=np.full((48, 48), None, dtype=object))
    np.savez(tmp_path / "d.npz", image=np.zeros((2, 2, 2, 2)), label=np.zeros((2, 2, 2, 2)))
    for name in "ab":
        (suffix,) = [path.suffix for path in tmp_path.iterdir() if path.stem == name]
        with pytest.raises(HounsfieldError):
            read_label_map(tmp_path / f"{name}{suffix}")
    for name in "cd":
        with pytest.raises(DatasetError) as caught:
            read_label_map(tmp_path / f"{name}.npz")
        assert caught.value.code == "E882"


def test_an_npz_without_image_has_no_label_map(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", label=disc())
    assert label_array_of(tmp_path / "a.npz") is None
    assert label_array_of(tmp_path / "nothing.npz") is None


@pytest.mark.parametrize(
    ("image", "label", "is_map"),
    [
        ((8, 9), (8, 9), True),
        ((8, 9, 3), (8, 9), True),
        ((5, 8, 9), (5, 8, 9), True),
        ((5, 8, 9), (5, 1), False),
        ((5, 8, 9), (5,), False),
        ((5, 8), (5,), False),
        ((8, 9), (), False),
        ((8, 9), (9, 8), False),
    ],
)
def test_numbers_of_classes_are_no_label_map(
    tmp_path: Path, image: tuple[int, ...], label: tuple[int, ...], is_map: bool
) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros(image), label=np.zeros(label, np.uint8))
    assert (label_array_of(tmp_path / "a.npz") == "label") is is_map


def test_survey_counts_what_it_cannot_read(tmp_path: Path) -> None:
    good = save(tmp_path / "a.png", disc(value=9))
    bad = tmp_path / "b.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    found = survey([good, bad])
    assert (found.values, found.is_instances, found.unreadable) == ((0, 9), False, 1)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/a.png", "masks/a.png"),
        ("train/imgs/a.jpg", "train/gt/a.png"),
        ("p1/CT_image.nii.gz", "p1/CT_mask.nii.gz"),
        ("p1/image.nrrd", "p1/segmentation.seg.nrrd"),
        ("benign/benign (3).png", "benign/benign (3)_mask.png"),
        ("img/21_training.tif", "1st_manual/21_training.tif"),
        ("x/TCGA_1_12.tif", "x/TCGA_1_12_mask.tif"),
        ("t2/t2.nii.gz", "t2/t2_seg-manual.nii.gz"),
    ],
)
def test_names_of_a_pair_share_a_key(image: str, mask: str) -> None:
    one, other = place_of(image.split("/")), place_of(mask.split("/"))
    assert (one.key, one.is_mask, other.is_mask) == (other.key, False, True)


def test_other_names_have_other_keys() -> None:
    keys = {place_of(name.split("/")).key for name in ("a/image.nii", "b/image.nii", "a/x.nii", "label_studio/x.nii")}
    assert len(keys) == 4
