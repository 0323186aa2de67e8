import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from hounsfield.errors import DatasetError, SettingsError
from hounsfield.metrics import distances as figures
from hounsfield.metrics.masks import pair_masks
from hounsfield.metrics.overlap import dice_score, jaccard_score, volume_similarity_score
from hounsfield.metrics.surface import Surface, surface_distances

SHAPES = [((9, 15, 22), (2.5, 0.7, 0.9)), ((6, 16, 16), (1.0, 1.0, 1.0)), ((33, 29), (0.5, 1.2))]


def blobs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.3) > 0.5


def rim(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def by_hand(first: np.ndarray, second: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    table = cdist(rim(first) * np.array(spacing), rim(second) * np.array(spacing))
    return table.min(1), table.min(0)


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_distances_are_those_of_every_point_to_every_other(shape, spacing):
    first, second = blobs(shape, 1), blobs(shape, 2)
    found = surface_distances(pair_masks(first, second), spacing)
    there, back = by_hand(first, second, spacing)
    np.testing.assert_allclose(found.first_to_second_mm, there, atol=1e-9)
    np.testing.assert_allclose(found.second_to_first_mm, back, atol=1e-9)
    both = np.concatenate([there, back])
    assert figures.pooled_hausdorff_mm(found) == pytest.approx(np.percentile(both, 95))
    assert figures.directed_hausdorff_mm(found) == pytest.approx(max(np.percentile(d, 95) for d in (there, back)))
    assert figures.pooled_surface_distance_mm(found) == pytest.approx(both.mean())
    assert figures.directed_surface_distance_mm(found) == pytest.approx((there.mean() + back.mean()) / 2)
    assert figures.hausdorff_distance_mm(found) == pytest.approx(both.max())


@pytest.mark.torch
@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_monai_agrees(shape, spacing):
    torch = pytest.importorskip("torch")
    monai = pytest.importorskip("monai.metrics")
    first, second = blobs(shape, 3), blobs(shape, 4)
    one, two = (torch.from_numpy(mask)[None, None] for mask in (first, second))
    pair = pair_masks(first, second)
    found = surface_distances(pair, spacing)
    options = {"include_background": True, "spacing": list(spacing)}
    hausdorff = monai.compute_hausdorff_distance(one, two, percentile=95, **options)
    average = monai.compute_average_surface_distance(one, two, symmetric=True, **options)
    assert figures.directed_hausdorff_mm(found) == pytest.approx(float(hausdorff), rel=1e-5)
    assert figures.pooled_surface_distance_mm(found) == pytest.approx(float(average), rel=1e-5)
    assert dice_score(pair) == pytest.approx(float(monai.DiceMetric()(one.float(), two.float())), rel=1e-6)
    for surface in Surface:
        dice = monai.compute_surface_dice(
            one.float(), two.float(), [1.1], use_subvoxels=surface is Surface.ELEMENTS, **options
        )
        assert figures.surface_dice_score(pair, spacing, 1.1, surface) == pytest.approx(float(dice), rel=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_weighted_figures_are_those_of_the_areas_that_monai_draws(shape, spacing):
    """MONAI takes DeepMind's table of areas; the percentile and the mean are written here from its definition."""
    utils = pytest.importorskip("monai.metrics.utils")
    first, second = blobs(shape, 7), blobs(shape, 8)
    edges = [np.asarray(part) for part in utils.get_mask_edges(first, second, spacing=spacing)]
    points = [np.argwhere(edge) * np.array(spacing) for edge in edges[:2]]
    areas = [area[edge] for edge, area in zip(edges[:2], edges[2:], strict=True)]
    table = cdist(*points)
    percentiles, means = [], []
    for distances, sizes in ((table.min(1), areas[0]), (table.min(0), areas[1])):
        order = np.argsort(distances)
        within = np.cumsum(sizes[order]) / sizes.sum() >= 0.95
        percentiles.append(distances[order][within][0])
        means.append((distances * sizes).sum() / sizes.sum())
    found = surface_distances(pair_masks(first, second), spacing, Surface.ELEMENTS)
    assert figures.weighted_hausdorff_mm(found) == pytest.approx(max(percentiles), rel=1e-6)
    assert figures.weighted_surface_distance_mm(found) == pytest.approx(np.mean(means), rel=1e-5)
    assert found.first_sizes.sum() == pytest.approx(areas[0].sum(), rel=1e-5)


def test_simpleitk_finds_the_same_hausdorff_distance_of_masks_apart():
    """Its filter measures from voxels to masks, which is the distance of surfaces where the masks do not meet."""
    spacing = (3.0, 2.0, 0.5)
    first, second = box(2, 6), box(20, 9)
    images = [SimpleITK.GetImageFromArray(mask) for mask in (first, second)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    measure = SimpleITK.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    found = surface_distances(pair_masks(first, second), spacing)
    assert figures.hausdorff_distance_mm(found) == pytest.approx(measure.GetHausdorffDistance(), rel=1e-5)


def test_simpleitk_agrees():
    first, second = blobs((9, 15, 22), 5), blobs((9, 15, 22), 6)
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second)]
    measures = SimpleITK.LabelOverlapMeasuresImageFilter()
    measures.Execute(*images)
    pair = pair_masks(first, second)
    assert dice_score(pair) == pytest.approx(measures.GetDiceCoefficient())
    assert jaccard_score(pair) == pytest.approx(measures.GetJaccardCoefficient())
    assert 1 - volume_similarity_score(pair) == pytest.approx(abs(measures.GetVolumeSimilarity()) / 2)


def box(start: int, side: int) -> np.ndarray:
    mask = np.zeros((24, 24, 40), np.uint8)
    mask[4 : 4 + side, 4 : 4 + side, start : start + side] = 1
    return mask


def test_the_known_distance_of_shifted_boxes():
    pair = pair_masks(box(4, 10), box(9, 10))
    assert figures.hausdorff_distance_mm(surface_distances(pair, (3.0, 2.0, 0.5))) == pytest.approx(2.5)
    assert (dice_score(pair), jaccard_score(pair)) == (0.5, pytest.approx(1 / 3))


def test_the_weighted_figures_of_flat_squares():
    """Two squares in a plane, one shifted along the columns: the contour's length and its distances are known."""
    first, second = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    first[5:25, 5:25], second[5:25, 8:28] = True, True
    found = surface_distances(pair_masks(first, second), (1.0, 1.0), Surface.ELEMENTS)
    corners = 4 * np.hypot(0.5, 0.5)
    assert found.first_sizes.sum() == pytest.approx(4 * 19 + corners)
    assert figures.hausdorff_distance_mm(found) == 3.0
    assert figures.weighted_hausdorff_mm(found) == 3.0


def test_the_area_of_a_slab():
    mask = np.ones((5, 40, 40), bool)
    found = surface_distances(pair_masks(mask, mask), (2.0, 1.0, 1.0), Surface.ELEMENTS)
    assert found.first_sizes.sum() == pytest.approx(2 * 40 * 40 + 4 * 40 * 10, rel=0.05)
    assert figures.weighted_surface_distance_mm(found) == 0


def test_far_surfaces_are_measured_as_exactly_as_near_ones():
    first, second = np.zeros((60, 60, 70), bool), np.zeros((60, 60, 70), bool)
    first[1:4, 2:5, 1:5], second[50:55, 40:44, 60:66] = True, True
    found = surface_distances(pair_masks(first, second), (1.0, 1.0, 1.0))
    there, back = by_hand(first, second, (1.0, 1.0, 1.0))
    np.testing.assert_allclose(found.first_to_second_mm, there, atol=1e-9)
    np.testing.assert_allclose(found.second_to_first_mm, back, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 4), st.integers(0, 9), st.integers(1, 3))
def test_figures_are_symmetric_bounded_and_do_not_move_with_the_masks(seed, down, right, threads):
    first, second = blobs((5, 9, 13), seed), blobs((5, 9, 13), seed + 1)
    pair, turned = pair_masks(first, second, threads), pair_masks(second, first)
    moved = pair_masks(*(np.pad(mask, ((1, 1), (down, 1), (right, 2))) for mask in (first, second)))
    for measure in (dice_score, jaccard_score, volume_similarity_score):
        assert measure(pair) == measure(turned) == measure(moved)
        assert 0 <= measure(pair) <= 1
    for surface in Surface:
        one, two, three = (surface_distances(each, (2.0, 1.0, 1.5), surface) for each in (pair, turned, moved))
        assert figures.hausdorff_distance_mm(one) == figures.hausdorff_distance_mm(two)
        assert figures.hausdorff_distance_mm(one) == figures.hausdorff_distance_mm(three)
        assert figures.surface_dice_of(one, 1.0) == pytest.approx(figures.surface_dice_of(two, 1.0))
        assert figures.surface_dice_of(one, 0.0) <= figures.surface_dice_of(one, 5.0) <= 1
    assert dice_score(pair) == pytest.approx(2 * jaccard_score(pair) / (1 + jaccard_score(pair)))


def test_empty_masks_have_stated_scores_and_no_distance():
    empty, full = np.zeros((3, 4, 5), bool), np.ones((3, 4, 5), bool)
    nothing, half = pair_masks(empty, empty), pair_masks(empty, full)
    for measure in (dice_score, jaccard_score, volume_similarity_score):
        assert (measure(nothing), measure(half)) == (1.0, 0.0)
    assert figures.surface_dice_score(nothing, (1.0, 1.0, 1.0), 1.0) == 1.0
    assert figures.surface_dice_score(half, (1.0, 1.0, 1.0), 1.0) == 0.0
    for pair in (nothing, half):
        with pytest.raises(DatasetError, match="E824"):
            surface_distances(pair, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, float("nan"), 1.0)])
