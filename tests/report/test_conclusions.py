"""What rules say stands on the page, in JSON and structured report, with everything to work it out by hand."""

import base64
import io
import json
from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.sr.codedict import codes

from hounsfield.core.codes import CodedConcept, concept
from hounsfield.core.conclusion import Certainty, Conclusion, ConclusionKind, Fact, RuleSource, Wording
from hounsfield.core.finding import Measurement, QualitativeEvaluation, Region
from hounsfield.core.prediction import Interval
from hounsfield.core.quantities import FRACTION, MILLIMETRE
from hounsfield.core.report import Chart
from hounsfield.report.bundle import Bundle
from hounsfield.report.conclusions import conclusion_line, fact_text, split_conclusions
from hounsfield.report.html import render_page
from hounsfield.report.json import study_entry
from hounsfield.report.narrative import answer, impression
from hounsfield.report.structured import write_structured
from tests.report.examples import key_image, pneumonia, report_on, series_of, square, write_source
from tests.report.test_html import Page
from tests.report.test_structured import errors_of

READ = RuleSource("brock-2b", "Brock model 2b", "2013", "McWilliams A. NEJM 2013;369:910", Certainty.VERIFIED)
RECALLED = RuleSource("toy-follow-up", "Toy follow-up", "v1", "A. Nobody 2020", Certainty.MEMORY)
RISK = Conclusion(
    kind=ConclusionKind.RISK,
    rule=READ,
    result="0.1040",
    wording=Wording("Estimated risk of malignancy 10.4 %.", "估计恶性风险10.4%。"),
    inputs=(
        Fact("longest_diameter_mm", 10.0, MILLIMETRE),
        Fact("age_years", None),
        Fact("is_upper_lobe", True, origin="measured"),
        Fact("unheard_of_fact", "solid", origin="reader"),
    ),
    missing=("age_years",),
    measurement=Measurement(concept("probability"), 0.104, FRACTION, Interval(0.104, 0.08, 0.13)),
)
OPTION = Conclusion(
    kind=ConclusionKind.OPTION,
    rule=RECALLED,
    result="ct-3-months",
    wording=Wording("CT after 3 months is an option.", "3个月后复查CT为可选方案。"),
    evidence="2C",
    would_change=(Wording("known cancer", "已知恶性肿瘤"),),
    confirmed_by=Wording("a chest physician", "呼吸科医师"),
)


@pytest.fixture
def series(tmp_path):
    return series_of(write_source(tmp_path / "source.dcm"))


@pytest.fixture
def report(series):
    plain = report_on(series)
    about = replace(RISK, tracking_uids=(plain.findings[0].tracking_uid,))
    return replace(plain, conclusions=(about, OPTION))


def page_of(report, tmp_path) -> Page:
    return Page(render_page(Bundle(report), tmp_path))


def words(page: Page, language: str) -> str:
    return " ".join(" ".join((*page.words[language], *page.words[""])).split())


def test_the_page_says_rule_inputs_and_source_in_both_languages(report, tmp_path):
    page = page_of(report, tmp_path)
    english, chinese = words(page, "en"), words(page, "zh")
    for text in ("Estimated risk of malignancy 10.4 %.", "Longest diameter", "10 mm", "measured here", "not known"):
        assert text in english, text
    for text in ("估计恶性风险10.4%。", "最长径", "本次测量", "未知", "须由其确认"):
        assert text in chinese, text
    assert "McWilliams A. NEJM 2013;369:910" in english
    assert "unheard_of_fact" in english, "a fact without words is shown by its machine name"
    assert "yes" in english
    assert "是" in chinese


def test_rules_and_inputs_are_open_so_that_paper_shows_them(report, tmp_path):
    shut = [values for tag, values in page_of(report, tmp_path).elements if tag == "details" and "open" not in values]
    assert shut == []


def test_options_stand_apart_and_are_no_orders(report, tmp_path):
    said, options = split_conclusions(report)
    assert [item.sentence.en for item in said] == ["Estimated risk of malignancy 10.4 %."]
    (option,) = options
    assert (option.evidence, option.confirmed_by.zh, option.would_change[0].en) == ("2C", "呼吸科医师", "known cancer")
    text = words(page_of(report, tmp_path), "en")
    assert "none of them an order" in text
    assert text.index("What written rules say") < text.index("Options to discuss")


def test_only_what_was_not_read_in_its_source_is_marked(report):
    (risk,), (option,) = split_conclusions(report)
    assert risk.certainty is None
    assert "from memory" in option.certainty.en
    secondary = replace(OPTION, rule=replace(RECALLED, certainty=Certainty.SECONDARY))
    _, (option,) = split_conclusions(replace(report, conclusions=(secondary,)))
    assert "secondary source" in option.certainty.en


def test_a_conclusion_names_the_findings_it_is_about(report):
    (risk,), (option,) = split_conclusions(report)
    assert (risk.about.en, risk.about.zh) == ("Pneumonia", "肺炎")
    assert option.about is None
    numbered = replace(report.findings[0], number=2)
    (risk,), _ = split_conclusions(replace(report, findings=(numbered,)))
    assert risk.about.en == "Pneumonia 2"
    assert answer(numbered).startswith("Pneumonia 2 (")


def test_a_page_without_conclusions_has_no_empty_sections(series, tmp_path):
    page = page_of(report_on(series), tmp_path)
    assert not {values.get("id") for _, values in page.elements} & {"conclusions", "options", "charts"}


def test_what_a_rule_says_cannot_become_markup(report, tmp_path):
    hostile = "<script>alert(1)</script>"
    rule = replace(RECALLED, title=hostile, citation=hostile)
    said = Wording(hostile, hostile)
    bad = replace(OPTION, rule=rule, wording=said, inputs=(Fact(hostile, hostile),), evidence=hostile)
    page = page_of(replace(report, conclusions=(bad,)), tmp_path)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert hostile in words(page, "en")


