"""The compiled loops of detection against the same rules written with whole arrays, and by hand."""

import numpy as np
import pytest

from hounsfield.core.boxes import Detections, overlaps, suppress
from hounsfield.metrics.detection import ClassMatches, Reference, average_precision_of, match_class
from hounsfield.metrics.detection_kernels import match_objects
from hounsfield.metrics.froc import RATES, Candidates, competition_score_of, froc_curve, sensitivity_at_of

IMAGES = 12


def weights_of(chance: np.random.Generator, rows: int = 7) -> np.ndarray:
    return chance.multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=rows).astype(np.float32)


def matches_of(chance: np.random.Generator, count: int = 60) -> ClassMatches:
    right = chance.random((1, count)) < 0.4
    objects = np.bincount(chance.integers(0, IMAGES, 40), minlength=IMAGES)
    scores = np.sort(chance.random(count))[::-1]
    return ClassMatches(
        chance.integers(0, IMAGES, count), scores, right, right | (chance.random((1, count)) < 0.8), objects
    )


def precision_by_arrays(matches: ClassMatches, weights: np.ndarray) -> float:
    """Return the average precision of one resample by drawing each image as often as it weighs (COCO's 101 points)."""
    kept = matches.is_counted[0]
    share = weights.astype(np.float64)[matches.images[kept]]
    found, called = np.cumsum(share * matches.is_right[0][kept]), np.cumsum(share)
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = found / (weights.astype(np.float64) @ matches.objects)
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(envelope[at[at < len(envelope)]].sum() / 101)


def sensitivity_by_arrays(candidates: Candidates, rate: float, weights: np.ndarray) -> float:
    own = weights.astype(np.float64)
    first = np.zeros(len(candidates.objects), dtype=bool)
    known, at = np.unique(candidates.objects, return_index=True)
    first[at[known >= 0]] = True
    ends = np.append(np.diff(candidates.scores) != 0, True)
    false = np.cumsum(own[candidates.images] * (candidates.objects < 0))[ends] / own.sum()
    found = np.cumsum(own[candidates.images] * first)[ends] / own[candidates.object_images].sum()
    false, found = np.concatenate([[0.0], false]), np.concatenate([[0.0], found])
    last = np.append(np.diff(false) != 0, True)
    return float(np.interp(rate, false[last], found[last]))


def candidates_of(chance: np.random.Generator, count: int = 90, levels: int = 15) -> Candidates:
    objects = np.where(chance.random(count) < 0.5, -1, chance.integers(0, 25, count))
    scores = np.sort(chance.integers(0, levels, count) / levels)[::-1]
    return Candidates(chance.integers(0, IMAGES, count), scores, objects, chance.integers(0, IMAGES, 25), IMAGES)


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_of_resamples_is_that_of_whole_arrays(seed: int) -> None:
    chance = np.random.default_rng(seed)
    matches, weights = matches_of(chance), weights_of(chance)
    expected = [precision_by_arrays(matches, row) for row in weights]
    np.testing.assert_allclose(average_precision_of(matches)(weights), expected, rtol=0, atol=1e-12)


def test_recall_at_a_hundredth_is_met_as_numpy_counts_hundredths() -> None:
    """7 of 100 objects are found first, then nothing right: the precision 1 holds up to the recall 0.07 of linspace."""
    right = np.zeros((1, 200), dtype=bool)
    right[0, :7] = True
    objects = np.full(IMAGES, 0)
    objects[0] = 100
    matches = ClassMatches(np.zeros(200, np.int64), np.linspace(1, 0, 200), right, np.ones_like(right), objects)
    weights = np.ones((1, IMAGES))
    held = int((np.linspace(0, 1, 101) <= 7 / 100).sum())
    assert average_precision_of(matches)(weights)[0] == pytest.approx(held / 101)
    assert average_precision_of(matches)(weights)[0] == pytest.approx(precision_by_arrays(matches, weights[0]))


def test_a_resample_without_an_object_has_no_precision_and_no_sensitivity() -> None:
    chance = np.random.default_rng(1)
    matches, candidates = matches_of(chance), candidates_of(chance)
    nothing = np.zeros((2, IMAGES))
    assert np.isnan(average_precision_of(matches)(nothing)).all()
    assert np.isnan(sensitivity_at_of(candidates, 1.0)(nothing)).all()
    assert np.isnan(competition_score_of(candidates)(nothing)).all()


