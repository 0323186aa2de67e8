"""Figures against scikit-learn, scipy and counting by brute force, and what must not change them."""

import math
import statistics
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, mean_absolute_error

from hounsfield.core.boxes import Detections
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.evaluate.box_plots import box_figures
from hounsfield.evaluate.figure_block import figures_block
from hounsfield.evaluate.mask_cases import MeasuredCase
from hounsfield.evaluate.mask_plots import mask_figures
from hounsfield.evaluate.parts import check_answered, part_issues
from hounsfield.evaluate.plots import band_of, reliability_points
from hounsfield.evaluate.scoring import Scored
from hounsfield.evaluate.target_cases import case_errors
from hounsfield.evaluate.target_plots import label_figures, number_figures, ordered_figures
from hounsfield.messages import label
from hounsfield.metrics.detection import Reference
from hounsfield.metrics.froc import RATES

IMAGES, SIDE = 6, 10.0


def scene(seed):
    """Return objects and detections of one class: an object is met exactly or not at all, the best one is right.

    Objects stand in the even places of a row, false positives in the odd ones, so that nothing overlaps anything else.
    """
    chance = np.random.default_rng(seed)
    truth, found, flat = [], [], []
    scores = iter(0.1 + 0.8 * chance.permutation(100) / 100)
    for image in range(IMAGES):
        sides = SIDE + chance.integers(0, 8, 4)
        objects = np.array([[0, 40 * at, side, 40 * at + side] for at, side in enumerate(sides)], dtype=float)
        hit = chance.random(4) < 0.7
        false = np.array([[0, 40 * at + 20, 9, 40 * at + 29] for at in range(int(chance.integers(0, 3)))], dtype=float)
        boxes = np.concatenate([objects[hit], false.reshape(-1, 4)])
        own = np.array([next(scores) for _ in boxes])
        if image == 0:
            boxes, own = np.concatenate([objects[~hit][:1], boxes]), np.append([0.99] * bool((~hit).any()), own)
            own[0] = 0.99
        none = np.zeros(4, dtype=bool)
        truth.append(Reference(objects, np.zeros(4, dtype=np.int64), none, none))
        found.append(Detections(boxes, np.zeros(len(boxes), dtype=np.int64), own))
        flat += [(score, any((box == one).all() for one in objects)) for box, score in zip(boxes, own, strict=True)]
    return found, truth, sorted(flat, reverse=True)


@cache
def drawn(seed=0, score=0.5):
    found, truth, _ = scene(seed)
    return box_figures(found, truth, ("cell",), score)


def pairs(facts):
    return {name: float(value) for name, value in (pair.rsplit(" ", 1) for pair in facts.replace(":", "").split("; "))}


@pytest.mark.parametrize("seed", range(4))
def test_froc_is_counted_one_detection_after_the_other(seed):
    best, false, right = {0.0: 0.0}, 0, 0
    for _, is_right in scene(seed)[2]:
        false, right = false + (not is_right), right + is_right
        best[false / IMAGES] = right / (4 * IMAGES)
    told = pairs(drawn(seed)["froc"].facts)
    expected = np.interp(RATES, list(best), list(best.values()))
    np.testing.assert_allclose([told[f"{rate:g}"] for rate in RATES], expected, atol=6e-4)


@pytest.mark.parametrize("seed", range(4))
def test_precision_is_the_best_at_each_recall_or_beyond(seed):
    right = np.cumsum([is_right for _, is_right in scene(seed)[2]])
    precision, recall = right / np.arange(1, len(right) + 1), right / (4 * IMAGES)
    at = [max(precision[recall >= wanted - 1e-12], default=0.0) for wanted in np.linspace(0, 1, 101)]
    assert pairs(drawn(seed)["precision-recall"].facts)["cell"] == pytest.approx(np.mean(at), abs=6e-4)


def test_the_order_of_images_is_no_matter():
    found, truth, _ = scene(5)
    turned = box_figures(found[::-1], truth[::-1], ("cell",), 0.5)
    assert {name: figure.facts for name, figure in turned.items()} == {
        name: figure.facts for name, figure in drawn(5).items()
    }


