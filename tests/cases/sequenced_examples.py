"""Small data sets of sequences in every layout."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image


def film(seed: int, frames: int = 5, side: int = 32) -> np.ndarray:
    """Return (frame, row, column) uint8: a slope of its own with a square that wanders over it."""
    chance = np.random.default_rng(seed)
    shown = chance.integers(0, 120, (frames, side, side)).astype(np.uint8)
    row, column = chance.integers(0, side // 2, 2)
    for number in range(frames):
        shown[number, row : row + 8, column + number : column + number + 8] = 230
    return shown


def save_frames(folder: Path, shown: np.ndarray, first: int = 0) -> Path:
    """Write the frames of a film as numbered pictures, not padded with zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(shown, start=first):
        Image.fromarray(frame).save(folder / f"slice {number}.png")
    return folder


def exams(root: Path, count: int = 4, frames: int = 12) -> Path:
    """Write <class>/<exam>/<nodule>/<slice>.png; the last exam holds both classes."""
    for index in range(count):
        for place, name in enumerate(("benign", "malignant")):
            exam = "both" if index == count - 1 else f"{name[0]}{index}"
            save_frames(root / name / exam / "nodule 1", film(10 * index + place, frames))
    return root


def write_manifest(folder: Path, rows: list[dict[str, object]], name: str = "manifest.csv") -> Path:
    with (folder / name).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder
