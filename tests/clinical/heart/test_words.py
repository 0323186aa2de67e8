"""Coded words of the heart: each is the code that DICOM's dictionaries hold under its meaning, none is used twice."""

import re

import pytest
from pydicom.sr.codedict import codes

from hounsfield.clinical.heart import words
from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept

STANDARD = [
    ("HEART", "SCT", "Heart"),
    ("LEFT_VENTRICLE", "SCT", "LeftVentricle"),
    ("RIGHT_VENTRICLE", "SCT", "RightVentricle"),
    ("LV_EDV", "LN", "LeftVentricularEDVolume"),
    ("LV_ESV", "LN", "LeftVentricularESVolume"),
    ("LV_EF_MR", "LN", "LeftVentricularEjectionFractionByMR"),
    ("RV_EDV", "LN", "RightVentricularEDVolume"),
    ("RV_ESV", "LN", "RightVentricularESVolume"),
    ("RV_EF_MR", "LN", "RightVentricularEjectionFractionByMR"),
    ("STROKE_VOLUME", "SCT", "StrokeVolume"),
    ("RV_STROKE_VOLUME", "SCT", "RVStrokeVolume"),
    ("CARDIAC_OUTPUT", "SCT", "CardiacOutput"),
    ("LV_MASS", "LN", "LeftVentricleMass"),
    ("CALCIUM", "SCT", "CoronaryArteryCalciumScore"),
    ("AGATSTON", "DCM", "CalciumScore"),
    ("CALCIUM_VOLUME", "DCM", "CalciumVolume"),
    ("CALCIUM_MASS", "DCM", "CalciumMass"),
    ("WALL_THICKNESS", "DCM", "WallThickness"),
]
SEGMENTS = [
    "BasalAnterior",
    "BasalAnteroseptal",
    "BasalInferoseptal",
    "BasalInferior",
    "BasalInferolateral",
    "BasalAnterolateral",
    "MidAnterior",
    "MidAnteroseptal",
    "MidInferoseptal",
    "MidInferior",
    "MidInferolateral",
    "MidAnterolateral",
    "ApicalAnterior",
    "ApicalSeptal",
    "ApicalInferior",
    "ApicalLateral",
]
"""Segments 1 to 16 in the order of Cerqueira 2002."""


@pytest.mark.parametrize(("name", "scheme", "keyword"), STANDARD)
def test_the_code_is_that_of_the_dictionary(name, scheme, keyword):
    word, known = getattr(words, name), getattr(getattr(codes, scheme), keyword)
    assert (word.value, word.scheme) == (known.value, known.scheme_designator)
    assert word.meaning.lower() == known.meaning.lower()


@pytest.mark.parametrize(("number", "keyword"), list(enumerate(SEGMENTS, 1)))
def test_the_segment_of_each_number_is_that_of_the_dictionary(number, keyword):
    known = getattr(codes.SCT, f"LeftVentricle{keyword}Segment")
    word = words.SEGMENTS[number - 1]
    assert (word.value, word.meaning) == (known.value, known.meaning)


def all_words():
    named = {name: item for name, item in vars(words).items() if isinstance(item, CodedConcept)}
    return [*named.values(), *words.SEGMENTS]


def test_no_code_stands_for_two_things():
    found = all_words()
    assert len({(word.scheme, word.value) for word in found}) == len(found)


def test_every_word_has_a_meaning_in_both_languages_that_dicom_takes():
    for word in all_words():
        assert 0 < len(word.meaning) <= 64
        assert re.search(r"[\u4e00-\u9fff]", word.meaning_zh)
        assert len(word.value) <= 16
        assert word.scheme in ("SCT", "LN", "DCM", PRIVATE_SCHEME)
