"""Pretraining as a way of learning: two views of an image are to be more alike than views of two (SimCLR)."""

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.parts import Parts
from hounsfield.train.pretrain.plan import FEATURES, PROJECTED, PretrainPlan
from hounsfield.train.transfer.start import Start
from hounsfield.train.way import Measured, StepLoss


class Views(NamedTuple):
    """Two views (image, channel, row, column) of the same images, in the same order."""

    first: Tensor
    second: Tensor


class Contrastive(nn.Module):
    """A classifier whose answers are projected to where views are compared (Chen 2020, section 2.1)."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network
        self.projection = nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, PROJECTED))

    def forward(self, images: Tensor) -> Tensor:
        """Return the projection (member, image, feature) of each member of the network, of length one."""
        said = self.network.member_logits(images.contiguous(memory_format=torch.channels_last))
        return functional.normalize(cast("Tensor", self.projection(said)), dim=2)


class Pretraining:
    """One plan on one set of images (a ``train.way.Way``)."""

    def __init__(self, plan: PretrainPlan, parts: Parts, start: Start | None = None) -> None:
        """Hold the images as tensors."""
        self.plan = plan
        self.start = start
        self.data_digest = parts.digest
        self.images = torch.from_numpy(parts.training.images)
        self.tuning_images = torch.from_numpy(parts.tuning.images)

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.images) // self.plan.learning.batch_size)

    def build(self) -> Contrastive:
        """Return a fresh network."""
        network = build_network(self.plan.network)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Contrastive(network)

    def batches(self, epoch: int) -> Iterator[Views]:
        """Give the batches of an epoch: each image once, in an order of its own."""
        order = torch.randperm(len(self.images), generator=generator_at(self.plan.seed, "order", epoch))
        size = self.plan.learning.batch_size
        for index in range(self.batch_count):
            picked = self.images[order[index * size : (index + 1) * size]]
            yield self._views(picked, generator_at(self.plan.seed, "batch", epoch, index))

    def _views(self, images: Tensor, chance: torch.Generator) -> Views:
        return Views(augment(images, self.plan.augment, chance), augment(images, self.plan.augment, chance))

    def loss(self, network: Contrastive, batch: Views) -> StepLoss:
        """Return the loss, mean over the members of the network, and how often a view finds its other one."""
        loss, found = self._compare(network, batch)
        return StepLoss(loss, {"found": found})

    def _compare(self, network: Contrastive, batch: Views) -> tuple[Tensor, float]:
        said = network(torch.cat([batch.first, batch.second]))
        terms, shares = [], []
        for member in said:
            first, second = member.chunk(2)
            terms.append(view_loss(first, second, self.plan.temperature))
            shares.append(share_found(first.detach(), second.detach()))
        return torch.stack(terms).mean(), sum(shares) / len(shares)

    @torch.no_grad()
    def measure(self, network: Contrastive) -> Measured:
        """Measure on views of the tuning part that are the same every time."""
        losses, shares, counts = [], [], []
        for index, images in enumerate(torch.split(self.tuning_images, self.plan.learning.batch_size)):
            loss, found = self._compare(network, self._views(images, generator_at(self.plan.seed, "measured", index)))
            losses.append(float(loss) * len(images))
            shares.append(found * len(images))
            counts.append(len(images))
        loss_mean, share = sum(losses) / sum(counts), sum(shares) / sum(counts)
        return Measured(loss_mean, {"found": share}, (-loss_mean,))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say the loss and how often a view finds its other one on the tuning part."""
        facts = {"epoch": record.epoch, "loss": f"{record.tuning_loss:.4f}", "found": f"{record.tuning['found']:.4f}"}
        return TrainEvent("ui.train.epoch.pretrain", facts | {"epochs": epochs_planned}, record.epoch, epochs_planned)


def view_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the normalised, temperature-scaled cross entropy of two views of each image (Chen 2020, equation 1).

    Each view has to tell its other one from all other views of the batch by their cosine over the temperature.

    Args:
        first: (image, feature), each of length one.
        second: the other views, in the same order.
        temperature: small values look at the nearest views alone.
    """
    views = torch.cat([first, second])
    alike = views @ views.T / temperature
    alike = alike.masked_fill(torch.eye(len(views), dtype=torch.bool), float("-inf"))
    other = torch.arange(len(views)).roll(len(first))
    return (torch.logsumexp(alike, 1) - alike.gather(1, other[:, None])[:, 0]).mean()


def share_found(first: Tensor, second: Tensor) -> float:
    """Return how often the view most like a first one, among all second ones, is its own."""
    return float(((first @ second.T).argmax(1) == torch.arange(len(first))).float().mean())
