"""Masks, walks and axes against plain loops and dense algebra; earlier reports that lie."""

import itertools
import json
import math
import random

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.course import Visit, read_visits
from hounsfield.clinical.tumour.growing import climb, component_at, nearest, of_maximum
from hounsfield.clinical.tumour.measure import longest_axes
from hounsfield.clinical.tumour.prompt import parse_place
from hounsfield.clinical.tumour.suv import Body, SuvKind, body_factor, measure_liver
from hounsfield.clinical.tumour.walker import LEAST_WEIGHT, WalkerSettings, walk
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError, SettingsError

STEPS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]


def flooded(flags: np.ndarray, seed: tuple[int, int, int]) -> np.ndarray:
    """Return what is joined to a seed by faces, by a flood in plain Python."""
    found, pending = np.zeros_like(flags), [seed] if flags[seed] else []
    while pending:
        here = pending.pop()
        if found[here]:
            continue
        found[here] = True
        for step in STEPS:
            place = tuple(at + by for at, by in zip(here, step, strict=True))
            if all(0 <= at < side for at, side in zip(place, flags.shape, strict=True)) and flags[place]:
                pending.append(place)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_component_is_what_a_flood_reaches(seed):
    chance = np.random.default_rng(seed)
    flags = chance.random((5, 7, 6)) < 0.45
    for place in itertools.product((0, 2, 4), (0, 3, 6), (0, 5)):
        assert np.array_equal(component_at(flags, place), flooded(flags, place))


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_voxel_is_that_of_a_tree(seed):
    chance = np.random.default_rng(seed)
    flags = chance.random((6, 8, 7)) < 0.05
    flags[1, 2, 3] = True
    tree = cKDTree(np.argwhere(flags))
    for place in [(0, 0, 0), (5, 7, 6), (3, 4, 3), (1, 2, 3)]:
        found = nearest(flags, place)
        assert flags[found]
        assert math.dist(found, place) == pytest.approx(tree.query(place)[0])


@pytest.mark.parametrize("seed", range(5))
def test_climbing_never_goes_down_and_ends_on_a_summit(seed):
    samples = np.random.default_rng(seed).random((6, 7, 8)).astype(np.float32)
    for place in [(0, 0, 0), (5, 6, 7), (3, 3, 3)]:
        top = climb(samples, place)
        assert samples[top] >= samples[place]
        around = tuple(slice(max(0, at - 1), at + 2) for at in top)
        assert samples[top] == samples[around].max()
        held = of_maximum(samples, place, 0.41)
        assert np.array_equal(held, flooded(samples >= np.float32(0.41) * samples[top], top))


# ---- the walker


@pytest.mark.parametrize("steps_mm", [(1.0, 1.0, 1.0), (1.0, 1.0, 2.5)])
def test_a_chain_of_voxels_is_a_chain_of_resistors(steps_mm):
    """On a line the probability falls as the resistance that lies behind: an answer by Ohm's law."""
    samples = np.array([[[0.0, 3.0, 3.5, 9.0, 9.5, 10.0]]], np.float32)
    inside, outside = np.zeros((2, 1, 1, 6), bool)
    inside[0, 0, 0] = outside[0, 0, 5] = True
    beta = 4.0
    scale = beta / (10.0 * samples.astype(float).std())
    resistances = 1.0 / (np.exp(-scale * (np.diff(samples[0, 0].astype(float)) / steps_mm[2]) ** 2) + LEAST_WEIGHT)
    expected = 1.0 - np.concatenate([[0.0], np.cumsum(resistances)]) / resistances.sum()
    found = walk(samples, inside, outside, steps_mm, WalkerSettings(beta, 1e-10))
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_walk_solves_the_laplacian_that_dense_algebra_solves(seed):
    chance = np.random.default_rng(seed)
    shape, spacing, beta = (3, 4, 3), (2.0, 1.0, 1.5), 20.0
    samples = chance.normal(0, 1, shape).astype(np.float32)
    inside, outside = np.zeros((2, *shape), bool)
    inside[0, 0, 0] = inside[1, 2, 1] = outside[2, 3, 2] = outside[0, 3, 0] = True
    places = list(itertools.product(*(range(side) for side in shape)))
    number = {place: at for at, place in enumerate(places)}
    laplacian = np.zeros((len(places), len(places)))
    scale = beta / (10.0 * samples.astype(float).std())
    for place in places:
        for axis in range(3):
            other = tuple(at + (axis == each) for each, at in enumerate(place))
            if other not in number:
                continue
            difference = (float(samples[place]) - float(samples[other])) / spacing[axis]
            weight = math.exp(-scale * difference**2) + LEAST_WEIGHT
            one, two = number[place], number[other]
            laplacian[one, two] -= weight
            laplacian[two, one] -= weight
            laplacian[one, one] += weight
            laplacian[two, two] += weight
    free = ~(inside | outside).ravel()
    pulled = -laplacian[np.ix_(free, ~free)] @ inside.ravel()[~free].astype(float)
    expected = inside.ravel().astype(float)
    expected[free] = np.linalg.solve(laplacian[np.ix_(free, free)], pulled)
    found = walk(samples, inside, outside, spacing, WalkerSettings(beta, 1e-10))
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-6)
    swapped = walk(samples, outside, inside, spacing, WalkerSettings(beta, 1e-10))
    np.testing.assert_allclose(found + swapped, 1.0, atol=1e-6)


