"""The page of check: whole, self-contained, in both languages, and as true as its JSON."""

import json
import re

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import Evidence, QualityCheck, QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.report.checked import Checked, CheckedVolume
from hounsfield.report.checked_page import JSON_NAME, PAGE_NAME, render_checked, write_checked

NOISY = QualityIssue("Q360", Severity.WARN, {"value": "200", "limit": 120}, "1.2.3")
CHECKS = (
    QualityCheck("noise-ct", "Q360", 200.0, "[hnsf'U]", "> 120", NOISY),
    QualityCheck("blur", "Q362", 0.7, "{pixels}", "> 3"),
    QualityCheck(
        "conformance-required",
        "Q372",
        1.0,
        "1",
        "> 0",
        None,
        "",
        (Evidence("(0008,0060) Modality", "empty", {"type": "1"}, "PS3.3 C.7.3.1", 3),),
        (5, 300),
    ),
    QualityCheck("ghosting", "Q364", None, "%", "> 10", None, "unchecked-phase"),
)


def checked(body_part: str = "CHEST", has_picture: bool = True) -> Checked:
    series = Series("1.2.4", "1.2", "CT", (), body_part)
    grid = VolumeGeometry((3, 40, 50), (2.5, 0.7, 0.8))
    picture = np.arange(2000).astype(np.uint8).reshape(40, 50) if has_picture else None
    volume = CheckedVolume(Study("1.2", (series,)), series, grid, Quantity.HOUNSFIELD, (NOISY,), CHECKS, picture)
    return Checked((volume,), ())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_and_json_stand_side_by_side(tmp_path, language):
    page, beside = write_checked(checked(), tmp_path, language)
    assert (page.name, beside.name) == (PAGE_NAME, JSON_NAME)
    assert json.loads(beside.read_text(encoding="utf-8")) == checked().as_json(language)
    text = page.read_text(encoding="utf-8")
    for words in ("Noise in soft tissue", "软组织噪声", "200 HU", "&gt; 120 HU", "AJR 2015", "Not checked", "未检查"):
        assert words in text
    for words in ("5 of 300", "300 个中的 5 个", "(0008,0060) Modality", "no value", "1 类：须有值", "PS3.3 C.7.3.1"):
        assert words in text
    assert "不是医疗器械" in text
    assert "not a medical device" in text


def test_the_page_asks_nothing_of_any_network():
    text = render_checked(checked())
    assert not re.search(r'(?:src|href)="(?!data:image/png|\./check\.json)', text)
    assert "default-src" in text


def test_a_header_cannot_write_into_the_page():
    text = render_checked(checked("<script>alert(1)</script>"))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_without_a_picture_there_is_none():
    assert "data:image/png" in render_checked(checked())
    assert "data:image/png" not in render_checked(checked(has_picture=False))


def test_every_check_is_in_the_json():
    (series,) = checked().as_json()["studies"][0]["series"]
    assert [(entry["name"], entry["verdict"], entry["value"]) for entry in series["checks"]] == [
        ("noise-ct", "warn", 200.0),
        ("blur", "pass", 0.7),
        ("conformance-required", "pass", 1.0),
        ("ghosting", "not checked", None),
    ]
    assert "phase-encoding" in series["checks"][3]["reason"]
    assert series["verdict"] == "warn"
