"""The examination: planted copies, conflicts and torn patients are found, and none in a clean set."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage.transform import rescale

from hounsfield.cases.duplicates import find_near_copies, join, links_of
from hounsfield.cases.guard import examine
from hounsfield.cases.layouts import read_cases
from hounsfield.errors import DatasetError
from tests.cases.examples import class_folders, codes, picture, table_of

BASE = {str(index): picture(index, 64) for index in range(40)}
LABELS = [index % 2 for index in range(40)]


def planted(**extra):
    """Return a clean table with further pictures and their labels."""
    pictures = {**BASE, **{name: array for name, (array, _) in extra.items()}}
    return table_of(pictures, [*LABELS, *(label for _, label in extra.values())])


def jpeg(array, quality=30):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def test_a_clean_set_has_no_issue():
    examination = examine(planted())
    assert codes(examination.issues) == []
    assert len(set(examination.groups)) == 40
    assert examination.unreadable == ()


def test_an_exact_copy_is_found_and_named():
    examination = examine(planted(copy=(BASE["4"], 0)))
    issue = examination.issues[0]
    assert issue.code == "Q801"
    assert issue.facts["cases"] == "4 = copy"
    assert examination.groups[4] == examination.groups[40]
    assert len(examination.near_copies.pairs) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda array: jpeg(array),
        lambda array: (array * 0.6 + 50).astype(np.uint8),
        lambda array: array[:, ::-1],
        lambda array: np.clip(array + np.random.default_rng(0).normal(0, 8, array.shape), 0, 255).astype(np.uint8),
        lambda array: (rescale(array, 0.5, preserve_range=True)).astype(np.uint8),
        lambda array: np.roll(array, 1, axis=0),
    ],
    ids=["jpeg", "contrast", "mirror", "noise", "half size", "one row"],
)
def test_a_changed_copy_is_found(change):
    examination = examine(planted(copy=(change(BASE["7"]), 1)))
    assert codes(examination.issues) == ["Q802"]
    assert examination.near_copies.pairs.tolist() == [[7, 40]]
    assert examination.groups[7] == examination.groups[40]


def test_a_conflict_of_labels_is_found():
    issues = {issue.code: issue for issue in examine(planted(copy=(BASE["4"], 1))).issues}
    assert issues["Q804"].facts["cases"] == "4 = copy"


def test_a_copy_on_two_declared_sides_is_found():
    pictures = {**BASE, "copy": jpeg(BASE["0"])}
    splits = ["training"] * 40 + ["test"]
    issues = {issue.code: issue for issue in examine(table_of(pictures, [*LABELS, 0], splits=splits)).issues}
    assert issues["Q803"].facts == {"count": 2, "parts": "test, training", "cases": "0, copy"}


def test_a_patient_on_two_declared_sides_is_found_and_not_called_a_copy():
    patients = [f"p{index // 4}" for index in range(40)]
    splits = ["training"] * 38 + ["test"] * 2
    examination = examine(table_of(BASE, LABELS, patients, splits))
    assert codes(examination.issues) == ["Q808"]
    assert examination.issues[0].facts["count"] == 1
    assert len(set(examination.groups)) == 10


def test_alike_pictures_of_different_known_patients_stay_apart():
    pictures = {**BASE, "alike": jpeg(BASE["3"], 20)}
    patients = [f"p{index}" for index in range(41)]
    examination = examine(table_of(pictures, [*LABELS, 1], patients))
    assert len(set(examination.groups)) >= 40


def test_constant_pictures_are_no_near_copies():
    flat = {"black": np.zeros((64, 64), np.uint8), "grey": np.full((64, 64), 90, np.uint8)}
    assert len(examine(planted(**{name: (array, 0) for name, array in flat.items()})).near_copies.pairs) == 0


def test_a_large_group_and_unequal_classes_are_said():
    frames = {str(index): jpeg(BASE["1"], 40 + index) for index in range(20)}
    table = table_of({**frames, **{f"x{index}": picture(500 + index) for index in range(20)}}, [0] * 36 + [1] * 4)
    issues = {issue.code: issue for issue in examine(table).issues}
    assert issues["Q810"].facts["count"] == 20
    assert issues["Q812"].facts == {"found": "a 36, b 4", "largest": "a", "share": 90}
    assert "always said a would be right in 90 %" in issues["Q812"].text()


def test_unreadable_files_are_named_and_many_are_refused(tmp_path):
    class_folders(tmp_path, {"a": 10, "b": 10})
    (tmp_path / "a" / "003.png").write_bytes((tmp_path / "a" / "003.png").read_bytes()[:50])
    examination = examine(read_cases(tmp_path))
    assert examination.unreadable == (3,)
    assert "a/003.png" in next(issue for issue in examination.issues if issue.code == "Q805").text()
    for number in range(4, 9):
        path = tmp_path / "a" / f"{number:03d}.png"
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DatasetError) as caught:
        examine(read_cases(tmp_path))
    assert caught.value.code == "E805"


def test_progress_is_told_to_the_end():
    told = []
    examine(planted(), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (40, 40)


def test_the_result_does_not_depend_on_blocks(monkeypatch):
    pictures = np.stack([picture(index % 30, 32) for index in range(60)]).astype(np.float32)
    pictures += np.random.default_rng(0).normal(0, 3, pictures.shape).astype(np.float32)
    unknown = np.full(60, -1)
    whole = find_near_copies(pictures, unknown)
    monkeypatch.setattr("hounsfield.cases.duplicates._BLOCK", 7)
    np.testing.assert_array_equal(find_near_copies(pictures, unknown).pairs, whole.pairs)
    assert {(index, index + 30) for index in range(30)} <= {tuple(pair) for pair in whole.pairs.tolist()}


def test_groups_join_what_is_linked():
    groups = join(6, np.array([[0, 3]]), np.array([[3, 5]]), np.zeros((0, 2), dtype=np.int64))
    assert groups.tolist() == [0, 1, 2, 0, 3, 0]
    assert links_of(np.array([5, -1, 5, -1, 2])).tolist() == [[0, 2]]


def test_the_ultrasound_set_holds_copies_with_two_labels(shared_data):
    examination = examine(read_cases(shared_data / "breast_ultrasound"))
    issues = {issue.code: issue for issue in examination.issues}
    assert issues["Q802"].facts["count"] > 100
    assert "benign" in issues["Q804"].facts["cases"]
    assert "malignant" in issues["Q804"].facts["cases"]
