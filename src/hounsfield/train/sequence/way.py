"""Sequences as a way of learning: batches of films of different length, a class or a number for each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hounsfield.metrics.regression import mean_absolute_error
from hounsfield.model.networks.sequence import SequenceClassifier, build_sequence_network
from hounsfield.train.augment import BatchAugmentation, augment
from hounsfield.train.chance import generator_at
from hounsfield.train.classification import case_order, measure
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.objective import class_weights, cross_entropy, soft_targets
from hounsfield.train.sequence.parts import SequencePart, SequenceParts
from hounsfield.train.sequence.plan import SequencePlan
from hounsfield.train.targets.objective import number_loss
from hounsfield.train.way import Measured, StepLoss

MEASURED_FRAMES = 256
"""Frames that go through the network at once where nothing is learned."""


class SequenceBatch(NamedTuple):
    """Frames of all sequences end to end, the frames of each, and targets: soft classes, or standardised numbers."""

    frames: Tensor
    counts: Tensor
    targets: Tensor


class Sequences:
    """One plan on one data set (a ``train.way.Way``)."""

    def __init__(self, plan: SequencePlan, parts: SequenceParts) -> None:
        """Hold the parts as tensors."""
        self.plan = plan
        self.data_digest = parts.digest
        self.training, self.tuning = parts.training, parts.tuning
        self.counts = torch.from_numpy(parts.training.counts)
        self.frames = torch.split(torch.from_numpy(parts.training.images), parts.training.counts.tolist())
        self.labels = torch.from_numpy(parts.training.labels)
        self.clusters = torch.from_numpy(parts.training.clusters)
        self.class_count = len(plan.class_names)
        is_weighted = plan.learning.balance == "loss" and not plan.is_number
        counts = parts.training.class_counts(self.class_count) if is_weighted else ()
        self.weights = class_weights(counts, plan.learning.balance_power) if is_weighted else None

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.labels) // self.plan.learning.batch_size)

    def build(self) -> SequenceClassifier:
        """Return a fresh network, its convolutions laid out as they are fastest."""
        network = build_sequence_network(self.plan.network, self.plan.sequence)
        network.frames.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def batches(self, epoch: int) -> Iterator[SequenceBatch]:
        """Give the batches of an epoch; every frame of a sequence is turned, shifted and darkened alike."""
        order = case_order(self.plan, epoch, self.labels, self.clusters)
        size, targets = self.plan.learning.batch_size, self._targets(self.training)
        for index in range(self.batch_count):
            picked = order[index * size : (index + 1) * size]
            chance = generator_at(self.plan.seed, "batch", epoch, index)
            frames = [augment_frames(self.frames[case], self.plan.augment, chance) for case in picked.tolist()]
            yield SequenceBatch(torch.cat(frames), self.counts[picked], targets[picked])

    def loss(self, network: SequenceClassifier, batch: SequenceBatch) -> StepLoss:
        """Return the cross entropy and the accuracy, or the Huber loss of the number."""
        logits = network(batch.frames.contiguous(memory_format=torch.channels_last), batch.counts)
        if self.plan.is_number:
            return StepLoss(number_loss(logits, batch.targets.nan_to_num(), batch.targets.isfinite()))
        is_right = logits.detach().argmax(1) == batch.targets.argmax(1)
        return StepLoss(
            cross_entropy(logits, batch.targets, self.weights), {"accuracy": float(is_right.float().mean())}
        )

    def measure(self, network: SequenceClassifier) -> Measured:
        """Score classes by the area under the curve, then by the cross entropy; a number by its mean absolute error."""
        logits = predict_sequences(network, self.tuning).double()
        if not self.plan.is_number:
            loss, accuracy, area = measure(logits.softmax(1).numpy(), self.tuning)
            return Measured(loss, {"accuracy": accuracy, "auroc": area}, (round(area, 4), -loss))
        targets = self._targets(self.tuning).double()
        loss = float(number_loss(logits, targets.nan_to_num(), targets.isfinite()))
        said = logits.numpy()[:, 0] * self.plan.target_scale + self.plan.target_centre
        known = np.isfinite(self.tuning.values)
        error = mean_absolute_error(self.tuning.values[known], said[known])
        return Measured(loss, {"mean_absolute_error": error}, (-error,))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say the loss and the figures that are followed on the tuning part."""
        facts = {"epoch": record.epoch, "epochs": epochs_planned, "loss": f"{record.tuning_loss:.4f}"}
        if self.plan.is_number:
            value = f"{record.tuning['mean_absolute_error']:.4f}"
            facts |= {"name": "mean absolute error", "value": value}
            return TrainEvent("ui.train.epoch.targets", facts, record.epoch, epochs_planned)
        facts |= {name: f"{record.tuning[name]:.4f}" for name in ("auroc", "accuracy")}
        return TrainEvent("ui.train.epoch", facts, record.epoch, epochs_planned)

    def _targets(self, part: SequencePart) -> Tensor:
        """Return soft classes (case, class), or the standardised number (case, 1), NaN where it is not known."""
        if not self.plan.is_number:
            labels = torch.from_numpy(part.labels)
            return soft_targets(labels, self.class_count, self.plan.learning.label_smoothing)
        return torch.from_numpy(_standard(part.values, self.plan))[:, None]


def augment_frames(frames: Tensor, kinds: tuple[BatchAugmentation, ...], chance: torch.Generator) -> Tensor:
    """Return the frames (frame, channel, row, column) of one sequence, all changed by the same drawn parameters.

    They go through augmentation as the channels of one image, alone: what it is blended or measured with is its own.
    Noise is drawn for each frame, as a detector does.
    """
    flat = frames.flatten(0, 1)[None]
    return augment(flat, kinds, chance)[0].view(frames.shape)


@torch.no_grad()
def predict_sequences(network: SequenceClassifier, part: SequencePart) -> Tensor:
    """Return the logits (case, output) of a network in evaluation mode."""
    was_training = network.training
    network.eval()
    said, start = [], 0
    for counts in _runs(part.counts.tolist()):
        frames = torch.from_numpy(part.images[start : start + sum(counts)])
        said.append(network(frames.contiguous(memory_format=torch.channels_last), torch.tensor(counts)))
        start += sum(counts)
    network.train(was_training)
    return torch.cat(said)


def _runs(counts: list[int]) -> Iterator[list[int]]:
    """Part the sequences, in their order, into runs of about so many frames."""
    run: list[int] = []
    for count in counts:
        if run and sum(run) + count > MEASURED_FRAMES:
            yield run
            run = []
        run.append(count)
    yield run


def _standard(values: npt.NDArray[np.float64], plan: SequencePlan) -> npt.NDArray[np.float32]:
    return ((values - plan.target_centre) / plan.target_scale).astype(np.float32)
