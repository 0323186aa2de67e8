"""The page of measured regions: outlines where the mask is, both languages, every feature, nothing from a network."""

import base64
import html
import io
import re

import numpy as np
import pytest
from PIL import Image

from hounsfield.measuring.page import write_page
from hounsfield.measuring.run import MeasuredRegion, MeasuringOptions, measure
from hounsfield.measuring.sources import find_sources
from hounsfield.radiomics import settings_from
from hounsfield.report.regions import OUTLINE, RegionView, outlined
from tests.measuring.cases import write_case

FAST = settings_from({"families": ["intensity-statistics", "morphology"], "name": "fast"}, "fast")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, tuple[MeasuredRegion, ...]]:
    folder = tmp_path_factory.mktemp("page")
    regions = measure(find_sources(*write_case(folder)), MeasuringOptions(FAST))
    return write_page(regions, folder / "report.html").read_text(encoding="utf-8"), regions


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_every_feature_of_every_region_has_its_value_and_words(page) -> None:
    text, regions = page
    for one in regions:
        for feature in one.found.features:
            assert f"{feature.value:.6g}" in text or np.isnan(feature.value)
    assert text.count("Average intensity.") == text.count("强度的平均值。") == 2
    assert "image · label 2" in text
    assert "image · label 7" in text


def test_settings_digests_and_what_it_is_not_are_said(page) -> None:
    text, regions = page
    for item in regions[0].inputs:
        assert item.sha256 in text
    assert "mask_threshold" in text
    assert "not a medical device" in text
    assert "医疗器械" in text


def test_what_is_not_standardised_is_marked(page) -> None:
    text, regions = page
    marked = sum(not feature.is_compliant for one in regions for feature in one.found.features)
    assert marked > 0
    assert text.count("not standardised by IBSI") == marked


def test_the_page_asks_nothing_of_a_network(page) -> None:
    text, _ = page
    assert not re.search(r"""(?:src|href)=["']https?:""", text)
    assert "default-src 'none'" in html.unescape(text)
    assert text.count("data:image/png") == 6  # three planes of two regions


def test_an_outline_lies_inside_the_edge_of_the_mask() -> None:
    inside = np.zeros((8, 8), bool)
    inside[2:6, 3:7] = True
    shown = pixels(outlined(np.zeros((8, 8)), inside, 1.0))
    size = shown.shape[0] // 8
    coloured = (shown == OUTLINE).all(axis=-1)
    rows, columns = np.flatnonzero(coloured.any(axis=1)), np.flatnonzero(coloured.any(axis=0))
    assert (rows[0], rows[-1] + 1) == (2 * size, 6 * size)
    assert (columns[0], columns[-1] + 1) == (3 * size, 7 * size)
    assert not coloured[3 * size : 5 * size, 4 * size : 6 * size].any()


def test_thick_slices_are_shown_tall() -> None:
    rows, columns, _ = pixels(outlined(np.zeros((10, 10)), np.ones((10, 10), bool), 2.0)).shape
    assert rows == 2 * columns


def test_bars_stand_on_the_axis_and_the_highest_fills_the_plot() -> None:
    view = RegionView("x", (), (1, 4, 2), ("0", "3"), (), ())
    tops = [(top, height) for _, top, _, height in view.rectangles]
    assert tops == [(105.0, 35.0), (0.0, 140.0), (70.0, 70.0)]
    assert sum(width for _, _, width, _ in view.rectangles) == pytest.approx(600)
