"""The page of an evaluation in a real browser: both languages, narrow windows, hostile names, and no request."""

import re

import numpy as np
import pytest

from hounsfield.cases.layouts import read_cases
from hounsfield.evaluate.page import chance_text, number_text
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from tests.evaluate.examples import flat, save, write_model
from tests.report.browser import Browser, listener

CHINESE = re.compile(r"[\u4e00-\u9fff]")
HOSTILE = "a\u202egnp\u200b<img src=x onerror=alert(1)>"

PROBE = """
  const root = doc.documentElement;
  const seen = () => doc.body.innerText;
  const found = {wider: root.scrollWidth - root.clientWidth, en: seen(), shown: root.dataset.show,
    loaded: [...doc.images].map(image => image.naturalWidth > 0)};
  doc.getElementById("language").click();
  found.zh = seen(); found.lang = root.lang;
  doc.getElementById("language").click();
  found.again = seen();
  return found;
"""


@pytest.fixture(scope="module")
def browser(debian_tool, tmp_path_factory):
    return Browser(debian_tool("chromium", "chromium"), tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Evaluate a model that calls every case rightly but one, on files with hostile and endless names."""
    root = tmp_path_factory.mktemp("data") / ("n" * 90)
    for index in range(12):
        save(root / "normal" / f"{'long' * 20}{index}.png", flat(60 + index, index))
        save(root / "pneumonia" / f"{index}.png", flat(190 + index, 100 + index))
    save(root / "normal" / f"{HOSTILE.replace('/', '')}.png", flat(230, 77))
    broken = root / "normal" / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    folder = tmp_path_factory.mktemp("out") / "eval"
    model = write_model(tmp_path_factory.mktemp("model") / "m.model", ("normal", "pneumonia"))
    evaluate(model, read_cases(root), folder, EvaluateOptions(resamples=50))
    return folder / "report.html"


@pytest.fixture(scope="module")
def seen(browser, page):
    return browser.probe([(page, width) for width in (360, 768, 1280)], PROBE)


def test_no_window_is_too_narrow(seen):
    assert [found["wider"] for found in seen] == [0, 0, 0]


def test_the_button_switches_both_ways_and_all_pictures_are_there(seen):
    for found in seen:
        assert found["shown"] == "en"
        assert found["lang"] == "zh-CN"
        assert found["again"] == found["en"]
        english = found["en"].replace("中文 / English", "")
        assert not CHINESE.search(english.replace("它只认识亮度。", ""))
        assert CHINESE.search(found["zh"].replace("中文 / English", ""))
        assert len(found["loaded"]) >= 7
        assert all(found["loaded"])


def test_the_words_a_reader_needs_are_seen(seen):
    text = seen[1]["en"]
    for words in ("AUROC", "normal", "pneumonia", "0.960", "broken.png", "It knows <b>brightness</b> only."):
        assert words in text, words
    assert "medical device" in " ".join(text.split())
    assert not re.search(r"\bnan\b", text)


def test_letters_that_hide_are_seen_and_markup_stays_text(seen):
    text = seen[0]["en"]
    assert "a\ufffdgnp\ufffd<img src=x onerror=alert(1)>" in text
    assert "\u202e" not in text


def test_the_policy_runs_the_pages_own_script_and_no_other(browser, page, tmp_path):
    """Planted markup neither runs nor asks; without the policy it does both."""
    for is_guarded in (True, False):
        with listener() as (address, asked):
            planted = f'<img src="{address}/image"><script>document.title = "owned"; fetch("{address}/fetch")</script>'
            text = page.read_text(encoding="utf-8").replace("</main>", planted + "</main>")
            if not is_guarded:
                text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
            target = tmp_path / f"{is_guarded}.html"
            target.write_text(text, encoding="utf-8")
            dom = browser.dom(target)
            assert ("<title>owned</title>" in dom) is not is_guarded
            assert sorted(asked) == ([] if is_guarded else ["/fetch", "/image"])


def test_no_policy_of_the_page_says_unsafe(page):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page.read_text(encoding="utf-8"))
    assert "unsafe" not in policy
    assert policy.startswith("default-src")
    assert policy.count("sha256-") == 2


def test_no_p_value_is_nothing():
    assert [chance_text(value) for value in (0.0, 0.0009, 0.0123, np.nan)] == ["< 0.001", "< 0.001", "0.012", "–"]


@pytest.mark.parametrize(("value", "text"), [(0.12345, "0.123"), (-2.0, "-2.000"), (np.nan, "–"), (np.inf, "–")])
def test_a_figure_that_is_not_defined_is_a_dash(value, text):
    assert number_text(value) == text
