"""Gather: split the cases by patient, bring images and masks onto the grid of the network once, and hold them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hounsfield.cases.masked_guard import as_cases
from hounsfield.cases.masked_table import MaskedImage, MaskTable
from hounsfield.cases.splits import split_cases
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.model.instances import with_borders
from hounsfield.prepare.network_input import labels_to_network, prepare_channels
from hounsfield.prepare.sequence import build_steps
from hounsfield.prepare.step import Step
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.plan import SplitPlan
from hounsfield.train.segmentation.patches import PreparedCase, PreparedParts
from hounsfield.train.segmentation.plan import SegmentationPlan

LEAST_CASES = {"training": 2, "tuning": 1}
"""Cases with a mask that a part needs."""


def choose_masked_parts(
    table: MaskTable, groups: Sequence[int], split: SplitPlan, unusable: Sequence[int] = ()
) -> dict[str, tuple[int, ...]]:
    """Return the indices of the cases with a mask of each part, no group in two; an empty part is left out.

    Raises:
        DatasetError: ``E862``, too few cases with a mask to learn from or to choose on.
    """
    shares = split.shares
    usable_cases = set(table.with_mask) - set(unusable)
    known = as_cases(table)
    # splits leave out what has no label: here what has no mask
    labelled = tuple(case if i in usable_cases else replace(case, label=None) for i, case in enumerate(known.cases))
    chosen = split_cases(replace(known, cases=labelled), groups, shares, split.seed, split.held_back)
    found = {part: tuple(i for i, name in enumerate(chosen) if name == part) for part in shares}
    for part, least in LEAST_CASES.items():
        if len(found[part]) < least:
            raise DatasetError("E862", part=part, found=len(found[part]), expected=least)
    return {part: indices for part, indices in found.items() if indices}


def gather_masked_parts(
    table: MaskTable, groups: Sequence[int], chosen: dict[str, tuple[int, ...]], plan: SegmentationPlan, talk: Talk
) -> PreparedParts:
    """Prepare images and masks of all parts.

    Raises:
        HounsfieldError: a case cannot be read or a step cannot be applied.
        DatasetError: ``E863``, the training part holds no labelled sample.
    """
    steps = build_steps(list(plan.prepare))
    total = sum(map(len, chosen.values()))
    parts: dict[str, list[PreparedCase]] = {"training": [], "tuning": [], "test": []}
    done = 0
    for part, indices in chosen.items():
        for index, image in table.read_all(indices):
            if isinstance(image, HounsfieldError):
                raise image
            parts[part].append(prepare_case(table.cases[index].identifier, groups[index], image, steps, plan))
            done += 1
            talk(TrainEvent("ui.train.preparing", {"done": done, "total": total}, done, total))
    if not any(case.places for case in parts["training"]):
        raise DatasetError("E863", found=", ".join(plan.label_names[1:]))
    return PreparedParts(tuple(parts["training"]), tuple(parts["tuning"]), tuple(parts["test"]))


def prepare_case(
    identifier: str, group: int, image: MaskedImage, steps: Sequence[Step], plan: SegmentationPlan
) -> PreparedCase:
    """Return a case on the grid of the network."""
    given = prepare_channels(usable(image.volumes, plan.quantity), steps, plan.network.channels)
    labels = labels_to_network(steps, image.mask.array, image.mask.geometry)
    learned = with_borders(labels) if plan.is_instances else np.asarray(labels, dtype=np.uint8)
    objects = np.asarray(labels, dtype=np.int32) if plan.is_instances else None
    return PreparedCase(identifier, group, given.images.astype(np.float16), learned, objects)


def usable(volumes: Sequence[Volume | None], quantity: str) -> tuple[Volume | None, ...]:
    """Return the channels, or refuse Hounsfield settings for images of another quantity.

    Raises:
        DatasetError: ``E864``.
    """
    if quantity == "hounsfield":
        for volume in volumes:
            if volume is not None and volume.quantity is not Quantity.HOUNSFIELD:
                raise DatasetError("E864", found=volume.quantity.name.lower(), expected=quantity)
    return tuple(volumes)
