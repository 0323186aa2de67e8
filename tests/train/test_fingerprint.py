"""The fingerprint: sizes, shapes, counts and words of a data set as they are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from hounsfield.cases.layouts import read_cases
from hounsfield.train.fingerprint import LOOKED_AT, take_fingerprint
from tests.train.tiny import write_npz


def write(folder: Path, shapes: list[tuple[int, int]], classes: tuple[str, ...] = ("a", "b")) -> Path:
    chance = np.random.default_rng(0)
    for index, shape in enumerate(shapes):
        target = folder / classes[index % len(classes)]
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 255, shape).astype(np.uint8)).save(target / f"{index:03d}.png")
    return folder


def test_side_is_the_median_of_the_longer_sides(tmp_path: Path) -> None:
    table = read_cases(write(tmp_path, [(30, 20), (20, 40), (50, 50), (60, 10)]))
    found = take_fingerprint(table, range(4))
    assert found.side == 45
    assert not found.has_one_shape
    assert found.class_counts == (2, 2)
    assert found.case_count == 4


def test_one_shape_is_seen(tmp_path: Path) -> None:
    table = read_cases(write_npz(tmp_path))
    found = take_fingerprint(table, range(len(table)))
    assert found.has_one_shape
    assert found.side == 28
    assert found.class_counts == (72, 72)


def test_many_images_are_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_cases(write_npz(tmp_path, training=700, tuning=300))
    asked: list[int] = []
    whole = type(table).read_all

    def noted(self, indices=None, workers: int = 4):
        asked.extend(indices)
        return whole(self, indices, workers)

    monkeypatch.setattr(type(table), "read_all", noted)
    take_fingerprint(table, range(len(table)))
    assert len(asked) == LOOKED_AT
    assert max(asked) > 900


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("left", "right"), True),
        (("Knee_L", "Knee_R"), True),
        (("lesion left", "none"), True),
        (("leftover", "bright"), False),
        (("a", "b"), False),
    ],
)
def test_words_for_sides_are_noticed(tmp_path: Path, names: tuple[str, str], expected: bool) -> None:
    table = read_cases(write(tmp_path, [(24, 24)] * 6, names))
    assert take_fingerprint(table, range(6)).names_sides is expected


def test_unreadable_images_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, [(24, 24)] * 6)
    (tmp_path / "a" / "000.png").write_bytes((tmp_path / "a" / "000.png").read_bytes()[:40])
    table = read_cases(tmp_path)
    assert take_fingerprint(table, range(6)).side == 24
