"""The page of before and after: both languages, self-contained, what it shows and what it says."""

import re

import numpy as np
import pytest

from hounsfield.core.trace import Trace
from hounsfield.report.comparison import Comparison, Figure, render_comparison, write_comparison


def comparison(**changes):
    ramp = np.linspace(0, 1, 48 * 40).reshape(48, 40)
    fields = {
        "shown": {"before": ramp, "after": ramp**2},
        "figures": (
            (("before", "after"), [Figure("noise", (0.25, float("nan")))]),
            (("pair",), [Figure("psnr", (float("inf"),))]),
        ),
        "trace": Trace().followed_by("clahe", {"settings": {"clip": 0.02}, "drawn": {}}),
        "slice_number": (3, 5),
        "aspect": 1.0,
        "is_same_window": True,
        "is_enhanced": True,
    }
    return Comparison(**{**fields, **changes})


def test_the_page_asks_nothing_of_any_network_and_speaks_both_languages(tmp_path):
    path = write_comparison(comparison(), tmp_path / "page.html", "zh").path
    text = path.read_text(encoding="utf-8")
    assert "default-src &#39;none&#39;" in text
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert "not a medical device" in text
    assert "measure and diagnose on the original" in text
    assert "处理前后对比" in text
    assert '<html lang="zh-Hans">' in text


def test_the_page_shows_pictures_figures_and_steps():
    text = render_comparison(comparison())
    assert text.count("data:image/png;base64,") == 3
    assert "Difference" in text
    assert "<td>0.250</td><td>–</td>" in text
    assert "<td>∞</td>" in text
    assert "clip = 0.02" in text
    assert text.count("<polyline") == 4


def test_with_a_reference_errors_are_shown_and_on_another_grid_no_difference():
    shown = comparison().shown
    assert render_comparison(comparison(shown={**shown, "reference": shown["before"]})).count("data:image/png") == 6
    other = {**shown, "after": np.ones((20, 20))}
    text = render_comparison(comparison(shown=other, is_same_window=False))
    assert text.count("data:image/png") == 2
    assert "its own range" in text


def test_figures_are_values_by_name_and_column():
    """What is not defined, or infinite, is nothing that JSON holds."""
    values = comparison().values()
    assert all(isinstance(value, float) or value is None for row in values.values() for value in row.values())
    assert None in [value for row in values.values() for value in row.values()]
    assert {name: tuple(row) for name, row in values.items()} == {
        figure.name: columns for columns, figures in comparison().figures for figure in figures
    }


def test_a_packed_mask_does_not_fill_the_page():
    trace = Trace().followed_by("inpaint", {"settings": {"mask": {"bits": "A" * 500_000}, "value": 3}})
    text = render_comparison(comparison(trace=trace))
    assert "A" * 100 in text
    assert "A" * 200 not in text
    assert "…, value = 3" in text


def test_a_phantom_says_what_it_is():
    text = render_comparison(comparison(origin={"phantom": "body", "noise": "20 <b>"}))
    assert "phantom = body, noise = 20 &lt;b&gt;" in text
    assert "truth is known" in text
    assert "truth is known" not in render_comparison(comparison())


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_a_picture_of_a_point_or_a_line_or_of_nan_is_a_page(shape):
    flat = np.full(shape, np.nan)
    assert "<polyline" in render_comparison(comparison(shown={"before": flat, "after": flat}, is_enhanced=False))


def test_names_of_settings_cannot_break_the_page():
    trace = Trace().followed_by("<script>alert(1)</script>", {"settings": {"a": "<img src=x>"}})
    text = render_comparison(comparison(trace=trace))
    assert "<script>alert" not in text
    assert "<img src=x>" not in text
