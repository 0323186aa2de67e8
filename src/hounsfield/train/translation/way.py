"""Translation as a way of learning (a ``train.way.Way``): a game over pairs, beside the absolute difference."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.metrics.fidelity import psnr_score, ssim_score
from hounsfield.model.generator import Images
from hounsfield.model.networks.translation import Translators, build_translators
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.parts import Parts
from hounsfield.train.synthesis.objective import discriminator_loss, generator_loss, held
from hounsfield.train.translation.plan import TranslationPlan
from hounsfield.train.way import Measured, StepLoss

_AT_ONCE = 16


@dataclass(frozen=True)
class PairParts:
    """The parts of the images that are given, and of what is to be made of them, case by case."""

    inputs: Parts
    targets: Parts

    @property
    def digest(self) -> str:
        """SHA-256 over both."""
        return hashlib.sha256((self.inputs.digest + self.targets.digest).encode()).hexdigest()


class PairBatch(NamedTuple):
    """Images (image, channel, row, column) that are given, and what is to be made of them."""

    images: Tensor
    targets: Tensor


class Translation:
    """One plan on one data set."""

    def __init__(self, plan: TranslationPlan, parts: PairParts) -> None:
        """Hold the parts as tensors."""
        self.plan = plan
        self.parts = parts
        self.data_digest = parts.digest
        self.images = torch.from_numpy(parts.inputs.training.images)
        self.targets = torch.from_numpy(parts.targets.training.images)

    @property
    def batch_count(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.images) // self.plan.learning.batch_size)

    def build(self) -> Translators:
        """Return both networks, fresh."""
        return build_translators(self.plan.network)

    def batches(self, epoch: int) -> Iterator[PairBatch]:
        """Give the batches of an epoch; both images of a pair are changed alike."""
        order = torch.randperm(len(self.images), generator=generator_at(self.plan.seed, "order", epoch))
        size, channels = self.plan.learning.batch_size, self.plan.network.channels
        for index in range(self.batch_count):
            picked = order[index * size : (index + 1) * size]
            both = torch.cat([self.images[picked], self.targets[picked]], 1)
            both = augment(both, self.plan.augment, generator_at(self.plan.seed, "batch", epoch, index))
            yield PairBatch(both[:, :channels], both[:, channels:])

    def loss(self, network: Translators, batch: PairBatch) -> StepLoss:
        """Return the sum of what both networks lower; each gets the gradient of its own part alone.

        The discriminator's part counts half, which slows it beside the generator (Isola 2017, section 3.3).
        """
        made = network.generator(batch.images)
        apart = functional.l1_loss(made, batch.targets)
        weighted = self.plan.l1_weight * apart
        if not self.plan.adversarial:
            return StepLoss(weighted, {"l1": float(apart.detach())})
        game, judge = self.plan.game, network.discriminator
        real_logits, made_logits = judge(batch.images, batch.targets), judge(batch.images, made.detach())
        own = 0.5 * discriminator_loss(game, real_logits, made_logits, self.plan.learning.label_smoothing)
        with held(judge):
            other = generator_loss(game, judge(batch.images, made))
        figures = {"l1": apart, "discriminator_loss": own, "generator_loss": other}
        return StepLoss(own + other + weighted, {name: float(value.detach()) for name, value in figures.items()})

    def measure(self, network: Translators) -> Measured:
        """Score by the absolute difference on the tuning part; less is better."""
        made = run_torch(network, self.parts.inputs.tuning.images)
        found = likeness(made, self.parts.targets.tuning.images)
        means = {name: float(np.mean(values)) for name, values in found.items()}
        return Measured(means["mae"], means, (-means["mae"],))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say how far the images that are made are from those wanted, on the tuning part."""
        facts: dict[str, object] = {"epoch": record.epoch, "epochs": epochs_planned}
        facts |= {"mae": f"{record.tuning_loss:.4f}", "ssim": f"{record.tuning['ssim']:.3f}"}
        return TrainEvent("ui.train.epoch.translation", facts, record.epoch, epochs_planned)


@torch.no_grad()
def run_torch(network: Translators, images: Images) -> Images:
    """Return what the generator makes of images (image, channel, row, column), a few at a time."""
    parts = [network.generator(part) for part in torch.split(torch.from_numpy(images), _AT_ONCE)]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)


def likeness(made: Images, wanted: Images) -> "dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]":
    """Return how alike each two images (image, channel, row, column) in 0..1 are: ``mae``, ``psnr``, ``ssim`` (image,).

    The PSNR of equal images counts as that of a difference of one step of 8 bits in one sample of them all.
    """
    best = 10 * np.log10(255.0**2 * wanted[0].size)
    pairs = list(zip(wanted[:, 0], made[:, 0], strict=True))
    return {
        "mae": np.abs(made - wanted).mean((1, 2, 3), dtype=np.float64),
        "psnr": np.array([min(psnr_score(one, other, 1.0), best) for one, other in pairs]),
        "ssim": np.array([ssim_score(one, other, 1.0) for one, other in pairs]),
    }
