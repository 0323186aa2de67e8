"""The plan of a run on sequences: that of a classifier of their frames, with how the frames become one answer."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, ValidationError

from hounsfield.cases.sequenced import SequenceTable
from hounsfield.cases.task import LearningTask
from hounsfield.errors import SettingsError
from hounsfield.model.networks.sequence_catalogue import SequenceSettings, sequence_name, split_name
from hounsfield.prepare.frames import SampleFrames
from hounsfield.prepare.sequence import build_steps
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Learning, Reason
from hounsfield.train.planner import make_plan
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.targets.plan import TargetPlan

MOST_FRAMES = 16
"""Frames of a sequence that are looked at when nobody says otherwise."""
BATCH_FRAMES = 128
"""Frames of a batch, from which the number of sequences in it follows."""
LEAST_BATCH = 4
RUN_FRAMES = 200_000
"""Frames seen in a whole run, from which the number of epochs follows."""
LEAST_EPOCHS = 20
FEW_SEQUENCES = 200
"""Sequences below which the recurrent network is made narrower."""
Facts = dict[str, str | int | float]


class SequencePlan(TargetPlan):
    """A resolved run on sequences; ``network`` is that of each frame, with as many outputs as the answer has.

    Attributes:
        task: whether a class or a number is learned of each sequence.
        sequence: what stands behind the frame network.
        most_frames: frames of a sequence that are looked at, evenly spread over it.
    """

    sequence: SequenceSettings = Field(default_factory=SequenceSettings)
    most_frames: int = Field(MOST_FRAMES, ge=1, le=4096)

    @property
    def network_name(self) -> str:
        """Name of the network, such as ``small-residual+gru``."""
        return sequence_name(self.network.name, self.sequence.cell)

    @property
    def is_number(self) -> bool:
        """Whether a number is learned."""
        return self.task is LearningTask.REGRESSION

    def frames_of(self, frame_counts: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return how many frames (case,) of each sequence are looked at."""
        return np.minimum(np.asarray(frame_counts, dtype=np.int64), self.most_frames)


def make_sequence_plan(
    options: TrainOptions,
    recipe: Recipe,
    found: Fingerprint,
    data: SequenceTable,
    frame_counts: Sequence[int],
) -> SequencePlan:
    """Return the plan of a run, as ``make_plan`` does for a classifier of the frames.

    Blends of cases have no meaning for sequences of different length and are left out; the score for unknown kinds of
    image and decoys are made for single images.

    Args:
        options: what a person asks for; ``network`` names a frame network, a cell, or both (``article+lstm``); its
            threads are settled.
        recipe: its ``sequence`` holds settings of the recurrent network and ``most_frames``.
        found: facts of the frames.
        data: the data set.
        frame_counts: frames of each case, 0 for one that cannot be read.

    Raises:
        SettingsError: ``E830``, a setting is not possible; ``E831``, an unknown network; ``E833``, an impossible form.
        DatasetError: ``E832``, the frame network cannot take images of the size asked for.
    """
    named = options.network or recipe.network.get("name")
    frame_name, cell = split_name(str(named)) if named else (None, None)
    own = {key: value for key, value in recipe.network.items() if key != "name"}
    whole = recipe.model_copy(update={"network": own})
    base = make_plan(replace(options, network=frame_name), whole, found, data.names, options.threads or 1)
    settings, most, asked = _sequence(recipe, cell, found, frame_counts)
    counts = np.minimum([count for count in frame_counts if count], most)
    learning, reasons = _learning(
        options, recipe, base.learning, found.case_count, counts, is_number=data.targets is not None
    )
    network = replace(base.network, members=own.get("members", 1))
    why = [_task_reason(data), *_kept(base.reasons, data), *reasons]
    if "most_frames" not in asked and _sampled(recipe) is None:
        longer = int(sum(count > most for count in frame_counts))
        facts: Facts = {"most": most, "longest": max(frame_counts), "longer": longer, "total": len(frame_counts)}
        why.append(Reason(choice="frames", key="ui.train.reason.frames", facts=facts))
    if not {"cell", "width", "is_bidirectional", "pooling"} & asked and cell is None:
        facts = {"cell": settings.cell.upper(), "width": settings.width, "count": found.case_count}
        why.append(Reason(choice="sequence", key="ui.train.reason.sequence", facts=facts))
    values = base.model_dump() | {
        "task": data.task,
        "network": asdict(network),
        "prepare": _prepare(base.prepare, most),
        "learning": learning.model_dump(),
        "sequence": asdict(settings),
        "most_frames": most,
        "decoys": None,
        "outside": None,
        "reasons": [reason.model_dump() for reason in why],
    }
    return SequencePlan.model_validate(values)


