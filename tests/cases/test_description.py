"""What a data set is said to be: numbers planted by hand come back, and every case at fault is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from hounsfield.cases.description import FEW_CASES, UNDECLARED, copies, describe, few_cases, torn_patients
from hounsfield.cases.guard import examine
from hounsfield.cases.headers import Header, _of_file, read_headers
from hounsfield.cases.layouts import read_cases
from tests.cases.examples import class_folders, picture, save_npz, table_of


@pytest.mark.parametrize(
    ("name", "array", "expected"),
    [
        ("a.png", np.zeros((5, 7), np.uint8), Header("PNG", 5, 7, 8, 1)),
        ("a.png", np.zeros((5, 7, 3), np.uint8), Header("PNG", 5, 7, 8, 3)),
        ("a.png", np.zeros((5, 7), np.uint16), Header("PNG", 5, 7, 16, 1)),
        ("a.jpg", np.zeros((9, 8, 3), np.uint8), Header("JPEG", 9, 8, 8, 3)),
        ("a.tif", np.zeros((4, 6), np.float32), Header("TIFF", 4, 6, 32, 1)),
    ],
)
def test_the_header_of_a_picture(tmp_path: Path, name: str, array: np.ndarray, expected: Header) -> None:
    Image.fromarray(array).save(tmp_path / name)
    assert _of_file(tmp_path / name) == expected


def test_the_header_of_a_dicom_file() -> None:
    assert _of_file(Path(str(get_testdata_file("CT_small.dcm")))) == Header("dicom", 128, 128, 16, 1)


def test_what_has_no_header_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"junk" * 20)
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    found = [_of_file(tmp_path / name).kind for name in ("a.png", "a.txt", "none.png", ".")]
    assert found == ["unknown", "unknown", "unknown", "folder"]


def test_rows_of_arrays_have_headers(tmp_path: Path) -> None:
    table = read_cases(save_npz(tmp_path / "a.npz", train=6, val=4))
    assert set(read_headers(table)) == {Header("array", 28, 28, 8, 1)}


def test_a_data_set_is_described(tmp_path: Path) -> None:
    class_folders(tmp_path, {"ill": 3, "well": 2})
    Image.fromarray(picture(99, 30)).save(tmp_path / "well" / "odd.jpg")
    table = read_cases(tmp_path)
    found = describe(table, read_headers(table))
    assert found.parts == {UNDECLARED: {"ill": 3, "well": 3}}
    assert found.sizes == {"48 x 48": 5, "30 x 30": 1}
    assert found.kinds == {"PNG": 5, "JPEG": 1}
    assert found.bits == {"8": 6}
    assert (found.patients, found.without_patient, found.unlabelled) == (None, 6, 0)


def test_parts_and_patients_are_counted() -> None:
    pictures = {str(seed): picture(seed) for seed in range(5)}
    parts = ["training", "test", "training", None, "test"]
    table = table_of(pictures, [0, 0, 1, 1, None], ["p", "p", "q", None, "q"], parts)
    found = describe(table, [Header("unknown")] * 5)
    assert found.parts == {"test": {"a": 1}, "training": {"a": 1, "b": 1}, UNDECLARED: {"b": 1}}
    assert (found.patients, found.without_patient, found.unlabelled) == (2, 1, 1)
    assert found.sizes == {"unknown": 5}
    assert torn_patients(table) == (("0", "1"), ("2", "4"))


def test_patients_on_one_side_are_not_torn() -> None:
    pictures = {str(seed): picture(seed) for seed in range(4)}
    assert torn_patients(table_of(pictures, [0, 0, 1, 1], ["p", "p", "q", None], ["test", "test", None, "test"])) == ()


def test_copies_are_named_with_their_labels_and_parts() -> None:
    base = {str(seed): picture(seed, 64) for seed in range(6)}
    near = (base["1"] * 0.7 + 30).astype(np.uint8)
    table = table_of(
        {**base, "same": base["0"], "like": near},
        [0, 0, 1, 1, 0, 1, 1, 0],
        None,
        ["training"] * 6 + ["test", "training"],
    )
    exact, alike = copies(table, examine(table))
    assert (exact.first, exact.second, exact.likeness) == ("0", "same", 1.0)
    assert (exact.labels, exact.parts) == (("a", "b"), ("training", "test"))
    assert (alike.first, alike.second, alike.labels) == ("1", "like", ("a", "a"))
    assert 0.9 < alike.likeness <= 1.0


def test_copies_do_not_make_up_for_too_few_cases() -> None:
    pictures = {str(seed): picture(seed) for seed in range(2 * FEW_CASES)}
    labels = [seed % 2 for seed in range(2 * FEW_CASES)]
    enough = table_of(pictures, labels)
    assert few_cases(enough, examine(enough)) == ()
    pictures["1"] = pictures["3"]
    short = table_of(pictures, labels)
    (issue,) = few_cases(short, examine(short))
    assert (issue.code, issue.facts["found"]) == ("Q870", f"b {FEW_CASES - 1}")


def test_images_of_one_patient_count_once() -> None:
    pictures = {str(seed): picture(seed) for seed in range(2 * FEW_CASES)}
    patients = [f"p{min(seed, 2 * FEW_CASES - 3)}" for seed in range(2 * FEW_CASES)]
    labels = [int(seed >= FEW_CASES) for seed in range(2 * FEW_CASES)]
    table = table_of(pictures, labels, patients)
    (issue,) = few_cases(table, examine(table))
    assert issue.facts["found"] == f"b {FEW_CASES - 2}"
