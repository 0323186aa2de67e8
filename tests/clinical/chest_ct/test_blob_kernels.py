"""The ball filter and its peaks against closed forms, numpy's eigenvalues and scipy's maximum filter."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.special import erf
from scipy.stats import special_ortho_group

from hounsfield.clinical.chest_ct.blob_kernels import ball_response, peaks
from hounsfield.clinical.chest_ct.search import SCALES_MM
from tests.clinical.chest_ct.drawn import ball, brute_response, places, plate, tube

SHAPE = (25, 27, 29)
MIDDLE = (12, 13, 14)


def respond(smooth, scale=1.0, mask=None, spans=None):
    smooth = np.ascontiguousarray(smooth, np.float32)
    mask = np.ones(smooth.shape, np.uint8) if mask is None else mask
    out = np.zeros_like(smooth)
    for start, stop in spans or [(0, len(smooth))]:
        ball_response(smooth, mask, scale, out, start, stop)
    return out


def find_peaks(field, least=0.5, room=500):
    found = np.full((room, 3), -1, np.int64)
    count = peaks(np.ascontiguousarray(field, np.float32), least, found)
    return [tuple(place) for place in found[:count].tolist()]


def smoothed_ball(radius, sigma, shape=SHAPE, middle=MIDDLE):
    """A ball of height 1 after a Gaussian, in closed form."""
    z, y, x = places(shape)
    r = np.maximum(np.sqrt((z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2), 1e-3)
    width = sigma * np.sqrt(2)
    inner = 0.5 * (erf((radius + r) / width) + erf((radius - r) / width))
    tails = np.exp(-(((radius - r) / width) ** 2)) - np.exp(-(((radius + r) / width) ** 2))
    return inner - sigma / (r * np.sqrt(2 * np.pi)) * tails


def bowl(curvatures, rotation=None):
    """A field whose Hessian has the given eigenvalues everywhere; central differences of it are exact."""
    rotation = np.eye(3) if rotation is None else rotation
    matrix = rotation @ np.diag(curvatures) @ rotation.T
    offset = np.stack([line - 3.0 for line in places((7, 7, 7))], axis=-1)
    return 0.5 * np.einsum("...i,ij,...j", offset, matrix, offset)


FIELDS = {
    "ball": ball(MIDDLE, 9.0),
    "small ball": ball((11.6, 13.3, 14.2), 4.0),
    "tube": tube(MIDDLE, (1, 2, 3), 6.0),
    "plate": plate(MIDDLE, (1, 1, 0.3), 5.0),
    "ball on a tube": lambda *g: np.maximum(ball(MIDDLE, 9.0)(*g), tube(MIDDLE, (0, 1, 2), 3.0)(*g)),
    "ball on a plate": lambda *g: np.maximum(ball(MIDDLE, 9.0)(*g), plate((7, 13, 14), (1, 0.1, 0), 4.0)(*g)),
}


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize(("sigma_mm", "step"), SCALES_MM)
def test_the_whole_response_is_that_of_numpy_at_each_scale(name, sigma_mm, step) -> None:
    sigma = sigma_mm / step
    smooth = gaussian_filter((1000 * FIELDS[name](*places(SHAPE))).astype(np.float32), sigma, truncate=3.0)
    expected = brute_response(smooth, 3 * sigma**2)
    assert respond(smooth, 3 * sigma**2) == pytest.approx(expected, rel=2e-3, abs=0.3)
    if "ball" in name:
        assert expected.max() > 100


def test_noise_answers_as_numpy_says() -> None:
    smooth = gaussian_filter(np.random.default_rng(3).normal(0, 1e4, SHAPE), 1.3).astype(np.float32)
    expected = brute_response(smooth, 5.0)
    assert (expected > 10).sum() > 50
    assert respond(smooth, 5.0) == pytest.approx(expected, rel=5e-3, abs=0.5)


@pytest.mark.parametrize("ratio", [1.0, 1.3, np.sqrt(3.0), 2.2, 2.8])
def test_the_centre_of_a_ball_answers_as_its_closed_form(ratio) -> None:
    """All eigenvalues are a third of the Laplacian: sqrt(2/pi) (r/s)^3 exp(-r^2/(2 s^2)) / (3 s^2)."""
    sigma = 4.0
    found = respond(smoothed_ball(ratio * sigma, sigma), 3 * sigma**2)[MIDDLE]
    truth = np.sqrt(2 / np.pi) * ratio**3 * np.exp(-(ratio**2) / 2)
    assert found == pytest.approx(truth, rel=0.04)


def test_a_ball_answers_best_at_its_radius_over_the_root_of_three() -> None:
    radius = 6.0
    sigmas = np.arange(2.0, 6.01, 0.25)
    found = [respond(smoothed_ball(radius, s), 3 * s**2)[MIDDLE] for s in sigmas]
    assert sigmas[int(np.argmax(found))] == pytest.approx(radius / np.sqrt(3), abs=0.26)
    assert max(found) == pytest.approx(np.sqrt(2 / np.pi) * 3**1.5 * np.exp(-1.5), rel=0.03)


CURVATURES = [
    ((-1.0, -1.0, -1.0), 1.0),
    ((-1.0, -2.0, -4.0), 0.25),
    ((-4.0, -1.0, -4.0), 0.25),
    ((-0.1, -5.0, -5.0), 0.002),
    ((-3.0, -3.0, -0.5), 0.25 / 3),
    ((0.0, -5.0, -5.0), 0.0),
    ((0.0, 0.0, -5.0), 0.0),
    ((1.0, -5.0, -5.0), 0.0),
    ((2.0, 2.0, 2.0), 0.0),
]


@pytest.mark.parametrize(("curvatures", "truth"), CURVATURES)
def test_the_response_of_known_curvatures(curvatures, truth) -> None:
    assert respond(bowl(curvatures), 1.0)[1:-1, 1:-1, 1:-1] == pytest.approx(np.full((5, 5, 5), truth), abs=1e-5)


@pytest.mark.parametrize(("curvatures", "truth"), CURVATURES)
def test_the_response_does_not_know_the_direction(curvatures, truth) -> None:
    for seed in range(4):
        turned = bowl(curvatures, special_ortho_group.rvs(3, random_state=seed))
        assert respond(turned, 1.0)[3, 3, 3] == pytest.approx(truth, abs=2e-4)


@pytest.mark.parametrize("along", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 2, 3)])
@pytest.mark.parametrize("diameter", [3.0, 6.0, 10.0])
def test_a_tube_answers_far_less_than_a_ball_of_its_width(along, diameter) -> None:
    sigma = diameter / 2 / np.sqrt(3)
    answers = []
    for part in (ball(MIDDLE, diameter), tube(MIDDLE, along, diameter)):
        smooth = gaussian_filter(part(*places(SHAPE)), sigma)
        answers.append(respond(smooth, 3 * sigma**2)[7:18, 7:20, 7:22].max())
    assert answers[0] > 0.5
    assert answers[1] < 0.12 * answers[0]


@pytest.mark.parametrize("normal", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_plate_along_the_grid_answers_nothing(normal) -> None:
    smooth = gaussian_filter(plate(MIDDLE, normal, 4.0)(*places(SHAPE)), 2.0)
    assert respond(smooth, 12.0).max() < 1e-3


def test_a_ball_of_air_in_tissue_answers_nothing_at_its_centre() -> None:
    assert respond(-smoothed_ball(5.0, 3.0), 27.0)[MIDDLE] == 0.0
    assert respond(smoothed_ball(5.0, 3.0), 27.0)[MIDDLE] > 0.5


def test_the_answer_is_in_units_of_the_contrast() -> None:
    one = smoothed_ball(5.0, 3.0)
    assert respond(900 * one + 40, 27.0) == pytest.approx(900 * respond(one, 27.0), rel=0.01, abs=1.0)


def test_faces_and_what_lies_outside_the_mask_stay_untouched() -> None:
    out = np.full(SHAPE, 7.0, np.float32)
    mask = np.ones(SHAPE, np.uint8)
    mask[:, :, 14] = 0
    ball_response(smoothed_ball(5.0, 3.0).astype(np.float32), mask, 27.0, out, 0, SHAPE[0])
    for face in (out[0], out[-1], out[:, 0], out[:, -1], out[:, :, 0], out[:, :, -1], out[:, :, 14]):
        assert (face == 7.0).all()
    assert out[12, 13, 13] != 7.0


@pytest.mark.parametrize("cuts", [(12,), (1, 2), (8, 9, 17), (24,)])
def test_slices_in_parts_give_what_they_give_at_once(cuts) -> None:
    smooth = smoothed_ball(5.0, 2.0)
    ends = [0, *cuts, SHAPE[0]]
    assert np.array_equal(respond(smooth, 12.0), respond(smooth, 12.0, spans=list(itertools.pairwise(ends))))


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_turned_fields_give_turned_answers(axes) -> None:
    smooth = gaussian_filter(np.random.default_rng(5).normal(0, 1e3, (11, 12, 13)), 1.2)
    turned = respond(np.flip(smooth.transpose(axes), 1), 2.0)
    assert turned == pytest.approx(np.flip(respond(smooth, 2.0).transpose(axes), 1), rel=1e-2, abs=0.05)


@pytest.mark.parametrize("shape", [(2, 9, 9), (1, 1, 1), (9, 2, 9), (9, 9, 1)])
def test_what_is_too_thin_for_a_curvature_has_none(shape) -> None:
    assert not respond(np.random.default_rng(0).normal(size=shape)).any()
    assert find_peaks(np.ones(shape)) == []


@pytest.mark.parametrize("seed", range(4))
def test_peaks_are_those_of_the_maximum_filter(seed) -> None:
    field = np.random.default_rng(seed).permutation(12 * 13 * 14).reshape(12, 13, 14) / 2184
    is_peak = (maximum_filter(field, 3) == field) & (field >= 0.97)
    inner = np.zeros_like(is_peak)
    inner[1:-1, 1:-1, 1:-1] = True
    truth = [tuple(place) for place in np.argwhere(is_peak & inner).tolist()]
    assert len(truth) > 10
    assert find_peaks(field, 0.97) == truth


NEIGHBOURS = [offset for offset in itertools.product((-1, 0, 1), repeat=3) if any(offset)]


@pytest.mark.parametrize("offset", NEIGHBOURS)
def test_each_of_26_neighbours_can_end_a_peak_and_a_tie_counts_once(offset) -> None:
    other = tuple(3 + step for step in offset)
    field = np.zeros((7, 7, 7))
    field[3, 3, 3], field[other] = 5.0, 6.0
    assert find_peaks(field) == [other]
    field[other] = 5.0
    assert find_peaks(field) == [min(other, (3, 3, 3))]
    field[other] = 4.0
    assert find_peaks(field) == [(3, 3, 3)]


@pytest.mark.parametrize("corner", list(itertools.product((0, 6), (0, 3, 6), (0, 3, 6))))
def test_a_peak_on_a_face_is_none(corner) -> None:
    field = np.zeros((7, 7, 7))
    field[corner] = 5.0
    assert find_peaks(field) == []


def test_the_least_counts_and_what_is_less_does_not() -> None:
    field = np.zeros((5, 5, 9))
    field[2, 2, 2], field[2, 2, 6] = 2.0, 1.99
    assert find_peaks(field, 2.0) == [(2, 2, 2)]


def test_no_more_peaks_are_written_than_there_is_room_for() -> None:
    field = np.zeros((5, 5, 21))
    field[2, 2, 2:20:2] = 3.0
    assert len(find_peaks(field)) == 9
    assert find_peaks(field, room=4) == [(2, 2, column) for column in (2, 4, 6, 8)]
