"""The learner: its average, its state, and that it learns what can be learned."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.networks.heads import Classifier  # noqa: E402
from hounsfield.train.classification import Classification, predict  # noqa: E402
from hounsfield.train.learner import Learner  # noqa: E402
from hounsfield.train.objective import Batch, soft_targets  # noqa: E402
from hounsfield.train.plan import Learning, Plan  # noqa: E402
from tests.train.tiny import part, parts  # noqa: E402


def plan(**learning: object) -> Plan:
    return Plan(
        name="tiny",
        class_names=("normal", "blob"),
        prepare=(),
        network=NetworkSettings("lenet", 2, 1, 28, 28),
        learning=Learning(**learning),  # type: ignore[arg-type]
    )


def tiny_batch() -> Batch:
    images = part(32, 1)
    return Batch(torch.from_numpy(images.images), soft_targets(torch.from_numpy(images.labels), 2, 0))


def learner_of(wanted: Plan) -> Learner[Classifier, Batch]:
    return Learner(Classification(wanted, parts(8, 8)))


def weights(learner: Learner[Classifier, Batch]) -> list["torch.Tensor"]:
    return [tensor.clone() for tensor in learner.network.state_dict().values()]


def test_same_seed_same_first_weights() -> None:
    first, second = (weights(learner_of(plan())) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    other = weights(learner_of(plan().model_copy(update={"seed": 1})))
    assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))


def test_one_step_is_torchs_adamw_with_clipping() -> None:
    learner = learner_of(plan(weight_decay=0.1, gradient_limit=0.01))
    twin = learner_of(plan()).network
    data = tiny_batch()
    learner.learn(data, 1e-2)
    decayed = [item for item in twin.parameters() if item.ndim > 1]
    bare = [item for item in twin.parameters() if item.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": bare, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-2)
    torch.nn.functional.cross_entropy(twin(data.images), data.targets).backward()
    torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.01)
    optimiser.step()
    for ours, theirs in zip(learner.network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_average_follows_its_formula() -> None:
    learner = learner_of(plan(average_decay=0.9))
    expected = learner.averaged.last.weight.clone()
    for step in range(30):
        learner.learn(tiny_batch(), 1e-2)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * learner.network.last.weight.detach()
    torch.testing.assert_close(learner.averaged.last.weight, expected)


def test_without_decay_the_average_is_the_network() -> None:
    learner = learner_of(plan(average_decay=0.0))
    learner.learn(tiny_batch(), 1e-2)
    torch.testing.assert_close(learner.averaged.last.weight, learner.network.last.weight)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_restored_state_goes_on_to_the_same_bytes(optimiser: str) -> None:
    first = learner_of(plan(optimiser=optimiser))
    for _ in range(3):
        first.learn(tiny_batch(), 1e-2)
    state = first.tensors()
    second = learner_of(plan(optimiser=optimiser))
    # files hold tensors row by row, whatever their order in memory was
    second.restore({name: tensor.contiguous() for name, tensor in state.items()})
    for learner in (first, second):
        for _ in range(3):
            learner.learn(tiny_batch(), 1e-2)
    assert first.step_count == second.step_count == 6
    ends = first.tensors(), second.tensors()
    assert set(ends[0]) == set(ends[1])
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_batch_statistics_are_part_of_state_and_average() -> None:
    wanted = plan().model_copy(
        update={"network": NetworkSettings("small-residual", 2, 1, 28, 28, widths=(8,), depths=(1,), strides=(2,))}
    )
    learner = learner_of(wanted)
    learner.learn(tiny_batch(), 1e-2)
    names = [name for name in learner.tensors() if name.startswith("average/") and name.endswith("running_mean")]
    assert names
    assert int(learner.averaged.state_dict()["trunk.1.num_batches_tracked"]) == 1
    restored = learner_of(wanted)
    restored.restore(learner.tensors())
    images = tiny_batch().images
    assert torch.equal(predict(restored.averaged, images), predict(learner.averaged, images))


def test_loss_falls_on_one_batch() -> None:
    learner = learner_of(plan(average_decay=0.0))
    losses = [float(learner.learn(tiny_batch(), 3e-3).loss) for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]


def test_prediction_does_not_depend_on_the_batch_size_or_leave_training_mode() -> None:
    network = learner_of(plan()).network
    network.train()
    images = torch.from_numpy(part(10, 4).images)
    whole = predict(network, images)
    np.testing.assert_allclose(predict(network, images, 3).numpy(), whole.numpy(), atol=1e-6)
    assert network.training
    assert not whole.requires_grad
