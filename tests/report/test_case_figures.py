"""Figures of cases and objects: every number given is drawn where it belongs, and the bytes are the same each time."""

import numpy as np
import pytest

from hounsfield.core.prediction import Interval
from hounsfield.report.case_figures import draw_agreement, draw_differences, draw_froc, draw_shares, draw_strip
from hounsfield.report.figures import Drawing, NamedCurve, draw_reliability

NAN = float("nan")
RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def axes_of(drawing: Drawing):
    (axes,) = drawing.figure.axes
    return axes


def points_of(drawing: Drawing, marker: str = "o") -> list[np.ndarray]:
    return [line.get_xydata() for line in axes_of(drawing).get_lines() if line.get_marker() == marker]


def curve(name: str = "all classes") -> NamedCurve:
    return NamedCurve(name, np.array([0.0, 0.5, 3.0]), np.array([0.2, 0.6, 0.9]), NAN)


def froc() -> Drawing:
    return draw_froc([curve(), curve("cell")], RATES, np.linspace(0.3, 0.9, 7))


def differences() -> Drawing:
    lines = {"bias": Interval(1.0, 0.5, 1.5), "lower limit": Interval(-3, -4, -2), "upper limit": Interval(5, NAN, NAN)}
    return draw_differences(np.array([10.0, 20]), np.array([12.0, 19]), lines, "age")


def strip() -> Drawing:
    return draw_strip({"LV": np.array([0.5, 0.9, NAN, 0.7]), "RV": np.array([1.0])}, "Dice of each case")


DRAWN = {
    "froc": froc,
    "differences": differences,
    "strip": strip,
    "agreement": lambda: draw_agreement(np.array([1.0, 2]), np.array([1.5, 2]), "age"),
    "shares": lambda: draw_shares({"small": Interval(0.5, 0.3, 0.7)}, "Sensitivity"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_figure_is_the_same_bytes(name: str) -> None:
    assert DRAWN[name]().svg() == DRAWN[name]().svg()


def test_froc_marks_the_sensitivity_at_each_rate_and_its_axis_counts_them() -> None:
    (marked,) = points_of(froc())
    np.testing.assert_allclose(marked, np.stack([RATES, np.linspace(0.3, 0.9, 7)], axis=1))
    axes = axes_of(froc())
    assert [text.get_text() for text in axes.get_xticklabels()] == [f"{rate:g}" for rate in RATES]
    assert axes.get_xscale() == "log"


def test_a_froc_curve_without_false_positives_is_drawn_at_the_edge_and_goes_on_at_its_height() -> None:
    lines = [line.get_xydata() for line in axes_of(froc()).get_lines() if line.get_marker() == "None"]
    assert len(lines) == 2
    for line in lines:
        assert line[0].tolist() == [1 / 16, 0.2]
        assert line[-1].tolist() == [8, 0.9]
    nothing = draw_froc([NamedCurve("x", np.zeros(0), np.zeros(0), NAN)], RATES, np.zeros(7))
    assert axes_of(nothing).get_lines()[0].get_ydata().tolist() == [0]


def test_differences_lie_over_the_mean_with_bias_and_limits() -> None:
    (cases,) = points_of(differences())
    np.testing.assert_allclose(cases, [[11, 2], [19.5, -1]])
    level = [line.get_ydata()[0] for line in axes_of(differences()).get_lines() if line.get_marker() == "None"]
    assert level == [0, 1, -3, 5]
    names = [text.get_text() for text in axes_of(differences()).get_legend().get_texts()]
    assert names == ["bias 1", "lower limit -3", "upper limit 5"]


def test_intervals_that_are_not_known_are_not_shaded() -> None:
    bands = [patch.get_extents().height for patch in axes_of(differences()).patches]
    assert len(bands) == 2
    assert min(bands) > 0


def test_agreement_runs_from_the_least_to_the_most_of_both() -> None:
    line = next(one for one in axes_of(DRAWN["agreement"]()).get_lines() if one.get_label() == "agreement")
    assert line.get_xydata().tolist() == [[1, 1], [2, 2]]


def test_a_strip_draws_each_known_case_in_its_column_and_the_median() -> None:
    left, right = points_of(strip())
    assert sorted(left[:, 1]) == [0.5, 0.7, 0.9]
    assert right[:, 1].tolist() == [1.0]
    assert (np.abs(left[:, 0]) < 0.3).all()
    assert (np.abs(right[:, 0] - 1) < 0.3).all()
    assert len(np.unique(left[:, 0])) == 3
    medians = [line.get_ydata()[0] for line in axes_of(strip()).get_lines() if line.get_marker() == "None"]
    assert medians == [0.7, 1.0]
    assert [text.get_text() for text in axes_of(strip()).get_xticklabels()] == ["LV\n(n = 3)", "RV\n(n = 1)"]


def test_equal_cases_of_a_strip_are_told_apart() -> None:
    (points,) = points_of(draw_strip({"x": np.full(60, 0.8)}, "Dice"))
    assert len(np.unique(points[:, 0].round(6))) == 60


def test_shares_that_are_not_defined_stay_empty_but_keep_their_place() -> None:
    drawn = draw_shares({"a": Interval(NAN, NAN, NAN), "b": Interval(0.4, 0.1, 0.8)}, "Sensitivity")
    assert [place.tolist() for place in points_of(drawn)] == [[[1.0, 0.4]]]
    assert [text.get_text() for text in axes_of(drawn).get_xticklabels()] == ["a", "b"]


@pytest.mark.parametrize(
    ("quantity", "shown"), [("年龄 (years)", "Reference  (years)"), ("cost $x$", r"Reference cost \$x\$")]
)
def test_titles_hold_what_the_font_has_and_no_formula(quantity: str, shown: str) -> None:
    assert axes_of(draw_agreement(np.array([1.0]), np.array([2.0]), quantity)).get_xlabel() == shown


def test_a_reliability_diagram_of_a_class_in_another_script_is_titled_without_it() -> None:
    below = draw_reliability([], np.array([0.5]), "probability of 肺炎").figure.axes[1]
    assert below.get_xlabel() == "Predicted probability of"
