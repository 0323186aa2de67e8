"""Calibration, operating points and metrics: against scikit-learn, scipy and data of which the answer is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.special import softmax  # noqa: E402
from sklearn.metrics import (  # noqa: E402
    accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
)

from hounsfield.train.assess import (  # noqa: E402
    RULE_TARGET,
    TEMPERATURES,
    assess,
    fit_calibration,
    positive_class,
    probabilities_of,
    set_operating_points,
    set_rule_points,
)
from hounsfield.train.parts import Part  # noqa: E402
from hounsfield.train.plan import Cut  # noqa: E402


def part_of(labels: np.ndarray) -> Part:
    count = len(labels)
    names = tuple(map(str, range(count)))
    return Part(np.zeros((count, 1, 2, 2), np.float32), labels, np.arange(count), names, np.zeros(count, np.int64))


def honest(count: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits whose softmax is the true probability of the labels drawn from it."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(size=(count, classes)) * 2
    labels = np.array([chance.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return logits, labels


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_known_temperature_and_bias_are_found_again(classes: int, temperature: float) -> None:
    true, labels = honest(6000, classes)
    shift = np.linspace(-0.8, 0.8, classes)
    given = (true - shift) * temperature
    found, bias = fit_calibration(given.astype(np.float32), labels)
    assert found == pytest.approx(temperature, rel=0.06)
    np.testing.assert_allclose(bias, shift * temperature, atol=0.12 * temperature)
    calibrated = probabilities_of((given + bias).astype(np.float32), found)
    assert log_loss(labels, calibrated) == pytest.approx(log_loss(labels, softmax(true, axis=1)), rel=0.005)


def test_perfectly_told_apart_cases_do_not_make_the_model_certain() -> None:
    labels = np.arange(60) % 2
    logits = np.where(np.eye(2)[labels] > 0, 5.0, -5.0).astype(np.float32)
    temperature, bias = fit_calibration(logits, labels)
    largest = probabilities_of(logits + bias.astype(np.float32), temperature).max(1)
    # Platt: 30 cases of a class allow (30 + 1) / (30 + 2)
    np.testing.assert_allclose(largest, 31 / 32, atol=0.005)
    assert TEMPERATURES[0] < temperature < TEMPERATURES[1]


def test_probabilities_are_scipys_softmax() -> None:
    logits, _ = honest(20, 3)
    ours = probabilities_of(logits.astype(np.float32), 1.7)
    np.testing.assert_allclose(ours, softmax(logits / 1.7, axis=1), atol=1e-6)


def test_two_classes_are_measured_as_scikit_learn_does() -> None:
    logits, labels = honest(400, 2)
    probabilities, part = softmax(logits, axis=1), part_of(labels)
    points = set_operating_points(probabilities, part, (False, True), Cut(), "here")
    assert points[0] is None
    assert points[1] is not None
    called = (probabilities[:, 1] >= points[1].threshold).astype(int)
    found = assess("test", probabilities, part, points, 0)
    expected = {
        "auroc": roc_auc_score(labels, probabilities[:, 1]),
        "accuracy": accuracy_score(labels, called),
        "sensitivity": recall_score(labels, called),
        "specificity": recall_score(labels, called, pos_label=0),
        "f1": f1_score(labels, called),
        "brier": brier_score_loss(labels, probabilities[:, 1]),
        "loss": log_loss(labels, probabilities),
    }
    for name, value in expected.items():
        interval = found.metrics[name]
        assert interval.value == pytest.approx(value, abs=1e-6), name
        assert interval.low <= interval.value <= interval.high, name
    np.testing.assert_array_equal(found.confusion, confusion_matrix(labels, called))
    assert found.metrics["ece"].value < 0.08
    assert found.case_count == 400


def test_four_classes_are_measured_as_scikit_learn_does() -> None:
    logits, labels = honest(600, 4)
    probabilities, part = softmax(logits, axis=1), part_of(labels)
    points = set_operating_points(probabilities, part, (True, True, False, True), Cut(), "here")
    found = assess("tuning", probabilities, part, points, 0)
    called = probabilities.argmax(1)
    assert found.metrics["accuracy"].value == pytest.approx(accuracy_score(labels, called))
    assert found.metrics["sensitivity"].value == pytest.approx(recall_score(labels, called, average="macro"))
    assert found.metrics["f1"].value == pytest.approx(f1_score(labels, called, average="macro"))
    assert found.metrics["auroc"].value == pytest.approx(roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert found.confusion.sum() == 600
    assert [point is None for point in points] == [False, False, True, False]


@pytest.mark.parametrize("target", [0.8, 0.95, 0.99])
def test_cut_for_a_sensitivity_reaches_it_and_no_more_than_needed(target: float) -> None:
    logits, labels = honest(500, 2, 3)
    probabilities = softmax(logits, axis=1)
    (_, point) = set_operating_points(
        probabilities, part_of(labels), (False, True), Cut(rule="sensitivity", target=target), "x"
    )
    assert point is not None
    assert target <= point.sensitivity.value < target + 0.01
    assert point.data_set == "x"


def test_positive_class_is_the_finding() -> None:
    logits, labels = honest(100, 2)
    probabilities, part = softmax(logits, axis=1), part_of(labels)
    first = set_operating_points(probabilities, part, (True, False), Cut(), "x")
    assert positive_class(first) == 0
    assert positive_class((None, None)) == 1
    found = assess("test", probabilities, part, first, 0)
    assert found.metrics["auroc"].value == pytest.approx(roc_auc_score(labels == 0, probabilities[:, 0]))


def test_intervals_are_wider_when_cases_come_in_groups() -> None:
    logits, labels = honest(60, 2)
    alone = part_of(np.repeat(labels, 10))
    probabilities = np.repeat(softmax(logits, axis=1), 10, axis=0)
    grouped = Part(alone.images, alone.labels, np.repeat(np.arange(60), 10), alone.identifiers, alone.clusters)
    points = set_operating_points(probabilities, alone, (False, True), Cut(), "x")
    narrow, wide = (assess("test", probabilities, part, points, 0).metrics["accuracy"] for part in (alone, grouped))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_run_without_error_is_not_certain() -> None:
    """Wilson 1927: of n without a failure the lower bound is n / (n + z^2)."""
    labels = np.repeat([0, 1], 30)
    probabilities = np.stack([1 - labels, labels], axis=1) * 0.98 + 0.01
    points = set_operating_points(probabilities, part_of(labels), [False, True], Cut(), "data")
    metrics = assess("test", probabilities, part_of(labels), points, 0).metrics
    square = 1.959964**2
    assert metrics["accuracy"].value == 1.0
    assert metrics["accuracy"].low == pytest.approx(60 / (60 + square), abs=1e-4)
    assert metrics["sensitivity"].low == pytest.approx(30 / (30 + square), abs=1e-4)
    assert metrics["auroc"].low < 1.0


def test_the_points_to_rule_out_and_in_reach_their_target_on_the_tuning_part() -> None:
    logits, labels = honest(600, 2)
    probabilities, part = softmax(logits, axis=1), part_of(labels)
    points = set_rule_points(probabilities, part, (False, True), "here")
    assert points[0] is None
    assert points[1] is not None
    rule_out, rule_in = points[1]
    scores, is_positive = probabilities[:, 1], labels == 1
    assert recall_score(labels, scores >= rule_out.threshold) >= RULE_TARGET
    assert recall_score(~is_positive, scores < rule_in.threshold) >= RULE_TARGET
    assert rule_out.sensitivity.value == pytest.approx(recall_score(labels, scores >= rule_out.threshold))
    assert rule_in.specificity.value == pytest.approx(recall_score(~is_positive, scores < rule_in.threshold))
    assert rule_out.threshold <= rule_in.threshold
    assert (rule_out.data_set, rule_in.data_set) == ("here", "here")


def test_each_class_that_is_a_finding_has_its_own_pair() -> None:
    logits, labels = honest(300, 3)
    pairs = set_rule_points(softmax(logits, axis=1), part_of(labels), (True, False, True), "here")
    assert [pair is None for pair in pairs] == [False, True, False]
