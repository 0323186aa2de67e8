"""Segmentation as a way of learning: patches in, a label for every sample out."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hounsfield.metrics.masks import pair_masks
from hounsfield.metrics.overlap import dice_score
from hounsfield.model.networks.unet import UNet, build_unet
from hounsfield.model.window import slide
from hounsfield.train.augment import augment_with_masks
from hounsfield.train.chance import generator_at
from hounsfield.train.events import TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.segmentation.objective import supervised_loss
from hounsfield.train.segmentation.patches import (
    PatchBatch,
    PreparedCase,
    PreparedParts,
    draw_patches,
    drawn_patch,
    resized,
)
from hounsfield.train.segmentation.plan import SegmentationPlan
from hounsfield.train.series_dropout import leave_out
from hounsfield.train.transfer.start import Start
from hounsfield.train.way import Measured, StepLoss

TUNING_OVERLAP_FRACTION = 0.0
"""Of the sliding window while training: the tuning part is measured every epoch, and tiles cost a quarter."""


class Segmentation:
    """One plan on one data set (a ``train.way.Way``)."""

    def __init__(self, plan: SegmentationPlan, parts: PreparedParts, start: Start | None = None) -> None:
        """Hold the parts."""
        self.plan = plan
        self.start = start
        self.parts = parts
        self.data_digest = parts.digest
        self.is_given = [torch.from_numpy(case.images.any(axis=(1, 2, 3))) for case in parts.training]

    @property
    def batch_count(self) -> int:
        """As the plan says: an epoch is a number of patches, not a pass over the cases."""
        return self.plan.batches_per_epoch

    def build(self) -> UNet:
        """Return a fresh network."""
        return build_unet(self.plan.network)

    def batches(self, epoch: int) -> Iterator[PatchBatch]:
        """Give the batches of an epoch: every case comes up before one comes again."""
        size = self.plan.learning.batch_size
        order = self._order(epoch, size * self.batch_count)
        for index in range(self.batch_count):
            chance = generator_at(self.plan.seed, "batch", epoch, index)
            picked = order[index * size : (index + 1) * size]
            cases = [self.parts.training[case] for case in picked]
            drawn = self._draw(cases, generator_at(self.plan.seed, "size", epoch, index), chance)
            images, masks = augment_with_masks(drawn.images, drawn.masks, self.plan.augment, chance)
            yield PatchBatch(self._shown(images, torch.stack([self.is_given[case] for case in picked]), chance), masks)

    def _shown(self, images: Tensor, is_given: Tensor, chance: torch.Generator) -> Tensor:
        """Return images whose missing channels are 0, as in prediction, whatever augmentation made of them."""
        if is_given.shape[1] == 1:
            return images
        shown = is_given
        if self.plan.channel_dropout:
            none = torch.zeros(is_given.shape[1], dtype=torch.bool)
            shown = leave_out(is_given, self.plan.channel_dropout, none, chance)
        return images if shown.all() else images * shown[:, :, None, None, None]

    def _draw(self, cases: list[PreparedCase], of_size: torch.Generator, chance: torch.Generator) -> PatchBatch:
        """Cut the patches of a batch, and bring them to the patch of the network where the plan cuts several sizes."""
        patch, shares = self.plan.network.patch, self.plan.patch_shares
        if shares is None:
            return draw_patches(cases, patch, self.plan.foreground_fraction, chance)
        cut = drawn_patch(patch, shares, of_size)
        return resized(draw_patches(cases, cut, self.plan.foreground_fraction, chance), patch)

    def _order(self, epoch: int, wanted: int) -> list[int]:
        chance = generator_at(self.plan.seed, "order", epoch)
        count = len(self.parts.training)
        rounds = [torch.randperm(count, generator=chance) for _ in range(-(-wanted // count))]
        return [int(case) for case in torch.cat(rounds)[:wanted]]

    def loss(self, network: UNet, batch: PatchBatch) -> StepLoss:
        """Return Dice and cross entropy loss over the supervised sizes."""
        is_planar = self.plan.network.is_planar
        images = batch.images.squeeze(2) if is_planar else batch.images
        masks = batch.masks.squeeze(1) if is_planar else batch.masks
        return StepLoss(supervised_loss(network.all_logits(images), masks))

    def measure(self, network: UNet) -> Measured:
        """Score by the mean Dice a case over the labels above 0, then by the cross entropy a sample."""
        runner = PatchRunner(network, self.plan)
        dice, losses = [], []
        for case in self.parts.tuning:
            called, loss = runner.case(case, TUNING_OVERLAP_FRACTION)
            scores = label_dice(called, case.mask, len(self.plan.learned_names))
            dice.append(float(np.nanmean(scores)) if np.isfinite(scores).any() else 1.0)
            losses.append(loss)
        mean, loss = float(np.mean(dice)), float(np.mean(losses))
        return Measured(loss, {"dice": mean}, (round(mean, 4), -loss))

    def event(self, record: EpochRecord, epochs_planned: int) -> TrainEvent:
        """Say loss and Dice on the tuning part."""
        facts = {"loss": f"{record.tuning_loss:.4f}", "dice": f"{record.tuning['dice']:.4f}"}
        places = {"epoch": record.epoch, "epochs": epochs_planned}
        return TrainEvent("ui.train.epoch.segmentation", {**facts, **places}, record.epoch, epochs_planned)


class PatchRunner:
    """Runs a network in torch over whole cases, as ``model.mask_predictor`` runs the exported one."""

    def __init__(self, network: UNet, plan: SegmentationPlan) -> None:
        self.network, self.plan = network, plan

    @torch.no_grad()
    def __call__(self, patch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return probabilities (label, slice, row, column) of a patch (channel, slice, row, column)."""
        given = torch.from_numpy(patch)[None]
        logits: Tensor = self.network(given.squeeze(2) if self.plan.network.is_planar else given)
        found = logits.softmax(1)[0]
        return np.asarray((found.unsqueeze(1) if self.plan.network.is_planar else found).numpy(), dtype=np.float32)

    def case(self, case: PreparedCase, overlap_fraction: float) -> tuple[npt.NDArray[np.uint8], float]:
        """Return the labels (slice, row, column) of a case, and the mean cross entropy of its samples."""
        called = np.zeros(case.mask.shape, dtype=np.uint8)
        total = 0.0
        images = case.images.astype(np.float32)
        count = len(self.plan.learned_names)
        for start, probabilities in slide(images, self.plan.network.patch, overlap_fraction, count, self):
            stop = start + probabilities.shape[1]
            called[start:stop] = probabilities.argmax(0)
            own = np.take_along_axis(probabilities, case.mask[start:stop][None].astype(np.int64), 0)
            total -= float(np.log(np.maximum(own, 1e-7), dtype=np.float64).sum())
        return called, total / called.size


def label_dice(
    called: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8], label_count: int
) -> npt.NDArray[np.float64]:
    """Return the Dice of each label above 0; NaN where neither mask has the label, which says nothing about it."""
    scores: Sequence[float] = [_dice(called == label, reference == label) for label in range(1, label_count)]
    return np.array(scores, dtype=np.float64)


def _dice(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    return dice_score(pair_masks(first, second, threads=1)) if first.any() or second.any() else float("nan")
