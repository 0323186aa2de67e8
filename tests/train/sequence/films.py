"""Small films whose class is the order of their frames alone, and what tests need to learn from them in seconds.

A disc grows, or the same film is shown backwards: no single frame, no set of frames and no mirror image tells which.
"""

from pathlib import Path

import numpy as np

from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.sequence_catalogue import SequenceSettings
from hounsfield.train.augment import Affine, Noise
from hounsfield.train.plan import Learning
from hounsfield.train.sequence.parts import SequencePart, SequenceParts
from hounsfield.train.sequence.plan import SequencePlan

SIDE = 24


def growing(chance: np.random.Generator, frames: int, side: int = SIDE) -> np.ndarray:
    """Return a film (frame, row, column) uint8 of a disc that grows over a noisy ground of its own grey."""
    rows, columns = np.mgrid[:side, :side]
    centre = chance.uniform(side / 3, 2 * side / 3, 2)
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    radii = np.linspace(2, 9, frames) + chance.uniform(-0.5, 0.5)
    ground = chance.integers(0, 60) + chance.integers(0, 60, (frames, side, side))
    return (ground + 130 * (inside < radii[:, None, None] ** 2)).astype(np.uint8)


def films(count: int, seed: int = 0, lengths: tuple[int, int] = (6, 6)) -> tuple[list[np.ndarray], np.ndarray]:
    """Return films and their classes: 0 grows, 1 is a film of the same kind shown backwards."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    made = [growing(chance, int(chance.integers(lengths[0], lengths[1] + 1))) for _ in labels]
    return [film[::-1] if label else film for film, label in zip(made, labels, strict=True)], labels


def reversed_films(shown: list[np.ndarray]) -> list[np.ndarray]:
    return [film[::-1] for film in shown]


def write_arrays(path: Path, shown: list[np.ndarray], labels: np.ndarray, **more: np.ndarray) -> Path:
    """Write films as one npz, padded with white frames, with the number of real frames and the patient of each."""
    counts = np.array([len(film) for film in shown])
    images = np.full((len(shown), counts.max(), *shown[0].shape[1:]), 255, np.uint8)
    for image, film in zip(images, shown, strict=True):
        image[: len(film)] = film
    patients = np.array([f"p{index}" for index in range(len(shown))])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=images, labels=labels, **{"lengths": counts, "patients": patients, **more})
    return path


def sequence_part(count: int, seed: int, lengths: tuple[int, int] = (3, 6)) -> SequencePart:
    shown, labels = films(count, seed, lengths)
    return SequencePart(
        np.concatenate(shown)[:, None].astype(np.float32) / 255,
        labels.astype(np.int64),
        np.arange(count),
        tuple(f"{seed}-{index}" for index in range(count)),
        np.zeros(count, dtype=np.int64),
        np.array([len(film) for film in shown]),
        np.where(labels == 1, 20.0, 50.0) + np.arange(count) % 5,
    )


def sequence_parts(training: int = 40, tuning: int = 20, test: int | None = None) -> SequenceParts:
    held = None if test is None else sequence_part(test, 3)
    return SequenceParts(sequence_part(training, 1), sequence_part(tuning, 2), held)


def sequence_plan(epochs: int = 2, is_number: bool = False, **changes: object) -> SequencePlan:
    values: dict[str, object] = {
        "name": "tiny",
        "class_names": ("number",) if is_number else ("growing", "shrinking"),
        "prepare": ({"step": "sample-frames", "most": 6},),
        "task": "regression" if is_number else "classification",
        "network": NetworkSettings("article", 1 if is_number else 2, 1, SIDE, SIDE, standardise=True),
        "sequence": SequenceSettings(width=8),
        "most_frames": 6,
        "augment": (Affine(rotation_degrees=5, flip_probability=0.5), Noise()),
        "learning": Learning(epochs=epochs, batch_size=8, learning_rate=3e-3),
        "target_centre": 37.0 if is_number else 0.0,
        "target_scale": 15.0 if is_number else 1.0,
    }
    return SequencePlan.model_validate({**values, **changes})
