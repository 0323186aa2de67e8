"""The learner: network, moving average and optimiser, and one step of learning from a loss."""

import copy
from collections.abc import Mapping
from typing import Generic

import torch
from torch import Tensor, nn

from hounsfield.train.chance import stream
from hounsfield.train.eager import EagerAdamW, EagerSGD
from hounsfield.train.plan import Optimisation
from hounsfield.train.ranks import ALONE, Ranks
from hounsfield.train.transfer.start import Start, StartsFrom
from hounsfield.train.way import BatchT, NetworkT, StepLoss, Way


class Learner(Generic[NetworkT, BatchT]):
    """Everything that changes while learning.

    Attributes:
        network: the weights that are stepped.
        averaged: the weights that are kept: an exponential moving average, batch normalisation included.
        optimiser: its moments.
        step_count: steps taken.
    """

    def __init__(self, way: Way[NetworkT, BatchT], ranks: Ranks = ALONE) -> None:
        """Build a fresh network from the seed of the plan, the same in every process."""
        torch.manual_seed(stream(way.plan.seed, "weights"))
        self.way = way
        self.ranks = ranks
        self.learning = way.plan.learning
        self.network = way.build()
        self.start = way.start if isinstance(way, StartsFrom) else None
        if self.start is not None:
            self.start.load_into(self.network)
        self.averaged = copy.deepcopy(self.network).eval()
        self.optimiser = _optimiser(self.network, self.learning, self.start)
        self.step_count = 0

    def learn(self, batch: BatchT, learning_rate: float) -> StepLoss:
        """Take one step on the whole batch, of which each process has its own images; return the loss before it."""
        self.network.train()
        self._freeze()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate * group["rate"]
        # before the loss, so that old gradients and new activations are never held together
        self.optimiser.zero_grad(set_to_none=True)
        own, share = self.ranks.own(batch)
        step = self.way.loss(self.network, own)
        step.loss.backward()  # type: ignore[no-untyped-call]
        self.ranks.average(self.network, share)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.learning.gradient_limit)
        self.optimiser.step()
        self._average()
        self.step_count += 1
        return StepLoss(*self.ranks.figures(step.loss.detach(), step.figures, share))

    def _freeze(self) -> None:
        """Leave the weights that were taken alone in the first epochs; their normalisation follows the new images."""
        if self.start is None:
            return
        frozen_steps = round(self.start.plan.freeze_epochs * self.way.batch_count)
        for name, weight in self.network.named_parameters():
            if name in self.start.tensors:
                weight.requires_grad_(self.step_count >= frozen_steps)

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
        """Return the whole state as named tensors: ``network/``, ``average/``, ``optimiser/``, ``step``.

        They are the tensors that learning goes on to change, not copies of them.
        """
        state = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        state |= {f"average/{name}": tensor for name, tensor in self.averaged.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            state |= {f"optimiser/{index}/{name}": tensor for name, tensor in moments.items() if tensor is not None}
        state["step"] = torch.tensor(self.step_count)
        return {name: tensor.detach() for name, tensor in state.items()}

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


def _optimiser(network: nn.Module, learning: Optimisation, start: Start | None) -> torch.optim.Optimizer:
    """Return the optimiser: weights of two axes or more decay, and those that were taken learn at their own rate."""
    parameters = [(name, item) for name, item in network.named_parameters() if item.requires_grad]
    taken = set(start.tensors) if start else set()
    groups = [
        {
            "params": [item for name, item in parameters if (item.ndim > 1) is decays and (name in taken) is was_taken],
            "weight_decay": learning.weight_decay if decays else 0.0,
            "rate": start.plan.trunk_rate if start and was_taken else 1.0,
        }
        for was_taken in ((False, True) if start else (False,))
        for decays in (True, False)
    ]
    if learning.optimiser == "sgd":
        return EagerSGD(groups, lr=learning.learning_rate, momentum=0.9, nesterov=True)
    return EagerAdamW(groups, lr=learning.learning_rate, betas=learning.moment_decays, fused=True)


def _laid_out(moment: Tensor, weight: Tensor) -> Tensor:
    """Return a moment in the memory order of its weight: the fused optimiser walks both by address."""
    if moment.shape != weight.shape:
        return moment.clone()
    return torch.empty_like(weight, requires_grad=False).copy_(moment)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
