"""The page: one file, both languages, no request, nothing a file says becomes markup, refusals shown as refusals."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hounsfield.core.codes import concept, local_concept
from hounsfield.core.finding import Presence, Region
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.report import KeyImage, Report, Status
from hounsfield.core.study import Study
from hounsfield.errors import Refused
from hounsfield.report.bundle import Bundle
from hounsfield.report.files import FileKind, WrittenFile
from hounsfield.report.html import render_index, render_page, write_html, write_index
from hounsfield.report.text import task_text
from tests.report.examples import MODEL, POINT, pneumonia, refused_report, report_on, series_of, square, write_source

VOID = {"meta", "input", "img", "link", "br", "hr", "rect", "path", "circle", "image", "polygon"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'&"


class Page(HTMLParser):
    """Elements, attributes and the text of each language; complains about tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[tuple[str, str]] = []
        self.words: dict[str, list[str]] = {"en": [], "zh": [], "": []}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.elements.append((tag, values))
        if tag not in VOID:
            classes = values.get("class", "").split()
            self.open.append((tag, "en" if "en" in classes else "zh" if "zh" in classes else ""))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        opened, _ = self.open.pop()
        assert opened == tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] not in ("style", "script") and data.strip():
            language = next((language for _, language in reversed(self.open) if language), "")
            self.words[language].append(" ".join(data.split()))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, language: str) -> str:
        return "\n".join(self.words[language] + self.words[""])


@pytest.fixture
def report(tmp_path) -> Report:
    return report_on(series_of(write_source(tmp_path / "source.dcm", BodyPartExamined="CHEST")))


def page_of(report: Report, tmp_path, language="en", files=()) -> Page:
    return Page(render_page(Bundle(report, tuple(files)), tmp_path, language))


def everything(tmp_path) -> list[str]:
    """Return pages of every kind: present, absent, refused, failed, partial, empty, index."""
    base = report_on(series_of(write_source(tmp_path / "source.dcm")))
    absent = pneumonia(presence=Presence.ABSENT, score=0.1, measurements=())
    reports = [
        base,
        replace(base, findings=(absent,), issues=()),
        replace(base, findings=(), task="", series=None, key_images=()),
        refused_report(base.series),
        replace(refused_report(base.series), status=Status.FAILED),
        replace(base, status=Status.PARTIAL),
    ]
    refused = [SimpleNamespace(name=HOSTILE, error=Refused("E951", found=HOSTILE, expected="x"))]
    bundles = [Bundle(item, (WrittenFile(FileKind.PAGE, tmp_path / "a b" / "report.html"),)) for item in reports]
    pages = [render_page(bundle, tmp_path, language) for bundle in bundles for language in ("en", "zh")]
    return [*pages, render_index(bundles, tmp_path, refused), render_index([], tmp_path, (), "zh")]


