"""The page of repeated features: order, colours, bars and words, whatever the names and values are."""

import html
import math
import re
from pathlib import Path

import pytest

from hounsfield.core.prediction import Interval
from hounsfield.messages import catalogue
from hounsfield.report.repeats import BAR_HEIGHT, BAR_WIDTH, COLOURS, RepeatLine, RepeatView, write_repeats
from hounsfield.report.text import Text

HOSTILE = "<script>alert(1)</script>\u202e"


def line(tag: str, value: float, rating: str, *cells: str) -> RepeatLine:
    return RepeatLine(tag, Text(f"{tag} en", f"{tag} zh"), Interval(value, value - 0.1, value + 0.1), rating, cells)


def view(*lines: RepeatLine, title: str = "label 1", marks: tuple[float, ...] = (0.75, 0.9)) -> RepeatView:
    return RepeatView(
        title,
        (Text("how it was done", "方法"),),
        (Text("bar", "条形"), Text("value", "数值")),
        ((Text("Family", "类别"), lines),),
        (("seed", "7"), ("source", "a paper")),
        marks,
    )


def page(folder: Path, *views: RepeatView, language: str = "en") -> str:
    path = write_repeats(views, Text("Repeats", "重复"), folder / "a.html", language)
    return path.read_text(encoding="utf-8")


def bars(text: str) -> list[tuple[float, str]]:
    found = re.findall(rf'<rect x="0" y="2" width="([\d.]+)" height="{BAR_HEIGHT - 4}" fill="(#\w+)"/>', text)
    return [(float(wide), colour) for wide, colour in found]


def test_every_feature_has_a_bar_of_its_length_and_colour_in_order(tmp_path: Path) -> None:
    text = page(
        tmp_path,
        view(line("poor", 0.2, "moderate or poor", "a"), line("fine", 0.95, "excellent", "b"), line("ok", 0.8, "good")),
    )
    assert bars(text) == [
        (0.95 * BAR_WIDTH, COLOURS["excellent"]),
        (0.8 * BAR_WIDTH, COLOURS["good"]),
        (0.2 * BAR_WIDTH, COLOURS["moderate or poor"]),
    ]
    assert text.index("fine en") < text.index("ok en") < text.index("poor en")


def test_both_languages_are_in_the_page(tmp_path: Path) -> None:
    text = page(tmp_path, view(line("one", 0.5, "good", "cell")), language="zh")
    for words in ("Repeats", "重复", "how it was done", "方法", "Family", "类别", "one en", "one zh", "条形", "cell"):
        assert words in text
    assert "<title>重复" in text


def test_lines_stand_where_the_classes_begin(tmp_path: Path) -> None:
    marked = page(tmp_path, view(line("one", 0.5, "good")))
    assert f'x1="{0.75 * BAR_WIDTH}"' in marked
    assert f'x1="{0.9 * BAR_WIDTH}"' in marked
    plain = write_repeats([view(line("one", 0.5, "good"), marks=())], Text("a", "b"), tmp_path / "b.html")
    assert f'x1="{0.75 * BAR_WIDTH}"' not in plain.read_text(encoding="utf-8")


def test_a_feature_without_a_value_has_no_bar_and_stands_last(tmp_path: Path) -> None:
    nothing = RepeatLine("none", Text("n", "n"), Interval(math.nan, math.nan, math.nan), "not assessed", ())
    text = page(tmp_path, view(nothing, line("poor", 0.1, "moderate or poor")))
    assert [wide for wide, _ in bars(text)] == [0.1 * BAR_WIDTH, 0.0]
    assert "nan" not in text.lower().replace("nanum", "")


def test_what_comes_from_files_is_text_and_nothing_else(tmp_path: Path) -> None:
    one = RepeatLine(HOSTILE, Text(HOSTILE, HOSTILE), Interval(0.5, 0.4, 0.6), "good", (HOSTILE,))
    text = page(tmp_path, view(one, title=HOSTILE))
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert html.escape("<script>alert(1)</script>") in text or "&lt;script&gt;" in text
    assert "default-src 'none'" in html.unescape(text)


def test_several_regions_stand_one_below_the_other(tmp_path: Path) -> None:
    text = page(tmp_path, view(line("a", 0.5, "good"), title="first"), view(line("b", 0.5, "good"), title="second"))
    assert text.index("first") < text.index("second")
    assert text.count("a paper") == 2


@pytest.mark.parametrize("rating", sorted(COLOURS))
def test_every_class_has_its_words_in_both_languages(tmp_path: Path, rating: str) -> None:
    key = f"ui.repeats-rating-{rating.replace(' ', '-')}"
    words = catalogue()[key]
    text = page(tmp_path, view(line("one", 0.5, rating)))
    assert text.count(words["en"]["text"]) == text.count(words["zh"]["text"]) == 2
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_a_view_without_features_is_a_page_without_bars(tmp_path: Path) -> None:
    text = page(tmp_path, view())
    assert not bars(text)
    assert "how it was done" in text
