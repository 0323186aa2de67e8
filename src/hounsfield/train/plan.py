"""The plan: everything a run obeys, resolved, as one JSON document that repeats it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hounsfield.cases.splits import Fold
from hounsfield.messages import Language, sentence
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.train.augment import Augmentation
from hounsfield.train.transfer.plan import TransferPlan


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mixup(_Document):
    """Blend pairs of images (Zhang 2018)."""

    alpha: float = Field(0.2, gt=0)
    probability: float = Field(0.5, ge=0, le=1)


class Optimisation(_Document):
    """How the weights are found, whatever is learned.

    Attributes:
        epochs: passes over the training part.
        batch_size: images of a batch.
        learning_rate: highest learning rate.
        optimiser: AdamW, or stochastic gradient descent with Nesterov momentum 0.9.
        weight_decay: of weights with two axes or more; biases and scales are left alone.
        warm_up_epochs: epochs in which the learning rate rises.
        average_decay: of the exponential moving average of the weights, which is what is kept; 0 for none.
        gradient_limit: largest norm of the gradient.
        patience: epochs without a better score on the tuning part before training stops; None never stops early.
        keep: weights of the best epoch on the tuning part, or of the last.
    """

    epochs: int = Field(40, ge=1, le=100_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    learning_rate: float = Field(1e-3, gt=0, le=10)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = Field(0.01, ge=0, le=1)
    warm_up_epochs: float = Field(1.0, ge=0)
    average_decay: float = Field(0.99, ge=0, lt=1)
    gradient_limit: float = Field(5.0, gt=0)
    patience: int | None = Field(None, ge=1)
    keep: Literal["best", "last"] = "best"

    @property
    def moment_decays(self) -> tuple[float, float]:
        """Decays of the two moments of Adam."""
        return 0.9, 0.999


class Learning(Optimisation):
    """How the weights of a classifier are found.

    Attributes:
        label_smoothing: share of each target spread over all classes.
        mixup: None for none.
        balance: how rare classes (and clusters in them) are made to count: a weight in the loss, or drawn more often.
        balance_power: 1 makes all classes count the same, 0 leaves them as they are.
    """

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    mixup: Mixup | None = None
    balance: Literal["none", "loss", "sampling"] = "none"
    balance_power: float = Field(1.0, ge=0, le=1)


class SplitPlan(_Document):
    """Shares of the parts, for data that declare none; a declared part is always kept as it is.

    Attributes:
        training: learned from.
        tuning: choices are made on it.
        test: untouched until the end.
        seed: of the split alone, so that another seed of the run leaves the test part as it is.
        folds: equal shares of the cases that are the test part in turn; 0 for one test part of the share above.
        fold: the share that is the test part of this run, counted from 1.
    """

    training: float = Field(0.68, gt=0, lt=1)
    tuning: float = Field(0.12, gt=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    seed: int = 0
    folds: int = Field(0, ge=0, le=100)
    fold: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _is_one_of_them(self) -> "SplitPlan":
        if (self.folds == 0) != (self.fold == 0) or self.folds == 1 or self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Wanted share of each part by name."""
        return {"training": self.training, "tuning": self.tuning, "test": self.test}

    @property
    def held_back(self) -> Fold | None:
        """The fold that is the test part, None where the test part is a share."""
        return Fold(self.fold, self.folds) if self.folds else None

    def of_fold(self, fold: Fold) -> "SplitPlan":
        """Return the same split with a fold as its test part."""
        return self.model_copy(update={"fold": fold.number, "folds": fold.count})


class Cut(_Document):
    """How the operating point of a finding is set on the tuning part.

    Attributes:
        rule: the highest sum of sensitivity and specificity (Youden), or the highest threshold that still reaches the
            target sensitivity.
        target: for the second.
    """

    rule: Literal["youden", "sensitivity"] = "youden"
    target: float = Field(0.95, gt=0, lt=1)


class DecoyPlan(_Document):
    """Images made unlike anything by breaking them, taught as a class of their own (``train.decoys``).

    Attributes:
        as_class: name of that class.
        probability: share of images that are broken.
        spared: classes whose images stay what they are when broken, such as microscopy.
        tiles: fewest and most rows and columns of tiles that are shuffled.
        part: smallest and largest share of the sides that is enlarged to the whole.
    """

    as_class: str
    probability: float = Field(0.15, ge=0, le=1)
    spared: tuple[str, ...] = ()
    tiles: tuple[int, int] = (2, 4)
    part: tuple[float, float] = (0.18, 0.42)


