"""Statement: the manifest of a trained model, honest about what it was trained on and what it does not know."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite

from pydantic import ValidationError

from hounsfield import __version__
from hounsfield.cases.names import means_absence
from hounsfield.core.codes import concept, concept_names
from hounsfield.core.prediction import Interval, OperatingPoint
from hounsfield.errors import SettingsError
from hounsfield.messages import LANGUAGES, sentence
from hounsfield.model.interface import (
    CamExplanation,
    NetworkInterface,
    NoExplanation,
    OcclusionExplanation,
    OutOfDistribution,
    SequenceInterface,
)
from hounsfield.model.manifest import CalibrationEntry, ClassEntry, ConceptEntry, Manifest, OperatingPointEntry
from hounsfield.model.statements import Bilingual, DataSource, DataStatement, IntervalEntry, Metric
from hounsfield.train.assess import Assessment
from hounsfield.train.parts import Parts, PartSizes
from hounsfield.train.plan import Plan, SyntheticPlan
from hounsfield.train.recipe import ClassFacts, Recipe, faults_of
from hounsfield.train.transfer.statement import origin_limits, with_origin

Rules = tuple[tuple[OperatingPoint, OperatingPoint] | None, ...]
"""The points to rule out and to rule in of each class; empty where nobody set them."""
PACKAGES = ("torch", "monai", "numpy", "scipy", "onnx", "onnxruntime", "safetensors")


@dataclass(frozen=True)
class Made:
    """What a run found out about its model.

    Attributes:
        interface: of the exported network.
        temperature: of the probabilities.
        points: operating point of each class.
        assessments: of the tuning part, then of the test part where there is one.
        command: what made it.
        rules: points to rule out and to rule in of each class; empty without.
    """

    interface: NetworkInterface
    temperature: float
    points: tuple[OperatingPoint | None, ...]
    assessments: tuple[Assessment, ...]
    command: str
    rules: Rules = ()


def findings_of(recipe: Recipe, class_names: tuple[str, ...]) -> tuple[bool, ...]:
    """Tell of each class whether it is a finding: as the recipe says, else unless its name means absence."""
    facts = {entry.name: entry for entry in recipe.classes}
    told = [facts[name].is_finding if name in facts else None for name in class_names]
    return tuple(
        not means_absence(name) if is_one is None else is_one for name, is_one in zip(class_names, told, strict=True)
    )


def make_manifest(plan: Plan, recipe: Recipe, parts: Parts, data_name: str, made: Made) -> Manifest:
    """Return the manifest.

    Raises:
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    facts = recipe.model
    try:
        return Manifest(
            name=slug(plan.name),
            version=facts.version,
            task=facts.task,
            purpose=facts.purpose or _purpose(plan, data_name),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=facts.input,
            network=made.interface,
            prepare=list(plan.prepare),
            classes=_classes(plan, recipe, made.points, made.rules),
            calibration=CalibrationEntry(
                temperature=made.temperature,
                method="temperature",
                data_set=f"{data_name}, tuning part; a bias fitted with it is in the weights",
            ),
            explanation=_explanation(made.interface),
            out_of_distribution=_outside(plan, made.interface),
            data=with_synthetic(
                with_origin(facts.data.model_copy(update=data_counts(recipe, parts.sizes, data_name)), plan.transfer),
                plan.synthetic,
            ),
            licence=facts.licence,
            metrics=[
                metric_entry(item, name, interval, data_name)
                for item in made.assessments
                for name, interval in item.metrics.items()
            ],
            limits=[
                *facts.limits,
                *data_limits(parts.sizes, data_name, has_own=bool(facts.limits)),
                *origin_limits(plan.transfer),
                *synthetic_limits(plan.synthetic),
            ],
            command=facts.command or made.command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _explanation(interface: NetworkInterface) -> CamExplanation | OcclusionExplanation | NoExplanation:
    if isinstance(interface, SequenceInterface):
        return NoExplanation()
    return CamExplanation() if interface.activation_maps is not None else OcclusionExplanation()


def slug(name: str) -> str:
    """Return a name as a manifest takes it: lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64].strip("-") or "model"


def software_versions() -> dict[str, str]:
    """Return names and versions of what a run computes with."""
    return {"hounsfield": __version__, **{name: version(name) for name in PACKAGES if _is_installed(name)}}


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except ModuleNotFoundError:
        return False
    return True


def bilingual(key: str, **facts: object) -> Bilingual:
    """Return a sentence of the catalogue in both languages."""
    english, chinese = (sentence(key, facts, language) for language in LANGUAGES)
    return Bilingual(en=english, zh=chinese)


def _purpose(plan: Plan, data_name: str) -> Bilingual:
    return bilingual("ui.train.purpose", classes=", ".join(plan.class_names), data=data_name)


def data_limits(sizes: PartSizes, data_name: str, *, has_own: bool) -> list[Bilingual]:
    """Return the limits that hold for every model that was only tested on its own data."""
    if has_own:
        return []
    limits = [
        bilingual("ui.train.limit.data", count=sizes.training, data=data_name),
        bilingual("ui.train.limit.external"),
    ]
    return limits if sizes.test else [*limits, bilingual("ui.train.limit.no-test")]


def _classes(plan: Plan, recipe: Recipe, points: tuple[OperatingPoint | None, ...], rules: Rules) -> list[ClassEntry]:
    facts = {entry.name: entry for entry in recipe.classes}
    are_findings = findings_of(recipe, plan.class_names)
    pairs = rules or (None,) * len(points)
    rows = zip(plan.class_names, are_findings, points, pairs, strict=True)
    return [
        ClassEntry(
            name=machine_name(name, index),
            concept=concept_entry(facts.get(name)),
            is_finding=is_finding,
            operating_point=point_entry(point) if point else None,
            rule_out=point_entry(pair[0]) if pair else None,
            rule_in=point_entry(pair[1]) if pair else None,
        )
        for index, (name, is_finding, point, pair) in enumerate(rows)
    ]


def machine_name(name: str, index: int) -> str:
    """Return a class name as a manifest takes it: any script, without control characters and angle brackets."""
    return re.sub(r"[\x00-\x1f\x7f<>]+", "-", name).strip()[:64].strip() or f"class-{index}"


def concept_entry(facts: ClassFacts | None) -> ConceptEntry | None:
    """Return the concept that a recipe gives a class, None where it gives none.

    Raises:
        SettingsError: ``E830``, the table has no such concept.
    """
    if facts is None or facts.concept is None:
        return None
    if isinstance(facts.concept, ConceptEntry):
        return facts.concept
    if facts.concept not in concept_names():
        raise SettingsError("E830", found=f"classes.concept: {facts.concept}")
    known = concept(facts.concept)
    return ConceptEntry(value=known.value, scheme=known.scheme, meaning=known.meaning, meaning_zh=known.meaning_zh)


def point_entry(point: OperatingPoint) -> OperatingPointEntry:
    """Return an operating point as a manifest states it."""
    return OperatingPointEntry(
        threshold=point.threshold,
        sensitivity=_interval(point.sensitivity),
        specificity=_interval(point.specificity),
        data_set=point.data_set,
    )


def _interval(interval: Interval) -> IntervalEntry:
    return IntervalEntry(value=interval.value, low=interval.low, high=interval.high, level=interval.level)


def _outside(plan: Plan, interface: NetworkInterface) -> OutOfDistribution | None:
    if plan.outside is None or interface.outside is None:
        return None
    cases = "tuning cases" if plan.outside.measured_on == "tuning" else "training and tuning cases"
    note = (
        "Mahalanobis distance of the pooled features to the nearest cluster of the predicted class, divided by "
        f"{plan.outside.margin:g} times its {plan.outside.quantile:g} quantile among {cases} of it"
    )
    return OutOfDistribution(score="output", threshold=1.0, outside_is="above", note=note)


def data_counts(recipe: Recipe, sizes: PartSizes, data_name: str) -> dict[str, object]:
    """Return what a manifest says of the data beside what the recipe states."""
    stated = recipe.model.data
    counts: dict[str, object] = dict(sizes._asdict())
    if not stated.sources:
        counts["sources"] = [DataSource(name=data_name, images=sum(sizes), use="training, tuning and internal test")]
    if not stated.split:
        counts["split"] = "parts as the source declares them, else whole groups (patient, near copies) drawn by class"
    return counts


def with_synthetic(data: DataStatement, plan: SyntheticPlan | None) -> DataStatement:
    """Return what a manifest says of the data, with the synthetic images of the training part counted by themselves."""
    if plan is None or not sum(plan.counts):
        return data
    count, name = sum(plan.counts), f"synthetic images of {plan.generator}"
    source = DataSource(name=name, images=count, use="training part only; they show no patient")
    real = [
        item.model_copy(update={"images": item.images - count}) if item.images and len(data.sources) == 1 else item
        for item in data.sources
    ]
    return data.model_copy(update={"sources": [*real, source]})


def synthetic_limits(plan: SyntheticPlan | None) -> list[Bilingual]:
    """Return the limit of a model that learned from synthetic images too."""
    if plan is None or not sum(plan.counts):
        return []
    return [bilingual("ui.train.limit.synthetic", count=sum(plan.counts), model=plan.generator)]


def metric_entry(assessment: Assessment, name: str, interval: Interval, data_name: str) -> Metric:
    """Return a metric of a part as a manifest states it."""
    has_interval = isfinite(interval.low) and isfinite(interval.high)
    kind = "internal test part" if assessment.part == "test" else "tuning part (choices were made on it)"
    return Metric(
        name=f"{assessment.head}: {name}"[:80] if assessment.head else name,
        value=interval.value if isfinite(interval.value) else 0.0,
        low=interval.low if has_interval else None,
        high=interval.high if has_interval else None,
        data_set=f"{data_name}, {kind}",
        n=assessment.case_count,
    )
