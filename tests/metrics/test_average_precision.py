"""Average precision against a naive implementation that walks down the scores and counts pixels, and its symmetries."""

from itertools import product

import numpy as np
import pytest

from hounsfield.core.boxes import Detections
from hounsfield.metrics.detection import (
    OVERLAPS,
    Reference,
    average_precision_of,
    detection_statistics,
    match_class,
    mean_average_precision_of,
)
from hounsfield.metrics.weights import value_of

CLASSES = 2
NAMES = ("cell", "dot")


def small_set(seed, images=5, hard=False, ties=False):
    """Return detections and objects with whole edges on a small grid; scores are all different unless ``ties``."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(0, 7, images)
    ranks = generator.permutation(int(counts.sum())) / 64
    detected, references, start = [], [], 0
    for count in counts.tolist():
        own = int(generator.integers(0, 4))
        is_crowd = (generator.uniform(size=own) < 0.3) & hard
        is_ignored = is_crowd | ((generator.uniform(size=own) < 0.3) & hard)
        labels = generator.integers(0, CLASSES, own)
        boxes = whole_boxes(generator, own)
        references.append(Reference(boxes, labels, is_crowd, is_ignored))
        scores = generator.integers(0, 3, count) / 4 if ties else ranks[start : start + count]
        near = np.concatenate([boxes, whole_boxes(generator, 3)])
        picked = generator.integers(0, len(near), count)
        found = near[picked] + np.pad(generator.integers(0, 2, (count, 2)), ((0, 0), (2, 0)))
        detected.append(Detections(found, generator.integers(0, CLASSES, count), scores))
        start += count
    return detected, references


def whole_boxes(generator, count):
    low = generator.integers(0, 6, (count, 2))
    return np.concatenate([low, low + generator.integers(1, 6, (count, 2))], axis=1).astype(float)


def pixels_of(box):
    top, left, bottom, right = map(int, box)
    return set(product(range(top, bottom), range(left, right)))


def naive_verdicts(detected, references, label, threshold):
    """Return what each detection of a class is, best score first over all images: right, wrong or neither."""
    walk = [
        (-score, image, place)
        for image, found in enumerate(detected)
        for place, (score, said) in enumerate(zip(found.scores, found.labels, strict=True))
        if said == label
    ]
    taken, verdicts = set(), []
    for _, image, place in sorted(walk):
        truth, own = references[image], pixels_of(detected[image].boxes[place])
        reached = {False: [], True: []}
        for number, box in enumerate(truth.boxes):
            theirs = pixels_of(box)
            share = len(own & theirs) / len(own if truth.is_crowd[number] else own | theirs)
            is_free = (image, number) not in taken or truth.is_crowd[number]
            if truth.labels[number] == label and is_free and share >= threshold:
                reached[bool(truth.is_ignored[number])].append((share, number))
        choice = reached[False] or reached[True]
        if choice:
            taken.add((image, max(choice)[1]))
        verdicts.append("right" if reached[False] else "neither" if reached[True] else "wrong")
    return verdicts


def naive_precision(detected, references, label, threshold):
    """Return the mean over 101 recalls of the best precision at this recall or beyond."""
    total = sum(int(((item.labels == label) & ~item.is_ignored).sum()) for item in references)
    if not total:
        return np.nan
    points, right, called = [], 0, 0
    for verdict in naive_verdicts(detected, references, label, threshold):
        right, called = right + (verdict == "right"), called + (verdict != "neither")
        if called:
            points.append((right / total, right / called))
    reached = [[one for recall, one in points if recall >= wanted] for wanted in np.linspace(0, 1, 101)]
    return sum(max(found, default=0) for found in reached) / 101


def precision(detected, references, label, threshold):
    matches = match_class(detected, references, label, (threshold,))
    return value_of(average_precision_of(matches), len(references))


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("hard", [False, True])
def test_a_naive_walk_down_the_scores_agrees(threshold, hard):
    defined = 0
    for seed, label in product(range(12), range(CLASSES)):
        made = small_set(seed, hard=hard)
        expected = naive_precision(*made, label, threshold)
        assert precision(*made, label, threshold) == pytest.approx(expected, abs=1e-12, nan_ok=True)
        defined += 0 < expected < 1
    assert defined > 1


@pytest.mark.parametrize("seed", range(4))
def test_matches_are_the_naive_verdicts(seed):
    made = small_set(seed, images=8, hard=True)
    found = match_class(*made, 0, (0.5,))
    told = [
        "right" if right else "wrong" if counted else "neither"
        for right, counted in zip(found.is_right[0], found.is_counted[0], strict=True)
    ]
    assert told == naive_verdicts(*made, 0, 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_equal_scores_go_in_the_order_of_images(seed):
    made = small_set(seed, images=6, ties=True)
    for label in range(CLASSES):
        assert precision(*made, label, 0.5) == pytest.approx(naive_precision(*made, label, 0.5), nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_means_are_means_of_the_naive_values(seed):
    made = small_set(seed, images=8)
    matches = [match_class(*made, label) for label in range(CLASSES)]
    found = {name: value_of(of, 8) for name, of in detection_statistics(matches, NAMES).items()}
    half = [naive_precision(*made, label, 0.5) for label in range(CLASSES)]
    every = [naive_precision(*made, label, threshold) for label in range(CLASSES) for threshold in OVERLAPS]
    assert found["map50"] == pytest.approx(np.nanmean(half))
    assert found["map"] == pytest.approx(np.nanmean(every))
    assert [found["ap50 cell"], found["ap50 dot"]] == pytest.approx(half)


@pytest.mark.parametrize("seed", range(4))
def test_only_the_order_of_scores_counts_and_not_that_of_cases(seed):
    detected, references = small_set(seed, images=8, hard=True)
    before = precision(detected, references, 0, 0.5)
    order = np.random.default_rng(seed).permutation(8)
    assert precision([detected[i] for i in order], [references[i] for i in order], 0, 0.5) == before
    bent = [Detections(item.boxes, item.labels, np.exp(3 * item.scores) - 9) for item in detected]
    assert precision(bent, references, 0, 0.5) == before
    mixed = [item.select(np.random.default_rng(seed).permutation(len(item))) for item in detected]
    assert precision(mixed, references, 0, 0.5) == before


@pytest.mark.parametrize("seed", range(4))
def test_inventions_below_every_score_take_no_point_and_above_it_take_some(seed):
    detected, references = small_set(seed, images=8)
    before = precision(detected, references, 0, 0.25)
    assert before > 0
    far = np.array([[90.0, 90, 95, 95]])

    def with_invention(score):
        item = detected[0]
        boxes, labels = np.concatenate([item.boxes, far]), np.append(item.labels, 0)
        return [Detections(boxes, labels, np.append(item.scores, score)), *detected[1:]]

    assert precision(with_invention(-1.0), references, 0, 0.25) == before
    assert precision(with_invention(2.0), references, 0, 0.25) < before


@pytest.mark.parametrize("seed", range(3))
def test_a_stricter_overlap_finds_no_more_objects_at_any_score(seed):
    matches = match_class(*small_set(seed, images=8), 0)
    found = np.cumsum(matches.is_right, axis=1)
    assert (np.diff(found, axis=0) <= 0).all()
    assert (found[:, -1] <= matches.objects.sum()).all()
    assert not (matches.is_right & ~matches.is_counted).any()


def test_resamples_one_by_one_are_those_at_once():
    matches = [match_class(*small_set(3, images=8), label) for label in range(CLASSES)]
    weights = np.random.default_rng(0).integers(0, 3, (9, 8))
    statistic = mean_average_precision_of(matches, range(len(OVERLAPS)))
    before = statistic(weights)
    alone = np.concatenate([statistic(row[None]) for row in weights])
    np.testing.assert_allclose(alone, before, rtol=1e-12)


def test_a_class_that_no_drawn_image_holds_is_left_out_of_the_mean():
    none = np.zeros(1, dtype=bool)
    box = np.array([[0.0, 0, 4, 4]])
    references = [Reference(box, np.array([label]), none, none) for label in range(CLASSES)]
    detected = [Detections(box, np.array([0]), np.array([0.9])), Detections(box[:0], none[:0].astype(int), box[:0, 0])]
    matches = [match_class(detected, references, label) for label in range(CLASSES)]
    statistic = mean_average_precision_of(matches, [0])
    assert statistic(np.array([[1, 1], [1, 0], [0, 1]])).tolist() == pytest.approx([0.5, 1, 0])
    assert np.isnan(statistic(np.zeros((1, 2)))[0])
    assert "ap50 dot" not in detection_statistics([matches[0], match_class(detected, references[:1] * 2, 1)], NAMES)
    assert np.isnan(mean_average_precision_of([], [0])(np.ones((1, 2)))[0])
