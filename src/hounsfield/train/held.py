"""What a step of learning holds: the tensors that a network saves for the way back, counted on two images.

Arithmetic on the meta device would need no memory at all, but torch imports a library of symbolic mathematics for it,
which takes two seconds; two images through weights of zeros take a fraction of one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

NetworkT = TypeVar("NetworkT", bound=nn.Module)
_IMAGES = 2
"""Batch normalisation refuses one alone where a map has one place."""


@dataclass(frozen=True)
class Saved:
    """What the layers of a network save for one image.

    Attributes:
        total_bytes: all of it, inputs of layers shared between them counted once.
        largest_bytes: the largest tensor.
        weight_bytes: of the weights that are learned, whatever the number of images.
    """

    total_bytes: int
    largest_bytes: int
    weight_bytes: int


def saved_by(
    build: Callable[[], NetworkT], loss: Callable[[NetworkT, Tensor], Tensor], image: tuple[int, ...]
) -> Saved:
    """Run a network of zeros forwards, as in learning, and count what is saved.

    Args:
        build: makes the network.
        loss: of the network and images (image, channel, ...).
        image: shape (channel, ...) of one image.
    """
    with torch.device("meta"), _Unfilled():
        network = build()
    network.train()._apply(_as_zeros)  # type: ignore[no-untyped-call]
    own = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, _as_it_is):
        told = loss(network, torch.zeros(_IMAGES, *image))
    weights = sum(item.numel() * item.element_size() for item in network.parameters() if item.requires_grad)
    del told
    return Saved(sum(sizes.values()) // _IMAGES, max(sizes.values()) // _IMAGES, weights)


class _Unfilled(TorchFunctionMode):
    """Leaves weights as they are where a network would fill them: that is arithmetic, and they are replaced anyway."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "fill_", "zero_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _as_zeros(tensor: Tensor) -> Tensor:
    """Return zeros that take no memory while they are only read: numpy asks the system for pages without touching."""
    kind = torch.empty(0, dtype=tensor.dtype).numpy().dtype
    return torch.from_numpy(np.zeros(tuple(tensor.shape), dtype=kind))


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor
