"""Arrays of images and labels in the forms that others write them: idx by hand, npz by numpy."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.guard import examine
from hounsfield.cases.headers import Header, read_headers
from hounsfield.cases.idx import read_idx
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError
from tests.cases.examples import picture

IMAGES = np.stack([picture(seed, 20) for seed in range(12)])
LABELS = (np.arange(12) % 3).astype(np.uint8)


def idx_bytes(array: np.ndarray, code: int = 8) -> bytes:
    """Return an idx file as LeCun's page describes it: two zeros, type, axes, sizes, samples, all big-endian."""
    head = struct.pack(">BBBB", 0, 0, code, array.ndim) + b"".join(struct.pack(">I", size) for size in array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx(folder: Path, part: str, count: int, suffix: str = "", dots: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pack = gzip.compress if suffix else bytes
    sign = "." if dots else "-"
    (folder / f"{part}images{sign}idx3-ubyte{suffix}").write_bytes(pack(idx_bytes(IMAGES[:count])))
    (folder / f"{part}labels{sign}idx1-ubyte{suffix}").write_bytes(pack(idx_bytes(LABELS[:count])))


def code_of(data: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_cases(data)
    for language in ("en", "zh"):
        assert "?" not in caught.value.text(language).replace("? MB", "")
    return caught.value.code


# ---- idx


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dots", [False, True])
def test_mnist_as_published(tmp_path: Path, suffix: str, dots: bool) -> None:
    write_idx(tmp_path / "mnist", "train-", 12, suffix, dots)
    write_idx(tmp_path / "mnist", "t10k-", 6, suffix, dots)
    table = read_cases(tmp_path / "mnist")
    assert (table.name, table.layout, table.class_names) == ("mnist", "idx", ("0", "1", "2"))
    assert [case.split for case in table.cases] == ["training"] * 12 + ["test"] * 6
    assert table.labels.tolist() == [*LABELS.tolist(), *LABELS[:6].tolist()]
    assert len({case.identifier for case in table.cases}) == 18
    for index in (0, 11, 13):
        volume = table.read_volume(table.cases[index])
        np.testing.assert_allclose(volume.array[0], IMAGES[index % 12] / 255, atol=1e-6)
    assert read_cases(next((tmp_path / "mnist").glob("train*labels*"))).labels.tolist() == table.labels.tolist()
    assert examine(table).unreadable == ()
    assert task_of(tmp_path / "mnist") is LearningTask.CLASSIFICATION


def test_class_names_may_be_given(tmp_path: Path) -> None:
    write_idx(tmp_path, "train-", 12)
    assert read_cases(tmp_path, ("a", "b", "c")).counts() == {"a": 4, "b": 4, "c": 4}
    with pytest.raises(DatasetError, match="E806"):
        read_cases(tmp_path, ("a", "b"))


def test_one_of_several_sets_is_named(tmp_path: Path) -> None:
    write_idx(tmp_path, "emnist-letters-train-", 12)
    write_idx(tmp_path, "emnist-digits-train-", 6)
    assert code_of(tmp_path) == "E817"
    assert len(read_cases(tmp_path / "emnist-digits-train-images-idx3-ubyte")) == 6


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, "u1"), (9, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_every_sample_type(tmp_path: Path, code: int, dtype: str) -> None:
    array = (np.arange(24).reshape(2, 3, 4) * 5).astype(dtype)
    (tmp_path / "x").write_bytes(idx_bytes(array, code))
    found = read_idx(tmp_path / "x")
    np.testing.assert_array_equal(found, array)
    assert found.dtype.isnative


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"0",
        lambda raw: raw[:7],
        lambda raw: b"",
        lambda raw: b"\x01" + raw[1:],
        lambda raw: raw[:2] + b"\x07" + raw[3:],
        lambda raw: raw[:3] + b"\x00" + raw[4:],
        lambda raw: raw[:3] + b"\xff" + raw[4:],
        lambda raw: struct.pack(">BBBBIII", 0, 0, 8, 3, 2**31, 2, 2) + raw[16:],
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_damaged_file_is_said(tmp_path: Path, spoil, suffix: str) -> None:
    write_idx(tmp_path, "train-", 12, suffix)
    path = tmp_path / f"train-images-idx3-ubyte{suffix}"
    raw = spoil(idx_bytes(IMAGES))
    path.write_bytes(gzip.compress(raw) if suffix else raw)
    assert code_of(tmp_path) in {"E873", "E811"}


def test_a_cut_gzip_and_one_that_is_none(tmp_path: Path) -> None:
    write_idx(tmp_path, "train-", 12, ".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for raw in (path.read_bytes()[:-30], b"plain", b"\x1f\x8b" + bytes(60)):
        path.write_bytes(raw)
        assert code_of(tmp_path) == "E873"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    write_idx(tmp_path, "train-", 12, ".gz")
    bomb = gzip.compress(idx_bytes(IMAGES) + bytes(50_000_000))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    assert code_of(tmp_path) == "E873"
    huge = struct.pack(">BBBBIII", 0, 0, 8, 3, 2**31, 2**10, 2**10)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(huge))
    assert code_of(tmp_path) == "E811"


def test_images_without_labels_and_other_numbers(tmp_path: Path) -> None:
    write_idx(tmp_path, "train-", 12)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[:5]))
    assert code_of(tmp_path) == "E808"
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert code_of(tmp_path) == "E874"


# ---- npz of Keras, and one pair


def test_mnist_of_keras(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:4], y_test=LABELS[:4])
    for data in (tmp_path, tmp_path / "mnist.npz"):
        table = read_cases(data)
        assert [case.split for case in table.cases] == ["training"] * 12 + ["test"] * 4
        assert table.labels.tolist() == [*LABELS.tolist(), *LABELS[:4].tolist()]
    np.testing.assert_allclose(table.read_volume(table.cases[14]).array[0], IMAGES[2] / 255, atol=1e-6)


