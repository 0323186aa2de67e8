"""Tables of features with planted cases, repetitions and batches."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

TAGS = ("stat_mean", "stat_var", "cm_contrast_3D_comb", "mean_5_3D_stat_skew", "foreign")


def write_table(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def scan(seed: int, count: int = 20, shift: float = 0.0) -> list[dict[str, object]]:
    """One row a case: a mean that comes out again, a variance that is shifted, and the rest noise."""
    truth, chance = np.random.default_rng(0).normal(100, 20, count), np.random.default_rng(seed)
    rows = []
    for case in range(count):
        values = (truth[case] + chance.normal(0, 1), truth[case] + shift, *chance.normal(0, 1, 3))
        own = {"id": f"case{case}", "error": "", "label": 1, "voxels": 50, "grey_levels": 32}
        rows.append(own | dict(zip(TAGS, map(float, values), strict=True)))
    return rows


def scanners(seed: int = 0, count: int = 60) -> list[dict[str, object]]:
    """Cases of three scanners, each with its own offset and spread, and an effect of age and of stage."""
    chance, rows = np.random.default_rng(seed), []
    for case in range(count):
        scanner, age, stage = "abc"[case % 3], float(chance.uniform(40, 80)), ("I", "II", "III")[case // 3 % 3]
        offset, spread = {"a": (0, 1), "b": (15, 2), "c": (-8, 0.5)}[scanner]
        values = offset + 0.5 * age + 6 * len(stage) + spread * chance.normal(0, 2, 5)
        part = "training" if case < count * 2 // 3 else "test"
        own = {"id": f"case{case}", "batch": scanner, "age": age, "stage": stage, "split": part, "grey_levels": 32}
        rows.append(own | dict(zip(TAGS, map(float, values), strict=True)))
    return rows
