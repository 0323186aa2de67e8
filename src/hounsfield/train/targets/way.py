"""Targets as a way of learning: one network, and the loss and score of what its outputs mean."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hounsfield.cases.task import LearningTask
from hounsfield.metrics.answers import median_class
from hounsfield.metrics.discrimination import auroc
from hounsfield.metrics.ordinal import weighted_kappa
from hounsfield.metrics.regression import mean_absolute_error
from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at
from hounsfield.train.classification import predict
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.multi_scale import at_drawn_size
from hounsfield.train.targets.objective import label_loss, number_loss, ordered_log_probabilities, ordered_loss
from hounsfield.train.targets.parts import TargetParts
from hounsfield.train.targets.plan import TargetPlan
from hounsfield.train.transfer.start import Start
from hounsfield.train.way import Measured, StepLoss

LOSSES = {
    LearningTask.MULTI_LABEL: label_loss,
    LearningTask.REGRESSION: number_loss,
    LearningTask.ORDINAL: ordered_loss,
}


class TargetBatch(NamedTuple):
    """Images (image, channel, row, column) with targets (image, column), and which of them were assessed."""

    images: Tensor
    targets: Tensor
    is_known: Tensor


class Targets:
    """One plan on one data set (a ``train.way.Way``)."""

    def __init__(self, plan: TargetPlan, parts: TargetParts, start: Start | None = None) -> None:
        """Hold the parts as tensors."""
        self.plan = plan
        self.start = start
        self.data_digest = parts.digest
        self.images = torch.from_numpy(parts.training.part.images)
        self.targets = torch.from_numpy(self._standard(parts.training.values))
        self.tuning_images = torch.from_numpy(parts.tuning.part.images)
        self.tuning = parts.tuning.values
        self.tuning_targets = torch.from_numpy(self._standard(self.tuning))

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.images) // self.plan.learning.batch_size)

    def build(self) -> Classifier:
        """Return a fresh network, laid out as convolutions are fastest."""
        network = build_network(self.plan.network)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def batches(self, epoch: int) -> Iterator[TargetBatch]:
        """Give the batches of an epoch: each case once, in an order of its own."""
        order = torch.randperm(len(self.images), generator=generator_at(self.plan.seed, "order", epoch))
        size = self.plan.learning.batch_size
        for index in range(self.batch_count):
            picked = order[index * size : (index + 1) * size]
            chance = generator_at(self.plan.seed, "batch", epoch, index)
            sized, targets = at_drawn_size(self.images[picked], self.plan, epoch, index), self.targets[picked]
            images = augment(sized, self.plan.augment, chance)
            yield TargetBatch(images, targets.nan_to_num(), targets.isfinite())

    def loss(self, network: Classifier, batch: TargetBatch) -> StepLoss:
        """Return the loss of what is learned, mean over the members of the network."""
        said = network.member_logits(batch.images.contiguous(memory_format=torch.channels_last))
        loss = LOSSES[self.plan.task]
        losses = [loss(logits, batch.targets, batch.is_known) for logits in said]
        return StepLoss(torch.stack(losses).mean())

    def measure(self, network: Classifier) -> Measured:
        """Score labels by their mean AUROC, a number by its mean absolute error, ordered classes by kappa."""
        logits = predict(network, self.tuning_images)
        known = self.tuning_targets.isfinite()
        loss = float(LOSSES[self.plan.task](logits, self.tuning_targets.nan_to_num(), known))
        if self.plan.task is LearningTask.MULTI_LABEL:
            area = mean_area(self.tuning, logits.double().numpy())
            return Measured(loss, {"auroc": area}, (round(area, 4), -loss))
        if self.plan.task is LearningTask.REGRESSION:
            said = logits.double().numpy()[:, 0] * self.plan.target_scale + self.plan.target_centre
            is_known = np.isfinite(self.tuning[:, 0])
            error = mean_absolute_error(self.tuning[is_known, 0], said[is_known])
            return Measured(loss, {"mean_absolute_error": error}, (-error,))
        probabilities = ordered_log_probabilities(logits.double()).exp().numpy()
        labels = self.tuning[:, 0].astype(np.int64)
        kappa = weighted_kappa(labels, median_class(probabilities), probabilities.shape[1])
        kappa = kappa if np.isfinite(kappa) else 0.0
        return Measured(loss, {"weighted_kappa": kappa}, (round(kappa, 4), -loss))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say the loss and the figure that is followed on the tuning part."""
        (name, value), *_ = record.tuning.items()
        facts = {"epoch": record.epoch, "epochs": epochs_planned, "loss": f"{record.tuning_loss:.4f}"}
        facts |= {"name": name.replace("_", " "), "value": f"{value:.4f}"}
        return TrainEvent("ui.train.epoch.targets", facts, record.epoch, epochs_planned)

    def _standard(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return ((values - self.plan.target_centre) / self.plan.target_scale).astype(np.float32)


def mean_area(reference: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> float:
    """Return the mean AUROC of the labels (case, label) that have both outcomes; 0.5 where none has."""
    areas = []
    for column, said in zip(reference.T, scores.T, strict=True):
        known = np.isfinite(column)
        if len(np.unique(column[known])) > 1:
            areas.append(auroc(column[known] == 1, said[known]))
    return float(np.mean(areas)) if areas else 0.5
