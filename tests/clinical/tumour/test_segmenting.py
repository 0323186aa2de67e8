"""Lesions from prompts on drawn images of known truth."""

import numpy as np
import pytest

from hounsfield.clinical.tumour.prompt import Method, Place, Prompt, parse_box
from hounsfield.clinical.tumour.segmenting import SegmentSettings, _block_means, _factors, parameters, segment
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels, HounsfieldError
from tests.clinical.tumour.drawn import dice, ellipsoid, grid, image

CENTRE, HALF = (12, 22, 26), (15.0, 10.0, 13.0)
BOX = parse_box("7,12,13,17,32,39")
CLICK = (Place(CENTRE),)


@pytest.fixture(scope="module")
def geometry():
    return grid()


@pytest.fixture(scope="module")
def truth(geometry):
    return ellipsoid(geometry, CENTRE, HALF)


@pytest.mark.parametrize("noise", [4.0, 10.0])
@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(Method.WALKER, CLICK),
        Prompt(Method.WALKER, box=BOX),
        Prompt(Method.WALKER, CLICK, box=BOX),
        Prompt(Method.GROW, CLICK),
        Prompt(Method.GROW, box=BOX),
        Prompt(Method.THRESHOLD, CLICK, low=75.0),
        Prompt(Method.THRESHOLD, CLICK, low=70.0, high=150.0),
    ],
    ids=["walk click", "walk box", "walk both", "grow click", "grow box", "low", "low high"],
)
def test_a_lesion_in_noise_is_found(prompt, noise, truth, geometry):
    found = segment(image(truth, geometry, noise), prompt)
    assert dice(found.inside, truth) >= (0.97 if noise == 4.0 else 0.93)
    assert found.seed == CENTRE
    assert found.issues == ()


@pytest.mark.parametrize("method", [Method.WALKER, Method.GROW])
def test_without_noise_the_mask_is_the_lesion(method, truth, geometry):
    assert dice(segment(image(truth, geometry), Prompt(method, CLICK)).inside, truth) > 0.98


def test_a_threshold_without_noise_is_exact(truth, geometry):
    found = segment(image(truth, geometry), Prompt(Method.THRESHOLD, CLICK, low=75.0))
    np.testing.assert_array_equal(found.inside, truth)


@pytest.mark.parametrize("quantity", [Quantity.SUV_BW, Quantity.ACTIVITY])
def test_pet_takes_41_percent_of_the_maximum_unasked(quantity, truth, geometry):
    values = (0.40, 1.0)  # what lies around is just below the threshold
    pet = image(truth, geometry, quantity=quantity, values=values)
    np.testing.assert_array_equal(segment(pet, Prompt(Method.THRESHOLD, CLICK)).inside, truth)
    assert segment(pet, Prompt(Method.THRESHOLD, CLICK, fraction=0.39)).inside.sum() > truth.sum()
    np.testing.assert_array_equal(segment(pet, Prompt(Method.THRESHOLD, box=BOX)).inside, truth)


def test_a_box_keeps_a_neighbour_out(truth, geometry):
    other = ellipsoid(geometry, (12, 22, 42), (15.0, 6.0, 5.0))
    volume = image(truth | other, geometry, 4.0)
    assert dice(segment(volume, Prompt(Method.GROW, CLICK)).inside, truth | other) > 0.9
    assert dice(segment(volume, Prompt(Method.GROW, CLICK, box=BOX)).inside, truth) > 0.95


def test_a_point_outside_turns_the_walker_back(truth, geometry):
    volume = image(truth, geometry, 4.0)
    alone = segment(volume, Prompt(Method.WALKER, CLICK))
    kept = segment(volume, Prompt(Method.WALKER, CLICK, outside=(Place((12, 22, 36)),)))
    assert alone.inside[12, 22, 36]
    assert not kept.inside[12, 22, 36]
    assert np.count_nonzero(kept.inside) < np.count_nonzero(alone.inside)
    assert kept.inside[CENTRE]