def _sequence(
    recipe: Recipe, cell: str | None, found: Fingerprint, frame_counts: Sequence[int]
) -> tuple[SequenceSettings, int, set[str]]:
    """Return the settings of the recurrent network, the frames looked at, and what the recipe asks for by name."""
    asked = dict(recipe.sequence)
    values: dict[str, Any] = {"width": 32 if found.case_count < FEW_SEQUENCES else 64, **asked}
    values |= {"cell": cell} if cell else {}
    sampled = _sampled(recipe)
    most = values.pop("most_frames", sampled or max(1, min(MOST_FRAMES, max(frame_counts))))
    if sampled is not None and most != sampled:
        raise SettingsError("E830", found=f"sequence.most_frames: {most}, sample-frames: {sampled}")
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= 4096:
        raise SettingsError("E830", found=f"sequence.most_frames: {most}")
    strange = set(values) - set(SequenceSettings.__dataclass_fields__)
    if strange:
        raise SettingsError("E830", found=f"sequence.{min(strange)}")
    try:
        settings = TypeAdapter(SequenceSettings).validate_python(values)
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
    settings.check()
    return settings, most, set(asked)


def _sampled(recipe: Recipe) -> int | None:
    """Return how many frames the steps of a recipe leave at most, None where no step chooses among them."""
    chosen = [step for step in build_steps(list(recipe.prepare or ())) if isinstance(step, SampleFrames)]
    return min((step.most for step in chosen), default=None)


def _learning(
    options: TrainOptions,
    recipe: Recipe,
    base: Learning,
    case_count: int,
    counts: npt.NDArray[np.int64],
    *,
    is_number: bool,
) -> tuple[Learning, list[Reason]]:
    """Return how weights are found, with fewer sequences a batch and fewer epochs the more frames a sequence has."""
    mean = max(1.0, float(counts.mean()))
    changes: dict[str, Any] = {"mixup": None}
    changes |= {"label_smoothing": 0.0, "balance": "none"} if is_number else {}
    reasons = []
    frames = round(mean, 1)
    if options.batch_size is None and "batch_size" not in recipe.learning:
        batch = changes["batch_size"] = max(LEAST_BATCH, min(base.batch_size, round(BATCH_FRAMES / mean)))
        facts: Facts = {"batch_size": batch, "frames": frames}
        reasons.append(Reason(choice="batch_size", key="ui.train.reason.sequence-batch", facts=facts))
    if options.epochs is None and "epochs" not in recipe.learning:
        epochs = max(LEAST_EPOCHS, min(base.epochs, round(RUN_FRAMES / (case_count * mean))))
        changes["epochs"] = epochs
        facts = {"epochs": epochs, "count": case_count, "frames": frames}
        reasons.append(Reason(choice="epochs", key="ui.train.reason.sequence-epochs", facts=facts))
    return base.model_copy(update=changes), reasons


def _prepare(steps: tuple[dict[str, Any], ...], most: int) -> list[dict[str, Any]]:
    """Return the steps with the choice of frames first, so that nothing is done to frames that are not looked at."""
    if any(step.get("step") == "sample-frames" for step in steps):
        return list(steps)
    return [{"step": "sample-frames", "most": most}, *steps]


def _task_reason(data: SequenceTable) -> Reason:
    if data.targets is None:
        facts: Facts = {"classes": ", ".join(data.names[:8])}
        return Reason(choice="task", key="ui.train.task.sequence-class", facts=facts)
    return Reason(choice="task", key="ui.train.task.sequence-number", facts={"name": data.names[0]})


def _kept(reasons: tuple[Reason, ...], data: SequenceTable) -> list[Reason]:
    """Return the reasons of the frame classifier that still hold."""
    left_out = {"epochs", "batch_size"} | ({"balance"} if data.targets is not None else set())
    return [reason for reason in reasons if reason.choice not in left_out]
