"""Image to image as a way of learning: its promises, its losses by hand, and likeness against other implementations."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from skimage.metrics import peak_signal_noise_ratio, structural_similarity  # noqa: E402
from torch.nn import functional  # noqa: E402

from hounsfield.model.networks.translation import build_translators  # noqa: E402
from hounsfield.train.augment import Affine  # noqa: E402
from hounsfield.train.learner import Learner  # noqa: E402
from hounsfield.train.translation.way import PairBatch, Translation, likeness, run_torch  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.translation.pairs import parts, plan  # noqa: E402


@pytest.mark.parametrize("promise", ways.PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("adversarial", [True, False], ids=["game", "plain"])
def test_promises(promise, adversarial):
    promise(lambda: Translation(plan(adversarial=adversarial), parts()))


def batch_and_network(seed=0, **changes):
    torch.manual_seed(seed)
    way = Translation(plan(**changes), parts())
    return way, build_translators(way.plan.network), next(way.batches(0))


@pytest.mark.parametrize("weight", [1.0, 100.0])
def test_the_loss_is_that_of_the_paper(weight):
    """Isola 2017, equations 1, 3 and 4, with half the discriminator's part: computed here from probabilities."""
    way, network, batch = batch_and_network(l1_weight=weight)
    made = network.generator(batch.images)
    real = torch.sigmoid(network.discriminator(batch.images, batch.targets))
    fake = torch.sigmoid(network.discriminator(batch.images, made))
    judge = -(torch.log(real).mean() + torch.log(1 - fake).mean()) / 2
    maker = -torch.log(fake).mean() + weight * (made - batch.targets).abs().mean()
    step = way.loss(network, batch)
    assert float(step.loss.detach()) == pytest.approx(float((judge + maker).detach()), rel=1e-4)
    assert step.figures["discriminator_loss"] == pytest.approx(float(judge.detach()), rel=1e-4)
    assert step.figures["l1"] == pytest.approx(float((made - batch.targets).abs().mean().detach()), rel=1e-5)


def slopes(network, loss):
    network.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in network.named_parameters() if weight.grad is not None}


def test_each_network_gets_the_gradient_of_its_own_part_alone():
    way, network, batch = batch_and_network()
    both = slopes(network, way.loss(network, batch).loss)
    made = network.generator(batch.images)
    of_judge = slopes(
        network,
        (
            functional.softplus(-network.discriminator(batch.images, batch.targets)).mean()
            + functional.softplus(network.discriminator(batch.images, made.detach())).mean()
        )
        / 2,
    )
    made = network.generator(batch.images)
    of_maker = slopes(
        network,
        functional.softplus(-network.discriminator(batch.images, made)).mean()
        + way.plan.l1_weight * functional.l1_loss(made, batch.targets),
    )
    for name, slope in both.items():
        expected = of_judge[name] if name.startswith("discriminator") else of_maker[name]
        torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-5)


def test_without_a_game_the_discriminator_learns_nothing():
    way, network, batch = batch_and_network(adversarial=False)
    step = way.loss(network, batch)
    assert set(step.figures) == {"l1"}
    assert float(step.loss.detach()) == pytest.approx(way.plan.l1_weight * step.figures["l1"], rel=1e-6)
    assert not any(name.startswith("discriminator") for name in slopes(network, step.loss))


@pytest.mark.parametrize("game", ["minimax", "saturating", "hinge", "least-squares"])
def test_every_game_can_be_played(game):
    way, network, batch = batch_and_network(game=game)
    assert all(bool(torch.isfinite(slope).all()) for slope in slopes(network, way.loss(network, batch).loss).values())


def test_both_images_of_a_pair_are_changed_alike():
    """An input and its negative still add up to one wherever the image lies, mirrored and shifted as it is."""
    kind = Affine(flip_probability=0.5, shift_fraction=0.1, scale=(0.9, 1.2), outside="border")
    way = Translation(plan(augment=(kind,)), parts())
    for images, targets in way.batches(0):
        torch.testing.assert_close(images + targets, torch.ones_like(images), atol=1e-5, rtol=0)
    plain = next(Translation(plan(), parts()).batches(0))
    assert not torch.equal(plain.images, next(way.batches(0)).images)


def test_every_pair_comes_once_an_epoch():
    way = Translation(plan(), parts(training=16))
    seen = torch.cat([batch.images for batch in way.batches(0)])
    assert way.batch_count == 4
    assert sorted(seen.mean((1, 2, 3)).tolist()) == pytest.approx(sorted(way.images.mean((1, 2, 3)).tolist()))


@pytest.mark.parametrize("seed", range(4))
def test_likeness_is_that_of_other_implementations(seed):
    chance = np.random.default_rng(seed)
    wanted = chance.random((3, 1, 40, 32)).astype(np.float32)
    made = (wanted + chance.normal(0, 0.1, wanted.shape)).clip(0, 1).astype(np.float32)
    found = likeness(made, wanted)
    for index in range(3):
        one, other = wanted[index, 0].astype(np.float64), made[index, 0].astype(np.float64)
        assert found["mae"][index] == pytest.approx(np.abs(one - other).mean(), rel=1e-5)
        assert found["psnr"][index] == pytest.approx(peak_signal_noise_ratio(one, other, data_range=1.0), rel=1e-6)
        theirs = structural_similarity(
            one, other, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert found["ssim"][index] == pytest.approx(theirs, rel=1e-5)


def test_equal_images_are_as_alike_as_can_be():
    images = np.random.default_rng(0).random((2, 1, 32, 32)).astype(np.float32)
    found = likeness(images, images)
    assert found["mae"].tolist() == [0, 0]
    assert found["ssim"] == pytest.approx([1, 1])
    one_step = images.copy()
    one_step[:, 0, 0, 0] += np.where(images[:, 0, 0, 0] > 0.5, -1, 1) / 255
    assert found["psnr"] == pytest.approx(likeness(one_step, images)["psnr"], abs=1e-3)


def test_it_learns_to_exchange_dark_and_bright():
    """Before, the images are far from those wanted; after some epochs, the tuning part is nearly right."""
    way = Translation(plan(epochs=1, adversarial=False), parts(training=24))
    learner = Learner(way)
    before = way.measure(learner.averaged)
    for epoch in range(25):
        for batch in way.batches(epoch):
            learner.learn(batch, 5e-3)
    after = way.measure(learner.averaged)
    assert after.loss < 0.4 * before.loss
    assert after.figures["psnr"] > before.figures["psnr"] + 6
    assert after.score == (-after.loss,)


def test_measuring_takes_every_tuning_image_however_many():
    way = Translation(plan(), parts(tuning=37))
    network = build_translators(way.plan.network).eval()
    made = run_torch(network, way.parts.inputs.tuning.images)
    assert made.shape == (37, 1, 32, 32)
    single = run_torch(network, way.parts.inputs.tuning.images[30:31])
    np.testing.assert_allclose(made[30:31], single, atol=1e-5)


def test_the_digest_sees_both_images():
    first = parts()
    assert first.digest == parts().digest
    changed = parts()
    changed.targets.training.images[0, 0, 0, 0] += 0.1
    assert changed.digest != first.digest


def test_a_batch_is_split_among_processes_by_its_images():
    batch = next(Translation(plan(), parts()).batches(0))
    assert isinstance(batch, PairBatch)
    assert len(batch.images) == len(batch.targets) == 4