class OutsidePlan(_Document):
    """A score for unknown kinds of image (``train.outside``), for networks with a pooled head.

    Attributes:
        quantile: share of the cases of a class that lie inside.
        measured_on: the cases this share is of: the tuning part, which is strict, or training and tuning part together,
            which lets more images of other sources in.
        margin: factor on the distance at that quantile.
        covariance: of each class by itself, or one for all.
        shrinkage: share of the mean variance that replaces the covariance.
    """

    quantile: float = Field(0.99, gt=0, le=1)
    measured_on: Literal["tuning", "known"] = "tuning"
    margin: float = Field(1.0, gt=0)
    covariance: Literal["class", "shared"] = "class"
    shrinkage: float = Field(0.1, ge=0, le=1)


class SyntheticPlan(_Document):
    """Synthetic images behind those of the training part (``train.filling``).

    Attributes:
        generator: name of the package that makes them.
        weights_digest: of its network.
        counts: images of each class.
        seed: of the noise.
    """

    generator: str
    weights_digest: str
    counts: tuple[int, ...]
    seed: int = 0


class Reason(_Document):
    """Why the plan chose as it did; the sentence is in the catalogue."""

    choice: str
    key: str
    facts: dict[str, str | int | float] = Field(default_factory=dict)

    def text(self, language: Language = "en") -> str:
        """Return the reason in a language."""
        return sentence(self.key, self.facts, language)


class RunPlan(_Document):
    """What every resolved run states, whatever is learned; each way of learning adds its own.

    Attributes:
        seed: of every drawn number.
        threads: of arithmetic; part of what makes two runs equal.
        learning: how the weights are found.
        split: shares of the parts.
        transfer: the weights that the run starts from; None starts from chance.
        sizes: sides of the images of a batch, one drawn for each (``train.multi_scale``); none leaves them alone.
    """

    format_version: Literal[1] = 1
    name: str
    seed: int = 0
    threads: int = Field(1, ge=1)
    learning: Optimisation = Field(default_factory=Optimisation)
    split: SplitPlan = Field(default_factory=SplitPlan)
    time_limit_seconds: float | None = Field(None, gt=0)
    reasons: tuple[Reason, ...] = ()
    transfer: TransferPlan | None = None
    sizes: tuple[int, ...] = ()

    @property
    def network_name(self) -> str:
        """Name of the network, for people."""
        return ""

    def digest(self) -> str:
        """Return the SHA-256 of everything that decides the weights; reasons and the time limit do not."""
        return hashlib.sha256(json.dumps(self.deciding(), sort_keys=True).encode()).hexdigest()

    def deciding(self) -> dict[str, Any]:
        """Return what decides the weights, as JSON values."""
        # what was added later decides nothing where it is not used, so that older runs can go on
        unused = {name for name in ("transfer", "sizes") if not getattr(self, name)}
        undecided = {"reasons", "time_limit_seconds"} | unused
        found = self.model_dump(mode="json", exclude=undecided)
        if not self.split.folds:
            del found["split"]["folds"], found["split"]["fold"]
        return found


class Plan(RunPlan):
    """A resolved run of classification.

    Attributes:
        clusters: column of the manifest that tells clusters within a class apart, such as ``source``; empty for one
            cluster a class. Sampling and the score for unknown kinds of image take them one by one.
    """

    class_names: tuple[str, ...]
    prepare: tuple[dict[str, Any], ...]
    network: NetworkSettings
    augment: tuple[Augmentation, ...] = ()
    learning: Learning = Field(default_factory=Learning)
    cut: Cut = Field(default_factory=Cut)
    clusters: str = ""
    decoys: DecoyPlan | None = None
    outside: OutsidePlan | None = None
    synthetic: SyntheticPlan | None = None

    @property
    def network_name(self) -> str:
        """Name of the network."""
        return self.network.name

    def deciding(self) -> dict[str, Any]:
        """Return what decides the weights; a plan without synthetic images is what it was before there were any."""
        found = super().deciding()
        if self.synthetic is None:
            del found["synthetic"]
        return found


def differences(found: RunPlan, expected: RunPlan) -> tuple[str, ...]:
    """Return the names of the fields in which two plans differ, reasons and time limit apart."""
    first, second = found.deciding(), expected.deciding()
    return tuple(_differing(first, second, ""))


def _differing(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str) -> list[str]:
    names: list[str] = []
    for key in sorted(set(first) | set(second)):
        one, two = first.get(key), second.get(key)
        if isinstance(one, dict) and isinstance(two, dict):
            names += _differing(one, two, f"{prefix}{key}.")
        elif one != two:
            names.append(prefix + key)
    return names