def test_the_json_holds_inputs_rule_and_numbers(report):
    first, second = json.loads(json.dumps(study_entry(Bundle(report))["conclusions"]))
    assert (first["kind"], first["result"], second["kind"]) == ("risk", "0.1040", "option")
    assert first["rule"] == {
        "name": "brock-2b",
        "title": "Brock model 2b",
        "edition": "2013",
        "citation": "McWilliams A. NEJM 2013;369:910",
        "certainty": "verified",
    }
    assert first["inputs"][0] == {"name": "longest_diameter_mm", "value": 10.0, "unit": "mm", "origin": "measured"}
    assert first["inputs"][2]["value"] is True
    assert first["missing"] == ["age_years"]
    assert first["measurement"]["interval"] == {"value": 0.104, "low": 0.08, "high": 0.13, "level": 0.95}
    assert first["findings"] == [report.findings[0].tracking_uid]
    assert second["would_change"] == [{"en": "known cancer", "zh": "已知恶性肿瘤"}]
    assert second["measurement"] is None
    assert second["text"]["zh"] == "3个月后复查CT为可选方案。"


def test_the_impression_carries_the_conclusions(report):
    assert impression(report)[1:] == ("Estimated risk of malignancy 10.4 %.", "CT after 3 months is an option.")
    assert impression(report, "zh")[-1] == "3个月后复查CT为可选方案。"


def test_a_rule_that_could_not_be_applied_has_no_result():
    assert RISK.is_applied
    assert not replace(RISK, result="").is_applied


def test_the_line_for_plain_text_names_everything():
    line = conclusion_line(RISK)
    for part in ("10.4 %", "Brock model 2b 2013", "longest_diameter_mm=10 mm", "age_years=not known", "verified"):
        assert part in line, part
    assert "from memory" in conclusion_line(OPTION)
    assert "患者" not in conclusion_line(OPTION, "zh")
    assert "呼吸科医师" in conclusion_line(OPTION, "zh")


VALUES = [(True, "yes"), (False, "no"), (None, "not known"), (0.25, "0.25"), ("x", "x")]


@pytest.mark.parametrize(("value", "shown"), VALUES)
def test_values_in_words(value, shown):
    assert f"f={shown}" in conclusion_line(replace(RISK, inputs=(Fact("f", value),)))


def test_facts_have_words_or_their_machine_name():
    assert fact_text("longest_diameter_mm").zh == "最长径"
    assert fact_text("nobody_knows").en == "nobody_knows"


def test_a_chart_is_on_the_page_with_words_for_it(report, tmp_path):
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 0, 0)).save(buffer, format="PNG")
    chart = Chart(Wording("Volume", "容积"), buffer.getvalue(), Wording("Volume falls.", "容积下降。"))
    page = page_of(replace(report, charts=(chart,)), tmp_path)
    (source,) = [values["src"] for tag, values in page.elements if tag == "img" and "plot" in values.get("class", "")]
    assert Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))).size == (3, 2)
    assert "Volume falls." in words(page, "en")
    assert "容积下降。" in words(page, "zh")


def with_properties(series):
    image = key_image(series)
    first = Region(image.sop_instance_uid, 1, (square(10, 10, 20, 20),), is_measured=True)
    second = Region(image.sop_instance_uid, 1, (square(30, 30, 50, 50),), is_measured=True)
    solid = QualitativeEvaluation(CodedConcept("129737002", "SCT", "Attenuation", "密度"), concept("present"))
    finding = pneumonia(region=first, outlines=(second,), evaluations=(solid,), score=None, operating_point=None)
    return report_on(series, image, findings=(finding,))


def test_properties_and_further_outlines_are_told(series, tmp_path):
    report = with_properties(series)
    page = page_of(report, tmp_path)
    lines = [values for tag, values in page.elements if tag == "polygon" and "line" in values["class"].split()]
    assert len(lines) == 2
    assert "Attenuation" in words(page, "en")
    assert "is the border that was measured" in words(page, "en")
    assert "look at the outline before you use a number" in words(page, "en")
    (finding,) = study_entry(Bundle(report))["findings"]
    assert (finding["region"]["is_measured"], len(finding["outlines"])) == (True, 1)
    assert finding["evaluations"][0]["code"]["value"] == "129737002"


def test_the_structured_report_carries_them(series, tmp_path, debian_tool):
    report = replace(with_properties(series), conclusions=(RISK, OPTION))
    path = write_structured(report, tmp_path).path
    dataset = pydicom.dcmread(path)
    groups = hd.sr.srread(path).content.get_planar_roi_measurement_groups()
    assert len(groups) == 2
    assert {group.tracking_uid for group in groups} == {report.findings[0].tracking_uid}
    named = [item.name for group in groups for item in group.get_qualitative_evaluations()]
    assert hd.sr.CodedConcept("129737002", "SCT", "Attenuation") in named
    text = " ".join(str(item.value) for item in dataset.iterall() if item.keyword == "TextValue")
    assert "McWilliams A. NEJM 2013;369:910" in text
    assert "from memory" in text
    areas = sorted(area_of(group) for group in groups)
    assert areas == pytest.approx([100.0, 400.0])
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), path) == []


def area_of(group) -> float:
    points = group.roi.value
    x, y = points[:, 0], points[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def test_the_presence_is_told_once_a_finding(series, tmp_path):
    path = write_structured(with_properties(series), tmp_path).path
    groups = hd.sr.srread(path).content.get_planar_roi_measurement_groups()
    names = [item.name for group in groups for item in group.get_qualitative_evaluations()]
    assert names.count(codes.DCM.PresenceOfProperty) == 1
