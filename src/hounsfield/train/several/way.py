"""Several heads as a way of learning: one trunk, and the loss and skill of each head over what was assessed of it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hounsfield.cases.task import LearningTask
from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.fused import build_fused
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at
from hounsfield.train.classification import predict
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.series_dropout import leave_out
from hounsfield.train.several.objective import are_assessed, head_losses, weighed
from hounsfield.train.several.parts import SeveralParts
from hounsfield.train.several.plan import HeadPlan, SeveralPlan
from hounsfield.train.several.series import with_planes
from hounsfield.train.several.skill import skill_of
from hounsfield.train.targets.objective import ordered_log_probabilities
from hounsfield.train.way import Measured, StepLoss

Values = npt.NDArray[np.float64]


class SeveralNetwork(nn.Module):
    """A classifier whose outputs are those of all heads, and the log variance of each head where it is learned."""

    def __init__(self, classifier: Classifier, head_count: int, *, is_weighing: bool) -> None:
        super().__init__()
        self.classifier = classifier
        self.log_variance = nn.Parameter(torch.zeros(head_count)) if is_weighing else None


class SeveralBatch(NamedTuple):
    """Images (image, channel, row, column) with the targets (image, column) of each head, and which were assessed."""

    images: Tensor
    targets: tuple[Tensor, ...]
    is_known: tuple[Tensor, ...]


class Several:
    """One plan on one data set (a ``train.way.Way``)."""

    def __init__(self, plan: SeveralPlan, parts: SeveralParts) -> None:
        """Hold the parts as tensors."""
        self.plan = plan
        self.data_digest = parts.digest
        self.images = torch.from_numpy(parts.training.part.images)
        given = parts.training.is_given
        self.is_given = None if given is None else torch.from_numpy(given)
        self.targets = standard_targets(plan.heads, parts.training.values)
        self.tuning_images = torch.from_numpy(parts.tuning.inputs)
        self.tuning = parts.tuning.values
        self.tuning_targets = standard_targets(plan.heads, self.tuning)

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.images) // self.plan.learning.batch_size)

    def build(self) -> SeveralNetwork:
        """Return a fresh network, laid out as convolutions are fastest."""
        return build_several(self.plan)

    def batches(self, epoch: int) -> Iterator[SeveralBatch]:
        """Give the batches of an epoch: each case once, in an order of its own."""
        order = torch.randperm(len(self.images), generator=generator_at(self.plan.seed, "order", epoch))
        size = self.plan.learning.batch_size
        for index in range(self.batch_count):
            picked = order[index * size : (index + 1) * size]
            chance = generator_at(self.plan.seed, "batch", epoch, index)
            images = augment(self.images[picked], self.plan.augment, chance)
            if self.is_given is not None and self.plan.fusion is not None:
                needed = torch.tensor([series.required for series in self.plan.fusion.series])
                shown = leave_out(self.is_given[picked], self.plan.fusion.dropout, needed, chance)
                images = with_planes(images, shown)
            yield SeveralBatch(images, *told_and_known([targets[picked] for targets in self.targets]))

    def loss(self, network: SeveralNetwork, batch: SeveralBatch) -> StepLoss:
        """Return the weighed loss of the heads, mean over the members of the network."""
        said = network.classifier.member_logits(batch.images.contiguous(memory_format=torch.channels_last))
        own = [head_losses(self.plan, logits, batch.targets, batch.is_known) for logits in said]
        losses = torch.stack(own).mean(0)
        return StepLoss(weighed(losses, are_assessed(batch.is_known), self.plan, network.log_variance))

    def measure(self, network: SeveralNetwork) -> Measured:
        """Score by the mean skill of the heads, then by their mean loss, each head counting as its weight."""
        logits = predict(network.classifier, self.tuning_images)
        told, known = told_and_known(self.tuning_targets)
        losses = head_losses(self.plan, logits, told, known)
        loss = float(weighed(losses, are_assessed(known), self.plan, None))
        skills = [
            (head, skill_of(head, wanted, raw_answers(head, logits[:, own])))
            for head, own, wanted in zip(self.plan.heads, self.plan.slices, self.tuning, strict=True)
        ]
        judged = [(head, skill) for head, skill in skills if skill is not None]
        mean = float(np.average([skill for _, skill in judged], weights=[head.weight for head, _ in judged]))
        figures = {"skill": mean, **{f"skill-{head.tag}": skill for head, skill in judged}}
        return Measured(loss, figures, (round(mean, 4), -loss))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say the loss and the mean skill on the tuning part."""
        facts = {"epoch": record.epoch, "epochs": epochs_planned, "loss": f"{record.tuning_loss:.4f}"}
        facts |= {"name": "skill", "value": f"{record.tuning['skill']:.4f}"}
        return TrainEvent("ui.train.epoch.targets", facts, record.epoch, epochs_planned)


def build_several(plan: SeveralPlan) -> SeveralNetwork:
    """Return a network of fresh weights."""
    fusion = plan.fusion
    classifier = build_fused(plan.network, len(fusion.series), fusion.kind) if fusion else build_network(plan.network)
    classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SeveralNetwork(classifier, len(plan.heads), is_weighing=plan.weighting == "uncertainty")


def standard_targets(heads: Sequence[HeadPlan], values: Sequence[Values]) -> tuple[Tensor, ...]:
    """Return the targets of each head as the loss takes them: numbers less their centre, over their scale."""
    return tuple(
        torch.from_numpy(((own - head.centre) / head.scale).astype(np.float32))
        for head, own in zip(heads, values, strict=True)
    )


def told_and_known(targets: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return targets with NaN made 0, and which of them were assessed."""
    return tuple(own.nan_to_num() for own in targets), tuple(own.isfinite() for own in targets)


def raw_answers(head: HeadPlan, logits: Tensor) -> Values:
    """Return what uncalibrated logits (image, output) say: numbers in their unit, log probabilities of grades."""
    if head.task is LearningTask.ORDINAL:
        return ordered_log_probabilities(logits.double()).numpy()
    said = logits.double()
    if head.task is LearningTask.REGRESSION:
        return (said * head.scale + head.centre).numpy()
    return (said.softmax(1) if head.task is LearningTask.CLASSIFICATION else said).numpy()