@pytest.mark.parametrize("keys", [("images", "labels"), ("image", "label"), ("X", "y"), ("data", "target")])
@pytest.mark.parametrize("form", [(12,), (12, 1)])
def test_one_pair_of_arrays_declares_no_part(tmp_path: Path, keys: tuple[str, str], form: tuple[int, ...]) -> None:
    np.savez_compressed(tmp_path / "set.npz", **{keys[0]: IMAGES, keys[1]: LABELS.reshape(form)})
    table = read_cases(tmp_path)
    assert {case.split for case in table.cases} == {None}
    assert table.labels.tolist() == LABELS.tolist()
    assert task_of(tmp_path) is LearningTask.CLASSIFICATION


def test_an_image_and_its_mask_are_no_set_of_labels(tmp_path: Path) -> None:
    for number in range(3):
        mask = np.zeros((5, 20, 20), np.uint8)
        mask[2, 4:9, 4:9] = 1
        np.savez(tmp_path / f"{number}.npz", image=IMAGES[:5], label=mask)
    assert task_of(tmp_path) is not LearningTask.CLASSIFICATION


def test_arrays_of_another_number_or_kind_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=LABELS[:5])
    assert code_of(tmp_path / "a.npz") == "E808"
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=np.array([{}] * 12, dtype=object))
    assert code_of(tmp_path / "a.npz") == "E807"
    np.savez(tmp_path / "a.npz", x_train=IMAGES, y_train=np.eye(3)[LABELS])
    assert code_of(tmp_path / "a.npz") == "E812"


# ---- one npz a case


