"""Optimisers without torch's compiler: every number is that of torch's own, and the compiler is never loaded."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from torch import nn

from hounsfield.train.eager import EagerAdamW, EagerSGD

ADAM = {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 0.05, "fused": True}
SGD = {"lr": 1e-2, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
PAIRS = [
    (EagerAdamW, torch.optim.AdamW, ADAM),
    (EagerAdamW, torch.optim.AdamW, {**ADAM, "fused": False}),
    (EagerSGD, torch.optim.SGD, SGD),
    (EagerSGD, torch.optim.SGD, {"lr": 1e-2}),
]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))


def step(model: nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    optimiser.zero_grad(set_to_none=True)
    model(images).pow(2).sum().backward()
    optimiser.step()


@pytest.mark.parametrize(("own", "theirs", "settings"), PAIRS)
def test_steps_are_torchs_to_the_last_bit(own, theirs, settings) -> None:
    models = network(), network()
    optimisers = [kind(model.parameters(), **settings) for kind, model in zip((own, theirs), models, strict=True)]
    for seed in range(4):
        for model, optimiser in zip(models, optimisers, strict=True):
            step(model, optimiser, seed)
    for first, second in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, torch.zeros_like(first))
    first, second = (optimiser.state_dict() for optimiser in optimisers)
    assert first["param_groups"] == second["param_groups"]
    for index, moments in first["state"].items():
        for name, value in moments.items():
            assert value is None or torch.equal(value, second["state"][index][name])


@pytest.mark.parametrize(("own", "theirs", "settings"), PAIRS)
def test_a_state_is_taken_up_from_torchs_and_goes_on_as_it_would(own, theirs, settings) -> None:
    whole, torn = network(), network()
    first = theirs(whole.parameters(), **settings)
    step(whole, first, 0)
    torn.load_state_dict(whole.state_dict())
    second = own(torn.parameters(), **settings)
    second.load_state_dict(deepcopy(first.state_dict()))  # torch shares the tensors otherwise
    step(whole, first, 1)
    step(torn, second, 1)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), torn.parameters(), strict=True))


@pytest.mark.parametrize("kind", [EagerAdamW, EagerSGD])
def test_a_step_records_no_gradient_and_leaves_recording_as_it_was(kind) -> None:
    model = network()
    optimiser = kind(model.parameters(), lr=0.1)
    step(model, optimiser, 0)
    assert torch.is_grad_enabled()
    assert all(weight.is_leaf and weight.grad is not None for weight in model.parameters())
    optimiser.zero_grad(set_to_none=True)
    assert all(weight.grad is None for weight in model.parameters())


def test_hooks_of_a_step_are_called() -> None:
    calls: list[str] = []
    model = network()
    optimiser = EagerAdamW(model.parameters(), lr=0.1)
    optimiser.register_step_pre_hook(lambda *_: calls.append("before"))
    optimiser.register_step_post_hook(lambda *_: calls.append("after"))
    step(model, optimiser, 0)
    assert calls == ["before", "after"]


def test_neither_a_step_nor_settling_loads_the_compiler_of_torch() -> None:
    code = """
import sys, torch
from hounsfield.train.chance import settled
from hounsfield.train.eager import EagerAdamW, EagerSGD
with settled(1):
    for kind in (EagerAdamW, EagerSGD):
        layer = torch.nn.Linear(3, 2)
        optimiser = kind(layer.parameters(), lr=0.1)
        optimiser.zero_grad()
        layer(torch.ones(1, 3)).sum().backward()
        optimiser.step()
        optimiser.load_state_dict(optimiser.state_dict())
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
