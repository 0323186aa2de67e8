"""Sentences: both languages, the right numbers, and never a word that says that a patient is well."""

import itertools
import re
from dataclasses import replace

import pytest

from hounsfield.core.codes import concept
from hounsfield.core.finding import Laterality, Measurement, Presence, Region
from hounsfield.core.prediction import Interval
from hounsfield.core.quantities import SQUARE_MILLIMETRE
from hounsfield.core.report import Status
from hounsfield.messages import LANGUAGES
from hounsfield.report import narrative
from tests.report.examples import POINT, pneumonia, refused_report, report_on, series_of, square, write_source

CHINESE = re.compile(r"[\u4e00-\u9fff]")
WELL = re.compile(r"\bnormal\b|\bhealthy\b|no abnormalit|\bclear\b|正常|健康|未见异常", re.IGNORECASE)


def every_sentence(language):
    region = Region("1.2.3", 4, (square(0, 0, 3, 3),), slice_index=6)
    presences = {
        "presence": list(Presence),
        "laterality": list(Laterality),
        "score": [0.0, 0.0001, 0.42, 0.41999, 0.99999, 1.0],
    }
    for presence, laterality, score in itertools.product(*presences.values()):
        for point in (POINT, None):
            finding = pneumonia(
                presence=presence, laterality=laterality, score=score, operating_point=point, region=region
            )
            yield narrative.answer(finding, language)
            yield from narrative.explanation(finding, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_complete_and_says_nobody_is_well(language):
    for text in set(every_sentence(language)):
        assert "?" not in text
        assert "ui." not in text
        assert "{" not in text
        assert bool(CHINESE.search(text)) == (language == "zh"), text
        assert not WELL.search(text), text


def test_the_answer_names_what_where_and_whether():
    assert narrative.answer(pneumonia()) == "Pneumonia (Lung): present"
    assert narrative.answer(pneumonia(), "zh") == "肺炎（肺）：存在"
    assert narrative.answer(pneumonia(laterality=Laterality.LEFT)) == "Pneumonia (Lung, left): present"
    assert "未评估" in narrative.answer(pneumonia(presence=Presence.NOT_ASSESSED), "zh")


@pytest.mark.parametrize(
    ("score", "threshold", "text"),
    [
        (0.5, None, "0.500"),
        (0.0, None, "0.000"),
        (1.0, None, "1.000"),
        (0.0001, None, "<0.001"),
        (0.9999, None, ">0.999"),
        (0.4199, 0.42, "0.419900"),
        (0.42, 0.42, "0.420"),
    ],
)
def test_a_score_never_rounds_to_certainty_or_onto_a_cut_off_it_misses(score, threshold, text):
    assert narrative.score_text(score, threshold) == text


def test_plain_words_count_what_fits_the_answer():
    """Sensitivity 97.2 % (95.1 to 98.6) and specificity 90.3 % (87.1 to 92.9), by hand."""
    present = narrative.frequency_sentence(pneumonia())
    assert "100 images with pneumonia in that data, about 97 (95 to 99) reach" in present
    assert "without it, about 10 (7 to 13) reach it too" in present
    absent = narrative.frequency_sentence(pneumonia(presence=Presence.ABSENT, score=0.1))
    assert "about 3 (1 to 5) stay below the cut-off and are missed" in absent
    assert "without it, about 90 (87 to 93) stay below" in absent
    assert "97（95 至 99）幅" in narrative.frequency_sentence(pneumonia(), "zh")


def test_an_interval_that_rounds_away_is_left_out():
    exact = replace(POINT, sensitivity=Interval(1.0, 0.999, 1.0))
    assert "about 100 reach" in narrative.frequency_sentence(pneumonia(operating_point=exact))


def test_rates_stand_with_their_intervals_and_data():
    text = narrative.performance_sentence(POINT)
    assert "sensitivity 97.2 % (95.1 to 98.6)" in text
    assert "specificity 90.3 % (87.1 to 92.9)" in text
    assert "95 % intervals" in text
    assert POINT.data_set in text
    assert "97.2%（95.1 至 98.6）" in narrative.performance_sentence(POINT, "zh")


def test_an_outranked_finding_does_not_claim_to_be_below_its_cut_off():
    text = narrative.score_sentence(pneumonia(presence=Presence.ABSENT, score=0.5))
    assert "reaches the cut-off" in text
    assert "scored higher" in text
    assert "stays below" in narrative.score_sentence(pneumonia(presence=Presence.ABSENT, score=0.2))


def test_abbreviations_keep_their_capitals_inside_a_sentence():
    edh = replace(concept("pneumonia"), meaning="EDH in the left")
    assert "with EDH in the left in" in narrative.frequency_sentence(pneumonia(type=edh))


def test_measurements_carry_unit_and_interval():
    plain = Measurement(concept("area"), 12.3456, SQUARE_MILLIMETRE)
    assert narrative.measurement_text(plain) == "Area: 12.35 mm2"
    assert narrative.measurement_text(replace(plain, interval=Interval(12.3, 11.0, 13.0))) == "Area: 12.35 mm2 (11–13)"
    assert narrative.measurement_text(plain, "zh").startswith("面积：")


def test_impression_of_a_refusal_is_the_refusal(tmp_path):
    series = series_of(write_source(tmp_path / "a.dcm"))
    lines = narrative.impression(refused_report(series))
    assert lines[0] == "Refused: no result"
    assert "PT" in lines[1]
    assert not any("neumonia" in line for line in lines)
    assert narrative.impression(refused_report(series), "zh")[0].startswith("已拒绝")


def test_impression_without_findings_is_no_all_clear(tmp_path):
    series = series_of(write_source(tmp_path / "a.dcm"))
    (line,) = narrative.impression(report_on(series, findings=()))
    assert "no statement about the patient" in line
    (line,) = narrative.impression(report_on(series, findings=(pneumonia(),), status=Status.PARTIAL))
    assert line == "Pneumonia (Lung): present"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_disclaimer_says_both_things(language):
    text = narrative.disclaimer(language)
    assert ("not a medical device" in text and "doctor" in text) or ("不是医疗器械" in text and "医生" in text)
