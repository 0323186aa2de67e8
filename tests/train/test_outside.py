"""The score for unknown kinds of image: scipy's Mahalanobis distance, cut where most known cases lie inside."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy.spatial.distance import cdist  # noqa: E402

from hounsfield.train.outside import fit_outside  # noqa: E402
from hounsfield.train.plan import OutsidePlan  # noqa: E402


def known(seed: int = 0) -> "tuple[torch.Tensor, torch.Tensor]":
    chance = np.random.default_rng(seed)
    labels = np.arange(900) % 3
    mixing = chance.normal(size=(6, 6))
    features = chance.normal(size=(900, 6)) @ mixing + 4 * np.eye(6)[labels]
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


def logits_for(labels: "torch.Tensor") -> "torch.Tensor":
    return torch.nn.functional.one_hot(labels, 3).float()


def test_distance_is_scipys_mahalanobis_distance() -> None:
    features, labels = known()
    score = fit_outside(features, labels, torch.zeros_like(labels), 3, OutsidePlan(shrinkage=0.0))
    means = np.stack([features[labels == index].numpy().mean(0) for index in range(3)])
    away = features.numpy() - means[labels.numpy()]
    covariance = away.T @ away / len(away)
    theirs = cdist(features.numpy(), means, "mahalanobis", VI=np.linalg.inv(covariance))
    ours = score.distances(features, labels).numpy()
    np.testing.assert_allclose(ours, theirs[np.arange(len(labels)), labels.numpy()], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("quantile", [0.9, 0.99])
def test_stated_share_of_known_cases_lies_inside(quantile: float) -> None:
    features, labels = known()
    plan = OutsidePlan(quantile=quantile)
    score = fit_outside(features, labels, torch.zeros_like(labels), 3, plan)
    values = score.of(features, logits_for(labels))
    for index in range(3):
        assert float((values[labels == index] <= 1).float().mean()) == pytest.approx(quantile, abs=0.005)


def test_margin_multiplies_the_border() -> None:
    features, labels = known()
    clusters = torch.zeros_like(labels)
    one = fit_outside(features, labels, clusters, 3, OutsidePlan())
    wide = fit_outside(features, labels, clusters, 3, OutsidePlan(margin=1.5))
    torch.testing.assert_close(wide.borders, 1.5 * one.borders)


def test_far_images_lie_outside_whatever_the_network_calls_them() -> None:
    features, labels = known()
    score = fit_outside(features, labels, torch.zeros_like(labels), 3, OutsidePlan())
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
    apart = fit_outside(features, labels, clusters, 2, OutsidePlan())
    together = fit_outside(features, labels, torch.zeros_like(labels), 2, OutsidePlan())
    assert float(apart.of(between, says_first)) > 2
    assert float(together.of(between, says_first)) < 1
    # a cluster of another class never makes an image belong
    assert float(apart.of(torch.tensor([[0.0, 30.0, 0.0, 0.0]]), says_first)) > 2


def test_constant_features_do_not_break_the_fit() -> None:
    labels = torch.arange(20) % 2
    features = torch.zeros(20, 5)
    score = fit_outside(features, labels, torch.zeros_like(labels), 2, OutsidePlan())
    assert torch.isfinite(score.of(features, torch.eye(2)[labels])).all()
