"""Way: what the loop has to know of what is learned, be it classes, masks or boxes.

The loop owns the epochs: schedule, early stop, time limit, checkpoints and the weights to keep. A way owns the rest:
the network, the batches, the loss, and how the tuning part is measured. Chance is drawn by place (``train.chance``), so
a way holds no state and a resumed run sees the batches that the first would have seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from torch import Tensor, nn

from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.plan import RunPlan

NetworkT = TypeVar("NetworkT", bound=nn.Module)
BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class StepLoss:
    """The loss of one batch.

    Attributes:
        loss: one number, with its graph.
        figures: what else is logged of the batch by name, such as the accuracy; its mean over an epoch is kept.
    """

    loss: Tensor
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What the averaged weights are worth on the tuning part.

    Attributes:
        loss: lower is better.
        figures: what is logged by name, such as the area under the curve.
        score: what the best epoch is best in, higher is better; the first number decides, the next ones break ties.
    """

    loss: float
    figures: Mapping[str, float]
    score: tuple[float, ...]


class Way(Protocol[NetworkT, BatchT]):
    """One way of learning.

    Its conformance suite is ``tests.train.ways``: the same place gives the same batch, measuring leaves the network as
    it was, and a run torn at any epoch ends in the weights of a whole one.
    """

    @property
    def plan(self) -> RunPlan:
        """What the run obeys."""

    @property
    def data_digest(self) -> str:
        """SHA-256 of what is learned from and measured on."""

    @property
    def batch_count(self) -> int:
        """Batches of an epoch, at least one and the same in every epoch."""

    def build(self) -> NetworkT:
        """Return a fresh network; the global generator of torch has been seeded for its weights."""

    def batches(self, epoch: int) -> Iterator[BatchT]:
        """Give the batches of an epoch (counted from 0), augmented, one at a time."""

    def loss(self, network: NetworkT, batch: BatchT) -> StepLoss:
        """Return the loss of a batch; the network is in training mode."""

    def measure(self, network: NetworkT) -> Measured:
        """Measure the averaged network, which is in evaluation mode, on the tuning part."""

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Return what is said after an epoch."""
