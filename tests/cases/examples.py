"""Small data sets with known content."""

from pathlib import Path

import numpy as np
from PIL import Image

from hounsfield.cases.table import Case, CaseImage, CaseTable, Source
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume


def picture(seed: int, side: int = 48) -> np.ndarray:
    """Return a smooth random picture (side, side) uint8 that no other seed resembles."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (9, 9), dtype=np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


def save_picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(path)
    return path


def class_folders(root: Path, counts: dict[str, int], suffix: str = ".png") -> Path:
    """Write one folder a class; every picture has its own seed."""
    seed = 0
    for name, count in counts.items():
        for number in range(count):
            save_picture(root / name / f"{number:03d}{suffix}", seed)
            seed += 1
    return root


def save_npz(path: Path, **parts: int) -> Path:
    """Write a MedMNIST file with so many cases a part; labels alternate."""
    arrays = {}
    for part, count in parts.items():
        arrays[f"{part}_images"] = np.stack([picture(seed + 1000 * len(arrays), 28) for seed in range(count)])
        arrays[f"{part}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, np.newaxis]
    np.savez_compressed(path, **arrays)
    return path


class PictureReader:
    """Reads from a dictionary of arrays by identifier."""

    def __init__(self, pictures: dict[str, np.ndarray]) -> None:
        self.pictures = pictures

    def read(self, case: Case) -> CaseImage:
        array = self.pictures[case.identifier][np.newaxis].astype(np.float32) / 255
        volume = Volume(array, VolumeGeometry(array.shape), Quantity.DISPLAY)
        return CaseImage(volume, Study("", ()), Series("", "", "", ()))


def table_of(
    pictures: dict[str, np.ndarray],
    labels: list[int | None],
    patients: list[str | None] | None = None,
    splits: list[str | None] | None = None,
) -> CaseTable:
    """Return a table of pictures in memory."""
    cases = tuple(
        Case(
            name,
            label,
            patients[index] if patients else None,
            splits[index] if splits else None,
            Source(Path("memory"), index),
        )
        for index, (name, label) in enumerate(zip(pictures, labels, strict=True))
    )
    return CaseTable("memory", ("a", "b"), cases, (), "class-folders", PictureReader(pictures))


def codes(issues) -> list[str]:
    return [issue.code for issue in issues]
