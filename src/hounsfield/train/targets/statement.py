"""The manifest of a model of targets."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from hounsfield.cases.task import LearningTask
from hounsfield.core.prediction import OperatingPoint
from hounsfield.errors import SettingsError
from hounsfield.model.interface import CamExplanation, NetworkInterface, NoExplanation, OcclusionExplanation
from hounsfield.model.manifest import Answer, CalibrationEntry, ClassEntry, Manifest
from hounsfield.model.statements import Bilingual
from hounsfield.train.assess import Assessment
from hounsfield.train.parts import PartSizes
from hounsfield.train.recipe import Recipe, faults_of
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
from hounsfield.train.targets.plan import TargetPlan
from hounsfield.train.transfer.statement import origin_limits, with_origin

ANSWERS: dict[LearningTask, Answer] = {
    LearningTask.MULTI_LABEL: "labels",
    LearningTask.REGRESSION: "number",
    LearningTask.ORDINAL: "ordered-class",
}


@dataclass(frozen=True)
class TargetFacts:
    """What a manifest states beside the plan.

    Attributes:
        recipe: what the model says of itself.
        data_name: of the data set.
        sizes: cases of each part.
        command: what makes the model.
        assessments: what it is worth.
        points: operating point of each label.
    """

    recipe: Recipe
    data_name: str
    sizes: PartSizes
    command: str
    assessments: tuple[Assessment, ...] = ()
    points: tuple[OperatingPoint | None, ...] = ()

    def found(self, assessments: tuple[Assessment, ...], points: tuple[OperatingPoint | None, ...]) -> "TargetFacts":
        """Return the facts with what was measured."""
        return replace(self, assessments=assessments, points=points)


def target_manifest(
    plan: TargetPlan, facts: TargetFacts, interface: NetworkInterface, temperature: float = 1.0
) -> Manifest:
    """Return the manifest of a model of targets.

    Raises:
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    stated, is_number = facts.recipe.model, plan.task is LearningTask.REGRESSION
    try:
        return Manifest(
            name=slug(plan.name),
            version=stated.version,
            task=plan.task.value if stated.task == "classification" else stated.task,
            purpose=stated.purpose or _purpose(plan, facts.data_name),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=stated.input,
            network=interface,
            prepare=list(plan.prepare),
            classes=_classes(plan, facts),
            answer=ANSWERS[plan.task],
            unit=facts.recipe.unit if is_number else "",
            calibration=_calibration(plan, facts, temperature),
            explanation=_explanation(interface, is_number=is_number),
            data=with_origin(
                stated.data.model_copy(update=data_counts(facts.recipe, facts.sizes, facts.data_name)), plan.transfer
            ),
            licence=stated.licence,
            metrics=[
                metric_entry(item, name, interval, facts.data_name)
                for item in facts.assessments
                for name, interval in item.metrics.items()
            ][:200],
            limits=[
                *stated.limits,
                *data_limits(facts.sizes, facts.data_name, has_own=bool(stated.limits)),
                *origin_limits(plan.transfer),
            ],
            command=stated.command or facts.command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _purpose(plan: TargetPlan, data_name: str) -> Bilingual:
    names = ", ".join(plan.class_names[:20])
    return bilingual(f"ui.train.purpose.{plan.task.value}", targets=names, data=data_name)


def _classes(plan: TargetPlan, facts: TargetFacts) -> list[ClassEntry]:
    told = {entry.name: entry for entry in facts.recipe.classes}
    points = facts.points or (None,) * len(plan.class_names)
    is_number = plan.task is LearningTask.REGRESSION
    findings = findings_of(facts.recipe, plan.class_names)
    return [
        ClassEntry(
            name=machine_name(name, index),
            concept=concept_entry(told.get(name)),
            is_finding=is_finding and not is_number,
            operating_point=point_entry(point) if point else None,
        )
        for index, (name, is_finding, point) in enumerate(zip(plan.class_names, findings, points, strict=True))
    ]


def _calibration(plan: TargetPlan, facts: TargetFacts, temperature: float) -> CalibrationEntry:
    data_set = f"{facts.data_name}, tuning part"
    if plan.task is LearningTask.ORDINAL:
        return CalibrationEntry(temperature=temperature, method="temperature", data_set=data_set)
    if plan.task is LearningTask.MULTI_LABEL:
        told = f"{data_set}; slope and bias of each label (Platt) are in the weights"
        return CalibrationEntry(temperature=1.0, method="temperature", data_set=told)
    return CalibrationEntry()


def _explanation(
    interface: NetworkInterface, *, is_number: bool
) -> CamExplanation | OcclusionExplanation | NoExplanation:
    if interface.activation_maps:
        return CamExplanation()
    return NoExplanation() if is_number else OcclusionExplanation()
