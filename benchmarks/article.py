"""The article's network on images of 28 x 28: our step beside its Keras 3 form.

``make bench-learning`` installs Keras with TensorFlow into an environment of its own, ``build/keras-env`` (or where
``KERAS_PYTHON`` points), as the two would quarrel over versions. Without it our row stands alone, and it is said so.
"""

import os
import subprocess
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.train.classification import Classification
from hounsfield.train.learner import Learner
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import Learning, Plan

BATCH, STEPS, THREADS = 64, 50, 2
KERAS = Path(os.environ.get("KERAS_PYTHON", "build/keras-env/bin/python"))


def measure_article(rounds: int) -> dict[str, list[Row]]:
    """Measure steps on batches of a set in memory."""
    torch.set_num_threads(THREADS)
    subjects = [Subject("hounsfield", _ours())]
    title = f"the article's network, {STEPS} steps of {BATCH} images of 28 x 28"
    if not KERAS.exists():
        print(f"Keras is not installed ({KERAS}): the article's network is measured alone.")
        return {f"{title}, without Keras [article_alone]": measure(subjects, rounds)}
    with Keras() as keras:
        return {f"{title} [article]": measure([*subjects, Subject("keras 3", keras.run)], rounds)}


def _ours() -> Any:
    count = BATCH * STEPS
    images = np.random.default_rng(0).random((count, 1, 28, 28), dtype=np.float32)
    names = tuple(map(str, range(count)))
    part = Part(images, np.arange(count) % 2, np.arange(count), names, np.zeros(count, dtype=np.int64))
    plan = Plan(
        name="article", class_names=("a", "b"), prepare=(), learning=Learning(batch_size=BATCH),
        network=NetworkSettings("article", 2, 1, 28, 28),
    )  # fmt: skip
    way = Classification(plan, Parts(part, part, None))
    learner = Learner(way)

    def run() -> int:
        for batch in way.batches(0):
            float(learner.learn(batch, 1e-3).loss)
        return way.batch_count

    return run


class Keras:
    """The other interpreter, which does its steps whenever it is told to."""

    def __enter__(self) -> Self:
        """Start it and wait until it has compiled."""
        words = [str(KERAS), str(Path(__file__).with_name("keras_article.py")), str(BATCH), str(STEPS), str(THREADS)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.run()
        return self

    def run(self) -> int:
        """Do the steps once and return their number."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("Keras has no pipes")
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __exit__(self, *error: object) -> None:
        """End it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(30)
