"""The plan of a run of several heads: that of a classifier, with what each head means and how much it counts."""

import re
from dataclasses import replace
from typing import Literal
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

from hounsfield.cases.heads import Head
from hounsfield.cases.several import SeveralTable
from hounsfield.cases.task import LearningTask
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Plan, Reason
from hounsfield.train.planner import make_plan
from hounsfield.train.recipe import Recipe
from hounsfield.train.statement import slug

Weighting = Literal["fixed", "uncertainty"]


class HeadPlan(BaseModel):
    """One head of a run.

    Attributes:
        name: of the head.
        task: what is learned.
        class_names: the classes, labels, grades in order, or the name of the number.
        columns: of the manifest.
        unit: of the number.
        weight: how much it counts, as it was asked for.
        loss_scale: loss in the training part of an answer that knows the frequencies, or the mean, alone; the loss of
            the head is divided by it, so that heads of all kinds start near one.
        centre: mean of the number in the training part.
        scale: its standard deviation there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    task: LearningTask
    class_names: tuple[str, ...]
    columns: tuple[str, ...] = ()
    unit: str = ""
    weight: float = Field(1.0, gt=0)
    loss_scale: float = Field(1.0, gt=0)
    centre: float = 0.0
    scale: float = Field(1.0, gt=0)

    @property
    def output_count(self) -> int:
        """Outputs of the network: a class less for grades, whose steps are learned."""
        return len(self.class_names) - (self.task is LearningTask.ORDINAL)

    @property
    def tag(self) -> str:
        """Its name in ASCII; a name that loses more than spaces by it, such as a Chinese one, gets a number of its own.

        So no two heads of different names share an output, or a figure.
        """
        short = slug(self.name)
        is_whole = short == re.sub(r"[ _]", "-", self.name.lower())
        return short if is_whole else f"{short[:48]}-{crc32(self.name.encode()):08x}"

    @property
    def key(self) -> str:
        """Name of the output of the network, and of files."""
        return f"logits-{self.tag}"


class SeriesPlan(BaseModel):
    """One of several series of a case: its name, its column, and whether a case needs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    column: str
    modalities: tuple[str, ...] = ()
    required: bool = False


class FusionPlan(BaseModel):
    """How several series become one answer.

    Attributes:
        series: in the order of the channels.
        kind: as ``model.networks.fused``.
        dropout: share of the given series that training leaves out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: tuple[SeriesPlan, ...]
    kind: Literal["mean", "max", "attention", "channels"] = "mean"
    dropout: float = Field(0.25, ge=0, lt=1)


class SeveralPlan(Plan):
    """A resolved run of several heads; ``class_names`` are the names of the heads.

    Attributes:
        fusion: of several series of a case; None for one image.
        heads: in the order of the outputs.
        weighting: weights as they are, or learned from the uncertainty of each head (Kendall 2018).
    """

    heads: tuple[HeadPlan, ...]
    weighting: Weighting = "fixed"
    fusion: FusionPlan | None = None

    @property
    def channels(self) -> int:
        """Channels of the input: those of the image, or two for each series."""
        return 2 * len(self.fusion.series) if self.fusion else self.network.channels

    @property
    def slices(self) -> tuple[slice, ...]:
        """The outputs of each head among all outputs of the network."""
        ends = [sum(head.output_count for head in self.heads[: place + 1]) for place in range(len(self.heads))]
        return tuple(slice(end - head.output_count, end) for end, head in zip(ends, self.heads, strict=True))


def make_several_plan(
    options: TrainOptions, recipe: Recipe, found: Fingerprint, several: SeveralTable, threads: int
) -> SeveralPlan:
    """Return the plan of a run, as ``make_plan`` does for a classifier of the same images.

    Blends of images, smoothing and weights of classes have no meaning for targets that may be missing; the score for
    unknown kinds of image and decoys need classes.

    Raises:
        SettingsError: ``E830``, a setting is not possible; ``E831``, an unknown network.
        DatasetError: ``E832``, the network cannot take images of the size asked for.
    """
    heads = tuple(_head_plan(head) for head in several.heads)
    words = {word for head in heads for name in head.class_names for word in name.lower().split()}
    seen = replace(found, names_sides=found.names_sides or bool(words & {"left", "right", "l", "r"}))
    outputs = tuple(str(index) for index in range(sum(head.output_count for head in heads)))
    plan = make_plan(options, recipe, seen, outputs, threads)
    learning = plan.learning.model_copy(update={"mixup": None, "label_smoothing": 0.0, "balance": "none"})
    reasons = [*_reasons(several, recipe), *(reason for reason in plan.reasons if reason.choice != "balance")]
    values = plan.model_dump() | {
        "class_names": tuple(head.name for head in heads),
        "heads": [head.model_dump() for head in heads],
        "weighting": recipe.weighting,
        "learning": learning.model_dump(),
        **_fused(plan, several, recipe),
        "decoys": None,
        "outside": None,
        "reasons": [reason.model_dump() for reason in reasons],
    }
    return SeveralPlan.model_validate(values)


def _head_plan(head: Head) -> HeadPlan:
    return HeadPlan(
        name=head.name,
        task=head.task,
        class_names=head.names,
        columns=head.columns,
        unit=head.unit,
        weight=head.weight,
    )


def _fused(plan: Plan, several: SeveralTable, recipe: Recipe) -> dict[str, object]:
    """Return what a plan says of several series; each is standardised by itself, as their units differ."""
    if not several.views:
        return {}
    told = {series.name: series for series in recipe.series}
    series = [
        SeriesPlan(
            name=view.name,
            column=view.column,
            modalities=told[view.name].modalities if view.name in told else (),
            required=view.is_required,
        )
        for view in several.views
    ]
    fusion = FusionPlan(series=tuple(series), kind=recipe.fusion.kind, dropout=recipe.fusion.dropout)
    network = {**plan.model_dump()["network"], "channels": 1, "standardise": True}
    return {"fusion": fusion.model_dump(), "network": network}


def _reasons(several: SeveralTable, recipe: Recipe) -> list[Reason]:
    """Return why each head is what it is, how many cases it has, and how the heads are weighed."""
    counts = several.is_assessed.sum(axis=0).tolist()
    reasons = [
        Reason(
            choice=f"head {head.name}",
            key=head.reason,
            facts={"head": head.name, "task": head.task.value, "targets": ", ".join(head.names[:8]), "count": count,
                   "total": len(several.table)},
        )
        for head, count in zip(several.heads, counts, strict=True)
    ]  # fmt: skip
    if several.views:
        given = ", ".join(f"{view.name} {int(view.is_given.sum())}" for view in several.views)
        told: dict[str, str | int | float] = {"given": given, "total": len(several.table)}
        told["dropout"] = recipe.fusion.dropout
        reasons.append(Reason(choice="fusion", key=f"ui.train.several.fusion-{recipe.fusion.kind}", facts=told))
    return [*reasons, Reason(choice="weighting", key=f"ui.train.several.weighting-{recipe.weighting}")]