# ---- axes


def blob(seed: int) -> np.ndarray:
    plane = np.random.default_rng(seed).random((14, 17)) < 0.65
    plane[[0, -1]] = plane[:, [0, -1]] = False
    plane[7, 2:14] = True
    return flooded(plane[None], (0, 7, 5))


@pytest.mark.parametrize("seed", range(5))
def test_the_long_axis_is_that_of_all_pairs_of_edges_of_pixels(seed):
    """Borders run half way between voxels: the ends are middles of edges of pixels, by brute force."""
    inside = blob(seed)
    edges = []
    for row, column in np.argwhere(inside[0]):
        for by_row, by_column in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            if not inside[0, row + by_row, column + by_column]:
                edges.append(((row + by_row / 2) * 0.8, (column + by_column / 2) * 1.3))
    longest = max(math.dist(one, other) for one, other in itertools.combinations(edges, 2))
    assert longest_axes(inside, 0.8, 1.3).long_mm == pytest.approx(longest, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_axes_do_not_depend_on_how_the_image_lies(seed):
    inside = blob(seed)
    usual = longest_axes(inside, 0.8, 1.3)
    turned = longest_axes(inside.transpose(0, 2, 1), 1.3, 0.8)
    mirrored = longest_axes(inside[:, ::-1], 0.8, 1.3)
    larger = longest_axes(inside, 1.6, 2.6)
    assert turned.long_mm == pytest.approx(usual.long_mm)
    assert mirrored.long_mm == pytest.approx(usual.long_mm)
    assert (larger.long_mm, larger.short_mm) == pytest.approx((2 * usual.long_mm, 2 * usual.short_mm))
    assert 0 < usual.short_mm <= usual.long_mm


# ---- uptake


@pytest.mark.parametrize(
    ("kind", "body", "factor"),
    [
        # Worked out on paper: 1.10 x 70 - 128 x (70/170)^2 = 77 - 21.703 = 55.297 kg of 70 kg.
        (SuvKind.LEAN_JAMES, Body(70, 170, "M"), 0.78996),
        # 1.07 x 55 - 148 x (55/160)^2 = 58.85 - 17.488 = 41.362 kg of 55 kg.
        (SuvKind.LEAN_JAMES, Body(55, 160, "F"), 0.75204),
        # BMI 24.221: 9270 / (6680 + 216 x 24.221) = 9270 / 11911.8.
        (SuvKind.LEAN_JANMA, Body(70, 170, "M"), 0.77822),
        # BMI 21.484: 9270 / (8780 + 244 x 21.484) = 9270 / 14022.2.
        (SuvKind.LEAN_JANMA, Body(55, 160, "F"), 0.66110),
        # DuBois: 1.8097 m2 of 70 kg and 170 cm is 18097 cm2 over 70000 g.
        (SuvKind.BODY_SURFACE, Body(70, 170, None), 0.25853),
    ],
)
def test_factors_worked_out_on_paper(kind, body, factor):
    assert body_factor(kind, body) == pytest.approx(factor, abs=2e-4)


@pytest.mark.parametrize("kind", [SuvKind.LEAN_JAMES, SuvKind.LEAN_JANMA, SuvKind.BODY_SURFACE])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -70.0, 0.0, 501.0])
def test_a_weight_that_is_none_is_refused(kind, value):
    with pytest.raises(ImageError, match="E247"):
        body_factor(kind, Body(value, 170, "M"))


