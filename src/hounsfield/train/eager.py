"""Optimisers that load nothing of torch's compiler.

torch hides methods of its optimisers from its compiler by wrappers that import the whole of it, sympy included, on the
first call: one to two seconds before the first step of a run that compiles nothing. Here the methods under those
wrappers are called, so that every number is the same.
"""

import inspect

import torch


class _Eager:
    """The methods of ``torch.optim.Optimizer`` that it wraps, without their wrappers."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)


class EagerAdamW(_Eager, torch.optim.AdamW):
    """AdamW (Loshchilov 2019) as torch has it."""

    # what the wrapper of a step does beside its import: no gradient is recorded
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


class EagerSGD(_Eager, torch.optim.SGD):
    """Stochastic gradient descent as torch has it."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))
