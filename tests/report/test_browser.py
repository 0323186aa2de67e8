"""The page in a real browser: what is seen, in which language, at which width, on paper; what is never asked for."""

import re
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hounsfield.core.codes import CodedConcept, concept
from hounsfield.core.finding import Measurement, Presence
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import MILLIMETRE, PERCENT, SQUARE_MILLIMETRE
from hounsfield.core.report import Status
from hounsfield.errors import Refused
from hounsfield.report.bundle import Bundle
from hounsfield.report.files import FileKind, WrittenFile
from hounsfield.report.html import render_index, render_page
from tests.report.browser import Browser, listener
from tests.report.examples import pneumonia, refused_report, report_on, series_of, write_source

WIDTHS = (320, 390, 768, 959, 960, 1600)
UNBROKEN = "2.25." + "1234567890" * 5
LONG_NAME = "Mean_diameter_of_the_attended_part_of_the_image"
LONG_WORDS = "Area of the part of the image the model looked at"
CHINESE = re.compile(r"[\u4e00-\u9fff]")

# Whatever stands in a card, letters included, ends where the card ends; what is there for screen readers alone is not
# looked at, nor what an SVG draws, which clips itself.
OVERFLOW = """
  const out = [];
  const root = doc.documentElement;
  for (const card of doc.querySelectorAll("section, .entry, header, footer")) {
    const edge = card.getBoundingClientRect().right + 0.5;
    const walker = doc.createTreeWalker(card, 4);
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (parent.closest("svg, .unseen, .switch") || !walker.currentNode.data.trim()) { continue; }
      const range = doc.createRange();
      range.selectNodeContents(walker.currentNode);
      for (const box of range.getClientRects()) {
        if (box.right > edge) { out.push(walker.currentNode.data.trim().slice(0, 60)); break; }
      }
    }
  }
  return {wider: root.scrollWidth - root.clientWidth, cut: out};
"""

LANGUAGES = """
  const seen = () => ({text: doc.body.innerText, lang: doc.documentElement.lang,
    drawn: [...doc.querySelectorAll("svg text")].filter(t => win.getComputedStyle(t).display !== "none")
      .map(t => t.textContent)});
  const first = seen();
  doc.querySelector("label[for=show-zh]").click();
  const chinese = seen();
  doc.querySelector("label[for=show-en]").click();
  return {first: first, zh: chinese, en: seen()};
"""

VIEWER = """
  const shown = what => [...doc.querySelectorAll(what)].map(e => win.getComputedStyle(e).display !== "none");
  const state = () => ({heat: shown("image.heat"), outline: shown(".outline.line"),
    opacity: [...doc.querySelectorAll("image.heat")].map(e => e.getAttribute("opacity"))});
  const key = (type, key) => doc.dispatchEvent(new win.KeyboardEvent(type, {key: key, bubbles: true}));
  const found = {start: state(), slider: win.getComputedStyle(doc.querySelector(".scripted")).display};
  doc.querySelector("label[for=heat-1]").click(); found.heat = state();
  doc.querySelector("label[for=outline-1]").click(); found.bare = state();
  doc.querySelector("label[for=outline-1]").click();
  key("keydown", "q"); found.held = state(); key("keyup", "q"); found.released = state();
  key("keydown", ";"); found.fainter = state(); key("keydown", "'"); key("keydown", "'"); found.stronger = state();
  return found;
"""


@pytest.fixture(scope="module")
def browser(debian_tool, tmp_path_factory):
    return Browser(debian_tool("chromium", "chromium"), tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Write a page of each kind, with the longest texts that findings, files and headers can bring."""
    folder = tmp_path_factory.mktemp("pages")
    series = series_of(write_source(folder / "source.dcm", BodyPartExamined="CHEST"))
    measurements = (
        Measurement(concept("attended-area"), 6.83, PERCENT),
        Measurement(CodedConcept("A", "99HNSF", LONG_WORDS), 1234.5678, SQUARE_MILLIMETRE),
        Measurement(CodedConcept("L", "99HNSF", LONG_NAME), 41.2, MILLIMETRE, Interval(41.2, 39.9, 42.6)),
    )
    base = report_on(series)
    finding = replace(base.findings[0], measurements=measurements)
    absent = pneumonia(
        type=concept("nodule"), site=concept("chest"), presence=Presence.ABSENT, score=0.02, measurements=()
    )
    study = replace(base.study, study_instance_uid=UNBROKEN, accession_number="A" * 16)
    issues = (*base.issues, QualityIssue("E951", Severity.NOTE, {"found": "x" * 200, "expected": "y" * 90}))
    full = replace(base, findings=(finding, absent), study=study, issues=issues)
    files = (
        WrittenFile(FileKind.STRUCTURED, folder / "structured.dcm"),
        WrittenFile(FileKind.JSON, folder / f"{'a-very-long-file-name-' * 6}.json"),
    )
    refusals = [SimpleNamespace(name="folder/" + "n" * 120 + ".txt", error=Refused("E951", found="t", expected="x"))]
    reports = {
        "full": full,
        "refused": refused_report(series, found="PT" * 60, expected="chest-xray"),
        "failed": replace(refused_report(series), status=Status.FAILED),
        "bare": replace(base, findings=(), key_images=(), issues=(), limits=()),
    }
    written = {}
    for name, report in reports.items():
        for language in ("en", "zh"):
            written[f"{name}-{language}"] = folder / f"{name}-{language}.html"
            written[f"{name}-{language}"].write_text(render_page(Bundle(report, files), folder, language), "utf-8")
    bundles = [Bundle(report, (WrittenFile(FileKind.PAGE, written["full-en"]),)) for report in reports.values()]
    for language in ("en", "zh"):
        written[f"index-{language}"] = folder / f"index-{language}.html"
        written[f"index-{language}"].write_text(render_index(bundles, folder, refusals, language), "utf-8")
    return written


@pytest.fixture(scope="module")
def widths(browser, pages):
    visits = [(page, width) for page in pages.values() for width in WIDTHS]
    found = browser.probe(visits, OVERFLOW)
    names = [(name, width) for name in pages for width in WIDTHS]
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_its_window(width, widths, pages):
    wider = {name: widths[name, width]["wider"] for name in pages}
    assert wider == dict.fromkeys(pages, 0)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_at_the_edge_of_its_card(width, widths, pages):
    """A measurement that may not wrap once ran over the edge of the answer: 'Area the m'."""
    cut = {name: widths[name, width]["cut"] for name in pages if widths[name, width]["cut"]}
    assert cut == {}


def test_the_overflow_is_seen_when_there_is_one(browser, pages, tmp_path):
    text = pages["full-en"].read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.html"
    wrong.write_text(text.replace("max-width: 100%; margin-right: 1rem;", "white-space: nowrap;"), encoding="utf-8")
    assert "max-width: 100%; margin-right: 1rem;" in text
    wrong.write_text(re.sub(r"<meta http-equiv[^>]*>", "", wrong.read_text(encoding="utf-8")), encoding="utf-8")
    (found,) = browser.probe([(wrong, 320)], OVERFLOW)
    assert any("Area of the part" in words for words in found["cut"])


@pytest.fixture(scope="module", params=[True, False], ids=["with-script", "without-script"])
def spoken(request, browser, pages):
    names = ["full-en", "full-zh", "refused-en", "index-zh"]
    answers = browser.probe([(pages[name], 1000) for name in names], LANGUAGES, request.param)
    return request.param, dict(zip(names, answers, strict=True))


def test_the_page_opens_in_its_language_and_shows_no_other(spoken):
    _, found = spoken
    for name, answer in found.items():
        own, other = ("zh", "en") if name.endswith("zh") else ("en", "zh")
        assert answer["first"]["text"] == answer[own]["text"]
        assert answer["first"]["text"] != answer[other]["text"]
        assert answer["first"]["lang"] == ("zh-Hans" if own == "zh" else "en")


def test_the_switch_works_both_ways(spoken):
    """Chinese letters are all gone from the English page but for the name of the other language."""
    _, found = spoken
    for answer in found.values():
        english = answer["en"]["text"].replace("简体中文", "")
        assert not CHINESE.search(english)
        assert CHINESE.search(answer["zh"]["text"].replace("简体中文", ""))
    page = found["full-en"]
    for words in ("Pneumonia\n", "Research software, not a medical device", "Measurements"):
        assert words in page["en"]["text"]
        assert words not in page["zh"]["text"]
    for words in ("肺炎", "不是医疗器械"):
        assert words in page["zh"]["text"]


def test_the_scale_speaks_the_language_too(spoken):
    _, found = spoken
    page = found["full-en"]
    assert [words for words in page["en"]["drawn"] if "0.931" in words] == ["score 0.931"]
    assert len(page["en"]["drawn"]) == len(page["zh"]["drawn"]) == 4
    assert all(CHINESE.search(words) for words in page["zh"]["drawn"])


def test_the_stated_language_follows_the_switch_where_a_script_may_run(spoken):
    has_scripts, found = spoken
    tags = {(answer["zh"]["lang"], answer["en"]["lang"]) for answer in found.values()}
    if has_scripts:
        assert tags == {("zh-Hans", "en")}
    else:
        assert tags == {("en", "en"), ("zh-Hans", "zh-Hans")}


def test_a_refused_page_shows_no_score_and_no_picture(spoken):
    _, found = spoken
    text = found["refused-en"]["en"]["text"]
    assert "0.931" not in text
    assert "no result" in text.lower()
    assert found["refused-en"]["en"]["drawn"] == []


def test_heat_map_and_outline_are_shown_and_hidden(browser, pages):
    (found,) = browser.probe([(pages["full-en"], 1280)], VIEWER)
    assert found["start"]["heat"] == [False]
    assert found["start"]["outline"] == [True]
    assert found["slider"] != "none"
    assert found["heat"]["heat"] == [True]
    assert found["bare"]["outline"] == [False]
    assert found["bare"]["heat"] == [True]
    assert found["held"] == {"heat": [False], "outline": [False], "opacity": ["0.6"]}
    assert found["released"]["outline"] == [True]
    assert found["fainter"]["opacity"] == ["0.5"]
    assert found["stronger"]["opacity"] == ["0.7"]


def test_without_a_script_the_switches_still_work_and_the_slider_is_not_there(browser, pages):
    (found,) = browser.probe([(pages["full-en"], 1280)], VIEWER, has_scripts=False)
    assert found["slider"] == "none"
    assert found["heat"]["heat"] == [True]
    assert found["bare"]["outline"] == [False]


ATTACK = """<img src="{0}/image"><img srcset="{0}/srcset 1x"><link rel="stylesheet" href="{0}/style">
<script src="{0}/script"></script><script>document.title = "owned"; fetch("{0}/fetch");</script>
<iframe src="{0}/frame"></iframe><object data="{0}/object"></object><video src="{0}/video" autoplay></video>
<form id="away" action="{0}/form" method="post"></form><b onclick="document.title = 'owned'" id="press">x</b>
<style>body {{ background: url("{0}/background"); }} h2 {{ color: rgb(1, 2, 3); }}</style>
<svg><image href="{0}/svg-image"/></svg><audio src="{0}/audio" preload="auto"></audio>"""


@pytest.fixture(scope="module")
def attacked(browser, pages, tmp_path_factory):
    """Plant markup in the page, as if escaping had failed, and open it with and without its policy."""
    folder = tmp_path_factory.mktemp("attack")
    answers = {}
    for is_guarded in (True, False):
        with listener() as (address, asked):
            text = pages["full-en"].read_text(encoding="utf-8").replace("</main>", ATTACK.format(address) + "</main>")
            if not is_guarded:
                text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
            page = folder / f"{is_guarded}.html"
            page.write_text(text, encoding="utf-8")
            dom = browser.dom(page)
            answers[is_guarded] = (dom, list(asked))
    return answers


def test_the_policy_lets_no_request_leave_even_if_markup_gets_in(attacked):
    dom, asked = attacked[True]
    assert asked == []
    assert "<title>owned</title>" not in dom


def test_without_the_policy_the_same_markup_would_ask_and_run(attacked):
    dom, asked = attacked[False]
    assert {"/image", "/script", "/style", "/fetch"} <= set(asked)
    assert "<title>owned</title>" in dom


def test_a_good_page_asks_for_nothing(browser, pages):
    """The script ran (the class is set), and the answer is in the document."""
    dom = browser.dom(pages["full-en"])
    assert re.search(r'<html lang="en" class="script">', dom)
    assert "Pneumonia" in dom


@pytest.fixture(scope="module")
def picture(browser, pages):
    return np.asarray(Image.open(browser.screenshot(pages["full-en"], 1280, 1600)).convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 12) -> np.ndarray:
    return np.abs(picture - np.array(colour)).max(axis=2) <= tolerance


def test_the_banner_is_on_top_in_amber(picture):
    assert near(picture, (255, 207, 92))[5:15].mean() > 0.9
    assert not near(picture, (255, 207, 92))[-200:].any()


def test_the_outline_is_drawn_around_the_bright_square(picture):
    """The square of the key image is 16 rows by 20 columns of 96 by 80, its grey 230."""
    yellow = near(picture, (240, 228, 66))[:, 640:]
    # the swatch of the legend, below the picture, is a few pixels high
    tall = np.flatnonzero(yellow.sum(axis=0) > 60)
    rows, columns = np.nonzero(yellow[:, tall.min() : tall.max() + 1])
    columns = columns + tall.min()
    rows = rows[rows < np.flatnonzero(yellow[:, tall.min()])[-1] + 5]
    stage = picture[:, 640:]
    inside = stage[rows.min() + 12 : rows.max() - 12, columns.min() + 12 : columns.max() - 12]
    assert near(inside, (230, 230, 230), 6).mean() > 0.95
    outside = stage[rows.min() : rows.max(), columns.min() - 40 : columns.min() - 12]
    assert outside.max() < 200
    height, width = rows.max() - rows.min(), columns.max() - columns.min()
    assert width / height == pytest.approx(20 / 16, rel=0.08)


def test_present_findings_stand_out(picture):
    assert near(picture, (156, 61, 0))[:, :640].sum() > 500


@pytest.fixture(scope="module")
def printed(browser, pages, debian_tool):
    tool = debian_tool("pdftotext", "poppler-utils")
    texts = {}
    for name in ("full-en", "full-zh", "refused-en", "index-en"):
        done = subprocess.run(
            [tool, "-layout", browser.pdf(pages[name]), "-"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        texts[name] = done.stdout
    return texts


def test_the_print_carries_the_answer_and_what_limits_it(printed):
    text = " ".join(printed["full-en"].split())
    for words in (
        "Research software, not a medical device",
        "Pneumonia",
        "present",
        "0.931",
        "0.420",
        "97.2",
        "It knows no disease but pneumonia.",
        "Q953",
        "onnxruntime 1.31.1 CPU",
        "6.83 %",
        "1235 mm2",
    ):
        assert words in text, words


def test_the_print_has_no_controls_and_one_language(printed):
    for name in ("full-en", "index-en", "refused-en"):
        assert "简体中文" not in printed[name]
        assert not CHINESE.search(printed[name])
        assert "Show heat map" not in printed[name]
    assert "肺炎" in printed["full-zh"]
    assert "not a medical device" not in printed["full-zh"]


def test_the_print_of_a_refusal_is_no_answer(printed):
    text = " ".join(printed["refused-en"].split())
    assert "Refused" in text
    assert "0.931" not in text
    assert "present" not in text


def test_the_print_of_the_index_names_every_report(printed):
    text = printed["index-en"]
    assert text.count("Chest") >= 4
    assert "Files that were not" in text or "nnnn" in text
