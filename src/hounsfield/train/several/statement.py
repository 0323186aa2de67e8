"""The manifest of a model of several heads."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from hounsfield.cases.task import LearningTask
from hounsfield.core.prediction import OperatingPoint
from hounsfield.errors import SettingsError
from hounsfield.model.contract import SeriesEntry
from hounsfield.model.interface import NetworkInterface
from hounsfield.model.manifest import CalibrationEntry, ClassEntry, HeadEntry, HeadKind, Manifest
from hounsfield.train.assess import Assessment
from hounsfield.train.parts import PartSizes
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.several.plan import HeadPlan, SeveralPlan
from hounsfield.train.statement import (
    bilingual,
    concept_entry,
    data_counts,
    data_limits,
    findings_of,
    machine_name,
    metric_entry,
    point_entry,
    slug,
    software_versions,
)

ANSWERS: dict[LearningTask, HeadKind] = {
    LearningTask.CLASSIFICATION: "class",
    LearningTask.MULTI_LABEL: "labels",
    LearningTask.REGRESSION: "number",
    LearningTask.ORDINAL: "ordered-class",
}
MOST_METRICS = 200


@dataclass(frozen=True)
class HeadFound:
    """What a run found out about a head: its temperature, and the operating point of each class."""

    temperature: float = 1.0
    points: tuple[OperatingPoint | None, ...] = ()


@dataclass(frozen=True)
class SeveralFacts:
    """What a manifest states beside the plan.

    Attributes:
        recipe: what the model says of itself.
        data_name: of the data set.
        sizes: cases of each part.
        command: what makes the model.
        assessments: what each head is worth.
        heads: what was found out about each head.
    """

    recipe: Recipe
    data_name: str
    sizes: PartSizes
    command: str
    assessments: tuple[Assessment, ...] = ()
    heads: tuple[HeadFound, ...] = ()

    def found(self, assessments: tuple[Assessment, ...], heads: tuple[HeadFound, ...]) -> "SeveralFacts":
        """Return the facts with what was measured."""
        return replace(self, assessments=assessments, heads=heads)


def several_manifest(plan: SeveralPlan, facts: SeveralFacts, interface: NetworkInterface) -> Manifest:
    """Return the manifest of a model of several heads.

    Raises:
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    stated = facts.recipe.model
    found = facts.heads or (HeadFound(),) * len(plan.heads)
    names = [machine_name(head.name, index) for index, head in enumerate(plan.heads)]
    told = ", ".join(f"{head.name} ({', '.join(head.class_names[:8])})" for head in plan.heads[:20])
    try:
        return Manifest(
            name=slug(plan.name),
            version=stated.version,
            task="several" if stated.task == "classification" else stated.task,
            purpose=stated.purpose or bilingual("ui.train.purpose.several", heads=told[:1500], data=facts.data_name),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=stated.input.model_copy(update={"series": _series(plan)}),
            network=interface,
            prepare=list(plan.prepare),
            classes=[ClassEntry(name=name, is_finding=False) for name in names],
            answer="several",
            heads=[_head(name, head, one, facts) for name, head, one in zip(names, plan.heads, found, strict=True)],
            data=stated.data.model_copy(update=data_counts(facts.recipe, facts.sizes, facts.data_name)),
            licence=stated.licence,
            metrics=[
                metric_entry(item, name, interval, facts.data_name)
                for item in sorted(facts.assessments, key=lambda one: one.part != "test")
                for name, interval in item.metrics.items()
            ][:MOST_METRICS],
            limits=[*stated.limits, *data_limits(facts.sizes, facts.data_name, has_own=bool(stated.limits))],
            command=stated.command or facts.command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _series(plan: SeveralPlan) -> list[SeriesEntry]:
    """Return the series that a model takes together; none for a model of one image."""
    return [
        SeriesEntry(
            name=series.name, column=series.column, modalities=list(series.modalities), required=series.required
        )
        for series in (plan.fusion.series if plan.fusion else ())
    ]


def _head(name: str, head: HeadPlan, found: HeadFound, facts: SeveralFacts) -> HeadEntry:
    points = found.points or (None,) * len(head.class_names)
    can_be_finding = head.task is not LearningTask.REGRESSION
    told = {entry.name: entry for entry in facts.recipe.classes}
    is_fitted = head.task in (LearningTask.CLASSIFICATION, LearningTask.ORDINAL) and bool(facts.heads)
    return HeadEntry(
        name=name,
        answer=ANSWERS[head.task],
        classes=[
            ClassEntry(
                name=machine_name(own, index),
                concept=concept_entry(told.get(own)),
                is_finding=is_finding and can_be_finding,
                operating_point=point_entry(point) if point and is_finding else None,
            )
            for index, (own, is_finding, point) in enumerate(
                zip(head.class_names, findings_of(facts.recipe, head.class_names), points, strict=True)
            )
        ],
        columns=list(head.columns),
        unit=head.unit,
        calibration=CalibrationEntry(
            temperature=found.temperature,
            method="temperature" if is_fitted else "none",
            data_set=f"{facts.data_name}, tuning part" if is_fitted else "",
        ),
    )
