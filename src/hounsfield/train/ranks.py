"""Ranks: the processes of one run, which share every batch and each hold the whole state.

A batch of the run is the same whatever the number of processes: each takes its own images of it, by place, and the
gradients are averaged by images. So two processes take the steps that one takes, as far as the loss is a mean over
images (``docs/decisions/0015-several-processes.md`` says where it is not). The first process alone measures, writes and
speaks.

``torchrun --nproc-per-node 2 -m hounsfield train DATA -o M`` starts them; Lightning joins them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from hounsfield.errors import HounsfieldError

BatchT = TypeVar("BatchT")
ValueT = TypeVar("ValueT")


class OtherRankDone(Exception):
    """Ends what a process other than the first has to do: it measures, packs and writes nothing."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, seen from one of them; a run of one process has nothing to say to others.

    Attributes:
        rank: number of this process, from 0.
        count: of all processes.
        fabric: Lightning's connection to the others; None for one process.
    """

    rank: int = 0
    count: int = 1
    fabric: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this process measures, writes and speaks."""
        return self.rank == 0

    @property
    def place(self) -> tuple[int, ...]:
        """What is added to a place of chance, so that each process drops units of its own images in its own way."""
        return (self.rank,) if self.rank else ()

    def own(self, batch: BatchT) -> tuple[BatchT, float]:
        """Return this process's images of a batch, and their share of it.

        Args:
            batch: a tuple of columns; each is a tensor (image, ...) or holds an entry for each image.

        Raises:
            HounsfieldError: ``E941``, the batch holds fewer images than there are processes.
        """
        if self.count == 1:
            return batch, 1.0
        columns = cast("tuple[Any, ...]", batch)
        total = len(columns[0])
        if total < self.count:
            raise HounsfieldError("E941", found=total, expected=self.count)
        start, stop = (total * rank // self.count for rank in (self.rank, self.rank + 1))
        parts = [column[start:stop] for column in columns]
        made = type(columns)._make(parts) if hasattr(columns, "_make") else tuple(parts)
        return cast("BatchT", made), (stop - start) / total

    def average(self, network: nn.Module, share: float) -> None:
        """Replace gradients, and what batch normalisation keeps, by their means over the processes by images.

        Raises:
            HounsfieldError: ``E940``, another process ended.
        """
        if self.count == 1:
            return
        gradients = [item.grad for item in network.parameters() if item.grad is not None]
        kept = [item for item in network.buffers() if item.dtype.is_floating_point and item.numel()]
        self._mean([*gradients, *kept], share)

    def figures(self, loss: Tensor, named: Mapping[str, float], share: float) -> tuple[Tensor, dict[str, float]]:
        """Return loss and figures of the whole batch.

        Raises:
            HounsfieldError: ``E940``, another process ended.
        """
        if self.count == 1:
            return loss, dict(named)
        values = torch.tensor([float(loss), *named.values()], dtype=torch.float64)
        self._mean([values], share)
        return values[0].to(loss.dtype), dict(zip(named, values[1:].tolist(), strict=True))

    def told(self, value: ValueT) -> ValueT:
        """Return what the first process says, in every process.

        Raises:
            HounsfieldError: ``E940``, another process ended.
        """
        if self.count == 1:
            return value
        try:
            return cast("ValueT", self.fabric.broadcast(value, src=0))
        except RuntimeError as error:
            raise HounsfieldError("E940", found=self.rank, expected=self.count) from error

    def leave(self) -> None:
        """Take leave of the others; what they still send ends with their error."""
        if self.count > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    @torch.no_grad()
    def _mean(self, tensors: Sequence[Tensor], share: float) -> None:
        """Replace tensors by their means in one message, so that small ones cost no message each."""
        if not tensors:
            return
        flat = torch.cat([tensor.flatten() * share for tensor in tensors])
        try:
            total = self.fabric.all_reduce(flat, reduce_op="sum")
        except RuntimeError as error:
            raise HounsfieldError("E940", found=self.rank, expected=self.count) from error
        start = 0
        for tensor in tensors:
            tensor.copy_(total[start : start + tensor.numel()].view(tensor.shape))
            start += tensor.numel()


ALONE = Ranks()
"""A run of one process."""


def join() -> Ranks:
    """Join the processes that ``torchrun`` started, or stay alone where it did not.

    Lightning takes seconds to import: only for whom it is for.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()):
        return ALONE
    from lightning.fabric import Fabric
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from lightning.fabric.strategies.ddp import DDPStrategy

    count = TorchElasticEnvironment().world_size()
    if count == 1:
        return ALONE
    fabric = Fabric(accelerator="cpu", devices=count, strategy=DDPStrategy(process_group_backend="gloo"))
    fabric.launch()
    return Ranks(fabric.global_rank, fabric.world_size, fabric)
