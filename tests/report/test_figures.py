"""Figures: the same bytes each time, titles on every axis, no request, no state of the process changed."""

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from hounsfield.metrics.discrimination import auroc, average_precision, precision_recall_curve, roc_curve
from hounsfield.report.figures import (
    COLOURS,
    CurveBand,
    NamedCurve,
    ReliabilityPoint,
    draw_confusion,
    draw_decision_curve,
    draw_learning_curves,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_scores,
    draw_sweep,
)

POINTS = [ReliabilityPoint(0.1, 0.05, 0.01, 0.2), ReliabilityPoint(0.6, 0.7, 0.5, 0.85)]


def named(curve, area):
    return NamedCurve("pneumonia", curve.x, curve.y, area)


def sample():
    generator = np.random.default_rng(0)
    is_positive = generator.random(120) < 0.5
    return is_positive, np.clip(is_positive * 0.3 + generator.random(120) * 0.7, 0, 1)


def drawings():
    is_positive, scores = sample()
    roc = named(roc_curve(is_positive, scores), auroc(is_positive, scores))
    recall = named(precision_recall_curve(is_positive, scores), average_precision(is_positive, scores))
    band = CurveBand(np.linspace(0, 0.9, 10), np.full(10, 0.2), np.full(10, 0.4))
    return {
        "roc": lambda: draw_roc([roc], (0.9, 0.8)),
        "roc-band": lambda: draw_roc([replace(roc, band=band)], (0.9, 0.8), ((0.8, 0.95), (0.7, 0.9))),
        "decision": lambda: draw_decision_curve(
            band.x, band, {"model": band.high, "everyone": 0.5 - band.x, "no one": 0 * band.x}, 0.4
        ),
        "recall": lambda: draw_precision_recall([recall], 0.5),
        "reliability": lambda: draw_reliability(POINTS, scores),
        "confusion": lambda: draw_confusion(np.array([[50, 4], [6, 60]]), ["normal", "pneumonia"]),
        "scores": lambda: draw_scores({"normal": scores[~is_positive], "ill": scores[is_positive]}, 0.4),
        "sweep": lambda: draw_sweep(np.linspace(0, 1, 5), {"sensitivity": np.linspace(1, 0, 5)}, 0.4),
        "learning": lambda: draw_learning_curves({"training": [1, 0.5, 0.4], "tuning": [1, 0.6, 0.7]}, "Loss (nat)", 2),
    }


NAMES = tuple(drawings())


def test_bands_and_the_ends_of_the_operating_point_are_drawn_where_they_lie():
    axes = drawings()["roc-band"]().figure.axes[0]
    shaded = axes.collections[0].get_paths()[0].vertices
    assert (shaded[:, 1].min(), shaded[:, 1].max()) == pytest.approx((0.2, 0.4))
    lines = [line.get_xydata().tolist() for line in axes.lines]
    assert [[pytest.approx(0.2), 0.8], [pytest.approx(0.2), 0.95]] in lines
    assert [[pytest.approx(0.1), 0.9], [pytest.approx(0.3), 0.9]] in lines
    low, high = drawings()["decision"]().figure.axes[0].get_ylim()
    assert low < 0 < 0.4 < 0.5 < high


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_has_a_title(name):
    titled = [axes for axes in drawings()[name]().figure.axes if axes.get_label() != "<colorbar>"]
    assert all(axes.get_ylabel() for axes in titled)
    assert any(axes.get_xlabel() for axes in titled)


@pytest.mark.parametrize("name", NAMES)
def test_equal_figures_give_equal_bytes_and_no_date(name):
    first, second = drawings()[name](), drawings()[name]()
    text = first.svg()
    assert text == second.svg() == first.svg()
    assert first.png() == second.png()
    assert not re.search(r"<dc:date>|20\d\d-\d\d-\d\dT", text)


@pytest.mark.parametrize("name", NAMES)
def test_the_svg_is_whole_and_asks_for_nothing(name):
    text = drawings()[name]().svg()
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    links = re.findall(r'href="([^"]*)"', text)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "<script" not in text


def test_the_png_is_a_picture():
    with Image.open(io.BytesIO(drawings()["roc"]().png(100))) as picture:
        assert picture.format == "PNG"
        assert picture.width == pytest.approx(460, abs=2)


def test_drawing_leaves_the_settings_of_the_process_alone():
    before = dict(mpl.rcParams)
    drawings()["confusion"]().svg()
    assert dict(mpl.rcParams) == before


def test_no_global_figure_is_kept():
    drawings()["roc"]().png(50)
    import matplotlib._pylab_helpers as helpers

    assert helpers.Gcf.get_all_fig_managers() == []


def test_the_confusion_matrix_shows_counts_and_row_percent():
    figure = draw_confusion(np.array([[30, 10], [0, 5]]), ["a", "b"]).figure
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {"30\n75.0 %", "10\n25.0 %", "0\n0.0 %", "5\n100.0 %"}


def test_names_that_the_font_lacks_and_signs_of_formulas():
    figure = draw_confusion(np.array([[1, 0], [0, 1]]), ["肺炎", "a$b_c$d"]).figure
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["class 1", r"a\$b_c\$d"]


def test_the_legend_gives_the_area():
    axes = drawings()["roc"]().figure.axes[0]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any(re.fullmatch(r"pneumonia, AUROC 0\.\d{3}", text) for text in texts)
    assert "operating point" in texts


def test_an_empty_class_and_a_single_epoch_can_be_drawn():
    assert draw_scores({"a": np.array([0.5]), "b": np.zeros(0)}).svg()
    assert draw_learning_curves({"training": [0.7]}, "Accuracy (fraction)").svg()
    assert draw_confusion(np.array([[0, 0], [2, 3]]), ["a", "b"]).svg()


def luminance(colour):
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lines_stand_out_from_white_paper():
    assert all((1.05) / (luminance(colour) + 0.05) > 2 for colour in COLOURS)
