"""DenseNet-121 with augmentation, end to end on the processor, beside MONAI's CacheDataset and transforms.

Both learn MONAI's network with the stem that we give it at this size, so that the work is the same.
"""

from typing import Any

import numpy as np
import torch

from benchmarks.augmenting import KINDS, WORKERS, monai_transforms
from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.train.classification import Classification
from hounsfield.train.learner import Learner
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import Learning, Plan

BATCH, STEPS = 8, 2


def measure_dense(rounds: int) -> dict[str, list[Row]]:
    """Measure an epoch of a few steps at two sizes, from images in memory to the weights after it."""
    torch.set_num_threads(WORKERS)
    found = {}
    for side in (64, 128):
        subjects = [Subject("hounsfield", _ours(side)), Subject("MONAI CacheDataset + transforms", _by_monai(side))]
        title = f"DenseNet-121, {STEPS} steps of {BATCH} images of {side} x {side} [densenet121_{side}]"
        found[title] = measure(subjects, rounds)
    return found


def _ours(side: int) -> Any:
    count = BATCH * STEPS
    images = np.random.default_rng(0).random((count, 1, side, side), dtype=np.float32)
    labels, names = np.arange(count) % 2, tuple(map(str, range(count)))
    part = Part(images, labels, np.arange(count), names, np.zeros(count, dtype=np.int64))
    plan = Plan(
        name="dense", class_names=("a", "b"), prepare=(), augment=KINDS, learning=Learning(batch_size=BATCH),
        network=NetworkSettings("densenet121", 2, 1, side, side),
    )  # fmt: skip
    way = Classification(plan, Parts(part, part, None))
    learner = Learner(way)

    def run() -> int:
        for batch in way.batches(0):
            learner.learn(batch, 1e-4)
        return way.batch_count

    return run


def _by_monai(side: int) -> Any:
    from monai.data import CacheDataset, DataLoader

    from hounsfield.model.networks.build import build_network

    images = np.random.default_rng(0).random((BATCH * STEPS, side, side), dtype=np.float32)
    items = [(image, index % 2) for index, image in enumerate(images)]

    class Pairs(CacheDataset):
        """Images with their labels: the transforms see the image alone."""

        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index), items[index][1]

    data = Pairs(list(images), monai_transforms(side, is_loaded=True), progress=False)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)
    network = build_network(NetworkSettings("densenet121", 2, 1, side, side)).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    loss = torch.nn.CrossEntropyLoss()

    def run() -> int:
        steps = 0
        for batch, labels in loader:
            optimiser.zero_grad()
            loss(network(batch.as_tensor()), labels).backward()
            optimiser.step()
            steps += 1
        return steps

    return run
