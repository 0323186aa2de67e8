"""Classification as a way of learning: its order, its weights and its measures."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.metrics import log_loss, roc_auc_score  # noqa: E402

from hounsfield.train.classification import Classification, measure  # noqa: E402
from hounsfield.train.parts import Parts  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.test_loop import plan  # noqa: E402
from tests.train.tiny import parts  # noqa: E402


@pytest.mark.parametrize("promise", ways.PROMISES)
def test_keeps_the_promises_of_a_way(promise: ways.Promise) -> None:
    promise(lambda: Classification(plan(2), parts()))


def test_sampling_draws_the_classes_equally_often() -> None:
    data = parts(200)
    keep = np.flatnonzero((data.training.labels == 0) | (np.arange(200) % 20 == 1))
    rare = replace(
        data.training,
        images=data.training.images[keep],
        labels=data.training.labels[keep],
        identifiers=tuple(data.training.identifiers[index] for index in keep),
        groups=data.training.groups[keep],
        clusters=data.training.clusters[keep],
    )
    way = Classification(plan(1, balance="sampling"), Parts(rare, data.tuning, None))
    drawn = torch.cat([way.order(epoch) for epoch in range(30)])
    assert float(way.labels[drawn].float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(way.labels.float().mean()) < 0.1


def test_every_case_is_used_once_an_epoch_in_an_order_of_its_own() -> None:
    way = Classification(plan(1), parts())
    first, second = way.order(0), way.order(1)
    assert sorted(first.tolist()) == list(range(96))
    assert not torch.equal(first, second)
    assert torch.equal(first, way.order(0))


def test_score_prefers_the_area_then_the_loss() -> None:
    way = Classification(plan(1), parts())
    torch.manual_seed(3)
    measured = way.measure(way.build().eval())
    assert measured.score == (round(measured.figures["auroc"], 4), -measured.loss)


def test_rare_classes_weigh_more_only_when_asked() -> None:
    data = parts(100)
    labels = (np.arange(100) < 10).astype(np.int64)
    rare = Parts(replace(data.training, labels=labels), data.tuning, None)
    assert Classification(plan(1), rare).weights is None
    found = Classification(plan(1, balance="loss"), rare).weights
    assert found is not None
    assert float(found[1] / found[0]) == pytest.approx(9)


def test_measures_are_scikit_learns() -> None:
    data = parts().tuning
    chance = np.random.default_rng(0)
    positive = np.clip(data.labels * 0.3 + chance.random(len(data)) * 0.7, 0.01, 0.99)
    probabilities = np.stack([1 - positive, positive], axis=1)
    loss, accuracy, area = measure(probabilities, data)
    assert loss == pytest.approx(log_loss(data.labels, probabilities))
    assert area == pytest.approx(roc_auc_score(data.labels, positive))
    assert accuracy == pytest.approx(float(((positive > 0.5) == data.labels).mean()))
