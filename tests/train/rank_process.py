"""One process of a run of several, as a test starts it, with the variables that torchrun sets.

``python -m tests.train.rank_process FOLDER`` learns blobs with two networks, does the last epoch of the first again
from the checkpoint before it, and says what it saw as one line of JSON. Then it begins once more, and the second
process ends without a word after the first epoch.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from hounsfield.errors import HounsfieldError
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.train.augment import Affine, Noise
from hounsfield.train.chance import settled
from hounsfield.train.classification import Classification
from hounsfield.train.events import Talk, TrainEvent, silent
from hounsfield.train.loop import Loop
from hounsfield.train.plan import Learning, Mixup, Plan
from hounsfield.train.ranks import ALONE, Ranks, join
from tests.train.tiny import SIDE, parts

NETWORKS = {
    "plain": NetworkSettings("article", 2, 1, SIDE, SIDE, dropout=0.0),
    "normalised": NetworkSettings(
        "small-residual", 2, 1, SIDE, SIDE, dropout=0.0, widths=(8,), depths=(1,), strides=(2,)
    ),
}


def plan(network: str) -> Plan:
    learning = Learning(
        epochs=4, batch_size=15, learning_rate=1e-3, mixup=Mixup(alpha=0.4, probability=0.5), label_smoothing=0.1,
        balance="loss",
    )  # fmt: skip
    return Plan(
        name="ranks", class_names=("a", "b"), prepare=(), network=NETWORKS[network], learning=learning,
        augment=(Affine(rotation_degrees=20, flip_probability=0.5), Noise(probability=1.0)),
    )  # fmt: skip


def learn(network: str, folder: Path, ranks: Ranks = ALONE, talk: Talk = silent) -> dict[str, Any]:
    """Learn from where the folder of checkpoints is, and return the curves and the sum of the weights."""
    with settled(1):
        loop = Loop(Classification(plan(network), parts(training=60, tuning=24)), folder, talk, ranks)
        has_state = loop.resume()
        outcome = loop.run()
    history = outcome.progress.history
    return {
        "has_state": has_state, "losses": [row.training_loss for row in history],
        "tuning": [row.tuning_loss for row in history], "accuracy": [row.training["accuracy"] for row in history],
        "weights": sum(float(value.double().abs().sum()) for value in outcome.weights.values()),
    }  # fmt: skip


def main(folder: Path) -> None:
    ranks = join()
    told = {name: learn(name, folder / name, ranks) for name in NETWORKS}
    if ranks.is_first:
        for path in (folder / "plain").glob("epoch-000004.*"):
            path.unlink()
    ranks.told(None)
    told["resumed"] = learn("plain", folder / "plain", ranks)
    print(json.dumps({**told, "rank": ranks.rank, "count": ranks.count}), flush=True)

    def dies(event: TrainEvent) -> None:
        if ranks.rank == 1:
            os._exit(7)

    try:
        learn("plain", folder / "torn", ranks, dies)
    except HounsfieldError as error:
        print(json.dumps(error.code), flush=True)
        os._exit(3)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
