"""What can be learned from a data set, by its layout: the task that ``auto`` stands for."""

from enum import StrEnum
from pathlib import Path

from hounsfield.cases.boxed_layouts import has_boxes
from hounsfield.cases.masked import is_masked, numbers_objects
from hounsfield.cases.sequenced_signs import is_sequenced
from hounsfield.errors import DatasetError


class LearningTask(StrEnum):
    """What a model learns to say of an image."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    MULTI_LABEL = "multi-label"
    ORDINAL = "ordinal"
    SEGMENTATION = "segmentation"
    INSTANCES = "instances"
    DETECTION = "detection"
    SEQUENCE = "sequence"
    SEVERAL = "several"


def task_of(data: Path) -> LearningTask:
    """Return the task that a data set is laid out for; names of files, a few masks and annotations are looked at.

    Images with masks are segmentation, or instances where the masks number objects; images with
    boxes are detection; films, and arrays that tell the frames of each case, are sequences; everything else is taken as
    classification, whose reader says what is wrong with a layout that it does not know.

    Raises:
        DatasetError: ``E800`` there is nothing.
    """
    data = Path(data)
    if not data.exists():
        raise DatasetError("E800", path=data.name)
    if is_masked(data):
        return LearningTask.INSTANCES if numbers_objects(data) else LearningTask.SEGMENTATION
    if has_boxes(data):
        return LearningTask.DETECTION
    if is_sequenced(data):
        return LearningTask.SEQUENCE
    return LearningTask.CLASSIFICATION
