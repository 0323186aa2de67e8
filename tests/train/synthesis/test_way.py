"""Synthesis as a way of learning: its promises, whose gradient is whose, and that it learns what it is shown."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.metrics.synthesis import frechet_distance, kernel_distance  # noqa: E402
from hounsfield.model.networks.gan import Adversaries  # noqa: E402
from hounsfield.train.chance import generator_at, settled  # noqa: E402
from hounsfield.train.learner import Learner  # noqa: E402
from hounsfield.train.parts import Parts  # noqa: E402
from hounsfield.train.synthesis.objective import discriminator_loss, generator_loss  # noqa: E402
from hounsfield.train.synthesis.way import GameBatch, Synthesis  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.synthesis.games import GREYS, Blocks, blobs, parts, plan  # noqa: E402


def way(data: Parts | None = None, epochs: int = 2, **changes: object) -> Synthesis:
    return Synthesis(plan(epochs, **changes), data or blobs(), Blocks())  # type: ignore[arg-type]


@pytest.mark.parametrize("promise", ways.PROMISES, ids=lambda promise: promise.__name__)
def test_keeps_the_promises_of_a_way(promise: ways.Promise) -> None:
    promise(way)


def test_rare_classes_are_shown_as_often_as_frequent_ones() -> None:
    data = parts(200)
    keep = np.flatnonzero((data.training.labels == 0) | (np.arange(200) % 20 == 1))
    training = replace(
        data.training,
        images=data.training.images[keep],
        labels=data.training.labels[keep],
        groups=data.training.groups[keep],
        clusters=data.training.clusters[keep],
        identifiers=tuple(data.training.identifiers[index] for index in keep),
    )
    rare = way(replace(data, training=training))
    shown = torch.cat([batch.classes for epoch in range(12) for batch in rare.batches(epoch)])
    assert float(shown[:, 1].mean()) == pytest.approx(0.5, abs=0.06)
    assert float(training.labels.mean()) < 0.1


def test_what_is_made_is_asked_for_as_the_class_of_the_real_image_beside_it() -> None:
    game = way(parts())
    for batch in game.batches(0):
        assert torch.equal(batch.codes[:, 4:], batch.classes)
        is_bright = batch.images.mean((1, 2, 3)) > 0.45
        assert torch.equal(batch.classes.argmax(1).bool(), is_bright)


def test_each_network_gets_the_gradient_of_its_own_loss_alone() -> None:
    game = way()
    torch.manual_seed(0)
    networks = game.build().eval()  # without power iterations and running means, so that both passes are alike
    batch = next(game.batches(0))
    game.loss(networks, batch).loss.backward()
    found = {name: weight.grad.clone() for name, weight in networks.named_parameters()}
    networks.zero_grad()
    expected = gradients(networks, batch)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-6, rtol=1e-4, msg=name)


def gradients(networks: Adversaries, batch: GameBatch) -> dict[str, "torch.Tensor"]:
    """Return the gradients of two separate steps, as the algorithm of Goodfellow 2014 has them."""
    judge = networks.discriminator
    made = networks.generator(batch.codes)
    own = discriminator_loss("minimax", judge(batch.images, batch.classes), judge(made, batch.classes), 0.1)
    names = dict(judge.named_parameters())
    found = dict(zip(names, torch.autograd.grad(own, list(names.values())), strict=True))
    found = {f"discriminator.{name}": value for name, value in found.items()}
    other = generator_loss("minimax", judge(networks.generator(batch.codes), batch.classes))
    names = dict(networks.generator.named_parameters())
    maker = torch.autograd.grad(other, list(names.values()))
    return found | {f"generator.{name}": value for name, value in zip(names, maker, strict=True)}


def test_learns_which_class_is_the_brighter_one() -> None:
    """Both start at the same grey; sixty steps in, the averaged generator has parted them the right way round."""
    found = way(parts(), 1, learning={"average_decay": 0.8})
    with settled(1):
        learner = Learner(found)
        for epoch in range(15):
            for batch in found.batches(epoch):
                learner.learn(batch, 4e-3)
        dark, bright = (mean_grey(found, learner, label) for label in (0, 1))
    assert bright - dark > 0.5 * (GREYS[1] - GREYS[0])


def mean_grey(found: Synthesis, learner: Learner, label: int) -> float:  # type: ignore[type-arg]
    wanted = found._codes(torch.full((40,), label), torch.Generator().manual_seed(5))
    with torch.no_grad():
        return float(learner.averaged.generator(wanted).mean())


def test_measures_are_those_of_the_metrics_on_the_same_features() -> None:
    game = way()
    torch.manual_seed(1)
    network = game.build().eval()
    found = game.measure(network)
    assert found.score == (-found.loss,)
    assert found.loss == found.figures["kernel_distance"]
    picked = np.linspace(0, 23, 20).round().astype(int)
    real = blobs().tuning.images[picked]
    labels = torch.from_numpy(blobs().tuning.labels[picked])
    with torch.no_grad():
        made = network.generator(game._codes(labels, generator_at(3, "measured"))).numpy()
    assert found.loss == pytest.approx(kernel_distance(Blocks().of(real), Blocks().of(made)))
    assert found.figures["frechet_distance"] == pytest.approx(frechet_distance(Blocks().of(real), Blocks().of(made)))


def test_adam_forgets_its_mean_gradient_faster_than_elsewhere() -> None:
    assert Learner(way()).optimiser.param_groups[0]["betas"] == (0.5, 0.999)
    assert Learner(way(learning={"first_moment": 0.0})).optimiser.param_groups[0]["betas"] == (0.0, 0.999)