def test_scores_count_by_their_order_alone_but_for_the_working_score():
    found, truth, _ = scene(6)
    bent = [Detections(one.boxes, one.labels, one.scores**3) for one in found]
    figures, bent_figures = drawn(6), box_figures(bent, truth, ("cell",), 0.5**3)
    assert [figures[name].facts for name in ("froc", "precision-recall")] == [
        bent_figures[name].facts for name in ("froc", "precision-recall")
    ]
    assert figures["sizes"].facts == bent_figures["sizes"].facts


def found_of(figures):
    return [float(part.split(": ")[1].split(" ")[0]) for part in figures["sizes"].facts.split("; ")]


def test_a_higher_working_score_never_finds_more():
    shares = [found_of(drawn(7, score)) for score in (0.0, 0.3, 0.6, 1.1)]
    assert all(low >= high for low, high in pairwise(shares))
    assert max(shares[-1]) == 0 < min(shares[0])


def test_what_is_ignored_is_neither_found_nor_missed():
    found, truth, _ = scene(8)
    more = []
    for one in truth:
        far = np.array([[500.0, 500, 900, 900]])
        flags = np.array([False] * 4 + [True])
        more.append(Reference(np.concatenate([one.boxes, far]), np.zeros(5, dtype=np.int64), ~flags & False, flags))
    figures = box_figures(found, more, ("cell",), 0.5)
    assert {name: figure.facts for name, figure in figures.items()} == {
        name: figure.facts for name, figure in drawn(8).items()
    }


def outcomes(count=200, seed=0):
    chance = np.random.default_rng(seed)
    probabilities = chance.random(count)
    return chance.random(count) < probabilities**2, probabilities


def test_reliability_is_scikit_learns_over_quantiles():
    is_positive, probabilities = outcomes()
    observed, predicted = calibration_curve(is_positive, probabilities, n_bins=10, strategy="quantile")
    points = reliability_points(is_positive, probabilities)
    np.testing.assert_allclose([point.predicted for point in points], predicted)
    np.testing.assert_allclose([point.observed for point in points], observed)


