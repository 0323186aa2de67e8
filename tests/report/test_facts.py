"""Tables, pictures and words of the page, apart from HTML."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hounsfield.core.report import KeyImage, Report
from hounsfield.core.study import Study
from hounsfield.messages import sentence
from hounsfield.report.bundle import Bundle
from hounsfield.report.facts import date_text, provenance_rows, study_rows
from hounsfield.report.overview import index_of
from hounsfield.report.picture import THUMBNAIL_SIDE, figures_of, present_on, thumbnail_of
from hounsfield.report.text import Text, both, pairs, ui
from tests.report.examples import MODEL, pneumonia, report_on, series_of, write_source


@pytest.fixture
def report(tmp_path) -> Report:
    return report_on(series_of(write_source(tmp_path / "source.dcm", BodyPartExamined="CHEST")))


def values(rows) -> dict[str, tuple]:
    return {row.name.en: row.values for row in rows}


@pytest.mark.parametrize(
    ("date", "text"), [("20260228", "2026-02-28"), ("", ""), ("2026.02.28", "2026.02.28"), ("yesterda", "yesterda")]
)
def test_dates_are_shown_as_iso_has_them(date, text):
    assert date_text(date) == text


def test_the_study_is_told_by_its_identifiers(report):
    rows = values(study_rows(report))
    assert rows["Study Instance UID"] == (report.study.study_instance_uid,)
    assert rows["Series Instance UID"] == (report.series.series_instance_uid,)
    assert rows["Study date"] == ("2026-02-28",)
    assert rows["Modality"] == ("DX",)
    assert rows["Patient"] == (Text("4 years", "4 岁"), Text("female", "女"))


@pytest.mark.parametrize(
    ("age", "text"),
    [(0.5, "0.5 years"), (2.9, "2.9 years"), (3.0, "3 years"), (71.4, "71 years")],
)
def test_small_children_keep_their_months(age, text, report):
    study = replace(report.study, patient_age_years=age, patient_sex="")
    assert values(study_rows(replace(report, study=study)))["Patient"][0].en == text


def test_what_is_not_known_has_no_line(report):
    bare = replace(report, study=Study("2.25.1", ()), series=None)
    assert set(values(study_rows(bare))) == {"Task", "Study Instance UID"}


def test_provenance_is_complete(report):
    rows = values(provenance_rows(report.provenance))
    assert list(rows) == [
        "Model",
        "Software",
        "Runtime",
        "Settings SHA-256",
        "Started",
        "Ended",
        "Inputs and their SHA-256",
    ]
    assert all(MODEL.weights_digest in text for text in (rows["Model"][0].en, rows["Model"][0].zh))
    assert len(rows["Model"]) == 2


def decode(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))


@pytest.mark.parametrize(
    ("shape", "aspect", "size"),
    [((1000, 500), 1.0, (72, 144)), ((50, 50), 1.0, (50, 50)), ((100, 100), 2.0, (72, 144))],
)
def test_a_thumbnail_has_square_pixels_and_fits(shape, aspect, size):
    image = KeyImage(np.full(shape, 7, dtype=np.uint8), None, "2.25.1", pixel_aspect_ratio=aspect)
    picture = decode(thumbnail_of(image))
    assert picture.size == size
    assert max(picture.size) <= THUMBNAIL_SIDE
    assert picture.getextrema() == (7, 7)


def test_a_report_without_pixels_keeps_its_thumbnail_on_the_index(report, tmp_path):
    thumbnail = thumbnail_of(report.key_images[0])
    light = Bundle(replace(report, key_images=()), (), thumbnail)
    entries = index_of((light, Bundle(report), Bundle(replace(report, key_images=()))), (), tmp_path).entries
    assert [entry.thumbnail for entry in entries] == [thumbnail, thumbnail, ""]


def test_figures_belong_to_their_frame(report):
    image = report.key_images[0]
    assert present_on(report, image) == report.findings
    assert present_on(report, replace(image, frame_number=9)) == ()
    assert present_on(report, replace(image, sop_instance_uid="2.25.9")) == ()
    assert present_on(replace(report, findings=(pneumonia(),)), image) == ()
    (figure,) = figures_of(report)
    assert (figure.width, figure.height, len(figure.outlines)) == (80.0, 96.0, 1)


def test_words_come_in_pairs():
    assert both(lambda language: language) == Text("en", "zh")
    assert pairs(lambda language: (language, "x")) == (Text("en", "zh"), Text("x", "x"))
    assert ui("page-index-lead", count=3, refused=1).en == "3 analyses, 1 refused inputs."
    assert ui("report-disclaimer").zh == sentence("ui.report-disclaimer", None, "zh")
