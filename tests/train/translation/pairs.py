"""Small pairs with a known answer: the target is the input with dark and bright exchanged."""

from typing import Any

import numpy as np

from hounsfield.model.networks.translation_catalogue import TranslationSettings
from hounsfield.train.parts import Part, Parts
from hounsfield.train.synthesis.plan import GameLearning
from hounsfield.train.translation.plan import TranslationPlan
from hounsfield.train.translation.way import PairParts

SIDE = 32


def part(count: int, seed: int, groups: int | None = None) -> tuple[Part, Part]:
    """Return images with a bright square each, and their negatives; cases share ``groups`` groups in turn."""
    chance = np.random.default_rng(seed)
    images = chance.uniform(0.1, 0.3, (count, 1, SIDE, SIDE))
    for image in images:
        row, column = chance.integers(2, SIDE - 12, 2)
        image[0, row : row + 10, column : column + 10] += 0.5
    labels = np.zeros(count, np.int64)
    own = np.arange(count) % (groups or count)
    names = tuple(f"{seed}-{index}" for index in range(count))
    first, second = images.astype(np.float32), (1 - images).astype(np.float32)
    return Part(first, labels, own, names, labels), Part(second, labels, own, names, labels)


def parts(training: int = 16, tuning: int = 6, test: int | None = 8, groups: int | None = None) -> PairParts:
    made = [part(training, 1), part(tuning, 2, groups), part(test, 3, groups) if test else (None, None)]
    first, second = (Parts(*(pair[side] for pair in made)) for side in (0, 1))  # type: ignore[arg-type]
    return PairParts(first, second)


def plan(epochs: int = 2, **changes: Any) -> TranslationPlan:
    learning = {"epochs": epochs, "batch_size": 4, "learning_rate": 2e-3, "weight_decay": 0.0, "gradient_limit": 1e6}
    learning |= {"label_smoothing": 0.0, **changes.pop("learning", {})}
    values: dict[str, Any] = {
        "name": "pairs",
        "prepare": ({"step": "grey"}, {"step": "resize", "rows": SIDE, "columns": SIDE}),
        "network": TranslationSettings(side=SIDE, widths=(4, 8, 8), judge_width=4),
        "seed": 3,
    }
    return TranslationPlan(**{**values, "learning": GameLearning(**learning), **changes})
