"""Small games with known answers: a feature space without a network, parts of flat images, and a plan."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import ModelIdentity
from hounsfield.model.networks.gan_catalogue import GanSettings
from hounsfield.train.parts import Part, Parts
from hounsfield.train.synthesis.plan import GameLearning, SynthesisPlan
from tests.train import tiny

SIDE = 32
GREYS = (0.2, 0.7)


class Blocks:
    """A feature space (as ``train.synthesis.space.FeatureSpace``): the mean of each of 16 blocks, and the deviation."""

    identity = ModelIdentity("blocks", "1.0.0", "test", "0" * 64)

    def of(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        side = images.shape[-1] // 4
        blocks = images.mean(1).reshape(len(images), 4, side, 4, side)
        return np.concatenate([blocks.mean((2, 4)).reshape(len(images), -1), images.std((1, 2, 3))[:, None]], 1).astype(
            np.float32
        )


def part(count: int, seed: int) -> Part:
    """Return images of two classes: dark and bright, each with a little grain."""
    chance = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.int64)
    level = np.array(GREYS)[labels] + chance.normal(0, 0.03, count)
    images = level[:, None, None, None] + chance.normal(0, 0.02, (count, 1, SIDE, SIDE))
    names = tuple(f"{seed}-{index}" for index in range(count))
    return Part(images.clip(0, 1).astype(np.float32), labels, np.arange(count), names, np.zeros(count, np.int64))


def parts(training: int = 64, tuning: int = 24, test: int | None = 40) -> Parts:
    return Parts(part(training, 1), part(tuning, 2), None if test is None else part(test, 3))


def blobs() -> Parts:
    """Return parts of images that are not flat."""
    return Parts(*(tiny.part(count, seed, SIDE) for seed, count in ((1, 64), (2, 24), (3, 24))))


def plan(epochs: int = 2, **changes: Any) -> SynthesisPlan:
    learning = {"epochs": epochs, "batch_size": 16, "learning_rate": 1e-3, "weight_decay": 0.0, "gradient_limit": 1e6}
    values: dict[str, Any] = {
        "name": "game",
        "class_names": ("dark", "bright"),
        "prepare": (),
        "network": GanSettings(class_count=2, side=SIDE, latent=4, width=4),
        "features": ("blocks", "0" * 64),
        "measured": 20,
        "seed": 3,
    }
    return SynthesisPlan(
        **{**values, "learning": GameLearning(**{**learning, **changes.pop("learning", {})}), **changes}
    )
