"""Sequences in every layout: what is one case, whose it is, which frames it has and in which order."""

import nibabel
import numpy as np
import pytest
from PIL import Image

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.sequenced import read_sequences
from hounsfield.cases.sequenced_reader import natural_key, stack_image
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import DatasetError
from tests.cases.sequenced_examples import exams, film, save_frames, write_manifest
from tests.cases.test_cine_manifest import write_dicom, write_video


def frames_of(table, index=0):
    volume = table.read_volume(table.cases[index])
    return np.rint(volume.array * (255 if volume.array.max() <= 1 else 1))


def test_a_folder_of_frames_is_a_case_and_its_exam_the_patient(tmp_path):
    found = read_sequences(exams(tmp_path / "nodules"))
    table = found.table
    assert found.task is LearningTask.CLASSIFICATION
    assert (table.layout, table.holds_sequences, table.name) == ("sequence-folders", True, "nodules")
    assert found.names == ("benign", "malignant")
    assert len(table) == 8
    assert table.cases[0].identifier == "benign/b0/nodule 1"
    patients = {case.identifier: case.patient for case in table.cases}
    assert patients["benign/both/nodule 1"] == patients["malignant/both/nodule 1"] == "both"
    assert len(set(patients.values())) == 7


def test_frames_come_as_people_count_them(tmp_path):
    """slice 2 comes before slice 10, whatever the order of the names."""
    table = read_sequences(exams(tmp_path)).table
    volume = table.read_volume(table.cases[0])
    assert volume.slice_axis is SliceAxis.SPACE
    np.testing.assert_array_equal(frames_of(table), film(0, 12))


def test_names_are_sorted_as_people_count(tmp_path):
    names = ["a2b10.png", "a2b9.png", "a10.png", "b1.png", "1.png"]
    assert sorted(map(tmp_path.joinpath, names), key=natural_key) == [
        tmp_path / name for name in ("1.png", "a2b9.png", "a2b10.png", "a10.png", "b1.png")
    ]


def test_class_and_sequence_without_exams_have_no_known_patient(tmp_path):
    for index in range(6):
        save_frames(tmp_path / "ab"[index % 2] / f"film{index}", film(index))
    table = read_sequences(tmp_path).table
    assert [case.patient for case in table.cases] == [None] * 6
    assert [issue.code for issue in table.issues] == ["Q800"]


def test_parts_above_the_classes_are_declared(tmp_path):
    for part in ("train", "test"):
        for index in range(4):
            save_frames(tmp_path / part / "ab"[index % 2] / f"{part}{index}" / "film", film(index))
    table = read_sequences(tmp_path).table
    assert table.declared_parts == ("training", "test")
    assert table.counts() == {"a": 4, "b": 4}


@pytest.mark.parametrize("depth", ["", "train/"])
def test_frames_right_in_the_folder_of_a_class_belong_to_no_sequence(tmp_path, depth):
    for name in ("a", "b"):
        save_frames(tmp_path / f"{depth}{name}", film(1))
    with pytest.raises(DatasetError, match="E907") as refused:
        read_sequences(tmp_path)
    assert "slice 0.png" in str(refused.value)


def test_class_folders_of_films_volumes_and_arrays(tmp_path):
    for index, name in enumerate(("a", "b")):
        (tmp_path / name / "p").mkdir(parents=True)
        write_video(tmp_path / name / f"{index}.avi", film(index, 5))
        write_dicom(tmp_path / name / "p" / "cine.dcm", film(index + 2))
        np.save(tmp_path / name / "stack.npy", film(index + 4))
        nibabel.save(nibabel.Nifti1Image(film(index + 6).T, np.eye(4)), tmp_path / name / "scan.nii.gz")
    table = read_sequences(tmp_path).table
    assert len(table) == 8
    found = {case.identifier: frames_of(table, index) for index, case in enumerate(table.cases)}
    assert all(array.shape[-3:] == (5, 32, 32) for array in found.values())
    np.testing.assert_array_equal(found["a/stack.npy"], film(4))
    np.testing.assert_array_equal(found["b/p/cine.dcm"], film(3))
    assert next(case for case in table.cases if case.identifier == "a/p/cine.dcm").patient.startswith("patient-")


