"""Targets, mixup, class weights and the loss: against torch's own loss, formulas and large numbers of draws."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from hounsfield.train.objective import Batch, class_weights, cross_entropy, mix, soft_targets  # noqa: E402


def at(seed: int) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_loss_is_torchs_cross_entropy_with_label_smoothing(smoothing: float) -> None:
    logits, labels = torch.randn(50, 4, generator=at(0)), torch.arange(50) % 4
    ours = cross_entropy(logits, soft_targets(labels, 4, smoothing))
    torch.testing.assert_close(ours, functional.cross_entropy(logits, labels, label_smoothing=smoothing))


def test_weighted_loss_is_torchs_up_to_its_normalisation() -> None:
    logits, labels = torch.randn(60, 3, generator=at(1)), torch.arange(60) % 3
    weights = torch.tensor([1.0, 2.0, 5.0])
    ours = cross_entropy(logits, soft_targets(labels, 3, 0), weights)
    theirs = functional.cross_entropy(logits, labels, weight=weights, reduction="sum") / 60
    torch.testing.assert_close(ours, theirs)


def test_soft_targets_add_up_to_one() -> None:
    targets = soft_targets(torch.tensor([0, 2]), 3, 0.3)
    torch.testing.assert_close(targets, torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]))


def test_class_weights_balance_the_sum_of_each_class() -> None:
    counts = (900, 90, 10)
    weights = class_weights(counts)
    sums = weights * torch.tensor(counts)
    torch.testing.assert_close(sums, torch.full((3,), float(sums[0])))
    assert float(sums.sum()) == pytest.approx(1000)
    torch.testing.assert_close(class_weights((5, 5)), torch.ones(2))


def test_mixed_images_and_targets_share_one_blend() -> None:
    images = torch.arange(8.0).view(8, 1, 1, 1)
    targets = soft_targets(torch.arange(8), 8, 0)
    mixed = mix(Batch(images, targets), 1.0, 1.0, at(3))
    # an image that counts its own index is the mean of its targets' indices
    torch.testing.assert_close((mixed.targets * torch.arange(8.0)).sum(1), mixed.images.flatten())
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(8))
    assert not torch.equal(mixed.images, images)


def test_no_mixup_leaves_the_batch_as_it_is() -> None:
    batch = Batch(torch.rand(4, 1, 2, 2), soft_targets(torch.arange(4), 4, 0))
    assert mix(batch, 0.2, 0.0, at(0)) is batch
    assert mix(batch, 0.0, 1.0, at(0)) is batch


def test_blend_shares_follow_the_beta_distribution() -> None:
    batch = Batch(torch.zeros(2, 1, 1, 1), torch.eye(2))
    shares = []
    for seed in range(3000):
        mixed = mix(batch, 0.4, 1.0, at(seed))
        shares.append(float(mixed.targets[0, 0]))
    # Beta(0.4, 0.4) has mean 1/2 and variance 1 / (4 (2 * 0.4 + 1)); half of the blends are with the image itself (1)
    moved = np.array([share for share in shares if share != 1.0])
    assert moved.mean() == pytest.approx(0.5, abs=0.03)
    assert moved.var() == pytest.approx(1 / (4 * 1.8), rel=0.08)
    assert len(moved) / 3000 == pytest.approx(0.5, abs=0.03)


def test_share_of_mixed_batches_is_the_probability() -> None:
    batch = Batch(torch.rand(6, 1, 1, 1), torch.eye(6))
    is_mixed = [mix(batch, 1.0, 0.3, at(seed)) is not batch for seed in range(2000)]
    assert np.mean(is_mixed) == pytest.approx(0.3, abs=0.03)
