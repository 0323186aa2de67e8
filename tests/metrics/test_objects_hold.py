"""Objects and masks: numbers, order of images and copies change nothing, every pair of small masks, monotone curves."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hounsfield.core.boxes import Detections
from hounsfield.metrics.detection import (
    Reference,
    average_precision_of,
    detection_statistics,
    match_class,
    mean_average_precision_of,
)
from hounsfield.metrics.detection_candidates import by_centre, by_overlap, gather_candidates
from hounsfield.metrics.distances import (
    directed_hausdorff_mm,
    directed_surface_distance_mm,
    hausdorff_distance_mm,
    pooled_hausdorff_mm,
    pooled_surface_distance_mm,
)
from hounsfield.metrics.froc import RATES, competition_score_of, froc_curve, sensitivity_at_of
from hounsfield.metrics.instances import match_objects
from hounsfield.metrics.masks import pair_masks
from hounsfield.metrics.overlap import dice_score, jaccard_score, volume_similarity_score
from hounsfield.metrics.surface import surface_distances
from hounsfield.metrics.weights import value_of

NAMES = ("a", "b", "c")


def scene(seed, images=8):
    """Return detections and objects of three classes: some found, some doubled, some invented, some ignored."""
    chance = np.random.default_rng(seed)
    detected, references = [], []
    for _ in range(images):
        count = int(chance.integers(1, 6))
        low = chance.uniform(0, 90, (count, 2))
        boxes = np.concatenate([low, low + chance.uniform(12, 30, (count, 2))], axis=1)
        labels, is_ignored = chance.integers(0, 3, count), chance.random(count) < 0.1
        references.append(Reference(boxes, labels, np.zeros(count, dtype=bool), is_ignored))
        near = np.repeat(np.arange(count), chance.integers(0, 3, count))
        far = chance.uniform(0, 90, (2, 2))
        said = np.concatenate([boxes[near] + chance.normal(0, 2, (len(near), 4)), np.concatenate([far, far + 9], 1)])
        called = np.concatenate([labels[near], chance.integers(0, 3, 2)])
        detected.append(Detections(said, called, chance.permutation(1000)[: len(said)] / 1000))
    return detected, references


def figures(detected, references, names=NAMES):
    matches = [match_class(detected, references, label) for label in range(len(names))]
    statistics = detection_statistics(matches, names)
    statistics["cpm"] = competition_score_of(gather_candidates(detected, references, None, by_overlap(0.5)))
    return {name: value_of(one, len(references)) for name, one in statistics.items()}


@pytest.mark.parametrize("seed", range(3))
def test_order_of_images_and_rising_scores_change_no_figure(seed):
    detected, references = scene(seed)
    order = np.random.default_rng(seed).permutation(len(references))
    mixed = [replace(detected[index], scores=detected[index].scores ** 3 / 2) for index in order]
    assert figures(mixed, [references[index] for index in order]) == pytest.approx(figures(detected, references))


def test_the_order_within_an_image_changes_no_figure():
    detected, references = scene(3)
    turned = [one.select(np.arange(len(one))[::-1]) for one in detected]
    backward = [
        Reference(one.boxes[::-1], one.labels[::-1], one.is_crowd[::-1], one.is_ignored[::-1]) for one in references
    ]
    assert figures(turned, backward) == pytest.approx(figures(detected, references))


def test_names_of_the_classes_change_no_figure():
    detected, references = scene(4)
    number = np.array([2, 0, 1])
    said = [replace(one, labels=number[one.labels]) for one in detected]
    truth = [replace(one, labels=number[one.labels]) for one in references]
    assert figures(said, truth, ("b", "c", "a")) == pytest.approx(figures(detected, references))


def test_every_image_twice_changes_no_figure_and_a_weight_is_a_copy():
    detected, references = scene(5)
    assert figures(detected * 2, references * 2) == pytest.approx(figures(detected, references))
    weights = np.array([2, 0, 1, 1, 3, 0, 1, 1])
    chosen = np.repeat(np.arange(8), weights)
    drawn = [match_class(detected, references, label) for label in range(3)]
    copied = [
        match_class([detected[index] for index in chosen], [references[index] for index in chosen], label)
        for label in range(3)
    ]
    one = mean_average_precision_of(drawn, [0, 5])(weights[np.newaxis].astype(np.float64))[0]
    assert one == pytest.approx(value_of(mean_average_precision_of(copied, [0, 5]), len(chosen)))


def test_a_stricter_overlap_never_finds_more():
    detected, references = scene(6)
    matches = match_class(detected, references, 0)
    precisions = [value_of(average_precision_of(matches, level), 8) for level in range(10)]
    assert precisions == sorted(precisions, reverse=True)
    assert precisions[0] > precisions[-1]
    assert (np.diff(matches.is_right.sum(axis=1)) <= 0).all()


def test_inventions_below_every_score_cost_no_average_precision_and_above_them_do():
    detected, references = scene(7)
    far = np.array([[500.0, 500, 510, 510]])

    def added(score):
        return [
            Detections(np.concatenate([one.boxes, far]), np.append(one.labels, 0), np.append(one.scores, score))
            for one in detected
        ]

    before = figures(detected, references)["ap50 a"]
    assert figures(added(-1.0), references)["ap50 a"] == pytest.approx(before)
    assert figures(added(2.0), references)["ap50 a"] < before
    assert figures(added(-1.0), references)["map50"] == pytest.approx(figures(detected, references)["map50"])


@pytest.mark.parametrize("likeness", [by_overlap(0.3), by_centre])
def test_the_froc_curve_rises_and_its_score_is_the_mean_of_its_points(likeness):
    detected, references = scene(8)
    candidates = gather_candidates(detected, references, None, likeness)
    curve = froc_curve(candidates)
    for values in (curve.false_positives, curve.sensitivity, -curve.thresholds):
        assert (np.diff(values) >= 0).all()
    found = [value_of(sensitivity_at_of(candidates, rate), 8) for rate in RATES]
    assert found == sorted(found)
    assert found[-1] == pytest.approx(curve.sensitivity[-1])
    assert value_of(competition_score_of(candidates), 8) == pytest.approx(np.mean(found))
    objects = sum(int((~one.is_ignored).sum()) for one in references)
    assert len(candidates.object_images) == objects


def test_nothing_said_and_nothing_there():
    detected, references = scene(9)
    silent = [one.select(np.zeros(len(one), dtype=bool)) for one in detected]
    assert set(figures(silent, references).values()) == {0.0}
    empty = [Reference(one.boxes[:0], one.labels[:0], one.is_crowd[:0], one.is_ignored[:0]) for one in references]
    found = figures(detected, empty)
    assert set(found) == {"map50", "map", "cpm"}
    assert np.isnan(list(found.values())).all()


def test_every_pair_of_masks_of_four_pixels():
    """All 256 pairs: Dice and Jaccard by counting, their identity, symmetry, and the bound of the volumes."""
    masks = [np.array(bits, dtype=bool).reshape(2, 2) for bits in itertools.product((0, 1), repeat=4)]
    for one, other in itertools.product(masks, repeat=2):
        pair, turned = pair_masks(one, other, 1), pair_masks(other, one, 1)
        common, union = (one & other).sum(), (one | other).sum()
        jaccard = common / union if union else 1.0
        assert jaccard_score(pair) == pytest.approx(jaccard)
        assert dice_score(pair) == pytest.approx(2 * jaccard / (1 + jaccard))
        assert dice_score(pair) <= volume_similarity_score(pair) <= 1
        for score in (dice_score, jaccard_score, volume_similarity_score):
            assert score(pair) == score(turned)


@pytest.mark.parametrize("seed", range(4))
def test_surface_figures_of_planes_are_those_of_every_point_to_every_other(seed):
    """Random small masks in a plane, their border pixels and all distances counted out."""
    chance, spacing = np.random.default_rng(seed), (0.7, 1.3)
    masks = [chance.random((6, 7)) < share for share in (0.3, 0.5)]
    points = []
    for mask in masks:
        padded = np.pad(mask, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        points.append(np.argwhere(mask & ~inner) * spacing)
    table = cdist(*points)
    there, back = table.min(axis=1), table.min(axis=0)
    both = np.concatenate([there, back])
    found = surface_distances(pair_masks(*masks), spacing)
    assert hausdorff_distance_mm(found) == pytest.approx(both.max())
    assert pooled_hausdorff_mm(found) == pytest.approx(np.percentile(both, 95))
    assert directed_hausdorff_mm(found) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert pooled_surface_distance_mm(found) == pytest.approx(both.mean())
    assert directed_surface_distance_mm(found) == pytest.approx((there.mean() + back.mean()) / 2)
    assert pooled_hausdorff_mm(found, 100) == hausdorff_distance_mm(found)


def test_numbers_of_objects_change_no_count_and_the_roles_may_be_exchanged():
    chance = np.random.default_rng(0)
    drawn = np.kron(chance.permutation(20).reshape(4, 5), np.ones((3, 3), dtype=np.int64))
    found = np.where(chance.random(drawn.shape) < 0.3, 0, np.roll(drawn, 1, axis=1))
    renamed = np.concatenate([[0], 1000 - chance.permutation(19)])
    counts = match_objects(found, drawn)
    assert match_objects(renamed[found], drawn) == counts
    assert match_objects(found, renamed[drawn]) == counts
    turned = match_objects(drawn, found)
    assert (turned.matched, turned.found, turned.drawn) == (counts.matched, counts.drawn, counts.found)
    assert turned.f1_score == counts.f1_score
    assert 0 < counts.matched < counts.drawn
    assert match_objects(found, drawn, 0.9).matched <= match_objects(found, drawn, 0.6).matched < counts.drawn
