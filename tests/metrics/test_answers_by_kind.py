"""Answers measured by their kind: what was not assessed counts for nothing, and each kind has its own figures."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from hounsfield.metrics.answers import Answered, measure_answers, measure_classes, measure_number, measure_ordered

CHANCE = np.random.default_rng(0)
COUNT = 90
LABELS = CHANCE.integers(0, 3, COUNT)
SAID = CHANCE.dirichlet((1, 1, 1), COUNT) * 0.4 + 0.6 * np.eye(3)[np.where(CHANCE.random(COUNT) < 0.7, LABELS, 2)]
GROUPS = np.arange(COUNT) // 2
NAN = float("nan")


def test_classes_are_measured_as_scikit_learn_does():
    found = {name: value.value for name, value in measure_classes(LABELS, SAID, GROUPS, 20).items()}
    called = SAID.argmax(1)
    assert found["accuracy"] == pytest.approx(accuracy_score(LABELS, called))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(LABELS, called))
    assert found["f1"] == pytest.approx(f1_score(LABELS, called, average="macro"))
    assert found["auroc"] == pytest.approx(roc_auc_score(LABELS, SAID, multi_class="ovr"))
    assert found["log_loss"] == pytest.approx(log_loss(LABELS, SAID))
    assert found["brier"] == pytest.approx(((SAID - np.eye(3)[LABELS]) ** 2).sum(1).mean())


@pytest.mark.parametrize("answer", ["class", "ordered-class", "number", "labels"])
def test_cases_that_were_not_assessed_change_no_figure(answer):
    names = ("a", "b", "c")
    reference, said = LABELS[:, None].astype(float), SAID
    if answer == "number":
        names, said = ("a",), LABELS[:, None] + CHANCE.normal(0, 1, (COUNT, 1))
    if answer == "labels":
        reference = (np.eye(3)[LABELS]).astype(float)
    blank = np.full((30, reference.shape[1]), NAN)
    wrong = np.tile(said[::-1][:30], 1)
    longer = Answered(answer, names, np.concatenate([reference, blank]), np.concatenate([said, wrong]))
    groups = np.concatenate([GROUPS, GROUPS[:30] + 1000])
    whole = measure_answers(Answered(answer, names, reference, said), GROUPS, 30)
    assert measure_answers(longer, groups, 30) == whole
    assert longer.is_assessed.sum() == COUNT
    assert whole


def test_each_kind_has_the_figures_of_its_kind():
    values = LABELS[:, None].astype(float)
    ordered = measure_answers(Answered("ordered-class", ("a", "b", "c"), values, SAID), GROUPS, 20)
    assert ordered == measure_ordered(LABELS, SAID, GROUPS, 20)
    said = values + 0.25
    number = measure_answers(Answered("number", ("size",), values, said), GROUPS, 20)
    assert number == measure_number(values[:, 0], said[:, 0], GROUPS, 20)
    assert number["mean_error"].value == pytest.approx(0.25)


def test_nothing_is_said_of_what_nobody_assessed():
    assert (
        measure_answers(Answered("class", ("a", "b"), np.full((4, 1), NAN), np.full((4, 2), 0.5)), np.arange(4)) == {}
    )
