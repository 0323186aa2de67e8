"""Areas of outlines against counted pixels and known shapes, and what may carry millimetres."""

import numpy as np
import pytest
from skimage.draw import polygon as filled
from skimage.measure import find_contours

from hounsfield.core.finding import Region
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels
from hounsfield.finding.measure import ATTENDED_SIZE, measure_region, polygon_area, region_area


def square(top: float, left: float, side: float) -> np.ndarray:
    return np.array([(left, top), (left + side, top), (left + side, top + side), (left, top + side)])


def test_area_of_a_square_whether_closed_or_not():
    open_outline = square(2, 3, 4)
    assert polygon_area(open_outline) == 16
    assert polygon_area(np.vstack([open_outline, open_outline[:1]])) == 16
    assert polygon_area(open_outline[::-1]) == 16


def test_area_of_a_circle():
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = np.stack([50 + 20 * np.cos(angle), 60 + 20 * np.sin(angle)], axis=1)
    assert polygon_area(circle) == pytest.approx(np.pi * 400, rel=1e-5)


def test_an_outline_within_another_cuts_a_hole_and_one_within_the_hole_is_an_island():
    outer, hole, island = square(0, 0, 10), square(2, 2, 6), square(4, 4, 2)
    assert region_area((outer,)) == 100
    assert region_area((outer, hole)) == 64
    assert region_area((hole, island, outer)) == 68


def test_separate_outlines_add_up():
    assert region_area((square(0, 0, 3), square(10, 10, 2))) == 13


def test_area_of_a_level_set_against_counted_pixels():
    rows, columns = np.mgrid[0:120, 0:100]
    ring = np.exp(-((np.hypot(rows - 60, columns - 50) - 25) ** 2) / 50)
    outlines = tuple(contour[:, ::-1] for contour in find_contours(ring, 0.5))
    assert len(outlines) == 2
    assert region_area(outlines) == pytest.approx(np.count_nonzero(ring > 0.5), rel=0.01)


def test_area_against_a_filled_polygon():
    rng = np.random.default_rng(7)
    angle = np.sort(rng.random(40)) * 2 * np.pi
    radius = 200 + 60 * rng.random(40)
    outline = np.stack([400 + radius * np.cos(angle), 300 + radius * np.sin(angle)], axis=1)
    rows, _ = filled(outline[:, 1], outline[:, 0], (700, 800))
    assert polygon_area(outline) == pytest.approx(len(rows), rel=0.005)


def on(geometry, **changes):
    return Volume(np.zeros(geometry.shape, np.int16), geometry, Quantity.HOUNSFIELD, **changes)


def test_nothing_is_measured_on_enhanced_pixels():
    source = on(VolumeGeometry((1, 20, 40)), enhanced_by=("clahe", "unsharp"))
    with pytest.raises(EnhancedPixels, match="clahe, unsharp"):
        measure_region(Region("1.2", 1, (square(0, 0, 8),)), source)


def test_share_and_size_on_pixels_that_are_not_square():
    geometry = VolumeGeometry((1, 20, 40), spacing_mm=(5.0, 2.0, 0.5))
    share, size = measure_region(Region("1.2", 1, (square(0, 0, 8),)), on(geometry))
    assert (share.value, share.unit.code) == (8.0, "%")
    assert (size.value, size.unit.code) == (64.0, "mm2")
    assert share.concept.value == "ATTENDED_AREA"


def test_the_size_is_not_called_the_area_of_the_finding():
    assert ATTENDED_SIZE.scheme == "99HNSF"
    assert len(ATTENDED_SIZE.value) <= 16
    assert "attended" in ATTENDED_SIZE.meaning
    assert ATTENDED_SIZE.text("zh") != ATTENDED_SIZE.meaning


@pytest.mark.parametrize("calibration", [Calibration.DETECTOR, Calibration.NONE])
def test_no_millimetres_where_they_are_none_of_the_patient(calibration):
    geometry = VolumeGeometry((1, 10, 10), spacing_mm=(1.0, 0.2, 0.2), calibration=calibration)
    measurements = measure_region(Region("1.2", 1, (square(0, 0, 5),)), on(geometry))
    assert [item.unit.code for item in measurements] == ["%"]
    assert measurements[0].value == 25
