"""Average precision: by hand, against MONAI's COCO metric, and against pycocotools where it is installed."""

import numpy as np
import pytest
from monai.apps.detection.metrics.coco import COCOMetric
from monai.apps.detection.metrics.matching import matching_batch
from monai.data.box_utils import box_iou

from hounsfield.core.boxes import Detections, as_boxes
from hounsfield.metrics.detection import (
    OVERLAPS,
    Reference,
    average_precision_of,
    detection_statistics,
    match_class,
    mean_average_precision_of,
)
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.weights import value_of

CELL = [0, 0, 10, 10]
FAR = [50, 50, 60, 60]


def said(*rows):
    """Return detections of class 0: (box, score)."""
    boxes = as_boxes([box for box, _ in rows])
    return Detections(boxes, np.zeros(len(rows), dtype=np.int64), np.array([score for _, score in rows]))


def truth(*boxes, crowd=(), ignored=()):
    count = len(boxes)
    is_crowd = np.isin(np.arange(count), crowd)
    is_ignored = is_crowd | np.isin(np.arange(count), ignored)
    return Reference(as_boxes(boxes), np.zeros(count, np.int64), is_crowd, is_ignored)


def ap(detected, references, overlap=0.5):
    matches = match_class(detected, references, 0, (overlap,))
    return value_of(average_precision_of(matches), len(references))


def random_set(seed, images=30, classes=3, crowds=False):
    """Return objects and detections that lie near them, with misses, doubles and inventions."""
    generator = np.random.default_rng(seed)
    detected, references = [], []
    for _ in range(images):
        count = int(generator.integers(0, 8))
        low = generator.uniform(0, 100, (count, 2)).round(1)
        boxes = np.concatenate([low, low + generator.uniform(15, 40, (count, 2)).round(1)], axis=1)
        labels = generator.integers(0, classes, count)
        is_crowd = (generator.uniform(size=count) < 0.15) & crowds
        references.append(Reference(boxes, labels, is_crowd, is_crowd))
        seen = np.repeat(np.arange(count), generator.integers(0, 3, count))
        near = boxes[seen] + generator.normal(0, 2, (len(seen), 4)).round(1)
        far = generator.uniform(0, 100, (3, 2)).round(1)
        every = np.concatenate([near, np.concatenate([far, far + 20], axis=1)])
        called = np.concatenate([labels[seen], generator.integers(0, classes, 3)])
        scores = generator.permutation(10_000)[: len(every)] / 10_000 + generator.uniform(0, 1e-5)
        detected.append(Detections(every, called, scores))
    return detected, references


def test_by_hand():
    assert ap([said((CELL, 0.9))], [truth(CELL)]) == pytest.approx(1)
    assert ap([said((FAR, 0.9), (CELL, 0.8))], [truth(CELL)]) == pytest.approx(0.5)
    assert ap([said()], [truth(CELL)]) == 0
    assert np.isnan(ap([said((CELL, 0.9))], [truth()]))


def test_half_of_the_objects_is_51_of_101_points():
    assert ap([said((CELL, 0.9))], [truth(CELL, FAR)]) == pytest.approx(51 / 101)


def test_a_second_detection_of_an_object_is_false():
    detected = [said((CELL, 0.9), (CELL, 0.8), (FAR, 0.7))]
    assert ap(detected, [truth(CELL, FAR)]) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_the_precision_of_a_recall_is_the_best_one_beyond_it():
    # right, wrong, right, right: precisions 1, 1/2, 2/3, 3/4 at recalls 1/3, 1/3, 2/3, 1
    boxes = [[0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 49, 49]]
    detected = [said((boxes[0], 0.9), (FAR, 0.8), (boxes[1], 0.7), (boxes[2], 0.6))]
    assert ap(detected, [truth(*boxes)]) == pytest.approx((34 + 67 * 0.75) / 101)


def test_overlap_decides():
    moved = [0, 0, 10, 14]
    detected, references = [said((moved, 0.9))], [truth(CELL)]
    assert ap(detected, references, 0.7) == pytest.approx(1)
    assert ap(detected, references, 0.75) == 0


def test_crowds_and_difficult_objects_count_neither_way():
    inside = [1, 1, 3, 3]
    assert ap([said((inside, 0.95), (FAR, 0.9))], [truth(CELL, FAR, crowd=[0])]) == pytest.approx(1)
    assert ap([said((inside, 0.95), (FAR, 0.9))], [truth(CELL, FAR)]) == pytest.approx(0.5 * 51 / 101)
    assert ap([said((CELL, 0.95), (FAR, 0.9))], [truth(CELL, FAR, ignored=[0])]) == pytest.approx(1)
    # a difficult object is one: the second detection of it is false; a crowd takes any number
    twice = [said((CELL, 0.95), (CELL, 0.93), (FAR, 0.9))]
    assert ap(twice, [truth(CELL, FAR, ignored=[0])]) == pytest.approx(0.5)
    assert ap(twice, [truth(CELL, FAR, crowd=[0])]) == pytest.approx(1)


