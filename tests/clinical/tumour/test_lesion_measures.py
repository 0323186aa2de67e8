"""Axes, volume and values of drawn lesions against closed forms, and axes against scikit-image's Feret diameter."""

import numpy as np
import pytest
from skimage.measure import label, regionprops

from hounsfield.clinical.tumour.measure import longest_axes, measure_lesion, outlines_of
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels, ImageError
from tests.clinical.tumour.drawn import ellipsoid, grid, image


@pytest.mark.parametrize("spacing", [(1.0, 0.6, 0.6), (3.0, 0.9, 0.9), (2.0, 0.7, 1.1)])
@pytest.mark.parametrize("half", [(14.0, 10.0, 10.0), (12.0, 15.0, 8.0), (9.0, 6.0, 13.0)])
def test_an_ellipsoid_has_its_axes_and_volume(spacing, half):
    geometry = grid((int(40 / spacing[0]), int(48 / spacing[1]), int(48 / spacing[2])), spacing)
    centre = [side / 2 - 0.3 for side in geometry.shape]
    inside = ellipsoid(geometry, centre, half)
    found = measure_lesion(image(inside, geometry), inside)
    long_axis, short_axis = sorted((2 * half[1], 2 * half[2]), reverse=True)
    assert found.axes.long_mm == pytest.approx(long_axis, abs=1.1 * max(spacing[1:]))
    assert found.axes.short_mm == pytest.approx(short_axis, abs=1.1 * max(spacing[1:]))
    assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * np.prod(half), rel=0.04)
    np.testing.assert_allclose(found.centre_mm, geometry.to_patient([centre])[0], atol=0.4)
    assert (found.mean, found.deviation, found.low, found.high) == (110.0, 0.0, 110.0, 110.0)


def test_the_axes_of_a_box_are_its_diagonal_and_what_lies_across_it():
    inside = np.zeros((3, 40, 40), bool)
    inside[1, 10:20, 5:29] = True
    found = longest_axes(inside, 0.5, 0.5)
    # outlines cut a box's corners between the centres of the last voxels within and the first without
    assert found.long_mm == pytest.approx(0.5 * np.hypot(10, 24), abs=0.5)
    assert found.slice_index == 1
    assert np.hypot(*(found.ends[0] - found.ends[1])) * 0.5 == pytest.approx(found.long_mm)


def test_the_long_axis_is_near_scikit_images_feret_diameter():
    generator = np.random.default_rng(0)
    plane = np.zeros((60, 60), bool)
    for row, column, radius in generator.uniform((20, 20, 4), (26, 26, 10), (4, 3)):
        rows, columns = np.ogrid[:60, :60]
        plane |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    theirs = max(regionprops(label(plane)), key=lambda one: one.area).feret_diameter_max
    assert longest_axes(plane[None], 1.0, 1.0).long_mm == pytest.approx(theirs, abs=1.0)


def test_the_plane_with_the_longest_axis_counts():
    inside = np.zeros((5, 30, 30), bool)
    inside[1, 10:15, 10:15], inside[3, 10:13, 5:25] = True, True
    assert longest_axes(inside, 1.0, 1.0).slice_index == 3


@pytest.mark.parametrize("voxels", [[(1, 4, 4)], [(1, 4, 4), (1, 4, 5)], [(0, 0, 0)]])
def test_single_voxels_are_as_long_as_they_are(voxels):
    inside = np.zeros((3, 9, 9), bool)
    inside[tuple(np.transpose(voxels))] = True
    assert longest_axes(inside, 2.0, 2.0).long_mm == pytest.approx(2.0 * len(voxels), abs=1.1)
    assert outlines_of(inside[voxels[0][0]])


def test_an_empty_mask_is_refused():
    geometry = grid()
    for measured in (
        lambda: longest_axes(np.zeros((2, 4, 4), bool), 1.0, 1.0),
        lambda: measure_lesion(image(np.zeros(geometry.shape, bool), geometry), np.zeros(geometry.shape, bool)),
    ):
        with pytest.raises(ImageError) as told:
            measured()
        assert told.value.code == "E242"


def test_what_cannot_be_measured_is_refused():
    inside = np.ones((1, 4, 4), bool)
    detector = VolumeGeometry((1, 4, 4), calibration=Calibration.DETECTOR)
    with pytest.raises(ImageError, match="E245"):
        measure_lesion(Volume(np.zeros((1, 4, 4), np.float32), detector, Quantity.ARBITRARY), inside)
    enhanced = Volume(np.zeros((1, 4, 4)), VolumeGeometry((1, 4, 4)), Quantity.HOUNSFIELD, enhanced_by=("denoise",))
    with pytest.raises(EnhancedPixels):
        measure_lesion(enhanced, inside)
