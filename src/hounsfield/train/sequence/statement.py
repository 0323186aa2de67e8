"""The manifest of a model of sequences."""

from dataclasses import dataclass

from hounsfield.cases.sequenced import SequenceTable
from hounsfield.core.prediction import OperatingPoint
from hounsfield.model.interface import SequenceInterface
from hounsfield.model.manifest import Manifest
from hounsfield.train.assess import Assessment
from hounsfield.train.recipe import Recipe
from hounsfield.train.sequence.parts import SequenceParts
from hounsfield.train.sequence.plan import SequencePlan
from hounsfield.train.statement import Made, bilingual, make_manifest
from hounsfield.train.targets.statement import TargetFacts, target_manifest


@dataclass(frozen=True)
class SequenceFacts:
    """What a manifest states beside the plan.

    Attributes:
        recipe: what the model says of itself.
        data: the data set.
        parts: prepared sequences.
        command: what makes the model.
    """

    recipe: Recipe
    data: SequenceTable
    parts: SequenceParts
    command: str


@dataclass(frozen=True)
class Measured:
    """What a run found out: the temperature of the probabilities, operating points, and what the model is worth."""

    temperature: float = 1.0
    points: tuple[OperatingPoint | None, ...] = ()
    assessments: tuple[Assessment, ...] = ()


def interface_of(plan: SequencePlan) -> SequenceInterface:
    """Return the interface that a plan's network has."""
    network = plan.network
    channels = 3 if network.channels == 3 else 1
    return SequenceInterface(
        channels=channels, rows=network.rows, columns=network.columns, most_frames=plan.most_frames
    )


def sequence_manifest(plan: SequencePlan, facts: SequenceFacts, measured: Measured = Measured()) -> Manifest:
    """Return the manifest; a model that has seen sequences alone refuses single images, unless its recipe says more.

    Raises:
        SettingsError: ``E830``, the recipe states something a manifest cannot hold.
    """
    recipe, interface = _with_defaults(plan, facts), interface_of(plan)
    name, sizes = facts.data.table.name, facts.parts.sizes
    if plan.is_number:
        told = TargetFacts(recipe, name, sizes, facts.command, measured.assessments, measured.points)
        return target_manifest(plan, told, interface)
    points = measured.points or (None,) * len(plan.class_names)
    made = Made(interface, measured.temperature, points, measured.assessments, facts.command)
    return make_manifest(plan, recipe, facts.parts, name, made)


def _with_defaults(plan: SequencePlan, facts: SequenceFacts) -> Recipe:
    stated = facts.recipe.model
    key = "ui.train.purpose.sequence-number" if plan.is_number else "ui.train.purpose.sequence-class"
    purpose = stated.purpose or bilingual(key, names=", ".join(plan.class_names[:20]), data=facts.data.table.name)
    changes: dict[str, object] = {"purpose": purpose}
    if stated.task == "classification":
        changes["task"] = "sequence"
    has_films_alone = min(int(part.counts.min()) for part in (facts.parts.training, facts.parts.tuning)) > 1
    if has_films_alone and not stated.input.slice_axes:
        changes["input"] = stated.input.model_copy(update={"slice_axes": ["space", "time"]})
    return facts.recipe.model_copy(update={"model": stated.model_copy(update=changes)})
