"""Gather: prepare the frames of each sequence once, together, with the steps of the model."""

from collections.abc import Mapping, Sequence

import numpy as np

from hounsfield.cases.sequenced import SequenceTable
from hounsfield.cases.sequenced_guard import SequenceExamination
from hounsfield.errors import HounsfieldError
from hounsfield.prepare.sequence import build_steps
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.gather import Preparer, clusters_of
from hounsfield.train.sequence.parts import SequencePart, SequenceParts
from hounsfield.train.sequence.plan import SequencePlan


def gather_sequences(
    data: SequenceTable,
    examined: SequenceExamination,
    chosen: Mapping[str, tuple[int, ...]],
    plan: SequencePlan,
    quantity: str,
    talk: Talk,
) -> SequenceParts:
    """Prepare the sequences of all parts.

    Args:
        data: the data set.
        examined: its groups, and the frames of each case.
        chosen: indices of each part.
        plan: with the preparing steps and the network's input.
        quantity: what the steps start from; ``display`` as everything can be shown.
        talk: told of progress.

    Raises:
        PrepareError: a step cannot be applied.
        DatasetError: ``E840``, the steps do not lead to the network's input.
    """
    indices = [index for part in chosen.values() for index in part]
    counts = plan.frames_of(examined.frame_counts)
    network, reader = plan.network, Preparer(build_steps(list(plan.prepare)), quantity, plan)
    held = {
        name: np.zeros((int(counts[list(part)].sum()), network.channels, network.rows, network.columns), np.float32)
        for name, part in chosen.items()
    }
    places = {
        index: held[name][start : start + counts[index]]
        for name, part in chosen.items()
        for index, start in zip(part, _starts(counts[list(part)].tolist()), strict=True)
    }
    for done, (index, image) in enumerate(data.table.read_all(indices), start=1):
        if isinstance(image, HounsfieldError):
            raise image
        places[index][:] = reader.frames(image)
        talk(TrainEvent("ui.train.preparing", {"done": done, "total": len(indices)}, done, len(indices)))
    clusters = clusters_of(data.table, plan.clusters)
    groups = np.asarray(examined.found.groups, dtype=np.int64)
    values = np.full(len(data.table), np.nan) if data.targets is None else data.targets.values[:, 0]
    parts = {}
    for name, part in chosen.items():
        own = list(part)
        names = tuple(data.table.cases[index].identifier for index in part)
        facts = (data.table.labels[own], groups[own], names, clusters[own], counts[own], values[own])
        parts[name] = SequencePart(held[name], *facts)
    return SequenceParts(parts["training"], parts["tuning"], parts.get("test"))


def _starts(counts: Sequence[int]) -> list[int]:
    return [int(place) for place in np.cumsum([0, *counts])[:-1]]
