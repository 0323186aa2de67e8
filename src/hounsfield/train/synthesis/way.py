"""Synthesis as a way of learning (a ``train.way.Way``): two networks in a game, stepped at once by one optimiser."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.metrics.synthesis import frechet_distance, kernel_distance
from hounsfield.model.networks.gan import Adversaries, build_adversaries
from hounsfield.train.chance import generator_at
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.parts import Parts
from hounsfield.train.synthesis.objective import discriminator_loss, generator_loss, held
from hounsfield.train.synthesis.plan import SynthesisPlan
from hounsfield.train.synthesis.space import FeatureSpace
from hounsfield.train.way import Measured, StepLoss


class GameBatch(NamedTuple):
    """Real images (image, channel, row, column), and codes (image, latent + class) of as many images of their classes.

    ``classes`` (image, class) is one for the class of the real image and of the one that is made.
    """

    images: Tensor
    classes: Tensor
    codes: Tensor


class Synthesis:
    """One plan on one data set."""

    def __init__(self, plan: SynthesisPlan, parts: Parts, space: FeatureSpace) -> None:
        """Hold the parts as tensors, and the features of the tuning images that epochs are measured with."""
        self.plan = plan
        self.data_digest = parts.digest
        self.class_count = len(plan.class_names)
        self.images = torch.from_numpy(parts.training.images)
        self.labels = torch.from_numpy(parts.training.labels)
        self.space = space
        count = min(plan.measured, len(parts.tuning))
        picked = np.linspace(0, len(parts.tuning) - 1, count).round().astype(np.int64)
        self._tuning_labels = torch.from_numpy(parts.tuning.labels[picked])
        self._tuning = space.of(parts.tuning.images[picked])

    @property
    def batch_count(self) -> int:
        """Whole batches of as many images as the training part has."""
        return max(1, len(self.labels) // self.plan.learning.batch_size)

    def build(self) -> Adversaries:
        """Return both networks, fresh."""
        return build_adversaries(self.plan.network)

    def batches(self, epoch: int) -> Iterator[GameBatch]:
        """Give the batches of an epoch: classes come equally often, however rare they are."""
        chance = generator_at(self.plan.seed, "order", epoch)
        counts = torch.bincount(self.labels, minlength=self.class_count).clamp(min=1)
        size = self.plan.learning.batch_size
        order = torch.multinomial(
            1 / counts[self.labels].double(), self.batch_count * size, replacement=True, generator=chance
        )
        for index in range(self.batch_count):
            picked = order[index * size : (index + 1) * size]
            codes = self._codes(self.labels[picked], generator_at(self.plan.seed, "noise", epoch, index))
            yield GameBatch(self.images[picked], codes[:, self.plan.network.latent :], codes)

    def _codes(self, labels: Tensor, chance: torch.Generator) -> Tensor:
        noise = torch.randn(len(labels), self.plan.network.latent, generator=chance)
        return torch.cat([noise, functional.one_hot(labels, self.class_count).float()], 1)

    def loss(self, network: Adversaries, batch: GameBatch) -> StepLoss:
        """Return the sum of what both networks lower; each gets the gradient of its own part alone."""
        game, judge = self.plan.game, network.discriminator
        made = network.generator(batch.codes)
        real_logits, made_logits = judge(batch.images, batch.classes), judge(made.detach(), batch.classes)
        own = discriminator_loss(game, real_logits, made_logits, self.plan.learning.label_smoothing)
        with held(judge):
            other = generator_loss(game, judge(made, batch.classes))
        border = 0.5 if game == "least-squares" else 0.0
        right = ((real_logits > border).float().mean() + (made_logits <= border).float().mean()) / 2
        figures = {"discriminator_loss": own, "generator_loss": other, "told_apart": right}
        return StepLoss(own + other, {name: float(value.detach()) for name, value in figures.items()})

    @torch.no_grad()
    def measure(self, network: Adversaries) -> Measured:
        """Score by the kernel distance of as many images to those of the tuning part; less is better."""
        codes = self._codes(self._tuning_labels, generator_at(self.plan.seed, "measured"))
        made = torch.cat([network.generator(part) for part in torch.split(codes, 64)]).clamp(0, 1)
        features = self.space.of(made.numpy())
        distance = kernel_distance(self._tuning, features)
        figures = {"kernel_distance": distance, "frechet_distance": frechet_distance(self._tuning, features)}
        return Measured(distance, figures, (-distance,))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say the losses, how often the discriminator is right, and the kernel distance on the tuning part."""
        facts: dict[str, object] = {"epoch": record.epoch, "epochs": epochs_planned}
        facts |= {name: f"{record.training[name]:.3f}" for name in ("discriminator_loss", "generator_loss")}
        facts |= {"told_apart": f"{record.training['told_apart']:.2f}", "distance": f"{record.tuning_loss:.4f}"}
        return TrainEvent("ui.train.epoch.synthesis", facts, record.epoch, epochs_planned)
