"""Small pictures whose targets are known: which marks they bear, mirrored or not, or how tall a bar is."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

MARKS = (
    (slice(10, 18), slice(10, 18)),
    (slice(8, 20), [*range(4), *range(24, 28)]),
    ([*range(4), *range(24, 28)], slice(8, 20)),
)
"""The middle, both sides, top and bottom: the same when a picture is mirrored."""
LABELS = ("effusion", "nodule", "mass")


def pictures(count: int, seed: int = 0):
    """Return noise (case, row, column) uint8 with bright marks, and which of them are there (case, mark)."""
    chance = np.random.default_rng(seed)
    images = chance.integers(0, 90, (count, 28, 28)).astype(np.uint8)
    present = (chance.random((count, 3)) < (0.5, 0.4, 0.3)).astype(float)
    for image, row in zip(images, present, strict=True):
        for mark, is_bright in zip(MARKS, row, strict=True):
            image[mark] += np.uint8(120 * is_bright)
    return images, present


def write_labels(folder: Path, count: int = 150, blank_share: float = 0.2) -> Path:
    """Write PNG files and a CSV of three labels, some of them blank."""
    images, present = pictures(count)
    blank = np.random.default_rng(1).random(present.shape) < blank_share
    rows = np.where(blank, "", present.astype(int).astype(str)).tolist()
    return write_manifest(folder, images, LABELS, rows)


def write_numbers(folder: Path, count: int = 150) -> Path:
    """Write PNG files and a CSV of the height in millimetres of a bright bar."""
    chance = np.random.default_rng(3)
    images = chance.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    heights = chance.uniform(2, 24, count)
    for image, height in zip(images, heights, strict=True):
        image[2 : 2 + round(height), 8:20] += np.uint8(150)
    return write_manifest(folder, images, ("label",), [[f"{height:.2f}"] for height in heights])


def write_grades(folder: Path, count: int = 160) -> Path:
    """Write a MedMNIST file of four ordered grades, as RetinaMNIST: how tall a bar is."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(4)
    arrays = {}
    for name, size in (("train", count), ("val", count // 2), ("test", count // 2)):
        grades = np.arange(size) % 4
        images = chance.integers(0, 140, (size, 28, 28)).astype(np.uint8)
        for image, grade in zip(images, grades, strict=True):
            image[3 : 6 + 6 * int(grade), 8:20] += np.uint8(100)
        arrays |= {f"{name}_images": images, f"{name}_labels": grades[:, None].astype(np.uint8)}
    np.savez(folder / "retinamnist.npz", **arrays)
    return folder


def write_manifest(folder: Path, images, columns, rows) -> Path:
    """Write pictures and a CSV with their columns; every third patient has two pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03d}.png")
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "patient_id", "age", *columns])
        for index, row in enumerate(rows):
            patient = index - 1 if index % 3 == 1 else index
            writer.writerow([f"{index:03d}.png", f"p{patient}", 40 + index % 30, *row])
    return folder