def test_its_intervals_are_scipys_wilson_intervals():
    is_positive, probabilities = outcomes(seed=1)
    for point in reliability_points(is_positive, probabilities):
        expected = binomtest(round(point.observed * 20), 20).proportion_ci(method="wilson")
        assert (point.low, point.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("is_apart", [True, False])
def test_the_band_of_a_curve_rises_and_is_thin_where_the_classes_lie_apart(is_apart):
    is_positive, probabilities = outcomes(80, 2)
    scores = is_positive * 0.5 + 0.4 * probabilities if is_apart else probabilities
    scored = Scored(is_positive.astype(np.int64), np.stack([1 - scores, scores], 1), np.arange(80), 1, 0.5)
    band = band_of(scored)
    assert (np.diff(band.low) >= -1e-6).all()
    assert (np.diff(band.high) >= -1e-6).all()
    assert (band.low <= band.high).all()
    inner = (band.x > 0.01) & (band.x < 0.99)
    assert (np.asarray(band.low)[inner].min() > 1 - 1e-6) == is_apart


def test_roc_of_labels_does_not_feel_a_rising_bend_and_is_named_by_frequency():
    chance = np.random.default_rng(3)
    reference = (chance.random((90, 2)) < (0.2, 0.6)).astype(float)
    said = np.clip(0.4 * reference + 0.6 * chance.random((90, 2)), 0, 1)
    figures = label_figures(("rare", "common"), reference, said)
    assert list(pairs(figures["roc"].facts)) == ["common", "rare"]
    for name in ("roc", "precision-recall"):
        assert label_figures(("rare", "common"), reference, said**2)[name].facts == figures[name].facts
    assert label_figures(("rare", "common"), reference, said**2)["reliability-1"].facts != (
        figures["reliability-1"].facts
    )


def limits(reference, said):
    facts = number_figures("age", reference, said, np.arange(len(said)), 40, 0)["differences"].facts
    return [float(part.split(" (")[0].rsplit(" ", 1)[1]) for part in facts.split("; ")]


def test_limits_turn_about_with_the_two_and_shift_with_a_bias():
    chance = np.random.default_rng(4)
    reference = chance.normal(50, 10, 40)
    said = reference + chance.normal(0, 3, 40)
    bias, lower, upper = limits(reference, said)
    assert limits(said, reference) == pytest.approx([-bias, -upper, -lower], abs=2e-3)
    assert limits(reference, said + 7) == pytest.approx([bias + 7, lower + 7, upper + 7], abs=0.01)


def test_ordered_classes_that_are_sure_are_counted_as_scikit_learn_does():
    chance = np.random.default_rng(5)
    called, reference = chance.integers(0, 4, 60), chance.integers(0, 4, 60)
    said = np.full((60, 4), 0.1)
    said[np.arange(60), called] = 0.7
    rows = ordered_figures(tuple("abcd"), reference, said)["confusion"].facts.split("; ")
    found = [[int(count) for count in row.split(": ")[1].split(", ")] for row in rows]
    assert found == confusion_matrix(reference, called).tolist()
    assert case_errors("ordered-class", reference[:, None].astype(float), said).tolist() == (
        np.abs(called - reference).tolist()
    )


def test_the_error_of_labels_is_scikit_learns_over_what_was_assessed():
    chance = np.random.default_rng(6)
    reference = chance.integers(0, 2, (20, 5)).astype(float)
    reference[chance.random(reference.shape) < 0.3] = math.nan
    reference[:, 0] = 1
    said = chance.random((20, 5))
    for known, answer, error in zip(reference, said, case_errors("labels", reference, said), strict=True):
        here = np.isfinite(known)
        assert error == pytest.approx(mean_absolute_error(known[here], answer[here]))


def test_the_strip_tells_the_median_of_the_cases_in_any_order():
    values = np.random.default_rng(7).random(15).tolist()
    cases = [MeasuredCase(str(at), None, {"dice": value, "dice LV": value}, True) for at, value in enumerate(values)]
    facts = mask_figures(cases)["cases"].facts
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    assert facts == f"LV {middle:.3f} ({low:.3f} – {high:.3f})"
    assert mask_figures(cases[::-1])["cases"].facts == facts


@pytest.mark.parametrize("name", ["froc", "precision-recall", "sizes"])
def test_a_caption_is_there_in_both_languages(name):
    figure = drawn()[name]
    page = figures_block({name: figure})
    english, chinese = (label(f"evaluate-figure.{figure.kind}", language) for language in ("en", "zh"))
    assert english != chinese
    assert english in page
    assert chinese in page
    assert page.count("<figure>") == 1


def refusals(count):
    return [(f"case {index}", HounsfieldError("E835", **FACTS)) for index in range(count)]


FACTS = {
    "needed_mb": 2, "available_mb": 1, "images_mb": 1, "weights_mb": 1, "batch_mb": 1, "flag": "--size",
}  # fmt: skip


@pytest.mark.parametrize(("refused", "total"), [(6, 10), (1, 1), (3, 5)])
def test_most_cases_refused_is_an_error_that_names_the_first(refused, total):
    check_answered(refusals(total // 2), total)
    with pytest.raises(DatasetError) as caught:
        check_answered(refusals(refused), total)
    assert caught.value.code == "E853"
    assert caught.value.facts["case"] == "case 0"
    assert caught.value.text() != caught.value.text("zh")


def test_a_part_that_is_no_test_part_is_said():
    assert [issue.code for issue in part_issues("test", 0, 9)] == []
    assert [issue.code for issue in part_issues("all", 2, 9)] == ["Q850", "Q852"]
    (issue,) = part_issues("training", 0, 9)
    assert (issue.code, issue.facts["part"]) == ("Q851", "training")
