"""The page of a comparison in a real browser: both languages, narrow windows, hostile names, figures that are there."""

import re

import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.evaluate.compare import compare
from hounsfield.evaluate.compare_result import write_comparison
from hounsfield.evaluate.run import EvaluateOptions
from tests.evaluate.examples import flat, save, write_model
from tests.evaluate.test_browser import CHINESE, HOSTILE, PROBE
from tests.report.browser import Browser


@pytest.fixture(scope="module")
def browser(debian_tool, tmp_path_factory):
    return Browser(debian_tool("chromium", "chromium"), tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two models on files of a data set with a hostile and endless name."""
    root = tmp_path_factory.mktemp("data") / f"{HOSTILE.replace('/', '')}{'n' * 80}"
    for index in range(12):
        save(root / "normal" / f"{index}.png", flat(60 + 6 * index, index))
        save(root / "pneumonia" / f"{index}.png", flat(120 + 6 * index, 100 + index))
    folder = tmp_path_factory.mktemp("model")
    names = ("normal", "pneumonia")
    models = write_model(folder / "a.model", names, 0.5), write_model(folder / "b.model", names, 0.7, seen_rows=2)
    out = tmp_path_factory.mktemp("out") / "comparison"
    write_comparison(compare(*models, read_cases(root), EvaluateOptions(resamples=50)), out)
    return out / "report.html"


@pytest.fixture(scope="module")
def seen(browser, page):
    return browser.probe([(page, width) for width in (360, 768, 1280)], PROBE)


def test_no_window_is_too_narrow_and_every_figure_is_there(seen):
    for found in seen:
        assert found["wider"] == 0
        assert len(found["loaded"]) == 2
        assert all(found["loaded"])


def test_the_button_switches_the_whole_page(seen):
    for found in seen:
        english = found["en"].replace("中文 / English", "")
        assert not CHINESE.search(english)
        assert CHINESE.search(found["zh"].replace("中文 / English", ""))
        assert found["again"] == found["en"]
        assert found["lang"] == "zh-CN"


def test_the_words_a_reader_needs_are_seen(seen):
    text = " ".join(seen[2]["en"].split())
    for words in ("AUROC", "Only A is right", "McNemar", "p adjusted", "0.5000", "0.7000", "Not a medical device"):
        assert words in text, words
    assert not re.search(r"\bnan\b", text)
    assert "<img src=x onerror=alert(1)>" in text
    assert "\u202e" not in text


def test_the_policy_is_of_the_pages_own_script(page):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page.read_text(encoding="utf-8"))
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 2
