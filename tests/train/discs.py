"""Pictures of discs and squares on a dark ground, with their boxes, as a small Pascal VOC data set."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.cases.boxed_examples import voc_xml

SHAPE = (64, 80)


def draw(seed: int) -> tuple[np.ndarray, list]:
    """Return a picture (row, column, 3) with one disc and one square, and its objects."""
    chance = np.random.default_rng(seed)
    picture = chance.integers(0, 40, (*SHAPE, 3)).astype(np.uint8)
    side, radius = int(chance.integers(10, 16)), int(chance.integers(8, 12))
    top, left = int(chance.integers(2, SHAPE[0] - side - 2)), int(chance.integers(2, 24))
    picture[top : top + side, left : left + side] = (60, 200, 60)
    row, column = int(chance.integers(radius + 1, SHAPE[0] - radius - 1)), int(chance.integers(55, 66))
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    picture[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = (200, 60, 200)
    disc = (row - radius + 1, column - radius + 1, row + radius, column + radius)
    return picture, [("square", (top, left, top + side, left + side)), ("disc", disc)]


def save_discs(root: Path, count: int = 30) -> Path:
    (root / "Annotations").mkdir(parents=True)
    (root / "JPEGImages").mkdir()
    for seed in range(count):
        picture, objects = draw(seed)
        Image.fromarray(picture).save(root / "JPEGImages" / f"{seed:02d}.png")
        (root / "Annotations" / f"{seed:02d}.xml").write_text(voc_xml(f"{seed:02d}.png", objects), encoding="utf-8")
    return root
