"""Calcium and chambers against plain loops: floods in Python, weights of the paper, discs counted one by one."""

import math

import numpy as np
import pytest

from hounsfield.clinical.heart.calcium import score_calcium
from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers, largest_part, repaired
from hounsfield.clinical.heart.cycle import cycle_of
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume


def parts(flags: np.ndarray, with_corners: bool) -> list[set[tuple[int, ...]]]:
    """Return the pieces of flags that hang together, by a flood in plain Python."""
    left, found = {tuple(map(int, place)) for place in np.argwhere(flags)}, []
    while left:
        pending, piece = [left.pop()], set()
        while pending:
            here = pending.pop()
            piece.add(here)
            for other in list(left):
                steps = [abs(a - b) for a, b in zip(here, other, strict=True)]
                if (max(steps) if with_corners else sum(steps)) == 1:
                    left.discard(other)
                    pending.append(other)
        found.append(piece)
    return found


def weight(peak_hu: float) -> int:
    """Return the weight of Agatston 1990: 1 from 130, 2 from 200, 3 from 300, 4 from 400 HU."""
    return sum(peak_hu >= edge for edge in (130, 200, 300, 400))


@pytest.mark.parametrize("spacing_mm", [(3.0, 0.7, 0.7), (2.5, 0.4, 0.9), (3.0, 1.0, 1.0)])
@pytest.mark.parametrize("seed", range(4))
def test_scores_of_specks_by_chance_are_those_of_plain_loops(seed, spacing_mm):
    chance = np.random.default_rng(seed)
    geometry = VolumeGeometry((3, 14, 15), spacing_mm)
    array = np.where(chance.random(geometry.shape) < 0.25, chance.integers(100, 600, geometry.shape), 40)
    array = array.astype(np.float32)
    region = chance.random(geometry.shape) < 0.8
    agatston = volume = mass = 0.0
    count = small = 0
    for index in range(3):
        for piece in parts(region[index] & (array[index] >= 130), with_corners=True):
            area = len(piece) * spacing_mm[1] * spacing_mm[2]
            if area < 1.0 - 1e-9:
                small += 1
                continue
            values = [float(array[index][place]) for place in piece]
            count += 1
            agatston += area * weight(max(values)) * spacing_mm[0] / 3.0
            volume += area * spacing_mm[0]
            mass += 0.8 * area * spacing_mm[0] / 1000.0 * math.fsum(values) / len(values)
    found = score_calcium(Volume(array, geometry, Quantity.HOUNSFIELD), region, calibration_mg_ml_hu=0.8)
    assert (len(found.lesions), found.left_out) == (count, small)
    assert count > 5
    assert (found.agatston, found.volume_mm3, found.mass_mg) == pytest.approx((agatston, volume, mass))


@pytest.mark.parametrize("change", ["slices", "rows", "columns", "transposed"])
def test_the_score_does_not_depend_on_how_the_image_lies(change):
    chance = np.random.default_rng(7)
    shape = (4, 12, 12)
    array = np.where(chance.random(shape) < 0.3, chance.integers(100, 600, shape), 0).astype(np.float32)
    turn = {
        "slices": lambda values: values[::-1],
        "rows": lambda values: values[:, ::-1],
        "columns": lambda values: values[:, :, ::-1],
        "transposed": lambda values: values.transpose(0, 2, 1),
    }[change]
    geometry, everywhere = VolumeGeometry(shape, (3.0, 0.7, 0.7)), np.ones(shape, bool)
    usual, turned = (
        score_calcium(Volume(np.ascontiguousarray(values), geometry, Quantity.HOUNSFIELD), everywhere)
        for values in (array, turn(array))
    )
    assert turned.agatston == pytest.approx(usual.agatston)
    assert (len(turned.lesions), turned.left_out) == (len(usual.lesions), usual.left_out)


def test_more_calcium_never_scores_less():
    chance = np.random.default_rng(11)
    geometry = VolumeGeometry((2, 10, 10), (3.0, 1.0, 1.0))
    array, everywhere, scores = np.zeros(geometry.shape, np.float32), np.ones(geometry.shape, bool), []
    for place in chance.permutation(array.size)[:120]:
        array.flat[place] = chance.integers(130, 600)
        scores.append(score_calcium(Volume(array.copy(), geometry, Quantity.HOUNSFIELD), everywhere).agatston)
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] > 0


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_part_is_that_of_a_flood(seed):
    flags = np.random.default_rng(seed).random((4, 6, 7)) < 0.35
    pieces = sorted(parts(flags, with_corners=False), key=len)
    found = largest_part(flags)
    held = {tuple(map(int, place)) for place in np.argwhere(found)}
    assert held in pieces
    assert len(held) == len(pieces[-1])


def chambers_of(left: int, right: int = 5, muscle: int = 9) -> Chambers:
    """Return chambers of so many voxels of 2 x 1.5 x 8 mm each."""
    labels = np.zeros((1, 30, 30), np.uint8)
    labels.flat[: left + right + muscle] = [LEFT] * left + [RIGHT] * right + [MUSCLE] * muscle
    return Chambers(labels, VolumeGeometry(labels.shape, (8.0, 2.0, 1.5), calibration=Calibration.PATIENT))


def test_volume_stroke_fraction_and_mass_worked_out_on_paper():
    """A voxel is 8 x 2 x 1.5 = 24 mm3: 250 are 6 ml and 100 are 2.4 ml, so 3.6 of 6 ml, 60 percent, go out."""
    cycle = cycle_of([chambers_of(250, muscle=125), chambers_of(100), chambers_of(200)])
    assert cycle.volumes_ml(LEFT) == pytest.approx((6.0, 2.4))
    assert cycle.stroke_ml(LEFT) == pytest.approx(3.6)
    assert cycle.ejection_percent(LEFT) == pytest.approx(60.0)
    assert cycle.mass_g() == pytest.approx(3.0 * 1.05)  # 125 voxels are 3 ml of muscle at 1.05 g/ml


@pytest.mark.parametrize("turn", range(12))
def test_where_a_series_begins_in_the_beat_changes_nothing(turn):
    sizes = [round(200 + 90 * math.cos(2 * math.pi * phase / 12)) for phase in range(12)]
    usual = cycle_of([chambers_of(size) for size in sizes])
    turned = cycle_of([chambers_of(size) for size in sizes[turn:] + sizes[:turn]])
    assert (usual.diastole, usual.systole) == (0, 6)
    assert ((turned.diastole + turn) % 12, (turned.systole + turn) % 12) == (0, 6)
    assert turned.ejection_percent(LEFT) == pytest.approx(100 * (290 - 110) / 290)


@pytest.mark.parametrize("seed", range(5))
def test_repairing_twice_is_repairing_once(seed):
    """What was made plausible is plausible: noise over a drawn heart leaves nothing that a second pass would change."""
    chance = np.random.default_rng(seed)
    rows, columns = np.ogrid[:32, :32]
    distance = np.hypot(rows - 16, columns - 18)
    plane = np.where(distance < 6, LEFT, np.where(distance < 9, MUSCLE, 0)).astype(np.uint8)
    plane[10:22, 3:8] = RIGHT
    labels = np.stack([plane] * 4)
    hit = chance.random(labels.shape) < 0.02
    labels[hit] = chance.integers(0, 4, hit.sum())
    once = repaired(Chambers(labels, VolumeGeometry(labels.shape, (8.0, 2.0, 2.0))))
    twice = repaired(once)
    for label in (LEFT, RIGHT):
        assert len(parts(once.labels == label, with_corners=False)) == 1
    assert np.count_nonzero(twice.labels != once.labels) == 0
