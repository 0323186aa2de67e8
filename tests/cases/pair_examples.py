"""Small data sets of pairs: the target is the input with dark and bright exchanged."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.cases.examples import picture

SIDE = 32


def given(seed: int) -> np.ndarray:
    """Return a picture (row, column) of 8 bits."""
    return picture(seed, SIDE)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def paired_folders(root: Path, count: int = 4, names: tuple[str, str] = ("input", "target"), part: str = "") -> Path:
    for number in range(count):
        save(root / part / names[0] / f"{number:02d}.png", given(number))
        save(root / part / names[1] / f"{number:02d}.png", 255 - given(number))
    return root


def paired_manifest(root: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = ("path", "target_path")) -> Path:
    """Write pictures of the names in the first two columns where they are not there, and the manifest."""
    for number, row in enumerate(rows):
        for column, pixels in zip(columns[:2], (given(number), 255 - given(number)), strict=True):
            save(root / row[column], pixels)
    text = "\n".join([",".join(columns), *(",".join(row[column] for column in columns) for row in rows)])
    path = root / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path
