import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hounsfield.errors import SettingsError
from hounsfield.metrics.components import label_components

KINDS = [(4, 2, 1), (8, 2, 2), (6, 3, 1), (18, 3, 2), (26, 3, 3)]
SHAPES = {2: (37, 43), 3: (9, 17, 21)}


def expect_as_scipy(mask: np.ndarray, connectivity: int, corners: int, threads: int = 2) -> None:
    found = label_components(mask, connectivity, threads=threads)
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, corners))
    assert found.voxels.size == count
    # One to one, and in the order of the first voxels.
    pairs = np.unique(np.stack([found.labels.ravel(), labels.ravel()]), axis=1)
    assert len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1]))
    if not count:
        return
    firsts = [int(np.flatnonzero(found.labels.ravel() == label)[0]) for label in range(1, count + 1)]
    assert firsts == sorted(firsts)
    index = range(1, count + 1)
    np.testing.assert_array_equal(found.voxels, np.bincount(found.labels.ravel())[1:])
    np.testing.assert_allclose(found.centroids, ndimage.center_of_mass(found.labels > 0, found.labels, index))
    boxes = [[(part.start, part.stop) for part in place] for place in ndimage.find_objects(found.labels)]
    np.testing.assert_array_equal(found.boxes, boxes)


@pytest.mark.parametrize(("connectivity", "axes", "corners"), KINDS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 1.0])
def test_scipy_finds_the_same(connectivity, axes, corners, share):
    expect_as_scipy(np.random.default_rng(7).random(SHAPES[axes]) < share, connectivity, corners)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(KINDS), st.integers(1, 4), st.integers(1, 20), st.floats(0, 1))
def test_scipy_finds_the_same_in_any_shape(seed, kind, threads, columns, share):
    connectivity, axes, corners = kind
    shape = (4, 6, columns)[3 - axes :]
    expect_as_scipy(np.random.default_rng(seed).random(shape) < share, connectivity, corners, threads)


def test_simpleitk_measures_the_same():
    mask = ndimage.gaussian_filter(np.random.default_rng(3).random((10, 20, 24)), 1) > 0.53
    found = label_components(mask, 26)
    image = SimpleITK.GetImageFromArray(found.labels)
    statistics = SimpleITK.LabelShapeStatisticsImageFilter()
    statistics.Execute(image)
    assert found.voxels.size == statistics.GetNumberOfLabels() > 3
    for place, label in enumerate(statistics.GetLabels()):
        assert found.voxels[place] == statistics.GetNumberOfPixels(label)
        np.testing.assert_allclose(found.centroids[place], statistics.GetCentroid(label)[::-1])
        box = statistics.GetBoundingBox(label)
        assert found.boxes[place].tolist() == [[box[i], box[i] + box[i + 3]] for i in (2, 1, 0)]


def test_cc3d_finds_the_same():
    cc3d = pytest.importorskip("cc3d")
    mask = np.random.default_rng(5).random((12, 33, 40)) < 0.12
    for connectivity in (6, 18, 26):
        found = label_components(mask, connectivity)
        labels, count = cc3d.connected_components(mask, connectivity=connectivity, return_N=True)
        assert found.voxels.size == count
        assert sorted(found.voxels) == sorted(cc3d.statistics(labels)["voxel_counts"][1:])


def test_two_boxes_that_meet_at_a_corner():
    mask = np.zeros((6, 6, 6), bool)
    mask[:3, :3, :3], mask[3:, 3:, 3:] = True, True
    assert [label_components(mask, n).voxels.tolist() for n in (6, 18, 26)] == [[27, 27], [27, 27], [54]]
    found = label_components(mask, 6)
    assert found.centroids.tolist() == [[1, 1, 1], [4, 4, 4]]
    assert found.volumes_mm3((2.0, 0.5, 0.5)).tolist() == [13.5, 13.5]


def test_labels_are_written_where_the_caller_says():
    mask, labels = np.eye(9, dtype=bool), np.full((9, 9), 7, np.int32)
    assert label_components(mask, 8, labels).labels is labels
    np.testing.assert_array_equal(labels, mask)
    assert label_components(mask, 4).voxels.tolist() == [1] * 9


def test_an_empty_mask_has_no_component():
    found = label_components(np.zeros((3, 4, 8), bool), 26)
    assert found.voxels.shape == (0,)
    assert found.boxes.shape == (0, 3, 2)
    assert not found.labels.any()


@pytest.mark.parametrize("labels", [np.zeros((3, 3), np.int64), np.zeros((3, 4), np.int32)])
def test_arguments_that_do_not_fit_are_refused(labels):
    with pytest.raises(SettingsError, match="E823"):
        label_components(np.ones((3, 3), bool), 4, labels)
    for connectivity, axes in ((6, 2), (4, 3), (5, 3)):
        with pytest.raises(SettingsError, match="E823"):
            label_components(np.ones((3,) * axes, bool), connectivity)