def test_a_bad_spacing_is_refused(spacing):
    with pytest.raises(SettingsError, match="E823"):
        surface_distances(pair_masks(box(4, 5), box(5, 5)), spacing)


@pytest.mark.parametrize("array", [np.zeros((2, 3)), np.zeros(4, bool), np.zeros((2, 3, 0), bool)])
def test_what_is_no_mask_is_refused(array):
    with pytest.raises(SettingsError, match="E823"):
        pair_masks(array, array)
    with pytest.raises(SettingsError, match="E823"):
        pair_masks(np.zeros((2, 3), bool), np.zeros((3, 2), bool))


def test_figures_refuse_surfaces_of_another_kind_and_percentages_out_of_range():
    pair = pair_masks(box(4, 5), box(5, 5))
    voxels, elements = (surface_distances(pair, (1.0, 1.0, 1.0), surface) for surface in Surface)
    for figure in (figures.pooled_hausdorff_mm, figures.directed_hausdorff_mm, figures.pooled_surface_distance_mm):
        with pytest.raises(SettingsError, match="E823"):
            figure(elements)
    for figure in (figures.weighted_hausdorff_mm, figures.weighted_surface_distance_mm):
        with pytest.raises(SettingsError, match="E823"):
            figure(voxels)
    with pytest.raises(SettingsError, match="E823"):
        figures.pooled_hausdorff_mm(voxels, 101)
    with pytest.raises(SettingsError, match="E823"):
        figures.surface_dice_score(pair, (1.0, 1.0, 1.0), -1.0)


def test_any_value_but_0_is_in_the_mask_and_layout_does_not_matter():
    mask = blobs((6, 16, 16), 9)
    wide = np.zeros((6, 16, 40), np.uint8)
    wide[:, :, 3:19] = mask * 200
    assert pair_masks(mask, wide[:, :, 3:19]).common_voxels == mask.sum()
    assert pair_masks(mask.T, np.ascontiguousarray(mask.T)).common_voxels == mask.sum()


def test_rows_longer_than_a_byte_can_count():
    mask = np.ones((1, 2, 8 * 600), bool)
    assert pair_masks(mask, mask).common_voxels == mask.size