def test_indices_and_millimetres_say_the_same(truth, geometry):
    volume = image(truth, geometry, 4.0)
    there = Place(tuple(geometry.to_patient([CENTRE])[0]), is_patient=True)
    by_index, by_place = (segment(volume, Prompt(Method.WALKER, (place,))) for place in (Place(CENTRE), there))
    np.testing.assert_array_equal(by_index.inside, by_place.inside)


def test_a_plane_alone_is_segmented_too():
    geometry = grid((1, 60, 60), (5.0, 1.0, 1.0))
    truth = ellipsoid(geometry, (0, 30, 28), (5.0, 14.0, 10.0))
    for method, least in ((Method.WALKER, 0.9), (Method.GROW, 0.75)):
        found = segment(image(truth, geometry, 4.0), Prompt(method, (Place((0, 30, 28)),)))
        assert dice(found.inside, truth) > least
        assert found.issues == ()


def test_a_coarse_walk_gives_nearly_the_same(truth, geometry):
    volume = image(truth, geometry, 4.0)
    coarse = segment(volume, Prompt(Method.WALKER, box=BOX), SegmentSettings(most_voxels=4000))
    assert dice(coarse.inside, truth) > 0.85


def test_a_lesion_cut_by_the_image_or_the_reach_says_so(truth, geometry):
    volume = image(truth, geometry)
    short = segment(volume, Prompt(Method.THRESHOLD, CLICK, low=75.0, reach_mm=8.0))
    assert [(issue.code, issue.facts["found"]) for issue in short.issues] == [("Q241", "reach")]
    edge = ellipsoid(geometry, (0, 22, 26), HALF)
    cut = segment(image(edge, geometry), Prompt(Method.THRESHOLD, (Place((0, 22, 26)),), low=75.0))
    assert [(issue.code, issue.facts["found"]) for issue in cut.issues] == [("Q241", "image")]


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (Prompt(Method.THRESHOLD, CLICK), "E244"),
        (Prompt(Method.WALKER), "E244"),
        (Prompt(Method.WALKER, (Place((99, 0, 0)),)), "E241"),
        (Prompt(Method.WALKER, CLICK, outside=(Place((0, 0, 99)),)), "E241"),
        (Prompt(Method.THRESHOLD, CLICK, low=500.0), "E242"),
        (Prompt(Method.THRESHOLD, (Place((2, 2, 2)),), low=75.0), "E242"),
    ],
)
def test_prompts_that_cannot_be_answered_are_refused(prompt, code, truth, geometry):
    with pytest.raises(HounsfieldError) as told:
        segment(image(truth, geometry), prompt)
    assert told.value.code == code


def test_pictures_and_enhanced_images_are_refused(geometry):
    colour = Volume(np.zeros((3, *geometry.shape), np.uint8), geometry, Quantity.DISPLAY)
    with pytest.raises(HounsfieldError, match="E245"):
        segment(colour, Prompt(Method.WALKER, CLICK))
    enhanced = Volume(np.zeros(geometry.shape), geometry, Quantity.HOUNSFIELD, enhanced_by=("clahe",))
    with pytest.raises(EnhancedPixels):
        segment(enhanced, Prompt(Method.WALKER, CLICK))


def test_samples_that_are_no_number_do_not_spread(truth, geometry):
    volume = image(truth, geometry)
    volume.array[0, :, :5] = np.nan
    assert dice(segment(volume, Prompt(Method.WALKER, CLICK)).inside, truth) > 0.97


def test_the_finest_axes_are_made_coarse_first():
    assert _factors((40, 100, 100), (3.0, 1.0, 1.0), 10**6) == (1, 1, 1)
    assert _factors((40, 100, 100), (3.0, 1.0, 1.0), 40 * 50 * 50) == (1, 2, 2)
    assert _factors((1, 100, 100), (0.1, 1.0, 1.0), 2500) == (1, 2, 2)
    samples = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_allclose(_block_means(samples, (2, 1, 2))[0, 0], [6.5, 8.5])
    assert _block_means(samples, (1, 2, 1)).shape == (2, 2, 4)


def test_every_number_is_part_of_the_identity():
    assert set(SegmentSettings.__dataclass_fields__) == set(parameters())
