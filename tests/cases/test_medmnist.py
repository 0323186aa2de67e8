"""MedMNIST files: whole, in part, and broken in the ways that happen."""

import io
import time
import zipfile

import numpy as np
import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.names import means_absence, medmnist_names, part_of, plain
from hounsfield.core.quantities import Quantity
from hounsfield.errors import DatasetError
from tests.cases.examples import save_npz


def refusal(path, **options):
    with pytest.raises(DatasetError) as caught:
        read_cases(path, **options)
    return caught.value


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def images(count=4, *shape):
    return np.zeros((count, *(shape or (28, 28))), dtype=np.uint8)


def test_all_parts(tmp_path):
    table = read_cases(save_npz(tmp_path / "x.npz", train=6, val=2, test=4))
    assert len(table) == 12
    assert table.layout == "medmnist"
    assert table.declared_parts == ("training", "tuning", "test")
    assert table.cases[0].identifier == "train/0"
    assert table.cases[-1].identifier == "test/3"
    assert table.class_names == ("0", "1")
    assert not table.has_published_names


def test_one_part_alone(tmp_path):
    assert read_cases(save_npz(tmp_path / "x.npz", test=4)).declared_parts == ("test",)


def test_the_folder_that_holds_the_file(tmp_path):
    save_npz(tmp_path / "x.npz", train=4)
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    assert len(read_cases(tmp_path)) == 4


def test_two_files_in_a_folder_are_one_too_many(tmp_path):
    save_npz(tmp_path / "x.npz", train=4)
    save_npz(tmp_path / "y.npz", train=4)
    error = refusal(tmp_path)
    assert error.code == "E817"
    assert "x.npz, y.npz" in error.text()


def test_rows_become_display_pictures_on_demand(tmp_path):
    path = save_npz(tmp_path / "x.npz", train=4, val=2)
    table = read_cases(path)
    volume = table.read_volume(table.cases[4])
    assert volume.quantity is Quantity.DISPLAY
    assert volume.array.shape == (1, 28, 28)
    assert volume.array.dtype == np.float32
    with np.load(path) as stored:
        np.testing.assert_allclose(volume.array[0] * 255, stored["val_images"][0], atol=1e-4)
    assert not table.read(table.cases[0]).series.is_dicom


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((28, 28, 3), (3, 1, 28, 28)), ((28, 28, 1), (1, 28, 28)), ((64, 64), (1, 64, 64)), ((5, 28, 28), (5, 28, 28))],
)
def test_shapes(tmp_path, shape, expected):
    labels = np.array([0, 1, 0, 1])
    table = read_cases(save(tmp_path / "x.npz", train_images=images(4, *shape), train_labels=labels))
    assert table.read_volume(table.cases[0]).array.shape == expected


@pytest.mark.parametrize(
    ("top", "quantity"), [(1.0, Quantity.DISPLAY), (255.0, Quantity.DISPLAY), (900, Quantity.ARBITRARY)]
)
def test_floating_point_rows(tmp_path, top, quantity):
    values = np.linspace(0, top, 4 * 28 * 28).reshape(4, 28, 28)
    table = read_cases(save(tmp_path / "x.npz", train_images=values, train_labels=np.arange(4) % 2))
    volume = table.read_volume(table.cases[3])
    assert volume.quantity is quantity
    assert volume.array.max() == pytest.approx(1.0 if quantity is Quantity.DISPLAY else top)


def test_labels_as_floats_that_are_whole_numbers(tmp_path):
    path = save(tmp_path / "x.npz", train_images=images(), train_labels=np.array([0.0, 1.0, 2.0, 1.0]))
    assert read_cases(path).class_names == ("0", "1", "2")


def test_published_names_come_with_the_file_name(tmp_path):
    table = read_cases(save_npz(tmp_path / "pneumoniamnist_trainval.npz", train=4))
    assert table.class_names == ("normal", "pneumonia")
    assert table.has_published_names


def test_given_names_win(tmp_path):
    table = read_cases(save_npz(tmp_path / "pneumoniamnist.npz", train=4), class_names=("healthy", "ill"))
    assert table.class_names == ("healthy", "ill")


def test_pickled_objects_are_refused_and_not_run(tmp_path):
    objects = np.array([{"a": 1}, None, None, None], dtype=object)
    path = save(tmp_path / "x.npz", train_images=images(), train_labels=objects)
    assert refusal(path).code == "E807"


