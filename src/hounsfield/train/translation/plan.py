"""The plan of a translator's run: everything it obeys, chosen from the data and the options, with its reasons."""

from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from hounsfield.cases.headers import read_headers
from hounsfield.cases.paired import PairTable
from hounsfield.errors import SettingsError
from hounsfield.model.networks.translation import Translators
from hounsfield.model.networks.translation_catalogue import SIDES, TranslationSettings
from hounsfield.train.augment import Affine, Augmentation
from hounsfield.train.memory import FLOAT_BYTES, MemoryEstimate, estimate_of
from hounsfield.train.plan import Reason, RunPlan
from hounsfield.train.recipe import faults_of
from hounsfield.train.synthesis.plan import Game, GameLearning, SynthesisOptions

L1_WEIGHT = 100.0
"""Of the absolute difference beside the game (Isola 2017, section 3.1)."""
_STEPS = 4000
"""Steps of a whole run, from which the number of epochs follows."""
_LARGEST_SIDE = 128
"""That is chosen where none is asked for."""
_LONG_JUDGE = 128
"""Side from which the discriminator judges patches of 70 pixels, as in the source, and not of 34."""


class TranslationPlan(RunPlan):
    """A resolved run of a translator.

    Attributes:
        prepare: preparing steps of both images of a pair.
        network: form of both networks.
        game: what they lower.
        adversarial: whether there is a game; without, the absolute difference alone is lowered.
        l1_weight: of the absolute difference.
        augment: kinds that change both images of a pair alike.
        clusters: none; every case counts the same.
    """

    prepare: tuple[dict[str, Any], ...]
    network: TranslationSettings
    learning: GameLearning = Field(default_factory=GameLearning)
    game: Game = "minimax"
    adversarial: bool = True
    l1_weight: float = Field(L1_WEIGHT, gt=0)
    augment: tuple[Augmentation, ...] = ()
    clusters: str = ""

    @property
    def network_name(self) -> str:
        """Name of the network."""
        return "pix2pix" if self.adversarial else "unet-l1"


def plan_translation(options: SynthesisOptions, table: PairTable, training_count: int, threads: int) -> TranslationPlan:
    """Return the plan of a run.

    Args:
        options: what a person asks for.
        table: the data.
        training_count: pairs of the training part.
        threads: of arithmetic.

    Raises:
        SettingsError: ``E924``, the size is not possible; ``E830``, a setting is not.
    """
    sides = [max(head.rows, head.columns) for head in read_headers(table.targets) if head.rows and head.columns]
    found = int(np.median(sides)) if sides else _LARGEST_SIDE
    fitting = next((side for side in SIDES if side >= min(found, _LARGEST_SIDE)), _LARGEST_SIDE)
    side = options.size or fitting
    form = TranslationSettings(side=side, judge_strides=3 if side >= _LONG_JUDGE else 2)
    form.check()
    batch_size = options.batch_size or max(1, min(8, training_count // 4))
    epochs = options.epochs or max(10, min(400, _STEPS // max(1, training_count // batch_size)))
    learning: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": options.learning_rate or 4e-4,
        "weight_decay": 0.0,
        "warm_up_epochs": 0.0,
        "average_decay": 0.99,
        "gradient_limit": 1e6,
        "label_smoothing": 0.0,
    }
    reasons = [
        Reason(choice="size", key="ui.translation.reason.size", facts={"side": side, "found": found}),
        Reason(choice="game", key="ui.translation.reason.game", facts={"game": options.game, "weight": L1_WEIGHT}),
        Reason(choice="epochs", key="ui.translation.reason.epochs", facts={"epochs": epochs, "count": training_count}),
    ]
    try:
        return TranslationPlan(
            name=options.name or "translator",
            seed=options.seed or 0,
            threads=threads,
            time_limit_seconds=options.time_limit_seconds,
            prepare=({"step": "grey"}, {"step": "resize", "rows": side, "columns": side}),
            network=form,
            learning=GameLearning.model_validate(learning),
            game=options.game,
            augment=(Affine(flip_probability=0.5, shift_fraction=0.04, scale=(0.95, 1.1)),),
            reasons=tuple(reasons),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def estimate_translation(plan: TranslationPlan, pair_count: int) -> MemoryEstimate:
    """Estimate what a run holds, from the shapes alone."""
    form = plan.network
    images = 2 * pair_count * form.channels * form.side**2 * FLOAT_BYTES
    sides = (form.channels, form.side, form.side)
    # the discriminator sees the real pair and, twice, the one that is made
    return estimate_of(lambda: Translators(form), sides, images, 2 * plan.learning.batch_size)