def test_only_the_best_detections_of_an_image_count():
    rows = [(FAR, 0.9 - 0.001 * index) for index in range(100)]
    detected = [said(*rows, (CELL, 0.1))]
    assert ap(detected, [truth(CELL)]) == 0
    assert value_of(average_precision_of(match_class(detected, [truth(CELL)], 0, (0.5,), most=101)), 1) > 0


@pytest.mark.parametrize("seed", range(4))
def test_monais_coco_metric_agrees(seed):
    detected, references = random_set(seed)
    metric = COCOMetric(["a", "b", "c"], iou_list=(0.5,), iou_range=(0.5, 0.95, 0.05), max_detection=(100,))
    matched = matching_batch(
        box_iou,
        metric.iou_thresholds,
        [item.boxes for item in detected],
        [item.labels for item in detected],
        [item.scores for item in detected],
        [item.boxes for item in references],
        [item.labels for item in references],
    )
    expected = metric(matched)[0]
    matches = [match_class(detected, references, label) for label in range(3)]
    found = {name: value_of(of, 30) for name, of in detection_statistics(matches, ("a", "b", "c")).items()}
    assert found["map50"] == pytest.approx(expected["AP_IoU_0.50_MaxDet_100"], abs=1e-9)
    assert found["map"] == pytest.approx(expected["mAP_IoU_0.50_0.95_0.05_MaxDet_100"], abs=1e-9)
    assert found["ap50 b"] == pytest.approx(expected["b_AP_IoU_0.50_MaxDet_100"], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_pycocotools_agrees_crowds_included(seed):
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    detected, references = random_set(seed, crowds=True)
    rows, answers = [], []
    for image, (found, wanted) in enumerate(zip(detected, references, strict=True)):
        for box, label, crowd in zip(wanted.boxes, wanted.labels, wanted.is_crowd, strict=True):
            entry = {"id": len(rows) + 1, "image_id": image, "category_id": int(label), "iscrowd": int(crowd)}
            rows.append(entry | {"bbox": as_coco(box), "area": 100.0})
        for box, label, score in zip(found.boxes, found.labels, found.scores, strict=True):
            entry = {"image_id": image, "category_id": int(label), "score": float(score)}
            answers.append(entry | {"bbox": as_coco(box)})
    api = COCO()
    images, categories = [{"id": index} for index in range(30)], [{"id": index} for index in range(3)]
    api.dataset = {"images": images, "annotations": rows, "categories": categories}
    api.createIndex()
    evaluation = COCOeval(api, api.loadRes(answers), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    matches = [match_class(detected, references, label) for label in range(3)]
    found = {name: value_of(of, 30) for name, of in detection_statistics(matches, ("a", "b", "c")).items()}
    assert found["map"] == pytest.approx(evaluation.stats[0], abs=1e-9)
    assert found["map50"] == pytest.approx(evaluation.stats[1], abs=1e-9)


def as_coco(box):
    top, left, bottom, right = map(float, box)
    return [left, top, right - left, bottom - top]


def test_a_resample_has_the_value_of_the_images_drawn():
    detected, references = random_set(7)
    matches = [match_class(detected, references, label) for label in range(3)]
    statistic = mean_average_precision_of(matches, range(len(OVERLAPS)))
    picks = np.random.default_rng(1).integers(0, 30, 30)
    weights = np.bincount(picks, minlength=30)[None]
    # the order of images is that of the weights, so that equal scores of copies stay in order
    picks = np.sort(picks)
    again = [match_class([detected[i] for i in picks], [references[i] for i in picks], label) for label in range(3)]
    expected = value_of(mean_average_precision_of(again, range(len(OVERLAPS))), 30)
    assert statistic(weights)[0] == pytest.approx(expected, abs=0.02)
    assert statistic(np.ones((2, 30)) * [[1], [3]])[0] == pytest.approx(statistic(np.ones((1, 30)) * 3)[0])


def test_intervals_by_patient_hold_the_value():
    detected, references = random_set(8)
    matches = [match_class(detected, references, label) for label in range(3)]
    patients = np.arange(30) // 3
    weights = resample_weights(np.zeros(30, dtype=np.int64), patients, 100, 0)
    found = bootstrap_intervals(detection_statistics(matches, ("a", "b", "c")), weights, 30)
    for interval in found.values():
        assert interval.low < interval.value < interval.high


def test_boxes_in_space():
    detected = [Detections(np.array([[0.0, 0, 0, 4, 4, 4]]), np.zeros(1, np.int64), np.array([0.9]))]
    none = np.zeros(1, dtype=bool)
    wanted = [Reference(np.array([[0.0, 0, 0, 4, 4, 5]]), np.zeros(1, np.int64), none, none)]
    assert ap(detected, wanted, 0.75) == pytest.approx(1)
    assert ap(detected, wanted, 0.85) == 0