def test_every_page_is_well_formed_and_asks_nothing_of_a_network(tmp_path):
    for text in everything(tmp_path):
        page = Page(text)
        for _, attributes in page.elements:
            for name in ("src", "href", "action", "data", "poster", "srcset", "background", "formaction"):
                assert re.match(r"$|data:image/png;base64,|\./", attributes.get(name, "")), attributes
            assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert not re.search(r"(?:https?:)?//[a-z]", re.sub(r"data:image/png;base64,[^\"]*", "", text))
        assert "@import" not in text
        assert "url(" not in text


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_no_other(report, tmp_path):
    text = render_page(Bundle(report), tmp_path)
    policy = Page(text).all("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_both_languages_are_complete(tmp_path):
    for text in everything(tmp_path):
        page = Page(text)
        assert len(page.words["en"]) == len(page.words["zh"])
        for words in page.words["en"]:
            assert not CHINESE.search(words)
        for words in page.words["zh"]:
            assert CHINESE.search(words) or re.fullmatch(r"(Study|Series) Instance UID", words), words
        for words in page.words["en"] + page.words["zh"]:
            assert "ui." not in words
            assert "{" not in words.replace(HOSTILE, "")


def test_no_page_says_that_somebody_is_well(tmp_path):
    for text in everything(tmp_path):
        visible = Page(text).text("en") + Page(text).text("zh")
        assert not re.search(r"\bnormal\b|healthy|no abnormal|正常|健康|未见异常", visible, re.IGNORECASE)


@pytest.mark.parametrize(("language", "switch", "tag"), [("en", "show-en", "en"), ("zh", "show-zh", "zh-Hans")])
def test_the_first_language_is_the_one_asked_for(language, switch, tag, report, tmp_path):
    page = page_of(report, tmp_path, language)
    checked = [item["id"] for item in page.all("input") if item.get("name") == "language" and "checked" in item]
    assert checked == [switch]
    assert page.all("html") == [{"lang": tag}]


def test_the_answer_comes_first_with_score_operating_point_and_plain_words(report, tmp_path):
    text = page_of(report, tmp_path).text("en")
    order = ["not a medical device", "Pneumonia", "present", "cut-off 0.420", "score 0.931", "sensitivity 97.2 %"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "of 100 images with pneumonia in that data, about 97 (95 to 99)" in text
    assert "not the chance that this patient has the disease" in text


def test_issues_limits_and_provenance_are_shown(report, tmp_path):
    page = page_of(report, tmp_path)
    english, chinese = page.text("en"), page.text("zh")
    for words in ("Q953", "Warning", "Next step:", "It knows no disease but pneumonia.", "onnxruntime 1.31.1 CPU"):
        assert words in english
    assert "除肺炎外" in chinese
    for digest in (MODEL.weights_digest, "cd" * 32, "ef" * 32, report.series.instances[0].sha256):
        assert digest in english
    assert report.series.instances[0].sop_instance_uid in english
    assert "2026-02-28" in english
    assert "Everything else" in english


def test_a_refusal_is_a_refusal(report, tmp_path):
    stopped = refused_report(report.series)
    page = page_of(stopped, tmp_path)
    text = page.text("en")
    assert "Refused: no result" in text
    assert "Nothing is said about the patient, and no earlier result is shown" in text
    assert "No task takes a series of modality PT." in text
    assert "Next step:" in text
    assert "Pneumonia (Lung)" in text[text.index("Not assessed") :]
    assert not page.all("svg")
    assert "0.931" not in text
    assert "cut-off" not in text


def test_an_outranked_finding_says_why_it_is_absent(report, tmp_path):
    outranked = pneumonia(presence=Presence.ABSENT, score=0.5)
    assert "another finding that excludes this one" in page_of(replace(report, findings=(outranked,)), tmp_path).text(
        "en"
    )


def test_hostile_text_in_every_field_stays_text(tmp_path):
    source = write_source(tmp_path / "source.dcm")
    series = replace(
        series_of(source),
        modality=HOSTILE,
        body_part_examined=HOSTILE,
        view_position=HOSTILE,
        laterality=HOSTILE,
        series_instance_uid=HOSTILE,
        manufacturer=HOSTILE,
    )
    study = Study(HOSTILE, (series,), patient_id=HOSTILE, accession_number=HOSTILE, study_date=HOSTILE)
    model = replace(MODEL, name=HOSTILE, version=HOSTILE, task=HOSTILE, weights_digest=HOSTILE)
    finding = pneumonia(
        type=local_concept(HOSTILE),
        site=local_concept(HOSTILE),
        model=model,
        operating_point=replace(POINT, data_set=HOSTILE),
    )
    base = report_on(series, study=study, task=HOSTILE, findings=(finding,))
    provenance = replace(base.provenance, models=(model,), runtime=HOSTILE, input_digests=((HOSTILE, HOSTILE),))
    issues = (
        QualityIssue("E951", Severity.WARN, {"found": HOSTILE, "expected": HOSTILE}),
        QualityIssue(HOSTILE, Severity.NOTE),
    )
    image = replace(base.key_images[0], sop_instance_uid=HOSTILE)
    hostile = replace(base, provenance=provenance, issues=issues, limits=((HOSTILE, HOSTILE),), key_images=(image,))
    files = (WrittenFile(FileKind.JSON, tmp_path / f"{HOSTILE.replace('/', '_')}.json"),)
    for language in ("en", "zh"):
        page = page_of(hostile, tmp_path, language, files)
        assert len(page.all("script")) == 1
        assert page.all("img") == []
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
        assert page.text("en").count("alert(1)") >= 10
        assert "49" not in page.text("en").replace(HOSTILE, "")
    index = Page(render_index([Bundle(hostile, files)], tmp_path))
    assert len(index.all("script")) == 1
    assert len(index.all("img")) == 1


def test_letters_that_turn_or_hide_text_are_made_visible(report, tmp_path):
    study = replace(report.study, accession_number="A\u202eB\u200bC\u0007D")
    text = page_of(replace(report, study=study), tmp_path).text("en")
    assert "A\ufffdB\ufffdC\ufffdD" in text


def test_a_file_name_with_a_colon_is_no_scheme(report, tmp_path):
    files = (
        WrittenFile(FileKind.JSON, tmp_path / "javascript:alert(1)"),
        WrittenFile(FileKind.STRUCTURED, tmp_path / "a b.dcm"),
    )
    links = [item["href"] for item in page_of(report, tmp_path, files=files).all("a")]
    assert links == ["./javascript%3Aalert%281%29", "./a%20b.dcm"]


def test_the_patient_is_not_named(tmp_path):
    source = write_source(tmp_path / "source.dcm", PatientName="Secret^Name", PatientID="SECRET-1")
    report = report_on(series_of(source))
    report = replace(report, study=replace(report.study, patient_id="SECRET-1"))
    assert "secret" not in render_page(Bundle(report), tmp_path).lower()


def decode(address: str) -> np.ndarray:
    assert address.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


def test_the_pictures_are_the_key_image_and_its_heat_map(report, tmp_path):
    image, heat = page_of(report, tmp_path).all("image")
    assert np.array_equal(decode(image["href"]), report.key_images[0].pixels)
    overlay = decode(heat["href"])
    assert overlay.shape == (96, 80, 4)
    assert np.array_equal(overlay[..., 3] > 0, report.key_images[0].heat > 0)


def test_outline_and_image_share_their_frame(report, tmp_path):
    """The square covers rows 32..47, columns 40..59; with rows twice as high as columns the outline is stretched."""
    image = replace(report.key_images[0], pixel_aspect_ratio=2.0)
    page = page_of(replace(report, key_images=(image,)), tmp_path)
    stage = next(item for item in page.all("svg") if item.get("class") == "stage")
    assert stage["viewbox"] == "0 0 80.0 192.0"
    points = [tuple(map(float, pair.split(","))) for pair in page.all("polygon")[0]["points"].split()]
    assert points[:3] == [(40.0, 64.0), (60.0, 64.0), (60.0, 96.0)]
    assert all((item["width"], item["height"]) == ("80.0", "192.0") for item in page.all("image"))


def test_what_is_absent_is_not_outlined(report, tmp_path):
    region = Region(report.key_images[0].sop_instance_uid, 1, (square(1, 1, 5, 5),))
    absent = pneumonia(presence=Presence.ABSENT, score=0.1, region=region)
    page = page_of(replace(report, findings=(absent,)), tmp_path)
    assert page.all("polygon") == []
    assert "No finding is outlined" in page.text("en")


def test_a_large_image_is_shrunk_for_reading(report, tmp_path):
    image = KeyImage(np.zeros((3000, 2000), dtype=np.uint8), None, "2.25.1")
    shown = page_of(replace(report, key_images=(image,)), tmp_path).all("image")
    assert decode(shown[0]["href"]).shape == (1280, 853)


def test_every_control_has_a_label_and_every_picture_a_description(report, tmp_path):
    page = page_of(report, tmp_path)
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    labelled = {item["for"] for item in page.all("label")}
    assert {item["id"] for item in page.all("input")} <= labelled
    for item in page.all("svg"):
        assert item["role"] == "img"
        assert item["aria-labelledby"] in identifiers
    for item in page.all("section"):
        assert item["aria-labelledby"] in identifiers


def luminance(colour: str) -> float:
    """WCAG 2.1 relative luminance of ``#rrggbb``."""
    short = colour.lstrip("#")
    channels = [int((short * 2 if len(short) == 3 else short)[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    if len(short) == 3:
        channels = [int(letter * 2, 16) / 255 for letter in short]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_stands_out_from_its_ground(theme, report, tmp_path):
    style = re.findall(r"<style>(.*?)</style>", render_page(Bundle(report), tmp_path), re.DOTALL)[0]
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", blocks[theme]))
    pairs = [
        ("ink", "paper"),
        ("ink", "ground"),
        ("soft", "paper"),
        ("soft", "ground"),
        ("link", "paper"),
        ("amber-ink", "amber"),
        ("present-ink", "present"),
        ("stop", "paper"),
        ("stop", "stop-ground"),
        ("warn", "warn-ground"),
        ("ink", "note-ground"),
    ]
    for text, ground in pairs:
        light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_files_are_written_whole_and_linked(report, tmp_path):
    folder = tmp_path / "out" / "01"
    files = [
        WrittenFile(FileKind.STRUCTURED, folder / "structured.dcm"),
        WrittenFile(FileKind.JSON, folder / "report.json"),
    ]
    page = write_html(report, folder, files, "zh")
    assert (page.kind, page.path) == (FileKind.PAGE, folder / "report.html")
    links = [item["href"] for item in Page(page.path.read_text(encoding="utf-8")).all("a")]
    assert links == ["./structured.dcm", "./report.json"]
    index = write_index([Bundle(report, (*files, page))], tmp_path / "out")
    assert [item["href"] for item in Page(index.path.read_text(encoding="utf-8")).all("a")] == ["./01/report.html"]
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["01", "index.html"]


def test_the_index_counts_and_names(report, tmp_path):
    refused = [SimpleNamespace(name="notes.txt", error=Refused("E951", found="text", expected="DICOM"))]
    index = Page(render_index([Bundle(report), Bundle(refused_report(report.series))], tmp_path, refused))
    text = index.text("en")
    assert "2 analyses, 2 refused inputs." in text
    assert "Pneumonia (Lung): present" in text
    assert "Refused: no result" in text
    assert "notes.txt" in text
    assert [item["class"] for item in index.all("p") if item.get("class", "").startswith("line")] == [
        "line present",
        "line stopped",
        "line stopped",
    ]


def test_a_task_without_words_is_shown_by_its_name():
    assert task_text("chest-xray").zh.startswith("胸部")
    assert task_text("my-own-task").zh == "my-own-task"
    assert task_text("").en == "No task fitted"


def test_a_finding_of_two_sites_is_told_apart(report, tmp_path):
    second = pneumonia(site=concept("chest"), type=concept("nodule"))
    text = page_of(replace(report, findings=(report.findings[0], second)), tmp_path).text("zh")
    assert "结节" in text
    assert "胸部" in text


def test_a_refused_image_is_not_shown_as_looked_at(tmp_path):
    from hounsfield.image import phantoms
    from hounsfield.pipeline import Options, analyse
    from tests.clinical import models

    models.finding_model(tmp_path, models.CHEST, "chest-xray", views=["AP"])
    phantoms.write_chest(tmp_path / "film")
    (bundle,) = analyse(tmp_path / "film", tmp_path / "out", Options(model_folders=(tmp_path,))).bundles
    page = next(file.path for file in bundle.files if file.path.suffix == ".html").read_text(encoding="utf-8")
    assert "No model has read this image" in page
    assert "What the model looked at" not in page
