"""Matching: planted lesions find their partners after moves, swaps and losses; as few as must be are left alone."""

from itertools import permutations

import numpy as np
import pytest

from hounsfield.clinical.change.lesion import Lesion
from hounsfield.clinical.change.match import DEFAULT_MATCHING, Matching, match


def lesion(uid, centre, volume=113.1, **facts):
    return Lesion(uid, tuple(float(value) for value in centre), volume, **facts)


def partners(pairs):
    return {
        (pair.earlier.tracking_uid if pair.earlier else None, pair.later.tracking_uid if pair.later else None)
        for pair in pairs
    }


def test_the_radius_is_that_of_a_sphere():
    assert lesion("a", (0, 0, 0), 4 / 3 * np.pi * 5**3).radius_mm == pytest.approx(5.0)


def test_nothing_to_match():
    one = lesion("a", (0, 0, 0))
    assert match((), ()) == ()
    assert partners(match((one,), ())) == {("a", None)}
    assert partners(match((), (one,))) == {(None, "a")}


def test_every_lesion_is_there_once():
    random = np.random.default_rng(3)
    earlier = tuple(lesion(f"e{i}", random.uniform(0, 60, 3)) for i in range(9))
    later = tuple(lesion(f"l{i}", random.uniform(0, 60, 3)) for i in range(7))
    pairs = match(earlier, later)
    for side, items in (("earlier", earlier), ("later", later)):
        seen = [getattr(pair, side).tracking_uid for pair in pairs if getattr(pair, side)]
        assert sorted(seen) == sorted(item.tracking_uid for item in items)


def test_moved_lesions_find_their_partners_whatever_their_order():
    centres = [(0, 0, 0), (30, 0, 0), (0, 40, 10), (50, 50, 50)]
    earlier = tuple(lesion(f"e{i}", centre) for i, centre in enumerate(centres))
    for order in permutations(range(4)):
        later = tuple(lesion(f"l{i}", np.add(centres[i], (3, -2, 1))) for i in order)
        found = match(earlier, later)
        assert partners(found) == {(f"e{i}", f"l{i}") for i in range(4)}
        assert [pair.distance_mm for pair in found] == pytest.approx([np.sqrt(14)] * 4)


def test_a_transform_takes_the_earlier_frame_to_the_later():
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shift = np.array([100.0, -40.0, 15.0])
    centres = np.array([(10, 0, 0), (40, 10, 0), (0, 60, 20)], float)
    earlier = tuple(lesion(f"e{i}", centre) for i, centre in enumerate(centres))
    later = tuple(lesion(f"l{i}", turn @ centre + shift) for i, centre in enumerate(centres))
    assert partners(match(earlier, later, lambda points: points @ turn.T + shift)) == {
        ("e0", "l0"), ("e1", "l1"), ("e2", "l2"),
    }  # fmt: skip
    assert all(pair.later is None or pair.earlier is None for pair in match(earlier, later))


def test_what_lies_too_far_apart_is_not_the_same():
    how = Matching(distance_mm=10.0, radius_factor=0.0)
    near, far = lesion("n", (9.99, 0, 0)), lesion("f", (10.01, 0, 0))
    origin = lesion("o", (0, 0, 0))
    assert partners(match((origin,), (near,), how=how)) == {("o", "n")}
    assert partners(match((origin,), (far,), how=how)) == {("o", None), (None, "f")}


def test_large_lesions_may_lie_further_apart():
    large = 4 / 3 * np.pi * 15**3
    pair = (lesion("a", (0, 0, 0), large),), (lesion("b", (20, 0, 0), large),)
    assert partners(match(*pair)) == {("a", "b")}
    assert partners(match(*pair, how=Matching(radius_factor=0.0))) == {("a", None), (None, "b")}


def test_the_sum_of_costs_decides_and_not_the_nearest_first():
    # e0 is nearest to l0, but e1 has no other partner within reach; the best sum gives e0 to l1.
    how = Matching(distance_mm=6.0, radius_factor=0.0, size_charge_mm=0.0)
    earlier = (lesion("e0", (0, 0, 0)), lesion("e1", (-6, 0, 0)))
    later = (lesion("l0", (-1, 0, 0)), lesion("l1", (5, 0, 0)))
    assert partners(match(earlier, later, how=how)) == {("e0", "l1"), ("e1", "l0")}


def test_size_parts_neighbours():
    earlier = (lesion("small", (0, 0, 0), 50.0), lesion("large", (4, 0, 0), 800.0))
    later = (lesion("a", (2.1, 0, 0), 60.0), lesion("b", (1.9, 0, 0), 900.0))
    assert partners(match(earlier, later)) == {("small", "a"), ("large", "b")}
    blind = Matching(size_charge_mm=0.0)
    assert partners(match(earlier, later, how=blind)) == {("small", "b"), ("large", "a")}


def test_against_all_permutations():
    random = np.random.default_rng(11)
    how = Matching(distance_mm=1e9)
    for _ in range(20):
        earlier = tuple(lesion(f"e{i}", random.uniform(0, 30, 3), random.uniform(30, 900)) for i in range(5))
        later = tuple(lesion(f"l{i}", random.uniform(0, 30, 3), random.uniform(30, 900)) for i in range(5))

        def cost(a, b):
            return np.linalg.norm(np.subtract(a.centre_mm, b.centre_mm)) + 2.0 * abs(
                np.log(a.volume_mm3 / b.volume_mm3)
            )

        best = min(sum(cost(earlier[i], later[j]) for i, j in enumerate(order)) for order in permutations(range(5)))
        assert sum(cost(pair.earlier, pair.later) for pair in match(earlier, later, how=how)) == pytest.approx(best)


def test_the_parameters_are_recorded():
    assert DEFAULT_MATCHING.parameters() == {"distance_mm": 10.0, "radius_factor": 1.0, "size_charge_mm": 2.0}
