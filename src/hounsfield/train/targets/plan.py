"""The plan of a run on targets: that of a classifier, with what its outputs mean."""

from pydantic import Field

from hounsfield.cases.targets import TargetTable
from hounsfield.cases.task import LearningTask
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Plan, Reason
from hounsfield.train.planner import make_plan
from hounsfield.train.recipe import Recipe


class TargetPlan(Plan):
    """A resolved run on targets; ``class_names`` are the labels, the ordered classes, or the name of the number.

    Attributes:
        task: what is learned.
        target_centre: mean of the number in the training part.
        target_scale: its standard deviation there; the network learns the number less the mean over this.
    """

    task: LearningTask
    target_centre: float = 0.0
    target_scale: float = Field(1.0, gt=0)


def make_target_plan(
    options: TrainOptions, recipe: Recipe, found: Fingerprint, targets: TargetTable, threads: int
) -> TargetPlan:
    """Return the plan of a run, as ``make_plan`` does for a classifier of the same images.

    Blends of images, smoothing and weights of classes are left out, as they have no meaning for targets that may be
    missing; the score for unknown kinds of image and decoys need classes.

    Raises:
        SettingsError: ``E830``, a setting is not possible; ``E831``, an unknown network.
        DatasetError: ``E832``, the network cannot take images of the size asked for.
    """
    plan = make_plan(options, recipe, found, targets.names, threads)
    outputs = len(targets.names) - (targets.task is LearningTask.ORDINAL)
    learning = plan.learning.model_copy(update={"mixup": None, "label_smoothing": 0.0, "balance": "none"})
    facts: dict[str, str | int | float] = {"task": targets.task.value, "targets": ", ".join(targets.names[:8])}
    why = Reason(choice="task", key=targets.reason, facts=facts)
    kept = tuple(reason for reason in plan.reasons if reason.choice != "balance")
    values = plan.model_dump() | {
        "task": targets.task,
        "network": {**plan.model_dump()["network"], "class_count": outputs},
        "learning": learning.model_dump(),
        "decoys": None,
        "outside": None,
        "reasons": [why.model_dump(), *(reason.model_dump() for reason in kept)],
    }
    return TargetPlan.model_validate(values)
