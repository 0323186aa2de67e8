"""Charts of a heart: what is drawn is what was measured, read back from the artists of the figure."""

import io

import numpy as np
import pytest
from PIL import Image

from hounsfield.clinical.heart import charts
from hounsfield.clinical.heart.chambers import LEFT, Chambers
from hounsfield.clinical.heart.charts import RINGS, bulls_eye, volume_chart
from hounsfield.clinical.heart.cycle import cycle_of
from hounsfield.core.conclusion import Wording
from hounsfield.core.geometry import Calibration, VolumeGeometry

TITLE = Wording("Wall thickness", "室壁厚度")


def box(voxels, calibration=Calibration.PATIENT):
    labels = np.zeros((1, 10, 20), np.uint8)
    labels.ravel()[:voxels] = LEFT
    return Chambers(labels, VolumeGeometry(labels.shape, (10.0, 2.0, 2.0), calibration=calibration))


@pytest.fixture
def drawn(monkeypatch):
    """Keep the figures that are drawn."""
    kept = []
    real = charts._figure

    def keep(size):
        figure = real(size)
        kept.append(figure)
        return figure

    monkeypatch.setattr(charts, "_figure", keep)
    return kept


def pixels(chart):
    return np.asarray(Image.open(io.BytesIO(chart.png)).convert("L"))


def test_the_curve_is_the_volume_of_each_phase(drawn):
    sizes = [100, 80, 50, 60]
    chart = volume_chart(cycle_of([box(size) for size in sizes]))
    left, right = drawn[0].axes[0].lines[:2]
    assert left.get_xdata().tolist() == [1, 2, 3, 4]
    assert left.get_ydata() == pytest.approx([size * 0.04 for size in sizes])
    assert right.get_ydata() == pytest.approx([0, 0, 0, 0])
    assert "[ml]" in drawn[0].axes[0].get_ylabel()
    assert "end-diastole is phase 1, end-systole 3" in chart.description.en
    assert "收缩末期为第3时相" in chart.description.zh


def test_without_spacing_the_curve_is_in_percent_of_the_largest(drawn):
    volume_chart(cycle_of([box(size, Calibration.NONE) for size in (50, 25, 40)]))
    assert drawn[0].axes[0].lines[0].get_ydata() == pytest.approx([100, 50, 80])
    assert "%" in drawn[0].axes[0].get_ylabel()


def test_the_ends_of_the_beat_are_marked(drawn):
    volume_chart(cycle_of([box(size) for size in (60, 100, 50)]))
    texts = {text.get_text(): text.xy[0] for text in drawn[0].axes[0].texts}
    assert texts == {"ED": 2, "ES": 3}


def test_every_segment_has_its_place_base_outside_and_septum_left(drawn):
    bulls_eye(list(range(1, 17)), TITLE, "mm")
    places = {}
    for text in drawn[0].axes[0].texts:
        number, value = text.get_text().split("\n")
        assert number == value
        angle, radius = text.get_position()
        places[int(number)] = (round(np.degrees(angle)) % 360, radius)
    assert sorted(places) == list(range(1, 17))
    for anterior in (1, 7, 13):
        assert places[anterior][0] == 90
    for septal in (2, 3, 8, 9, 14):
        assert 90 < places[septal][0] < 270
    for inferior in (4, 10, 15):
        assert places[inferior][0] == 270
    for lateral in (5, 6, 11, 12, 16):
        assert places[lateral][0] > 270 or places[lateral][0] < 90
    assert places[1][1] > places[7][1] > places[13][1]


def test_rings_hold_sixteen_segments():
    assert [first for first, _, _ in RINGS] == [1, 7, 13]
    assert sum(count for _, count, _ in RINGS) == 16


def test_what_was_not_measured_is_a_dash_and_grey(drawn):
    values = [10.0] * 15 + [None]
    chart = bulls_eye(values, TITLE, "mm")
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert "16\n-" in texts
    assert chart.description.en.endswith("16: -.")
    colours = {patch.get_facecolor()[:3] for patch in drawn[0].axes[0].patches}
    assert (0.93, 0.93, 0.93) in {tuple(round(part, 2) for part in colour) for colour in colours}


def test_thicker_is_darker(drawn):
    bulls_eye([float(number) for number in range(1, 17)], TITLE, "mm")
    shades = [sum(patch.get_facecolor()[:3]) for patch in drawn[0].axes[0].patches]
    assert shades == sorted(shades, reverse=True)


@pytest.mark.parametrize("values", [[None] * 16, [8.0] * 16])
def test_nothing_and_one_value_can_be_drawn(values):
    chart = bulls_eye(values, TITLE, "%")
    assert pixels(chart).std() > 0
    assert chart.title == TITLE
