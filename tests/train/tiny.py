"""Tiny data sets with a known answer, and what tests need to train on them in a second."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from hounsfield.train.parts import Part, Parts

SIDE = 28


def blobs(
    count: int, seed: int, side: int = SIDE, strength: float = 0.45
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return noise images (case, 1, row, column) in 0..1 and labels: class 1 has a bright square off the centre."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = chance.random((count, 1, side, side), dtype=np.float32) * 0.5
    place = side // 4
    images[labels == 1, :, place : place + side // 3, place : place + side // 3] += strength
    return images, labels.astype(np.int64)


def part(count: int, seed: int, side: int = SIDE, strength: float = 0.45) -> Part:
    """Return a part of such images; every case is a group of its own."""
    images, labels = blobs(count, seed, side, strength)
    names = tuple(f"{seed}-{index}" for index in range(count))
    return Part(images, labels, np.arange(count), names, np.zeros(count, dtype=np.int64))


def parts(training: int = 96, tuning: int = 48, test: int | None = None, strength: float = 0.45) -> Parts:
    """Return parts of such images."""
    held = None if test is None else part(test, 3, strength=strength)
    return Parts(part(training, 1, strength=strength), part(tuning, 2, strength=strength), held)


def write_npz(folder: Path, training: int = 96, tuning: int = 48, test: int = 0, strength: float = 0.45) -> Path:
    """Write a MedMNIST file of such images and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    for seed, (name, count) in enumerate({"train": training, "val": tuning, "test": test}.items(), start=1):
        if count:
            images, labels = blobs(count, seed, strength=strength)
            arrays[f"{name}_images"] = (images[:, 0] * 255).astype(np.uint8)
            arrays[f"{name}_labels"] = labels.astype(np.uint8)[:, None]
    np.savez(folder / "blobs.npz", **arrays)  # type: ignore[arg-type]
    return folder


def write_folders(folder: Path, count: int = 80, side: int = 36) -> Path:
    """Write class folders ``blob`` and ``normal`` of PNG files of changing size, and return the folder."""
    images, labels = blobs(count, 5, side)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        target = folder / ("blob" if label else "normal") / f"{index:03d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = side - index % 3
        Image.fromarray((image[0, :rows] * 255).astype(np.uint8)).save(target)
    return folder
