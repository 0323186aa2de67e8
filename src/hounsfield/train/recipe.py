"""Recipe: a TOML file that settles what a person would otherwise leave to the plan, and what a model says of itself."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hounsfield.cases.splits import Fold
from hounsfield.errors import SettingsError
from hounsfield.model.contract import InputContract
from hounsfield.model.manifest import ConceptEntry
from hounsfield.model.statements import Bilingual, DataStatement
from hounsfield.train.augment import Augmentation
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Cut, DecoyPlan, OutsidePlan, SplitPlan
from hounsfield.train.transfer.plan import TransferRecipe

_STRICT = ConfigDict(frozen=True, extra="forbid")


class ClassFacts(BaseModel):
    """A class of the data: its name there, its concept, and whether it is a finding; None leaves both to the names."""

    model_config = _STRICT

    name: str
    concept: str | ConceptEntry | None = None
    is_finding: bool | None = None


class ModelFacts(BaseModel):
    """What the model package states about the model; everything has a default that is true of any model."""

    model_config = _STRICT

    name: str | None = None
    version: str = "1.0.0"
    task: str = "classification"
    purpose: Bilingual | None = None
    licence: str = "not stated"
    input: InputContract = Field(default_factory=InputContract)
    data: DataStatement = Field(default_factory=DataStatement)
    limits: tuple[Bilingual, ...] = ()
    command: str | None = None


class HeadFacts(BaseModel):
    """One of several things that are learned: its name, and what is not left to the columns of the manifest.

    Attributes:
        name: of the head, and of its column where no columns are given.
        columns: one, or one for each label.
        task: what is learned; None leaves it to what the columns hold.
        classes: the classes, the labels in the order of the columns, or the grades in their order.
        unit: of a number, UCUM where there is a code.
        weight: how much it counts beside the others.
    """

    model_config = _STRICT

    name: str = Field(min_length=1, max_length=64)
    columns: tuple[str, ...] = ()
    task: Literal["classification", "regression", "multi-label", "ordinal"] | None = None
    classes: tuple[str, ...] = ()
    unit: str = Field("", max_length=64)
    weight: float = Field(1.0, gt=0, le=1000)


class SeriesFacts(BaseModel):
    """One of several series of a case: its name, and the column of its paths where that is another.

    Attributes:
        name: of the modality or sequence.
        column: of the manifest.
        modalities: DICOM modalities that are taken for it; empty for any.
        required: whether a case without it is left out, and nothing is answered without it.
    """

    model_config = _STRICT

    name: str = Field(min_length=1, max_length=64)
    column: str = ""
    modalities: tuple[str, ...] = ()
    required: bool = False


class FusionFacts(BaseModel):
    """How several series become one answer.

    Attributes:
        kind: ``mean``, ``max`` or ``attention`` over the features of the series that are given, each of its own trunk;
            ``channels`` of one trunk, for series on one grid.
        dropout: share of the given series that training leaves out, at least one stays.
    """

    model_config = _STRICT

    kind: Literal["mean", "max", "attention", "channels"] = "mean"
    dropout: float = Field(0.25, ge=0, lt=1)


class Recipe(BaseModel):
    """A recipe.

    Attributes:
        model: what the package states.
        classes: the classes in the order of the logits; empty for those of the data, by name.
        seed: of every drawn number.
        prepare: preparing steps, as ``prepare.sequence.build_steps`` takes them; None leaves them to the plan.
        network: ``name``, ``size`` or ``rows`` and ``columns``, and any other setting of ``NetworkSettings``.
        augment: kinds of ``train.augment`` in order; None leaves them to the plan.
        learning: settings of ``train.plan.Learning``; the others come from the plan.
        split: shares of the parts.
        cut: rule of the operating points.
        clusters: column of the manifest that tells clusters within a class apart.
        decoys: broken images taught as a class of their own.
        outside: the score for unknown kinds of image.
        segmentation: settings of ``train.segmentation.plan.SegmentationPlan``, for data with masks; the others come
            from the plan.
        task: what is learned of a table of cases; ``auto`` leaves it to what its columns hold.
        sequence: settings of ``model.networks.sequence_catalogue.SequenceSettings`` and ``most_frames``, for data of
            sequences; the others come from the plan.
        targets: columns of a manifest that hold the targets; none leaves them to what they hold.
        unit: of the number that is learned.
        heads: what is learned side by side (task ``several``); none leaves it to the columns.
        series: columns of paths of several series of a case; none takes those named ``path_...`` (task ``several``).
        fusion: how several series become one answer.
        weighting: weights of the heads as they are, or learned from the uncertainty of each (Kendall 2018).
        transfer: weights to start from.
        multi_scale: whether batches are drawn at several sizes.
    """

    model_config = _STRICT

    model: ModelFacts = Field(default_factory=ModelFacts)
    classes: tuple[ClassFacts, ...] = ()
    seed: int | None = None
    prepare: tuple[dict[str, Any], ...] | None = None
    network: dict[str, Any] = Field(default_factory=dict)
    augment: tuple[Augmentation, ...] | None = None
    learning: dict[str, Any] = Field(default_factory=dict)
    split: SplitPlan | None = None
    cut: Cut | None = None
    clusters: str = ""
    decoys: DecoyPlan | None = None
    outside: OutsidePlan | None = None
    segmentation: dict[str, Any] = Field(default_factory=dict)
    sequence: dict[str, Any] = Field(default_factory=dict)
    task: Literal["auto", "classification", "regression", "multi-label", "ordinal", "several", "sequence"] = "auto"
    targets: tuple[str, ...] = ()
    unit: str = Field("", max_length=64)
    heads: tuple[HeadFacts, ...] = ()
    weighting: Literal["fixed", "uncertainty"] = "fixed"
    series: tuple[SeriesFacts, ...] = ()
    fusion: FusionFacts = Field(default_factory=FusionFacts)
    transfer: TransferRecipe | None = None
    multi_scale: bool = False

    def of_fold(self, fold: Fold) -> "Recipe":
        """Return the recipe of one fold of a cross-validation; what it says of its one test part holds no more."""
        told = f"fold {fold.number} of {fold.count} is the internal test part; whole groups (patient, near copies)"
        data = self.model.data.model_copy(update={"split": told})
        model = self.model.model_copy(update={"data": data})
        return self.model_copy(update={"split": (self.split or SplitPlan()).of_fold(fold), "model": model})


def recipe_of_options(options: TrainOptions) -> Recipe:
    """Return the recipe that options name, of the fold that they name; an empty one where they name none.

    Raises:
        SettingsError: ``E834``.
    """
    recipe = read_recipe(options.recipe) if options.recipe else Recipe()
    return recipe if options.fold is None else recipe.of_fold(options.fold)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        SettingsError: ``E834``, there is no such file, it is no TOML, or it holds something a recipe has not.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError("E834", recipe=path.name, found=reason or type(error).__name__) from error
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise SettingsError("E834", recipe=path.name, found=faults_of(error)) from error


def faults_of(error: ValidationError) -> str:
    """Return the first faults of a document on one line."""
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])[:400]
