"""Slices and rings against regions with known answers: balls, boxes, and images that tell the slice or the distance."""

import itertools
import math

import numpy as np
import pytest

from hounsfield.errors import HounsfieldError
from hounsfield.radiomics import extract, settings_from
from hounsfield.radiomics.parts import distances_mm, parse_edges, ring_labels, ring_parts, slice_parts
from tests.radiomics.phantoms import ball, volume_and_mask

QUICK = {"families": ["morphology", "intensity-statistics", "glcm"], "rounds": False}


def value(part, tag: str) -> float:
    return next(one.value for one in part.features if one.tag == tag)


def test_each_slice_is_measured_alone() -> None:
    z, _, _ = np.indices((6, 5, 4))
    inside = np.zeros((6, 5, 4))
    inside[1:5, 1:4, 1:3] = 1
    inside[3, 1] = 0
    parts = slice_parts(*volume_and_mask(z * 10.0, inside, (2.5, 1.0, 0.5)), settings_from(QUICK, "test"))
    assert [part.low_mm for part in parts] == [2.5, 5.0, 7.5, 10.0]
    assert [value(part, "stat_mean") for part in parts] == [10, 20, 30, 40]
    assert [part.voxels for part in parts] == [6, 6, 4, 6]
    assert parts[0].volume_mm3 == pytest.approx(6 * 2.5 * 0.5)
    assert {one.family for one in parts[0].features} == {"intensity-statistics", "glcm"}


def test_averages_over_slices_are_those_of_the_slices() -> None:
    """The manual's slice-wise features are means of what each slice has: with levels that slices share."""
    samples = np.random.default_rng(2).integers(1, 6, (5, 7, 6))
    volume, mask = volume_and_mask(samples, np.ones(samples.shape))
    wanted = {"discretisation": {"binning": "none"}, "aggregations": ["2D, slice-merged", "2D, averaged", "2D"]}
    settings = settings_from({"rounds": False, **wanted}, "test")
    whole, parts = extract(volume, mask, settings), slice_parts(volume, mask, settings)
    for tag in ("cm_contrast_2D_comb", "cm_joint_entr_2D_avg", "rlm_lre_2D_comb", "szm_lze_2D", "ngt_complexity_2D"):
        assert np.mean([value(part, tag) for part in parts]) == pytest.approx(whole.value(tag)), tag
    assert np.mean([value(part, "stat_mean") for part in parts]) == pytest.approx(whole.value("stat_mean"))


def test_a_slice_of_which_nothing_is_left_has_no_features() -> None:
    z, _, _ = np.indices((3, 4, 4))
    parts = slice_parts(
        *volume_and_mask(z * 10, np.ones((3, 4, 4))), settings_from({**QUICK, "range": [5, 50]}, "test")
    )
    assert [bool(part.features) for part in parts] == [False, True, True]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_border_of_a_box_lies_halfway_between_two_centres(axis: int) -> None:
    spacing, inside = (3.0, 1.0, 0.5), np.zeros((20, 20, 20), bool)
    middle = tuple(slice(8, 12) if one == axis else slice(None) for one in range(3))
    inside[middle] = True
    line = distances_mm(inside, spacing)[tuple(slice(None) if one == axis else 10 for one in range(3))]
    expected = [(abs(place - 9.5) - 2) * spacing[axis] for place in range(20)]
    # the image ends at its edge: along the thin axes the nearest outside may be there
    near = [place for place in range(20) if not 8 <= place < 12]
    assert line[near] == pytest.approx(np.array(expected)[near])
    assert (line[8:12] < 0).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.7)])
def test_distances_to_a_ball_are_those_of_geometry(spacing: tuple[float, float, float]) -> None:
    inside = np.pad(ball(12.0, spacing), 8)
    axes = [(np.arange(side) - side // 2) * step for side, step in zip(inside.shape, spacing, strict=True)]
    exact = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2) - 12.0
    wrong = distances_mm(inside, spacing) - exact
    near = np.abs(exact) < 8
    assert abs(wrong[near].mean()) < 0.16 * max(spacing)
    assert np.abs(wrong[near]).max() < 0.75 * max(spacing)


def test_rings_hold_the_volumes_of_shells() -> None:
    inside = np.pad(ball(14.0, (1.0, 1.0, 1.0)), 8)
    rings = ring_labels(inside, (1.0, 1.0, 1.0), (-math.inf, -6, -3, 0, 3, 6))
    radii = (0, 8, 11, 14, 17, 20)
    shells = [4 / 3 * np.pi * (b**3 - a**3) for a, b in itertools.pairwise(radii)]
    assert np.bincount(rings.ravel())[1:] == pytest.approx(shells, rel=0.08)
    assert ((rings > 0) & (rings <= 3) == inside).all()


def test_rings_tell_what_lies_there() -> None:
    """Intensities that are 100 inside and 10 beyond 3 mm of it: rings find the step."""
    inside = np.pad(ball(8.0, (1.0, 1.0, 1.0)), 9)
    far = distances_mm(inside, (1.0, 1.0, 1.0))
    volume, _ = volume_and_mask(np.where(far < 0, 100, np.where(far < 3, 50, 10)), inside)
    edges = (-2.0, 0.0, 3.0, 6.0)
    rings = ring_labels(inside, (1.0, 1.0, 1.0), edges)
    parts = ring_parts(volume, rings, edges, settings_from(QUICK, "test"))
    assert [value(part, "stat_mean") for part in parts] == [100, 50, 10]
    assert [(part.low_mm, part.high_mm) for part in parts] == [(-2, 0), (0, 3), (3, 6)]
    assert sum(part.voxels for part in parts) == (rings > 0).sum()
    narrow = ring_parts(volume, rings, edges, settings_from({**QUICK, "range": [40, 60]}, "test"))
    assert [bool(part.features) for part in narrow] == [False, True, False]


def test_a_ring_beyond_the_image_is_empty() -> None:
    volume, mask = volume_and_mask(np.ones((3, 3, 3)), np.ones((3, 3, 3)))
    rings = ring_labels(mask.array > 0, (1.0, 1.0, 1.0), (0.0, 5.0))
    (part,) = ring_parts(volume, rings, (0.0, 5.0), settings_from(QUICK, "test"))
    assert (part.voxels, part.features) == (0, ())


@pytest.mark.parametrize(
    "text", ["", "3", "a,b", "3,1", "1,1", "0,inf", "nan,1", "0,1,nan", ",".join(map(str, range(60)))]
)
def test_edges_that_make_no_rings_are_refused(text: str) -> None:
    with pytest.raises(HounsfieldError) as caught:
        parse_edges(text)
    assert caught.value.code == "E993"


def test_edges_are_read_as_written() -> None:
    assert parse_edges("-inf, -2.5,0,4") == (-math.inf, -2.5, 0.0, 4.0)
