"""Small pictures with two facts that know nothing of each other: which mark they bear, and how tall a bar is."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from hounsfield.cases.task import LearningTask
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.train.parts import Part
from hounsfield.train.plan import Learning
from hounsfield.train.several.parts import SeveralPart, SeveralParts
from hounsfield.train.several.plan import HeadPlan, SeveralPlan

KINDS = ("cyst", "mass", "none")
MISSING = 0.4


def facts(count: int, seed: int = 0):
    """Return images (case, row, column) uint8, the kind (case,) and the height in millimetres (case,) of each."""
    chance = np.random.default_rng(seed)
    images = chance.integers(0, 60, (count, 28, 28)).astype(np.uint8)
    kinds, heights = chance.integers(0, 3, count), chance.uniform(2, 22, count)
    for image, kind, height in zip(images, kinds, heights, strict=True):
        image[3 : 3 + round(height), 2:8] += np.uint8(150)
        if kind == 0:
            image[10:18, 14:22] += np.uint8(150)
        elif kind == 1:
            image[4:24:4, 12:26] += np.uint8(150)
    return images, kinds, heights


def write_facts(folder: Path, count: int = 240, missing: float = MISSING, seed: int = 0) -> Path:
    """Write PNG files and a manifest of kind, height, grade of the height and whether it is tall, with blanks."""
    images, kinds, heights = facts(count, seed)
    columns = {
        "kind": [KINDS[kind] for kind in kinds],
        "bar": [f"{height:.2f}" for height in heights],
        "grade": [str(int(height // 6)) for height in heights],
        "tall": [str(int(height > 12)) for height in heights],
    }
    return write_table(folder, images, columns, missing, seed)


def write_table(folder: Path, images, columns, missing: float = 0.0, seed: int = 0) -> Path:
    """Write pictures and a manifest; each cell of a target is blank by chance, every third patient has two pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed + 100)
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03d}.png")
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "patient_id", "age", *columns])
        for index in range(len(images)):
            cells = ["" if chance.random() < missing else texts[index] for texts in columns.values()]
            patient = index - 1 if index % 3 == 1 else index
            writer.writerow([f"{index:03d}.png", f"p{patient}", 40 + index % 30, *cells])
    return folder


HEADS = (
    HeadPlan(name="kind", task=LearningTask.CLASSIFICATION, class_names=KINDS, columns=("kind",)),
    HeadPlan(
        name="bar", task=LearningTask.REGRESSION, class_names=("bar",), columns=("bar",), unit="mm",
        centre=12.0, scale=6.0,
    ),
    HeadPlan(name="grade", task=LearningTask.ORDINAL, class_names=("0", "1", "2", "3"), columns=("grade",)),
    HeadPlan(name="signs", task=LearningTask.MULTI_LABEL, class_names=("tall", "marked"), columns=("tall", "marked")),
)  # fmt: skip
"""A head of every kind."""


def toy_plan(**changes) -> SeveralPlan:
    """Return a plan of all heads that ends after two epochs."""
    outputs = sum(head.output_count for head in HEADS)
    plan = SeveralPlan(
        name="toy", class_names=tuple(head.name for head in HEADS), prepare=(), heads=HEADS,
        network=NetworkSettings("article", outputs), learning=Learning(epochs=2, batch_size=16),
    )  # fmt: skip
    return plan.model_copy(update=changes)


def toy_parts(count: int = 48, missing: float = MISSING) -> SeveralParts:
    """Return parts of the pictures with the targets of all heads, some of them not assessed."""
    images, kinds, heights = facts(count, 1)
    columns = [kinds, heights, heights // 6, np.stack([heights > 12, kinds < 2], 1)]
    chance = np.random.default_rng(7)
    values = []
    for column in columns:
        known = np.asarray(column, dtype=np.float64).reshape(count, -1)
        values.append(np.where(chance.random(known.shape) < missing, np.nan, known))
    none = np.zeros(count, np.int64)
    whole = Part(
        (images[:, None] / 255).astype(np.float32), none, np.arange(count), tuple(map(str, range(count))), none
    )
    item = SeveralPart(whole, tuple(values))
    return SeveralParts(item, item, None)


def halves(count: int, seed: int = 0):
    """Return two series (case, row, column) uint8 each, and two facts (case,) of which each series shows one."""
    chance = np.random.default_rng(seed)
    first, second = (chance.integers(0, 90, (count, 28, 28)).astype(np.uint8) for _ in range(2))
    facts_of = chance.integers(0, 2, (count, 2))
    for index, (one, other) in enumerate(facts_of):
        first[index, 8:18, 4 + 10 * one : 12 + 10 * one] += np.uint8(120)
        second[index, 4 + 10 * other : 12 + 10 * other, 8:18] += np.uint8(120)
    return (first, second), facts_of


def write_halves(folder: Path, count: int = 240, missing: float = 0.3, seed: int = 0) -> Path:
    """Write two series and a manifest of them whose label needs both; some cases have only one of them."""
    folder.mkdir(parents=True, exist_ok=True)
    series, known = halves(count, seed)
    chance = np.random.default_rng(seed + 50)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path_t1", "path_t2", "patient_id", "label"])
        for index in range(count):
            cells = []
            for name, images in zip(("t1", "t2"), series, strict=True):
                Image.fromarray(images[index]).save(folder / f"{index:03d}-{name}.png")
                cells.append(f"{index:03d}-{name}.png")
            if chance.random() < missing:
                cells[int(chance.integers(0, 2))] = ""
            writer.writerow([*cells, f"p{index}", "abcd"[2 * known[index, 0] + known[index, 1]]])
    return folder