def test_the_liver_is_what_lies_within_fifteen_millimetres():
    geometry = VolumeGeometry((9, 12, 12), (5.0, 4.0, 3.0))
    array = np.random.default_rng(3).random(geometry.shape).astype(np.float32)
    centre = (4, 6, 5)
    values = [
        2.0 * float(array[place])
        for place in np.ndindex(geometry.shape)
        if math.hypot(*((at - c) * mm for at, c, mm in zip(place, centre, (5.0, 4.0, 3.0), strict=True))) <= 15.0
    ]
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    found = measure_liver(Volume(array, geometry, Quantity.SUV_BW), centre, 2.0)
    assert (found.mean, found.deviation) == pytest.approx((mean, deviation))
    assert found.threshold == pytest.approx(1.5 * mean + 2.0 * deviation)


# ---- prompts and earlier reports


@pytest.mark.parametrize("seed", range(10))
def test_any_point_that_is_written_is_read(seed):
    chance = random.Random(seed)
    values = tuple(round(chance.uniform(-500, 500), chance.randint(0, 4)) for _ in range(3))
    unit = chance.choice(["", "mm", " mm"])
    place = parse_place(chance.choice([",", " , "]).join(f"{value:.6g}" for value in values) + unit)
    assert place.values == pytest.approx(values, rel=1e-5)
    assert place.is_patient is bool(unit)


def measurement(concept, value: object, unit: str = "mm") -> dict:
    return {"code": {"value": concept.value, "scheme": concept.scheme}, "value": value, "unit": unit}


def report(*measured: dict, **more: object) -> str:
    return json.dumps({"findings": [{"measurements": list(measured)}], **more})


@pytest.mark.parametrize(
    ("text", "visit"),
    [
        (report(), Visit("", None, None)),
        (report(study_date="20260101"), Visit("20260101", None, None)),
        (report(measurement(words.SUM, 42.5), study_date=None), Visit("", 42.5, None)),
        (report(measurement(words.SUM, 0)), Visit("", 0.0, None)),
        (
            report(*(measurement(words.SUV_PEAK, value, "g/ml{SUVlbm(Janma)}") for value in (3.0, 11.0, 7.0))),
            Visit("", None, 11.0, "g/ml{SUVlbm(Janma)}"),
        ),
    ],
)
def test_what_an_earlier_report_says(text, visit, tmp_path):
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    assert read_visits([str(tmp_path / "report.json")]) == (visit,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"findings": 5}',
        '{"findings": [5]}',
        '{"findings": [{"measurements": [{"code": 5}]}]}',
        report(measurement(words.SUM, "wide")),
        report(measurement(words.SUM, None)),
        report(measurement(words.SUM, [1])),
        report(measurement(words.SUM, float("nan"))),
        report(measurement(words.SUM, float("inf"))),
        report(measurement(words.SUM, -3.0)),
        report(measurement(words.SUV_PEAK, float("nan"), "g/ml{SUVlbm(Janma)}")),
        report(measurement(words.SUV_PEAK, -1.0, "g/ml{SUVlbm(Janma)}")),
        "[" * 100_000,
    ],
)
def test_an_earlier_report_that_cannot_be_true_is_refused(text, tmp_path):
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="E249"):
        read_visits([str(tmp_path / "report.json")])
