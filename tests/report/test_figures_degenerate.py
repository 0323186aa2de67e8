"""Figures of input at its limits: nothing to draw, values that are not defined, names that mean something to a font."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

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

NONE = np.zeros(0)
NAN = float("nan")
ENDS = np.array([0.1, 0.9])
FORMULAS = ("a$x_{$", "$$", r"\frac$", "50 % & <b>", "_hidden", "^_")


def band(low, high):
    return CurveBand(ENDS, np.full(2, low), np.full(2, high))


def legend(drawing):
    found = drawing.figure.axes[0].get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: draw_roc([]), ["chance (0.500)"]),
        (lambda: draw_precision_recall([]), []),
        (lambda: draw_precision_recall([], 0.25), ["chance (0.250)"]),
        (lambda: draw_scores({}), []),
        (lambda: draw_scores({"ill": NONE}), ["ill (n = 0)"]),
        (lambda: draw_sweep(NONE, {}), []),
        (lambda: draw_sweep(NONE, {"F1": NONE}, 0.5), ["F1", "threshold in use 0.500"]),
        (lambda: draw_learning_curves({}, "Loss"), []),
        (lambda: draw_learning_curves({"training": []}, "Loss"), ["training"]),
        (lambda: draw_learning_curves({"tuning": [NAN] * 3}, "Loss", 2), ["tuning", "kept: epoch 2"]),
        (lambda: draw_reliability([], NONE), ["perfect", "bins of equal size, 95 % interval"]),
        (lambda: draw_decision_curve(NONE, CurveBand(NONE, NONE, NONE), {}), []),
    ],
)
def test_what_is_empty_is_drawn_without_a_warning_and_explains_what_is_there(draw, said):
    drawing = draw()
    assert legend(drawing) == said
    assert ElementTree.fromstring(drawing.svg()).tag.endswith("svg")


@pytest.mark.parametrize("value", [NAN, -2.0, 0.0])
def test_a_decision_curve_without_benefit_stands_upright_around_zero(value):
    axes = draw_decision_curve(ENDS, band(value, value), {"model": np.full(2, value)}).figure.axes[0]
    low, high = axes.get_ylim()
    assert low < 0 < high


def test_a_decision_curve_shows_its_highest_line_whole_though_another_is_undefined():
    worth = {"model": np.array([NAN, 0.3]), "everyone": np.full(2, NAN), "no one": np.zeros(2)}
    low, high = draw_decision_curve(ENDS, band(NAN, NAN), worth).figure.axes[0].get_ylim()
    assert low < 0
    assert 0.3 < high < 0.4


@pytest.mark.parametrize(
    "draw",
    [
        lambda names: draw_roc([NamedCurve(name, ENDS, ENDS, 0.5) for name in names]),
        lambda names: draw_precision_recall([NamedCurve(name, ENDS, ENDS, 0.5) for name in names]),
        lambda names: draw_scores(dict.fromkeys(names, ENDS)),
        lambda names: draw_sweep(ENDS, dict.fromkeys(names, ENDS)),
        lambda names: draw_learning_curves(dict.fromkeys(names, (0.5, 0.4)), "Loss"),
        lambda names: draw_decision_curve(ENDS, band(0.1, 0.2), dict.fromkeys(names, ENDS)),
    ],
)
def test_names_are_read_as_they_are_written_in_every_legend(draw):
    said = [text.replace(r"\$", "$").strip() for text in legend(draw(FORMULAS))]
    for name in FORMULAS:
        assert any(text.startswith(name) for text in said)


@pytest.mark.parametrize("name", FORMULAS[:3])
def test_a_quantity_starts_no_formula(name):
    for drawing in (draw_scores({"ill": ENDS}, None, name), draw_reliability([], ENDS, name)):
        assert any(name in axes.get_xlabel().replace(r"\$", "$") for axes in drawing.figure.axes)


def test_a_curve_without_a_name_says_its_area_alone():
    assert legend(draw_roc([NamedCurve("", ENDS, ENDS, 0.5)]))[1] == "AUROC 0.500"


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_matrix_of_any_number_of_classes_has_a_text_in_each_cell(count):
    matrix = np.arange(count * count).reshape(count, count)
    axes = draw_confusion(matrix, [f"grade {index}" for index in range(count)]).figure.axes[0]
    texts = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert len(texts) == count**2
    for (column, row), text in texts.items():
        count_there, percent = text.split("\n")
        assert int(count_there) == matrix[row, column]
        share = 100 * matrix[row, column] / max(1, matrix[row].sum())
        assert float(percent.removesuffix(" %")) == pytest.approx(share, abs=0.051)


def test_texts_stand_out_from_their_cells():
    axes = draw_confusion(np.array([[9, 1], [4, 6]]), ["a", "b"]).figure.axes[0]
    colours = {text.get_text().split("\n")[0]: text.get_color() for text in axes.texts}
    assert colours == {"9": "white", "1": "black", "4": "black", "6": "white"}


def test_a_ninth_curve_repeats_the_first_colour_and_the_first_eight_differ():
    names = [NamedCurve(f"class-{index}", ENDS, ENDS, 0.5) for index in range(9)]
    lines = draw_roc(names).figure.axes[0].lines[1:]
    looks = [(line.get_color(), line.get_linestyle()) for line in lines]
    assert looks[8] == looks[0] == (COLOURS[0], "-")
    assert len(set(looks[:8])) == 8


def test_an_interval_that_lies_beside_its_point_has_no_length_below_zero():
    points = [ReliabilityPoint(0.5, 0.4, 0.45, 0.6), ReliabilityPoint(0.7, 0.8, 0.6, 0.75)]
    bars = draw_reliability(points, ENDS).figure.axes[0].collections[0].get_segments()
    assert [[tuple(end) for end in bar] for bar in bars] == [
        [(0.5, 0.4), (0.5, pytest.approx(0.6))],
        [(0.7, pytest.approx(0.6)), (0.7, 0.8)],
    ]


def test_scores_outside_the_axis_are_left_out_of_the_bars_and_counted_in_the_name():
    drawing = draw_scores({"ill": np.array([-1, 0.2, 0.2, 2, NAN])})
    heights = drawing.figure.axes[0].patches[0].get_data().values
    assert heights.sum() == 2
    assert legend(drawing) == ["ill (n = 5)"]


def test_a_single_epoch_is_a_point_and_many_are_a_line():
    axes = draw_learning_curves({"one": [0.7], "many": [0.7, 0.6, 0.5]}, "Loss").figure.axes[0]
    assert [line.get_marker() for line in axes.lines] == ["o", "None"]
    assert axes.lines[1].get_xdata().tolist() == [1, 2, 3]


def test_what_is_counted_is_named_on_the_axis_and_in_the_legend():
    drawing = draw_learning_curves({"score": [0.1, 0.2]}, "Score", 2, "Trial")
    assert drawing.figure.axes[0].get_xlabel() == "Trial"
    assert legend(drawing) == ["score", "kept: trial 2"]
    assert re.search(r"<svg[^>]*viewBox", drawing.svg())


def test_a_name_ends_no_comment_and_opens_no_element_of_a_page_around():
    text = draw_confusion(np.eye(2, dtype=np.int64), ["--><script>x</script>", "]]><svg onload=x>"]).svg()
    body = text[text.index("<svg") :]
    assert "<script" not in body
    assert body.count("<svg") == 1
