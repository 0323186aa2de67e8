"""From the command to the first step of learning: classes, masks and boxes, each in a fresh process.

``python -m benchmarks.starting KIND FOLDER`` makes a data set; ``... run FOLDER`` trains on it until its first step.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 3
KINDS = ("classes", "masks", "boxes")


def make(kind: str, folder: Path) -> None:
    """Write a small data set, as its layout is."""
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    if kind == "boxes":
        from tests.train.discs import save_discs

        save_discs(folder, 30)
        return
    if kind == "classes":
        images, labels = chance.integers(0, 255, (100, 28, 28), dtype=np.uint8), np.arange(100)[:, None] % 2
        folder.mkdir()
        np.savez(folder / "data.npz", train_images=images, train_labels=labels)
        return
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(12):
        picture = chance.integers(0, 90, (96, 96)).astype(np.uint8)
        mask = np.zeros((96, 96), dtype=np.uint8)
        mask[20 + index : 50 + index, 30:60] = 1
        Image.fromarray(picture + 120 * mask).save(folder / "images" / f"{index:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{index:02d}.png")


def run(folder: Path) -> None:
    """Train as the command line does, and end the process where the first step ends."""
    from hounsfield.train.learner import Learner

    step = Learner.learn

    def first(self: Any, *words: Any) -> None:
        step(self, *words)
        os._exit(42)

    Learner.learn = first  # type: ignore[method-assign]
    from hounsfield.cli import main

    main(["train", str(folder), "-o", str(folder.with_suffix(".model")), "--quiet"])


def measure_starting() -> dict[str, float]:
    """Return the median seconds of each kind, taken in turn."""
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as root:
        for kind in KINDS:
            make(kind, Path(root) / kind)
        for _ in range(ROUNDS):
            for kind in KINDS:
                began = time.perf_counter()
                words = [sys.executable, "-m", "benchmarks.starting", "run", str(Path(root) / kind)]
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                if done.returncode != 42:
                    raise RuntimeError(f"{kind}: {done.stdout[-500:]}{done.stderr[-2000:]}")
                seconds[kind].append(time.perf_counter() - began)
    return {kind: round(statistics.median(values), 2) for kind, values in seconds.items()}


if __name__ == "__main__":
    run(Path(sys.argv[2])) if sys.argv[1] == "run" else make(sys.argv[1], Path(sys.argv[2]))
