"""Set-up of a segmentation: everything that is settled before the first step of learning, and said before it."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hounsfield.cases.masked import read_masked
from hounsfield.cases.masked_guard import MaskedExamination, examine_masked
from hounsfield.cases.masked_table import MaskTable
from hounsfield.errors import DatasetError, SettingsError
from hounsfield.model.networks.mask_catalogue import UNetSettings
from hounsfield.model.networks.unet import UNet, build_unet
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.fitting import Fit, fitted
from hounsfield.train.held import Saved, saved_by
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import FLOAT_BYTES, MemoryEstimate, estimate_step
from hounsfield.train.options import TrainOptions
from hounsfield.train.outline import tell_issues
from hounsfield.train.recipe import Recipe
from hounsfield.train.segmentation.fingerprint import MaskFingerprint, take_mask_fingerprint
from hounsfield.train.segmentation.gather import choose_masked_parts, gather_masked_parts
from hounsfield.train.segmentation.objective import supervised_loss
from hounsfield.train.segmentation.patches import PreparedParts
from hounsfield.train.segmentation.plan import SegmentationPlan
from hounsfield.train.segmentation.planner import make_mask_plan
from hounsfield.train.setup import choose_threads, command_of, enter_run, tell_memory, tell_parts
from hounsfield.train.transfer.start import Start, read_wish

IMAGE_BYTES, MASK_BYTES = 2, 5
"""Of a prepared sample: half precision, and a label with the number of its object."""
LEAST_PATCHES = 2
"""Of a batch, where memory is short."""
COPIES_OF_PROBABILITIES = 3
"""Sums over the patches, their mean, and what is measured of it."""


@dataclass(frozen=True)
class MaskTask:
    """A run that is set up: everything but the weights.

    Attributes:
        table: the data set.
        examination: what was found in it.
        recipe: what was asked for.
        plan: what the run obeys.
        parts: prepared images and masks.
        ledger: the run folder.
        command: the command line that makes this model.
        start: weights to start from, None for chance.
    """

    table: MaskTable
    examination: MaskedExamination
    recipe: Recipe
    plan: SegmentationPlan
    parts: PreparedParts
    ledger: Ledger
    command: str
    start: Start | None = None


@dataclass(frozen=True)
class MaskOutline:
    """A run before its images are prepared.

    Attributes:
        table: the data set.
        examination: what was found in it.
        fingerprint: the facts that the plan was chosen by.
        plan: what the run obeys; centre and scale of the network's input are still open.
        chosen: indices of the cases of each part.
        start: weights to start from, None for chance.
    """

    table: MaskTable
    examination: MaskedExamination
    fingerprint: MaskFingerprint
    plan: SegmentationPlan
    chosen: dict[str, tuple[int, ...]]
    start: Start | None = None

    @property
    def memory(self) -> MemoryEstimate:
        """What the run is estimated to hold."""
        return estimate_mask_memory(self.plan, self.fingerprint.shape, sum(map(len, self.chosen.values())))


def outline_masks(
    data: Path, options: TrainOptions, recipe: Recipe, threads: int, talk: Talk, earlier: SegmentationPlan | None = None
) -> MaskOutline:
    """Read, examine, plan and split a data set of masks; nothing is prepared yet.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
    """
    table = _named(read_masked(data), options, recipe)
    facts = {"cases": len(table), "classes": ", ".join(table.label_names), "data": table.name}
    talk(TrainEvent("ui.train.read", facts))
    progress = TrainEvent("ui.train.examining")
    examination = examine_masked(table, progress=lambda done, total: talk(replace(progress, done=done, total=total)))
    tell_issues(table.name, examination.issues, options, talk)
    usable = sorted(set(table.with_mask) - set(examination.unusable))
    if not usable:
        raise DatasetError("E862", part="training", found=0, expected=2)
    found = take_mask_fingerprint(table, usable)
    wish = read_wish(options, recipe)
    formed = wish.formed(recipe, options)
    fit = Fit(
        lambda wanted: make_mask_plan(wanted, formed, found, table, threads),
        lambda plan: estimate_mask_memory(plan, found.shape, len(usable)),
        LEAST_PATCHES,
        lambda plan: min(plan.network.patch[1:]),
    )
    draft = fitted(fit, options, recipe, earlier)
    plan, start = wish.begin(draft, draft.network, lambda: build_unet(draft.network))
    for reason in plan.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    chosen = choose_masked_parts(table, examination.groups, plan.split, examination.unusable)
    return MaskOutline(table, examination, found, plan, chosen, start)


def set_up_masks(data: Path, options: TrainOptions, recipe: Recipe, ledger: Ledger, talk: Talk) -> MaskTask:
    """Read, plan, split and prepare a data set of masks.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` the run to go on with obeys another plan.
    """
    earlier = ledger.read_plan(SegmentationPlan) if options.resume else None
    found = outline_masks(data, options, recipe, choose_threads(options, ledger), talk, earlier)
    table, examination = found.table, found.examination
    estimate = found.memory
    tell_memory(estimate, talk)
    parts = gather_masked_parts(table, examination.groups, found.chosen, found.plan, talk)
    tell_parts(parts.sizes, len(table), talk)
    plan = with_mask_range(found.plan, recipe, parts)
    command = command_of(data, options, plan)
    enter_run(ledger, plan, parts.digest, command, estimate, is_resumed=options.resume)
    return MaskTask(table, examination, recipe, plan, parts, ledger, command, found.start)


def estimate_mask_memory(plan: SegmentationPlan, shape: tuple[int, int, int], case_count: int) -> MemoryEstimate:
    """Estimate what a run holds at its peak, from the median shape (slice, row, column) and the form of the network."""
    network, samples = plan.network, int(np.prod(shape))
    slab = min(network.patch[0], shape[0]) * shape[1] * shape[2] * len(plan.learned_names)
    case_bytes = FLOAT_BYTES * (network.channels * samples + COPIES_OF_PROBABILITIES * slab)
    images_bytes = case_count * samples * (network.channels * IMAGE_BYTES + MASK_BYTES)
    return estimate_step(_saved(network), images_bytes, plan.learning.batch_size, 1, case_bytes)


@cache
def _saved(network: UNetSettings) -> Saved:
    """Return what a network of this form saves of one patch: asked for by the outline, and again by the run."""
    patch = network.patch[1:] if network.is_planar else network.patch
    return saved_by(lambda: build_unet(network), mask_loss_of, (network.channels, *patch))


def mask_loss_of(network: UNet, images: Tensor) -> Tensor:
    """Return the loss of images (image, channel, ...) that show nothing but background."""
    masks = torch.zeros(len(images), *images.shape[2:], dtype=torch.int64)
    return supervised_loss(network.all_logits(images), masks)


def _named(table: MaskTable, options: TrainOptions, recipe: Recipe) -> MaskTable:
    """Return the table with the names of its labels that a person or recipe gives, with or without the background.

    Raises:
        SettingsError: ``E830``, not as many names as there are labels.
    """
    names = options.class_names or tuple(entry.name for entry in recipe.classes)
    if not names:
        return table
    whole = names if len(names) == len(table.label_names) else (table.label_names[0], *names)
    if len(whole) != len(table.label_names):
        raise SettingsError("E830", found=f"classes: {len(names)} != {len(table.label_names) - 1}")
    return replace(table, label_names=whole)


def with_mask_range(draft: SegmentationPlan, recipe: Recipe, parts: PreparedParts) -> SegmentationPlan:
    """Return the plan with the centre and scale of the training images."""
    if {"centre", "scale"} & set(recipe.network):
        return draft
    sums = np.zeros(3)
    for case in parts.training:
        samples = case.images.astype(np.float64)
        sums += (samples.size, samples.sum(), (samples**2).sum())
    centre = sums[1] / sums[0]
    deviation = float(np.sqrt(max(0.0, sums[2] / sums[0] - centre**2)))
    network = replace(draft.network, centre=round(float(centre), 6), scale=round(1 / max(deviation, 1e-3), 6))
    return draft.model_copy(update={"network": network})