def test_a_manifest_of_folders_films_and_arrays(tmp_path):
    save_frames(tmp_path / "one", film(0))
    np.savez(tmp_path / "two.npz", other=np.zeros(3), frames=film(1))
    write_video(tmp_path / "three.mp4", film(2))
    np.save(tmp_path / "four.npy", film(3).astype(np.float32) / 255)
    paths = ("one", "two.npz", "three.mp4", "four.npy")
    write_manifest(tmp_path, [{"path": path, "label": "ab"[i % 2], "patient_id": i} for i, path in enumerate(paths)])
    table = read_sequences(tmp_path).table
    assert (table.layout, table.name, len(table)) == ("manifest", tmp_path.name, 4)
    np.testing.assert_array_equal(frames_of(table, 0), film(0))
    np.testing.assert_array_equal(frames_of(table, 1), film(1))
    assert table.read_volume(table.cases[3]).quantity is Quantity.ARBITRARY
    assert [case.patient for case in table.cases] == ["0", "1", "2", "3"]


def test_numbers_of_a_manifest_are_learned_as_numbers(tmp_path):
    fractions = [40.5, 62.0, 71.3, 55.1]
    for index in range(4):
        save_frames(tmp_path / f"film{index}", film(index))
    write_manifest(tmp_path, [{"path": f"film{index}", "label": fractions[index]} for index in range(4)])
    found = read_sequences(tmp_path)
    assert found.task is LearningTask.REGRESSION
    assert found.targets.values[:, 0].tolist() == fractions
    assert found.targets.table.holds_sequences
    assert found.table.read_volume(found.table.cases[2]).geometry.shape == (5, 32, 32)


def test_a_column_that_is_named_is_the_number(tmp_path):
    for index in range(3):
        save_frames(tmp_path / f"film{index}", film(index))
    write_manifest(tmp_path, [{"path": f"film{i}", "label": "ab"[i % 2], "ejection": 50 + i} for i in range(3)])
    found = read_sequences(tmp_path, columns=("ejection",))
    assert (found.names, found.targets.values[:, 0].tolist()) == (("ejection",), [50, 51, 52])
    assert read_sequences(tmp_path).names == ("a", "b")


