"""Augmentation of whole batches beside MONAI's transforms of one image after the other, with two workers."""

from typing import Any

import numpy as np
import torch

from benchmarks.side_by_side import Row, Subject, measure
from hounsfield.train.augment import Affine, Contrast, Noise, augment

COUNT, BATCH, WORKERS = 512, 64, 2
KINDS = (
    Affine(rotation_degrees=15, scale=(0.9, 1.1), shift_fraction=0.05, flip_probability=0.5),
    Contrast(factor=(0.8, 1.2), brightness=0.1, clip=False),
    Noise(probability=1.0, deviation=0.03, clip=False),
)


def monai_transforms(side: int, is_loaded: bool = False) -> Any:
    """Return the same operations: turn, scale, shift and mirror, contrast and brightness, noise."""
    from monai.transforms import (
        Compose,
        EnsureChannelFirst,
        RandAffine,
        RandFlip,
        RandGaussianNoise,
        RandScaleIntensity,
        RandShiftIntensity,
    )

    shift = 0.05 * side
    first = [EnsureChannelFirst(channel_dim="no_channel")] if is_loaded else []
    return Compose(
        [
            *first,
            RandAffine(prob=1.0, rotate_range=0.26, scale_range=(0.1, 0.1), translate_range=(shift, shift),
                       mode="bilinear", padding_mode="zeros"),
            RandFlip(prob=0.5, spatial_axis=1),
            RandScaleIntensity(0.2, prob=1.0),
            RandShiftIntensity(0.1, prob=1.0),
            RandGaussianNoise(prob=1.0, std=0.03),
        ]
    )  # fmt: skip


def measure_augmenting(rounds: int) -> dict[str, list[Row]]:
    """Measure passes over images at two sizes; each gives the number of samples it made."""
    from monai.data import DataLoader, Dataset

    found = {}
    for side in (64, 128):
        images = np.random.default_rng(0).random((COUNT, 1, side, side), dtype=np.float32)
        tensor = torch.from_numpy(images)

        def ours(tensor: torch.Tensor = tensor) -> float:
            chance = torch.Generator().manual_seed(0)
            return float(sum(augment(batch, KINDS, chance).numel() for batch in torch.split(tensor, BATCH)))

        loader = DataLoader(
            Dataset(list(images), monai_transforms(side)),
            batch_size=BATCH,
            num_workers=WORKERS,
            persistent_workers=True,
        )

        def by_monai(loader: Any = loader) -> float:
            return float(sum(batch.numel() for batch in loader))

        torch.set_num_threads(WORKERS)
        subjects = [Subject("hounsfield, whole batches", ours), Subject("MONAI, two workers", by_monai)]
        found[f"augmentation of {COUNT} images of {side} x {side} [augment_{side}]"] = measure(subjects, rounds)
    return found
