"""The space of a search: which choices of a plan are drawn, from what, and what a drawn choice means for a recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hounsfield.errors import HounsfieldError
from hounsfield.train.augment import Affine, Augmentation
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Plan
from hounsfield.train.planner import LARGE_AUGMENT, SMALL_AUGMENT, SMALL_SIDE, make_plan
from hounsfield.train.recipe import Recipe

LEARNING_RATE = (1e-4, 1e-2)
WEIGHT_DECAY = (1e-4, 0.2)
LABEL_SMOOTHING = (0.0, 0.15)
BATCH_SIZES = (8, 16, 32, 64, 128)
AUGMENTATIONS = ("plan", "none", "gentle", "strong")
SMALL_NETWORKS = ("article", "small-residual", "lenet")
LARGE_NETWORKS = ("small-residual", "resnet18", "small-densenet")
"""Networks that are tried where nobody names any: those that two cores can train."""

Choice = Mapping[str, str | int | float]


class Draw(Protocol):
    """What draws a choice; trials of Optuna do."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Return a number."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of several."""


@dataclass(frozen=True)
class Space:
    """What is drawn.

    Attributes:
        networks: names of networks that take the images of the plan.
        batch_sizes: of which an epoch holds eight or more.
        plan: what would be learned without a search.
    """

    networks: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    plan: Plan

    def first(self) -> dict[str, str | int | float]:
        """Return the choice of the plan itself, or what is nearest to it here; it is tried first."""
        learning = self.plan.learning
        return {
            "network": self.plan.network.name if self.plan.network.name in self.networks else self.networks[0],
            "augmentation": "plan",
            "batch_size": min(self.batch_sizes, key=lambda size: abs(size - learning.batch_size)),
            "learning_rate": min(max(learning.learning_rate, LEARNING_RATE[0]), LEARNING_RATE[1]),
            "weight_decay": min(max(learning.weight_decay, WEIGHT_DECAY[0]), WEIGHT_DECAY[1]),
            "label_smoothing": min(max(learning.label_smoothing, LABEL_SMOOTHING[0]), LABEL_SMOOTHING[1]),
        }

    def draw(self, trial: Draw) -> dict[str, str | int | float]:
        """Draw a choice."""
        return {
            "network": trial.suggest_categorical("network", self.networks),
            "augmentation": trial.suggest_categorical("augmentation", AUGMENTATIONS),
            "batch_size": trial.suggest_categorical("batch_size", self.batch_sizes),
            "learning_rate": trial.suggest_float("learning_rate", *LEARNING_RATE, log=True),
            "weight_decay": trial.suggest_float("weight_decay", *WEIGHT_DECAY, log=True),
            "label_smoothing": trial.suggest_float("label_smoothing", *LABEL_SMOOTHING),
        }

    def facts(self) -> dict[str, Any]:
        """Return what makes two searches the same one."""
        return {"networks": self.networks, "batch_sizes": self.batch_sizes, "plan": self.plan.deciding()}


@dataclass(frozen=True)
class Ground:
    """What every trial starts from.

    Attributes:
        options: what a person asked for.
        recipe: likewise.
        fingerprint: of the data.
        class_names: of the data.
        threads: of arithmetic.
    """

    options: TrainOptions
    recipe: Recipe
    fingerprint: Fingerprint
    class_names: tuple[str, ...]
    threads: int

    def plan_of(self, recipe: Recipe) -> Plan:
        """Return the plan that training with a recipe, and without further options, obeys."""
        bare = replace(
            self.options, network=None, size=None, batch_size=None, learning_rate=None, epochs=None, recipe=None
        )
        return make_plan(bare, recipe, self.fingerprint, self.class_names, self.threads)


def make_space(ground: Ground, plan: Plan, training_count: int, networks: tuple[str, ...]) -> Space:
    """Return the space around a plan.

    Args:
        ground: what trials start from.
        plan: what would be learned without a search.
        training_count: cases of the training part.
        networks: those to try; the usual ones for this size where empty.
    """
    usual = SMALL_NETWORKS if plan.network.rows <= SMALL_SIDE else LARGE_NETWORKS
    named = tuple(dict.fromkeys((plan.network.name, *(networks or usual)))) if not ground.options.network else ()
    sizes = tuple(size for size in BATCH_SIZES if size * 8 <= training_count) or BATCH_SIZES[:1]
    bare = Space((plan.network.name,), sizes, plan)
    fitting = [name for name in named if _fits(ground, bare, name)]
    if networks:
        fitting = [name for name in fitting if name in networks] or [plan.network.name]
    return replace(bare, networks=tuple(fitting) or bare.networks)


def recipe_of(ground: Ground, space: Space, choice: Choice) -> Recipe:
    """Return the recipe of a choice; images are prepared as the plan says, whichever network sees them."""
    network = dict(ground.recipe.network) if choice["network"] == space.plan.network.name else {}
    network |= {"name": str(choice["network"]), "size": space.plan.network.rows}
    names = ("batch_size", "learning_rate", "weight_decay", "label_smoothing")
    drawn = {name: choice[name] for name in names}
    learning = {**ground.recipe.learning, **drawn, "epochs": space.plan.learning.epochs}
    update: dict[str, Any] = {
        "network": network,
        "learning": learning,
        "prepare": space.plan.prepare,
        "augment": _augmentation(str(choice["augmentation"]), space.plan),
        "seed": space.plan.seed,
    }
    return ground.recipe.model_copy(update=update)


def _fits(ground: Ground, space: Space, name: str) -> bool:
    """Tell whether a network takes images of the size of the plan."""
    try:
        ground.plan_of(recipe_of(ground, space, {**space.first(), "network": name}))
    except HounsfieldError:
        return False
    return True


def _augmentation(name: str, plan: Plan) -> tuple[Augmentation, ...]:
    kinds = {"plan": plan.augment, "none": (), "gentle": SMALL_AUGMENT, "strong": LARGE_AUGMENT}[name]
    allows_flips = not any(isinstance(kind, Affine) and not kind.flip_probability for kind in plan.augment)
    if allows_flips:
        return kinds
    return tuple(
        kind.model_copy(update={"flip_probability": 0.0}) if isinstance(kind, Affine) else kind for kind in kinds
    )
