"""Classification as a way of learning: whole images, one class each."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hounsfield.metrics.calibration import log_loss
from hounsfield.metrics.multiclass import macro_auroc
from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at
from hounsfield.train.decoys import break_some
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.memory import MEASURED_AT_ONCE
from hounsfield.train.multi_scale import at_drawn_size
from hounsfield.train.objective import Batch, class_weights, cross_entropy, mix, soft_targets
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import Plan
from hounsfield.train.transfer.start import Start
from hounsfield.train.way import Measured, StepLoss


class Classification:
    """One plan on one data set (a ``train.way.Way``)."""

    def __init__(self, plan: Plan, parts: Parts, start: Start | None = None) -> None:
        """Hold the parts as tensors."""
        self.plan = plan
        self.start = start
        self.data_digest = parts.digest
        self.tuning = parts.tuning
        self.images = torch.from_numpy(parts.training.images)
        self.labels = torch.from_numpy(parts.training.labels)
        self.tuning_images = torch.from_numpy(parts.tuning.images)
        self.clusters = torch.from_numpy(parts.training.clusters)
        self.class_count = len(plan.class_names)
        counts = parts.training.class_counts(self.class_count)
        power = plan.learning.balance_power
        self.weights = class_weights(counts, power) if plan.learning.balance == "loss" else None

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.labels) // self.plan.learning.batch_size)

    def build(self) -> Classifier:
        """Return a fresh network, laid out as convolutions are fastest."""
        network = build_network(self.plan.network)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Give the batches of an epoch."""
        order, size = self.order(epoch), self.plan.learning.batch_size
        for index in range(self.batch_count):
            yield self._batch(order[index * size : (index + 1) * size], epoch, index)

    def order(self, epoch: int) -> Tensor:
        """Return the cases of an epoch: each once, or drawn so that the classes come equally often."""
        return case_order(self.plan, epoch, self.labels, self.clusters)

    def _batch(self, picked: Tensor, epoch: int, index: int) -> Batch:
        chance = generator_at(self.plan.seed, "batch", epoch, index)
        images, labels = self.images[picked], self.labels[picked]
        if self.plan.decoys:
            images, labels = break_some(images, labels, self.plan.decoys, self.plan.class_names, chance)
        images = augment(at_drawn_size(images, self.plan, epoch, index), self.plan.augment, chance)
        targets = soft_targets(labels, self.class_count, self.plan.learning.label_smoothing)
        blend = self.plan.learning.mixup
        return mix(Batch(images, targets), blend.alpha, blend.probability, chance) if blend else Batch(images, targets)

    def loss(self, network: Classifier, batch: Batch) -> StepLoss:
        """Return the cross entropy, mean over the members of the network, and the accuracy of their mean logits."""
        said = network.member_logits(batch.images.contiguous(memory_format=torch.channels_last))
        loss = torch.stack([cross_entropy(logits, batch.targets, self.weights) for logits in said]).mean()
        called = said.detach().mean(0).argmax(1)
        return StepLoss(loss, {"accuracy": float((called == batch.targets.argmax(1)).float().mean())})

    def measure(self, network: Classifier) -> Measured:
        """Score by the area under the curve, mean over the classes, then by the cross entropy."""
        logits = predict(network, self.tuning_images).double()
        loss, accuracy, area = measure(logits.softmax(1).numpy(), self.tuning)
        return Measured(loss, {"accuracy": accuracy, "auroc": area}, (round(area, 4), -loss))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say loss, accuracy and area under the curve on the tuning part."""
        facts = {"epoch": record.epoch, "loss": f"{record.tuning_loss:.4f}", "auroc": f"{record.tuning['auroc']:.4f}"}
        facts |= {"accuracy": f"{record.tuning['accuracy']:.4f}", "epochs": epochs_planned}
        return TrainEvent("ui.train.epoch", facts, record.epoch, epochs_planned)


def case_order(plan: Plan, epoch: int, labels: Tensor, clusters: Tensor) -> Tensor:
    """Return the cases of an epoch: each once, or drawn so that the clusters of labels (case,) come equally often."""
    chance = generator_at(plan.seed, "order", epoch)
    if plan.learning.balance != "sampling":
        return torch.randperm(len(labels), generator=chance)
    _, member, counts = torch.unique(torch.stack([labels, clusters], 1), dim=0, return_inverse=True, return_counts=True)
    share = counts.double() ** -plan.learning.balance_power
    wanted = max(1, len(labels) // plan.learning.batch_size) * plan.learning.batch_size
    return torch.multinomial(share[member], wanted, replacement=True, generator=chance)


@torch.no_grad()
def predict(network: Classifier, images: Tensor, batch_size: int = MEASURED_AT_ONCE) -> Tensor:
    """Return the logits (image, class) of a network in evaluation mode."""
    was_training = network.training
    network.eval()
    parts = [network(part.contiguous(memory_format=torch.channels_last)) for part in torch.split(images, batch_size)]
    network.train(was_training)
    return torch.cat(parts)


def measure(probabilities: npt.NDArray[np.float64], part: Part) -> tuple[float, float, float]:
    """Return log loss, accuracy and mean one-versus-rest AUROC of probabilities (case, class) on a part."""
    predicted = probabilities.argmax(1)
    return (
        log_loss(part.labels, probabilities),
        float((predicted == part.labels).mean()),
        macro_auroc(part.labels, probabilities),
    )
