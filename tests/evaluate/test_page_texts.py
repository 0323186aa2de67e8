"""Pages without a template: figures as measured, both languages, nothing from files is markup or turns text."""

import re
from html.parser import HTMLParser

import pytest

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError
from hounsfield.evaluate.box_page import BoxPicture, box_page
from hounsfield.evaluate.mask_page import CasePicture, MaskStory, mask_page
from hounsfield.evaluate.page import chance_text, html_text, interval_text, number_text
from hounsfield.evaluate.target_page import target_page
from hounsfield.messages import label
from hounsfield.model.statements import Bilingual

BAD = '<img src="http://x.example" onerror="alert(1)">\u202egnp.exe&'
"""A name that would load, run and be read backwards."""
MEASURES = {
    "auroc": Interval(0.8123, 0.7011, 0.9239),
    f"auroc {BAD}": Interval(0.5, float("nan"), float("nan")),
    "brier": Interval(float("nan"), float("nan"), float("nan")),
}
ISSUES = (QualityIssue("Q851", Severity.WARN, {"part": BAD}), QualityIssue("Q850", Severity.WARN, {}))
LIMITS = (Bilingual(en=f"It knows {BAD} only.", zh=f"它只认识{BAD}。"),)
PICTURE = "data:image/png;base64,AAAA"


def target_text(measures=MEASURES, issues=ISSUES, limits=LIMITS, unit=BAD):
    told = {
        "model": {"name": BAD, "version": "1.0.0"},
        "unit": unit,
        "refused": [{"identifier": BAD, "code": "E853"}],
        "targets": [BAD, "height"],
        "part": "tuning",
        "data": {"name": BAD},
        "n": 17,
    }
    return target_page(told, measures, issues, limits)


def mask_text(measures=MEASURES, issues=ISSUES, limits=LIMITS, unit="samples"):
    refused = [(BAD, DatasetError("E864", found=BAD, expected="hounsfield"))]
    sentences = [limit.model_dump() for limit in limits]
    pictures = [CasePicture(BAD, 0.25, PICTURE)]
    story = MaskStory(BAD, BAD, "tuning", measures, 17, unit, issues, refused, pictures, sentences)
    return mask_page(story)


def box_text(measures=MEASURES, issues=ISSUES, **_):
    return box_page(BAD, 17, measures, issues, [BoxPicture(BAD, 0.25, PICTURE)])


PAGES = pytest.mark.parametrize("text_of", [target_text, mask_text, box_text])


class Seen(HTMLParser):
    """Collects tags, attributes and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@PAGES
def test_nothing_from_files_is_markup_or_a_request(text_of):
    seen = Seen(text_of())
    assert seen.open == []
    assert not {"script", "link", "iframe", "form", "a"} & set(seen.tags)
    assert {name for name, _ in seen.attributes} <= {"lang", "charset", "name", "content", "class", "alt", "src"}
    assert all(value == PICTURE for name, value in seen.attributes if name == "src")
    assert seen.tags.count("img") == text_of().count(f'src="{PICTURE}"')
    assert any(BAD.split("\u202e")[0] in text for text in seen.texts)


@PAGES
def test_no_character_turns_the_direction_of_a_page(text_of):
    """A name with such a character once reached three pages as it was, where the others had a mark in its place."""
    text = text_of()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08]", text)
    assert "\ufffdgnp.exe" in text


@PAGES
def test_every_figure_is_shown_with_its_interval_and_an_undefined_one_as_a_dash(text_of):
    text = text_of()
    assert "<td>0.812 (0.701 – 0.924)</td>" in text
    assert "<td>0.500</td>" in text
    assert "<td>–</td>" in text
    assert text.count("<td>") == len(MEASURES)
    assert "nan" not in text
    assert "n = 17" in text


@PAGES
def test_issues_and_the_warning_are_told_in_both_languages(text_of):
    text = text_of()
    for language in ("en", "zh"):
        assert html_text(label("research-only", language)) in text
        for issue in ISSUES:
            assert html_text(issue.text(language)) in text
    assert text.count("Q850") == text.count("Q851")
    assert 'lang="zh"' in text
    assert "ui." not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


@PAGES
def test_without_issues_none_are_told(text_of):
    text = text_of(issues=())
    assert "Q85" not in text
    assert html_text(ISSUES[1].text("zh")) not in text
    assert "0.812" in text


@pytest.mark.parametrize("text_of", [target_text, mask_text])
def test_limits_are_told_in_both_languages_and_their_heading_goes_with_them(text_of):
    heading = {target_text: "evaluate-target.limits", mask_text: "evaluate-mask.limits"}[text_of]
    with_limits, without = text_of(), text_of(limits=())
    for language in ("en", "zh"):
        assert html_text(label(heading, language)) in with_limits
        assert html_text(label(heading, language)) not in without
        assert html_text(label("evaluate-part-tuning", language)) in without
    assert html_text(LIMITS[0].zh) in with_limits
    assert html_text(LIMITS[0].en) in with_limits


def test_distances_have_their_unit_and_overlaps_have_none():
    measures = {name: Interval(0.5, 0.4, 0.6) for name in ("dice liver", "hd95 liver", "assd liver", "f1_50")}
    for unit in ("mm", "samples"):
        text = mask_text(measures, unit=unit)
        assert f"<th>hd95 liver ({unit})</th>" in text
        assert f"<th>assd liver ({unit})</th>" in text
        assert "<th>dice liver</th>" in text
        assert "<th>f1_50</th>" in text


def test_a_number_has_its_unit_and_labels_have_none():
    assert "height (mm[Hg])" in target_text(unit="mm[Hg]")
    assert "height</p>" in target_text(unit="")
    assert "<th>mean absolute error</th>" in target_text({"mean_absolute_error": Interval(1, 0.5, 2)})


@pytest.mark.parametrize(
    ("p_value", "text"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.001, "0.001"), (1.0, "1.000"), (float("nan"), "–")],
)
def test_a_chance_is_never_nothing(p_value, text):
    assert chance_text(p_value) == text


def test_numbers_keep_their_decimals():
    assert number_text(2 / 3) == "0.667"
    assert number_text(2 / 3, 1) == "0.7"
    assert number_text(float("inf")) == "–"
    assert interval_text(Interval(-0.25, -0.5, 0.0), 2) == "-0.25 (-0.50 – 0.00)"
    assert html_text("a\tb & c") == "a\tb &amp; c"
    assert html_text("\x07\u200b") == "\ufffd\ufffd"