def write_cases(folder: Path, labels: list[object], **more: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, label in enumerate(labels):
        np.savez(folder / f"{number:02d}.npz", image=picture(number, 24), label=label, **more)
    return folder


@pytest.mark.parametrize("wrap", [lambda label: label, lambda label: np.array([label])])
def test_a_folder_of_npz_files(tmp_path: Path, wrap) -> None:
    write_cases(tmp_path, [wrap(number % 2) for number in range(10)])
    table = read_cases(tmp_path)
    assert (table.layout, table.class_names) == ("npz-cases", ("0", "1"))
    assert table.labels.tolist() == [0, 1] * 5
    assert table.cases[3].identifier == "03.npz"
    np.testing.assert_allclose(table.read_volume(table.cases[3]).array[0], picture(3, 24) / 255, atol=1e-6)
    assert task_of(tmp_path) is LearningTask.CLASSIFICATION
    assert examine(table).unreadable == ()


def test_words_parts_and_patients(tmp_path: Path) -> None:
    write_cases(tmp_path / "train", ["ill", "well"] * 3, patient="p1")
    write_cases(tmp_path / "test", ["Well", "ill"])
    table = read_cases(tmp_path)
    assert [name.lower() for name in table.class_names] in (["ill", "well"], ["well", "ill"])
    assert set(table.labels.tolist()) == {0, 1}
    assert {case.split for case in table.cases} == {"training", "test"}
    assert {case.patient for case in table.cases} == {"p1", None}


def test_images_of_many_forms(tmp_path: Path) -> None:
    forms = {"grey": (20, 22), "colour": (20, 22, 3), "stack": (5, 20, 22)}
    for number, (name, form) in enumerate(forms.items()):
        np.savez(tmp_path / f"{name}.npz", image=np.ones(form, np.float32) * 0.5, label=number % 2)
    table = read_cases(tmp_path)
    shapes = {case.identifier: table.read_volume(case).array.shape for case in table.cases}
    assert shapes == {"grey.npz": (1, 20, 22), "colour.npz": (3, 1, 20, 22), "stack.npz": (5, 20, 22)}
    # floating-point values are kept: one file cannot tell the range of all
    assert table.read_volume(table.cases[1]).array.max() == pytest.approx(0.5)


def test_damaged_files_are_named_and_many_refused(tmp_path: Path) -> None:
    write_cases(tmp_path, [number % 2 for number in range(20)])
    (tmp_path / "07.npz").write_bytes((tmp_path / "07.npz").read_bytes()[:100])
    table = read_cases(tmp_path)
    assert len(table) == 19
    issue = next(issue for issue in table.issues if issue.code == "Q805")
    assert issue.facts["cases"] == "07.npz"
    for number in range(8, 12):
        np.savez(tmp_path / f"{number:02d}.npz", image=IMAGES[0], label=0.5)
    assert code_of(tmp_path) == "E805"


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    write_cases(tmp_path, [number % 2 for number in range(9)])
    np.savez(tmp_path / "99.npz", image=IMAGES[0], label=np.array({"a": 1}, dtype=object))
    assert code_of(tmp_path) == "E807"
    np.savez(tmp_path / "99.npz", image=np.array([[{}]], dtype=object), label=1)
    assert len(examine(read_cases(tmp_path)).unreadable) == 1


def test_the_headers_of_npz_files_are_described(tmp_path: Path) -> None:
    write_cases(tmp_path, [number % 2 for number in range(9)])
    np.savez(tmp_path / "99.npz", image=np.zeros((30, 20, 3), np.uint16), label=1)
    headers = read_headers(read_cases(tmp_path))
    assert set(headers[:9]) == {Header("array", 24, 24, 8, 1)}
    assert headers[9] == Header("array", 30, 20, 16, 3)


def test_npz_files_whose_size_tells_the_class(tmp_path: Path) -> None:
    for number in range(40):
        np.savez(tmp_path / f"{number:02d}.npz", image=picture(number, 24 + number % 2), label=number % 2)
    issues = [issue for issue in examine(read_cases(tmp_path)).issues if issue.code == "Q871"]
    assert len(issues) == 1
    assert "24" in issues[0].text()
