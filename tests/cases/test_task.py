"""Which task a layout stands for."""

from pathlib import Path

import pytest

from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError
from tests.cases.boxed_examples import SAVERS
from tests.cases.examples import class_folders, picture, save_npz
from tests.cases.masked_examples import grains, picture_pairs, save


def test_class_folders_and_arrays_are_classification(tmp_path: Path) -> None:
    assert task_of(class_folders(tmp_path / "a", {"glioma": 2, "normal": 2})) is LearningTask.CLASSIFICATION
    (tmp_path / "b").mkdir()
    assert task_of(save_npz(tmp_path / "b" / "x.npz", train=4)) is LearningTask.CLASSIFICATION
    assert task_of(tmp_path / "b") is LearningTask.CLASSIFICATION


def test_pairs_are_segmentation(tmp_path: Path) -> None:
    assert task_of(picture_pairs(tmp_path, 3)) is LearningTask.SEGMENTATION


def test_numbered_objects_are_instances(tmp_path: Path) -> None:
    for number, count in enumerate((3, 20, 40)):
        save(tmp_path / "images" / f"{number}.png", picture(number, 64))
        save(tmp_path / "labels" / f"{number}.png", grains(count))
    assert task_of(tmp_path) is LearningTask.INSTANCES


def test_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        task_of(tmp_path / "nothing")
    assert caught.value.code == "E800"


@pytest.mark.parametrize(
    ("folder", "task"),
    [
        ("nuclei", LearningTask.INSTANCES),
        ("retina_vessels", LearningTask.SEGMENTATION),
        ("cardiac_mri", LearningTask.SEGMENTATION),
        ("breast_ultrasound", LearningTask.CLASSIFICATION),
        ("chest_xray_pneumonia", LearningTask.CLASSIFICATION),
    ],
)
def test_public_data(shared_data: Path, folder: str, task: LearningTask) -> None:
    assert task_of(shared_data / folder) is task


@pytest.mark.parametrize("layout", SAVERS)
def test_images_with_boxes_are_detection(tmp_path, layout):
    assert task_of(SAVERS[layout](tmp_path / "data")) is LearningTask.DETECTION