def test_other_counts_of_images_and_labels(tmp_path):
    error = refusal(save(tmp_path / "x.npz", train_images=images(4), train_labels=np.array([0, 1, 1])))
    assert error.code == "E808"
    assert error.facts["images"] == 4
    assert error.facts["labels"] == 3


def test_nan_in_images_and_labels(tmp_path):
    values = np.zeros((4, 28, 28))
    values[2, 3, 3] = np.nan
    error = refusal(save(tmp_path / "x.npz", train_images=values, train_labels=np.arange(4) % 2))
    assert error.code == "E809"
    assert "train/2" in error.text()
    labels = np.array([0, 1, np.nan, 1])
    assert refusal(save(tmp_path / "y.npz", train_images=images(), train_labels=labels)).code == "E809"


@pytest.mark.parametrize("labels", [np.zeros((4, 14)), np.array(["a", "b", "a", "b"]), np.array([0.5, 1, 0, 1])])
def test_labels_of_other_forms(tmp_path, labels):
    assert refusal(save(tmp_path / "x.npz", train_images=images(), train_labels=labels)).code == "E812"


def test_a_label_outside_the_names(tmp_path):
    path = save(tmp_path / "x.npz", train_images=images(), train_labels=np.array([0, 1, 2, 0]))
    assert refusal(path, class_names=("a", "b")).code == "E806"
    negative = save(tmp_path / "y.npz", train_images=images(), train_labels=np.array([0, 1, -1, 0]))
    assert refusal(negative).code == "E806"


def test_one_class_only(tmp_path):
    error = refusal(save(tmp_path / "x.npz", train_images=images(), train_labels=np.zeros(4, dtype=int)))
    assert error.code == "E803"


def test_images_of_another_form(tmp_path):
    path = save(tmp_path / "x.npz", train_images=np.zeros((4, 28)), train_labels=np.arange(4) % 2)
    assert refusal(path).code == "E812"


def test_a_cut_file_and_a_text_file(tmp_path):
    path = save_npz(tmp_path / "x.npz", train=4)
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(path).code == "E810"
    text = tmp_path / "y.npz"
    text.write_text("not an archive", encoding="utf-8")
    assert refusal(text).code == "E810"


def test_a_file_without_the_keys(tmp_path):
    error = refusal(save(tmp_path / "x.npz", a=np.zeros(3), b=np.zeros(3)))
    assert error.code == "E801"
    assert "a, b" in error.text()


def test_a_header_that_declares_eight_gigabytes_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "x.npz"
    header = io.BytesIO()
    declared = {"descr": "|u1", "fortran_order": False, "shape": (2**33, 1, 1)}
    np.lib.format.write_array_header_1_0(header, declared)
    labels = io.BytesIO()
    np.save(labels, np.zeros(4))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images.npy", header.getvalue())
        archive.writestr("train_labels.npy", labels.getvalue())
    error = refusal(path)
    assert error.code == "E811"
    assert error.facts["found_mb"] == 8192


def test_five_thousand_rows_are_listed_and_read_quickly(shared_data):
    start = time.perf_counter()
    table = read_cases(shared_data / "chest_xray_pneumonia")
    total = sum(float(table.read_volume(case).array[0, 0, 0]) for case in table.cases)
    assert time.perf_counter() - start < 5
    assert table.counts() == {"normal": 1348, "pneumonia": 3858}
    assert total > 0


def test_names_of_parts_and_classes():
    assert [part_of(word) for word in ("Train", "VAL", "valid", "testing", "ts", "fold1")] == [
        "training", "tuning", "tuning", "test", "test", None,
    ]  # fmt: skip
    assert plain("Pituitary_Tumour") == plain("pituitary")
    assert plain("no_tumor") == plain("NoTumour") != plain("tumor")
    assert plain("肺炎") == "肺炎"
    assert medmnist_names(type("P", (), {"stem": "BreastMNIST_224"})(), 2) == ("malignant", "normal, benign")


@pytest.mark.parametrize("name", ["NORMAL", "notumor", "no_tumor", "not_fractured", "Healthy", "no finding", "control"])
def test_names_that_mean_absence(name):
    assert means_absence(name)


@pytest.mark.parametrize(
    "name", ["nodule", "non-small cell carcinoma", "benign", "normal colon mucosa", "noise", "PNEUMONIA"]
)
def test_names_that_do_not_mean_absence(name):
    assert not means_absence(name)