def test_several_labels_a_sequence_are_refused(tmp_path):
    for index in range(4):
        save_frames(tmp_path / f"film{index}", film(index))
    write_manifest(tmp_path, [{"path": f"film{i}", "effusion": i % 2, "nodule": i // 2} for i in range(4)])
    with pytest.raises(DatasetError, match="E904"):
        read_sequences(tmp_path)


def test_arrays_tell_frames_and_patients(tmp_path):
    images = np.stack([film(index) for index in range(6)])
    lengths = np.array([5, 3, 1, 5, 2, 4])
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(6) % 2, lengths=lengths, patients=np.arange(6) // 2)
    table = read_sequences(tmp_path / "x.npz").table
    assert [case.patient for case in table.cases] == ["0", "0", "1", "1", "2", "2"]
    for index, count in enumerate(lengths):
        np.testing.assert_array_equal(frames_of(table, index), images[index, :count])
    assert table.layout == "sequence-arrays"


def test_arrays_with_parts_of_their_own(tmp_path):
    arrays = {}
    for seed, part in enumerate(("train", "val")):
        arrays[f"{part}_images"] = np.stack([film(10 * seed + index) for index in range(4)])
        arrays[f"{part}_labels"] = np.array([[0], [1], [2], [0]])
        arrays[f"{part}_lengths"] = np.array([1, 2, 3, 4])
    np.savez(tmp_path / "x.npz", **arrays)
    table = read_sequences(tmp_path).table
    assert table.declared_parts == ("training", "tuning")
    assert table.class_names == ("0", "1", "2")
    np.testing.assert_array_equal(frames_of(table, 6), arrays["val_images"][2, :3])


def test_films_in_colour_keep_it(tmp_path):
    images = np.stack([np.stack([film(index)] * 3, axis=-1) for index in range(4)])
    images[..., 1] //= 2
    np.savez(tmp_path / "x.npz", images=images, labels=np.array(["x", "y", "x", "y"]))
    table = read_sequences(tmp_path).table
    volume = table.read_volume(table.cases[1])
    assert volume.array.shape == (3, 5, 32, 32)
    np.testing.assert_allclose(volume.array[1], images[1, ..., 1] / 255, atol=1e-6)
    assert table.class_names == ("x", "y")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lengths": np.array([1, 2, 6, 1])}, "E903"),
        ({"lengths": np.array([0, 2, 3, 1])}, "E903"),
        ({"lengths": np.array([1.0, 2, 3, 1])}, "E903"),
        ({"lengths": np.array([1, 2])}, "E903"),
        ({"images": np.zeros((4, 8, 8), np.uint8)}, "E907"),
        ({"labels": np.array([0, 1, -1, 0])}, "E806"),
        ({"labels": np.zeros((4, 2))}, "E907"),
        ({"labels": np.array([1, 1, 1, 1])}, "E803"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, change, code):
    arrays = {"images": np.stack([film(i) for i in range(4)]), "labels": np.array([0, 1, 0, 1]), **change}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DatasetError, match=code):
        read_sequences(tmp_path / "x.npz")


@pytest.mark.parametrize("labels", [np.array([0.5, 1.5, 2.0, 3.0] * 7), np.arange(28)])
def test_measured_labels_of_arrays_are_numbers(tmp_path, labels):
    np.savez(tmp_path / "x.npz", images=np.stack([film(i, 2, 8) for i in range(28)]), labels=labels)
    found = read_sequences(tmp_path)
    assert found.task is LearningTask.REGRESSION
    np.testing.assert_array_equal(found.targets.values[:, 0], labels)


def test_frames_of_different_size_are_refused(tmp_path):
    for index in range(4):
        save_frames(tmp_path / "ab"[index % 2] / f"film{index}", film(index))
    Image.fromarray(film(9, 1, 16)[0]).save(tmp_path / "a" / "film0" / "slice 9.png")
    table = read_sequences(tmp_path).table
    with pytest.raises(DatasetError, match="E906"):
        table.read(table.cases[0])


@pytest.mark.parametrize(
    "frames", [np.zeros((3, 4)), np.zeros((2, 3, 4, 2)), np.zeros((0, 3, 4)), np.full((2, 3, 4), np.nan)]
)
def test_arrays_that_are_no_frames_are_refused(frames, tmp_path):
    save_frames(tmp_path / "a" / "x", film(1))
    save_frames(tmp_path / "b" / "y", film(2))
    case = read_sequences(tmp_path).table.cases[0]
    with pytest.raises(DatasetError, match="E818"):
        stack_image(frames, case)


def test_auto_keeps_what_was_a_classification(tmp_path):
    """Folders of pictures, volumes and four axes may be images of their own: they stay so unless asked."""
    exams(tmp_path / "exams", 3, 2)
    np.savez(tmp_path / "four.npz", images=np.zeros((4, 3, 8, 8), np.uint8), labels=np.arange(4) % 2)
    (tmp_path / "cine").mkdir()
    for index in range(2):
        write_dicom(tmp_path / "cine" / f"{index}.dcm", film(index))
    write_manifest(tmp_path / "cine", [{"path": f"{i}.dcm", "label": "ab"[i]} for i in range(2)])
    for name in ("exams", "four.npz", "cine"):
        assert task_of(tmp_path / name) is LearningTask.CLASSIFICATION
        assert not read_cases(tmp_path / name).holds_sequences
        assert read_sequences(tmp_path / name).table.holds_sequences


def test_auto_takes_what_can_only_be_sequences(tmp_path):
    films = tmp_path / "films"
    for index in range(2):
        (films / "ab"[index]).mkdir(parents=True)
        write_video(films / "ab"[index] / f"{index}.avi", film(index))
    listed = tmp_path / "listed"
    listed.mkdir()
    write_video(listed / "x.mp4", film(1))
    write_manifest(listed, [{"path": "x.mp4", "label": "a"}])
    images = np.zeros((4, 3, 8, 8), np.uint8)
    np.savez(tmp_path / "told.npz", images=images, labels=np.arange(4) % 2, lengths=np.array([3, 3, 2, 1]))
    np.savez(tmp_path / "colour.npz", images=np.stack([images] * 3, -1), labels=np.arange(4) % 2)
    for name in ("films", "listed", "told.npz", "colour.npz"):
        assert task_of(tmp_path / name) is LearningTask.SEQUENCE, name


def test_nothing_is_no_sequence(tmp_path):
    with pytest.raises(DatasetError, match="E800"):
        read_sequences(tmp_path / "absent")
    (tmp_path / "x.txt").write_text("x", encoding="utf-8")
    with pytest.raises(DatasetError, match="E907"):
        read_sequences(tmp_path)
    with pytest.raises(DatasetError, match="E907"):
        read_sequences(tmp_path / "x.txt")