@pytest.mark.parametrize("levels", [3, 15, 10_000])
@pytest.mark.parametrize("seed", range(4))
def test_sensitivities_of_resamples_are_those_of_whole_arrays(seed: int, levels: int) -> None:
    chance = np.random.default_rng(seed)
    candidates, weights = candidates_of(chance, levels=levels), weights_of(chance)
    by_rate = [[sensitivity_by_arrays(candidates, rate, row) for rate in RATES] for row in weights]
    for index, rate in enumerate(RATES):
        said = sensitivity_at_of(candidates, rate)(weights)
        np.testing.assert_allclose(said, [row[index] for row in by_rate], rtol=0, atol=1e-12)
    np.testing.assert_allclose(competition_score_of(candidates)(weights), np.mean(by_rate, axis=1), rtol=0, atol=1e-12)


def test_the_curve_and_its_points_agree() -> None:
    candidates = candidates_of(np.random.default_rng(3))
    curve, whole = froc_curve(candidates), np.ones((1, IMAGES))
    for false in np.unique(curve.false_positives):
        said = sensitivity_at_of(candidates, float(false))(whole)[0]
        assert said == pytest.approx(curve.sensitivity[curve.false_positives == false].max())


def test_nothing_detected_finds_nothing() -> None:
    none = np.zeros(0, np.int64)
    empty = Candidates(none, np.zeros(0), none, np.arange(3), IMAGES)
    assert sensitivity_at_of(empty, 1.0)(np.ones((1, IMAGES)))[0] == 0
    flags = np.zeros((1, 0), dtype=bool)
    matches = ClassMatches(none, np.zeros(0), flags, flags, np.ones(IMAGES, np.int64))
    assert average_precision_of(matches)(np.ones((1, IMAGES)))[0] == 0


def matched(shared: list[list[float]], ignored: list[bool], crowd: list[bool], limit: float = 0.5):
    values = np.array(shared, dtype=np.float64)
    hit, void = (np.zeros((1, len(values)), dtype=bool) for _ in range(2))
    match_objects(values, (np.array(ignored), np.array(crowd)), np.array([limit]), hit, void)
    return hit[0].tolist(), void[0].tolist()


def test_objects_are_taken_once_by_the_best_detection() -> None:
    assert matched([[0.6, 0.0], [0.9, 0.0]], [False, False], [False, False]) == ([True, False], [False, False])


def test_of_equal_overlaps_the_later_object_is_taken() -> None:
    """The second detection overlaps the first object alone: it is right only if the first detection left it."""
    assert matched([[0.7, 0.7], [0.7, 0.0]], [False, False], [False, False])[0] == [True, True]


def test_an_object_that_counts_goes_before_a_better_one_that_is_ignored() -> None:
    assert matched([[0.9, 0.6]], [True, False], [False, False]) == ([True], [False])
    assert matched([[0.9, 0.4]], [True, False], [False, False]) == ([False], [True])


def test_a_crowd_takes_any_number_and_other_ignored_objects_one() -> None:
    assert matched([[0.9], [0.8]], [True], [True]) == ([False, False], [True, True])
    assert matched([[0.9], [0.8]], [True], [False]) == ([False, False], [True, False])


def test_matching_has_no_say_where_nothing_is() -> None:
    found = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    none = np.zeros(0, dtype=bool)
    empty = match_class([found], [Reference(np.zeros((0, 4)), found.labels, none, none)], 0)
    assert empty.is_right.shape == (10, 0)
    assert empty.objects.tolist() == [0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [3, 40, 1000])
def test_suppression_by_blocks_is_suppression_one_by_one(seed: int, most: int) -> None:
    chance = np.random.default_rng(seed)
    corners = chance.integers(0, 40, (200, 2)).astype(float)
    boxes, scores = np.concatenate([corners, corners + chance.integers(3, 15, (200, 2))], axis=1), chance.random(200)
    scores[50:60] = scores[50]
    left, expected = list(np.argsort(-scores, kind="stable")), []
    while left and len(expected) < most:
        best = left.pop(0)
        expected.append(best)
        left = [other for other in left if overlaps(boxes[[best]], boxes[[other]])[0, 0] <= 0.4]
    assert suppress(boxes, scores, 0.4, most).tolist() == expected
