"""The score for unknown kinds of image: scipy's Mahalanobis distance, cut where most known cases lie inside."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.spatial.distance import cdist  # noqa: E402

from hounsfield.train.outside import Known, fit_outside  # noqa: E402
from hounsfield.train.plan import OutsidePlan  # noqa: E402


def known(seed: int = 0) -> "tuple[torch.Tensor, torch.Tensor]":
    chance = np.random.default_rng(seed)
    labels = np.arange(900) % 3
    mixing = chance.normal(size=(6, 6))
    features = chance.normal(size=(900, 6)) @ mixing + 4 * np.eye(6)[labels]
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


def logits_for(labels: "torch.Tensor") -> "torch.Tensor":
    return torch.nn.functional.one_hot(labels, 3).float()


def both(
    features: "torch.Tensor", labels: "torch.Tensor", clusters: "torch.Tensor | None" = None
) -> tuple[Known, Known]:
    known_cases = Known(features, labels, torch.zeros_like(labels) if clusters is None else clusters)
    return known_cases, known_cases


@pytest.mark.parametrize("covariance", ["class", "shared"])
def test_distance_is_scipys_mahalanobis_distance(covariance: str) -> None:
    features, labels = known()
    score = fit_outside(*both(features, labels), 3, OutsidePlan(shrinkage=0.0, covariance=covariance))
    ours = score.distances(features, labels).numpy()
    values = features.numpy().astype(np.float64)
    means = np.stack([values[labels == index].mean(0) for index in range(3)])
    away = values - means[labels.numpy()]
    for index in range(3):
        mine = labels.numpy() == index
        rows = away if covariance == "shared" else away[mine]
        inverse = np.linalg.inv(rows.T @ rows / len(rows))
        theirs = cdist(values[mine], means[index][None], "mahalanobis", VI=inverse)[:, 0]
        np.testing.assert_allclose(ours[mine], theirs, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("quantile", [0.9, 0.99])
def test_stated_share_of_tuning_cases_lies_inside(quantile: float) -> None:
    features, labels = known()
    training = Known(features[:600], labels[:600], torch.zeros(600, dtype=torch.int64))
    tuning = Known(features[600:], labels[600:], torch.zeros(300, dtype=torch.int64))
    score = fit_outside(training, tuning, 3, OutsidePlan(quantile=quantile))
    values = score.of(tuning.features, logits_for(tuning.labels))
    for index in range(3):
        assert float((values[tuning.labels == index] <= 1).float().mean()) == pytest.approx(quantile, abs=0.011)


def test_borders_on_all_known_cases_count_both_parts() -> None:
    features, labels = known()
    zeros = torch.zeros(900, dtype=torch.int64)
    training, tuning = (
        Known(features[:600], labels[:600], zeros[:600]),
        Known(features[600:] * 3, labels[600:], zeros[600:]),
    )
    wide, between = (
        fit_outside(training, tuning, 3, OutsidePlan(quantile=0.8, measured_on=cases)).borders
        for cases in ("tuning", "known")
    )
    assert (between < wide).all()


def test_margin_multiplies_the_border() -> None:
    cases = both(*known())
    one = fit_outside(*cases, 3, OutsidePlan())
    wide = fit_outside(*cases, 3, OutsidePlan(margin=1.5))
    torch.testing.assert_close(wide.borders, 1.5 * one.borders)


def test_far_images_lie_outside_whatever_the_network_calls_them() -> None:
    score = fit_outside(*both(*known()), 3, OutsidePlan())
    far = torch.full((5, 6), 60.0)
    for index in range(3):
        assert (score.of(far, logits_for(torch.full((5,), index))) > 2).all()


def test_clusters_of_a_class_are_told_apart() -> None:
    chance = np.random.default_rng(1)
    labels = torch.zeros(400, dtype=torch.int64)
    labels[300:] = 1
    clusters = torch.arange(400) % 2 * (labels == 0)
    features = torch.from_numpy(chance.normal(size=(400, 4))).float()
    features[(labels == 0) & (clusters == 1), 0] += 30
    features[labels == 1, 1] += 30
    between = torch.tensor([[15.0, 0.0, 0.0, 0.0]])
    says_first = torch.tensor([[1.0, 0.0]])
    apart = fit_outside(*both(features, labels, clusters), 2, OutsidePlan())
    together = fit_outside(*both(features, labels), 2, OutsidePlan())
    assert float(apart.of(between, says_first)) > 2
    assert float(together.of(between, says_first)) < 1
    # a cluster of another class never makes an image belong
    assert float(apart.of(torch.tensor([[0.0, 30.0, 0.0, 0.0]]), says_first)) > 2


def test_constant_features_do_not_break_the_fit() -> None:
    labels = torch.arange(20) % 2
    features = torch.zeros(20, 5)
    score = fit_outside(*both(features, labels), 2, OutsidePlan())
    assert torch.isfinite(score.of(features, torch.eye(2)[labels])).all()


def test_fewer_cases_than_features_are_enough() -> None:
    chance = np.random.default_rng(2)
    labels = torch.arange(12) % 2
    features = torch.from_numpy(chance.normal(size=(12, 40))).float()
    score = fit_outside(*both(features, labels), 2, OutsidePlan())
    assert torch.isfinite(score.of(features, torch.eye(2)[labels])).all()
