"""The search for balls: planted places, sizes and distances, vessels and walls, edges, and scipy's own search."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

from hounsfield.clinical.chest_ct import search
from hounsfield.clinical.chest_ct.search import Candidate, find_candidates
from tests.clinical.chest_ct.drawn import ball, brute_response, lung_of, plate, scan, tube

GRIDS = [
    ((1.0, 1.0, 1.0), (2, 2, 2)),
    ((2.0, 0.7, 0.7), (1, 3, 3)),
    ((3.0, 1.0, 1.0), (1, 2, 2)),
    ((0.6, 0.8, 0.8), (3, 2, 2)),
]
DIAMETERS = (4.0, 6.0, 9.0, 13.0, 20.0)
CENTRE = (22.9, 24.6, 23.3)
RADII = [sigma * np.sqrt(3) for sigma, _ in search.SCALES_MM]
STEPS = {round(sigma * np.sqrt(3), 6): step for sigma, step in search.SCALES_MM}


def searched(parts, spacing=(1.0, 1.0, 1.0), factors=(1, 1, 1), size=48.0, **options):
    volume = scan(parts, spacing, size, **options)
    return find_candidates(volume, lung_of(volume, factors))


def place(candidate, spacing=(1.0, 1.0, 1.0)):
    return np.asarray(candidate.index) * spacing


def strongest(parts, **options):
    return max((one.response for one in searched(parts, **options)), default=0.0)


@pytest.mark.parametrize(("spacing", "factors"), GRIDS)
@pytest.mark.parametrize("diameter", DIAMETERS)
def test_the_best_place_is_the_planted_one(spacing, factors, diameter) -> None:
    best = searched([ball(CENTRE, diameter)], spacing, factors)[0]
    one_voxel = np.maximum(STEPS[round(best.radius_mm, 6)], spacing)
    assert (np.abs(place(best, spacing) - CENTRE) <= one_voxel).all()
    assert best.score == 0.0


@pytest.mark.parametrize("diameter", DIAMETERS)
def test_the_best_radius_is_the_scale_nearest_to_the_ball(diameter) -> None:
    best = searched([ball(CENTRE, diameter)])[0]
    order = np.argsort(np.abs(np.log(np.array(RADII) / (diameter / 2))))
    assert RADII.index(best.radius_mm) in order[:2]


@pytest.mark.parametrize("diameter", [6.0, 9.0, 13.0, 20.0])
def test_a_response_is_most_of_the_contrast(diameter) -> None:
    """The closed form gives 0.925 of 890 HU where the scale fits; another scale and the grid take some."""
    assert 0.55 * 890 < searched([ball(CENTRE, diameter)])[0].response < 0.93 * 890


def test_radii_grow_with_the_ball() -> None:
    radii = [searched([ball(CENTRE, diameter)])[0].radius_mm for diameter in (4.0, 6.0, 10.0, 14.0, 20.0)]
    assert radii == sorted(radii)
    assert radii == pytest.approx(RADII)


@pytest.mark.parametrize("shift", [(0, 0, 0), (3, 0, 0), (0, -4, 5), (-6, 2, -8)])
def test_a_ball_that_moves_takes_its_answer_with_it(shift) -> None:
    here = searched([ball((24.0, 24.0, 24.0), 6.0)])[0]
    there = searched([ball(tuple(24.0 + s for s in shift), 6.0)])[0]
    assert np.asarray(there.index) - here.index == pytest.approx(shift)
    assert there.response == pytest.approx(here.response, rel=1e-4)


@pytest.mark.parametrize(("diameter", "gap"), [(5.0, 7.0), (6.0, 8.0), (8.0, 10.0), (8.0, 14.0), (14.0, 20.0)])
@pytest.mark.parametrize("axis", [0, 2])
def test_two_close_nodules_stay_two(diameter, gap, axis) -> None:
    centres = [np.array([24.0, 24.0, 24.0]) for _ in range(2)]
    centres[0][axis] -= gap / 2
    centres[1][axis] += gap / 2
    found = searched([ball(tuple(centre), diameter) for centre in centres])[:2]
    offsets = [min(np.linalg.norm(place(one) - centre) for one in found) for centre in centres]
    assert max(offsets) <= 2.0
    assert np.linalg.norm(place(found[0]) - place(found[1])) == pytest.approx(gap, abs=2.1)


@pytest.mark.parametrize("diameter", [4.0, 6.0, 10.0])
@pytest.mark.parametrize("along", [(1, 0, 0), (0, 1, 0), (0, 1, 1), (1, 2, 3)])
def test_a_vessel_answers_less_than_a_third_of_a_nodule_of_its_width(diameter, along) -> None:
    middle = (24.0, 24.0, 24.0)
    nodule = searched([ball(middle, diameter)])[0].response
    assert strongest([tube(middle, along, diameter)]) < nodule / 3


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_fissure_along_the_grid_is_no_candidate(normal) -> None:
    assert searched([plate((24.0, 24.0, 24.0), normal, 3.0)]) == ()


def test_a_nodule_on_a_vessel_is_still_the_best() -> None:
    parts = [tube((24.0, 24.0, 20.0), (0, 1, 0), 3.0), ball((24.0, 26.0, 24.0), 8.0)]
    assert np.linalg.norm(place(searched(parts)[0]) - (24.0, 26.0, 24.0)) <= 1.5


def test_plain_lung_and_quiet_noise_have_no_candidate() -> None:
    assert searched([]) == ()
    volume = scan([])
    noise = np.random.default_rng(0).normal(0, 15, volume.array.shape)
    noisy = volume.with_array(np.rint(volume.array + noise).astype(np.int16))
    assert find_candidates(noisy, lung_of(noisy)) == ()


@pytest.mark.parametrize(("value", "share"), [(-405.0, 0.5), (-600.0, 250 / 890), (-805.0, 45 / 890)])
def test_ground_glass_answers_by_its_contrast(value, share) -> None:
    solid = searched([ball(CENTRE, 10.0)])[0].response
    found = searched([ball(CENTRE, 10.0)], value=value)
    if share * solid < search.LEAST_RESPONSE:
        assert found == ()
    else:
        assert found[0].response == pytest.approx(share * solid, rel=0.02)


def test_calcium_counts_as_the_densest_tissue() -> None:
    volume = scan([ball(CENTRE, 6.0)])
    answers = []
    for value in (1200, search.DENSEST_HU, search.DENSEST_HU - 90):
        sharp = volume.with_array(np.where(volume.array > -400, value, -850).astype(np.int16))
        answers.append(find_candidates(sharp, lung_of(sharp))[0].response)
    assert answers[0] == answers[1]
    assert answers[2] == pytest.approx(answers[1] * 860 / 950, rel=0.01)


def test_a_nodule_outside_the_lung_is_not_found() -> None:
    volume = scan([ball((24.0, 24.0, 12.0), 8.0), ball((24.0, 24.0, 38.0), 8.0)])
    mask = np.zeros((24, 24, 24), bool)
    mask[:, :, 12:] = True
    found = find_candidates(volume, lung_of(volume, (2, 2, 2), mask))
    assert place(found[0]) == pytest.approx((24, 24, 38), abs=1.0)
    assert min(one.index[2] for one in found) >= 23.0


def test_the_wall_is_cut_off_where_the_lung_ends() -> None:
    """A wall with a knob in it, all of it outside the lung, and a nodule that touches it from within."""
    knob = ball((14.0, 14.0, 14.0), 10.0)
    volume = scan([plate((24.0, 24.0, 4.0), (0, 0, 1), 16.0), knob, ball((24.0, 24.0, 24.0), 8.0)])
    mask = np.zeros(volume.array.shape, bool)
    mask[:, :, 20:] = True
    found = find_candidates(volume, lung_of(volume, mask=mask))
    assert place(found[0]) == pytest.approx((24, 24, 24), abs=1.0)
    assert all(np.linalg.norm(place(one) - (24, 24, 24)) < 6 for one in found)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("end", [5.0, 42.0])
def test_a_nodule_near_the_edge_of_the_picture_is_found(axis, end) -> None:
    centre = [24.0, 24.0, 24.0]
    centre[axis] = end
    assert place(searched([ball(tuple(centre), 6.0)])[0]) == pytest.approx(centre, abs=1.0)


@pytest.mark.parametrize("end", [-1.0, 0.0, 47.0])
def test_a_nodule_that_the_picture_cuts_is_told_within_the_picture(end) -> None:
    for one in searched([ball((end, 24.0, 24.0), 12.0)]):
        assert all(0 < index < 47 for index in one.index)


def test_no_lungs_no_candidates() -> None:
    volume = scan([ball(CENTRE, 8.0)])
    assert find_candidates(volume, replace(lung_of(volume), lungs=())) == ()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_and_repeats_change_nothing(threads) -> None:
    parts = [ball(CENTRE, 8.0), ball((38.0, 10.0, 12.0), 5.0), tube((10.0, 35.0, 30.0), (0, 1, 2), 4.0)]
    volume = scan(parts, (1.5, 0.8, 0.8))
    before = volume.array.copy()
    lungs = lung_of(volume, (1, 2, 2))
    first = find_candidates(volume, lungs, 1)
    assert len(first) > 2
    assert find_candidates(volume, lungs, threads) == first
    assert np.array_equal(volume.array, before)


@pytest.mark.parametrize(("sigma", "factor"), [(1.2, 1), (1.8, 1), (1.8, 2)])
def test_one_scale_is_that_of_scipy(sigma, factor) -> None:
    volume = scan([ball((16.0, 15.0, 17.0), 5.0), ball((8.0, 22.0, 9.0), 8.0)], size=32.0)
    grid = search._Grid.of(volume, lung_of(volume, (factor,) * 3), 1.0, 1)
    assert np.array_equal(grid.samples, volume.array)
    smooth = gaussian_filter(volume.array.astype(np.float32), sigma, truncate=3.0)
    response = brute_response(smooth, 3 * sigma**2)
    tops = (maximum_filter(response, 3) == response) & (response > search.LEAST_RESPONSE + 1)
    found = {one.index: one.response for one in search._at_scale(grid, sigma, 1)}
    for top in np.argwhere(tops):
        assert found[tuple(float(i) for i in top)] == pytest.approx(response[tuple(top)], rel=2e-3)
    assert 2 <= tops.sum() <= len(found)


def test_the_grid_reads_the_volume_at_the_places_it_names() -> None:
    noise = np.random.default_rng(1).normal(-700, 60, (13, 24, 24))
    volume = scan([], (3.0, 1.5, 1.5), 36.0)
    volume = volume.with_array(np.rint(noise[:12]).astype(np.int16))
    grid = search._Grid.of(volume, lung_of(volume, (1, 2, 2)), 1.0, 2)
    assert [round(float(line[1] - line[0]), 6) for line in grid.lines] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    where = np.meshgrid(*grid.lines, indexing="ij")
    truth = map_coordinates(volume.array.astype(np.float64), where, order=1, mode="nearest")
    assert grid.inside.all()
    assert grid.samples == pytest.approx(truth, abs=0.05)


def test_the_grid_is_a_box_around_the_lung_and_plain_lung_outside_it() -> None:
    volume = scan([plate((24.0, 24.0, 24.0), (1, 0, 0), 99.0)])
    mask = np.zeros((24, 24, 24), bool)
    mask[5:15, 8:20, 10:12] = True
    grid = search._Grid.of(volume, lung_of(volume, (2, 2, 2), mask), 1.0, 1)
    assert [(line[0], line[-1]) for line in grid.lines] == [(6, 34), (12, 44), (16, 28)]
    assert set(np.unique(grid.samples)) == {search.LUNG_HU, 40.0}
    spread = [np.flatnonzero(grid.inside.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    ends = [(line[where[0]], line[where[-1]]) for line, where in zip(grid.lines, spread, strict=True)]
    assert ends == [(10, 29), (16, 39), (20, 23)]


def candidates(*rows):
    return [Candidate((0.0, 0.0, float(x)), radius, response) for x, radius, response in rows]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(10, 4, 50), (13, 3, 90)], [13]),
        ([(10, 4, 50), (13.01, 3, 90)], [13.01, 10]),
        ([(10, 2, 50), (11.9, 1, 90)], [11.9]),
        ([(10, 2, 50), (12.1, 1, 90)], [12.1, 10]),
        ([(10, 2, 90), (14, 8, 50), (19, 2, 70)], [10, 19, 14]),
        ([(0, 5, 90), (4, 5, 80), (8, 5, 70)], [0, 8]),
        ([], []),
    ],
)
def test_the_stronger_of_two_within_the_smaller_stays(rows, kept) -> None:
    assert [one.index[2] for one in search._distinct(candidates(*rows), scan([]))] == kept


def test_distances_are_millimetres() -> None:
    wide = scan([], (1.0, 1.0, 3.0))
    rows = candidates((10, 4, 50), (12, 4, 90))
    assert len(search._distinct(rows, wide)) == 2
    assert len(search._distinct(rows, scan([]))) == 1


@pytest.mark.parametrize(("reach", "kept"), [(0.0, [10, 13, 16, 30]), (4.0, [10, 16, 30]), (9.0, [10, 30])])
def test_earlier_candidates_keep_later_ones_away(reach, kept) -> None:
    rows = candidates((10, 2, 1), (13, 2, 9), (16, 2, 5), (30, 2, 7))
    found = search.apart(rows, scan([]), lambda one, other: np.full(other.shape, reach))
    assert [one.index[2] for one in found] == kept


def test_the_strongest_of_each_scale_are_kept(monkeypatch) -> None:
    """A small faint ball is not crowded out by large strong ones: each scale has its own places."""
    volume = scan([ball((12.0, 12.0, 12.0), 5.0), ball((30.0, 30.0, 14.0), 14.0), ball((34.0, 12.0, 34.0), 14.0)])
    lungs = lung_of(volume)
    monkeypatch.setattr(search, "MOST", 1)
    found = find_candidates(volume, lungs)
    assert len({one.radius_mm for one in found}) == len(found) <= len(search.SCALES_MM)
    assert any(np.linalg.norm(place(one) - (12, 12, 12)) <= 1.5 for one in found)
