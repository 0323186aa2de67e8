"""The learner: network, moving average and optimiser, and one step of learning from a batch."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.chance import stream
from hounsfield.train.objective import Batch, class_weights, cross_entropy
from hounsfield.train.plan import Learning, Plan


class Learner:
    """Everything that changes while learning.

    Attributes:
        network: the weights that are stepped.
        averaged: the weights that are kept: an exponential moving average, batch normalisation included.
        optimiser: its moments.
        step_count: steps taken.
    """

    def __init__(self, plan: Plan, class_counts: tuple[int, ...]) -> None:
        """Build a fresh network from the seed of the plan."""
        torch.manual_seed(stream(plan.seed, "weights"))
        self.learning = plan.learning
        self.network: Classifier = build_network(plan.network)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged: Classifier = copy.deepcopy(self.network).eval()
        self.optimiser = _optimiser(self.network, plan.learning)
        self.weights = (
            class_weights(class_counts, plan.learning.balance_power) if plan.learning.balance == "loss" else None
        )
        self.step_count = 0

    def learn(self, batch: Batch, learning_rate: float) -> tuple[float, Tensor]:
        """Take one step; return the loss and the logits (image, class) before it."""
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        said = self.network.member_logits(batch.images.contiguous(memory_format=torch.channels_last))
        loss = torch.stack([cross_entropy(logits, batch.targets, self.weights) for logits in said]).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.learning.gradient_limit)
        self.optimiser.step()
        self._average()
        self.step_count += 1
        return float(loss.detach()), said.detach().mean(0)

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average: slowly from the start on, as (1 + step) / (10 + step) allows."""
        decay = min(self.learning.average_decay, (1 + self.step_count) / (10 + self.step_count))
        kept, current = self.averaged.state_dict(), self.network.state_dict()
        moving = [name for name, tensor in current.items() if tensor.dtype.is_floating_point]
        torch._foreach_lerp_([kept[name] for name in moving], [current[name] for name in moving], 1 - decay)
        for name in set(current) - set(moving):
            kept[name].copy_(current[name])

    def tensors(self) -> dict[str, Tensor]:
        """Return the whole state as named tensors: ``network/``, ``average/``, ``optimiser/``, ``step``."""
        state = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        state |= {f"average/{name}": tensor for name, tensor in self.averaged.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{index}/{name}": tensor for name, tensor in moments.items() if tensor is not None}
        state["step"] = torch.tensor(self.step_count)
        return {name: tensor.detach().clone() for name, tensor in state.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up the state that ``tensors`` returned."""
        self.network.load_state_dict(_under(tensors, "network/"))
        self.averaged.load_state_dict(_under(tensors, "average/"))
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under(tensors, "optimiser/").items():
            index, key = name.split("/", 1)
            moments.setdefault(int(index), {})[key] = _laid_out(tensor, weights[int(index)])
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.step_count = int(tensors["step"])


@torch.no_grad()
def predict(network: Classifier, images: Tensor, batch_size: int = 256) -> Tensor:
    """Return the logits (image, class) of a network in evaluation mode."""
    was_training = network.training
    network.eval()
    parts = [network(part.contiguous(memory_format=torch.channels_last)) for part in torch.split(images, batch_size)]
    network.train(was_training)
    return torch.cat(parts)


def _optimiser(network: nn.Module, learning: Learning) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [item for item in parameters if item.ndim > 1], "weight_decay": learning.weight_decay},
        {"params": [item for item in parameters if item.ndim <= 1], "weight_decay": 0.0},
    ]
    if learning.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=learning.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=learning.learning_rate, fused=True)


def _laid_out(moment: Tensor, weight: Tensor) -> Tensor:
    """Return a moment in the memory order of its weight: the fused optimiser walks both by address."""
    if moment.shape != weight.shape:
        return moment
    return torch.empty_like(weight, requires_grad=False).copy_(moment)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
