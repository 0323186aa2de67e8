"""Codes of the table against the dictionary that pydicom takes from PS3.16."""

import pytest
from pydicom.sr._concepts_dict import concepts as published

from hounsfield.core.codes import PRIVATE_SCHEME, concept, concept_for, concept_names, local_concept

DISORDERS = {
    "pneumonia": "233604007",
    "glioma": "393564001",
    "meningioma": "302820008",
    "pituitary": "254956000",
    "fracture": "72704001",
}
"""Disorders of SNOMED CT that PS3.16 does not list, as FHIR value sets and terminology releases write them."""
STANDARD = [name for name in concept_names() if concept(name).scheme in {"SCT", "DCM"} and name not in DISORDERS]


def meanings(scheme: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in published[scheme].values():
        for code, (meaning, _) in entry.items():
            found.setdefault(code, set()).add(meaning.lower())
    return found


@pytest.mark.parametrize("name", STANDARD)
def test_standard_codes_are_the_published_ones(name):
    entry = concept(name)
    known = meanings(entry.scheme)
    assert entry.value in known, f"{entry.value} is not in PS3.16"
    words = set(entry.meaning.lower().split())
    assert any(words & set(meaning.split()) for meaning in known[entry.value]), known[entry.value]


def test_disorders_have_their_codes():
    assert {name: concept(name).value for name in DISORDERS} == DISORDERS


def test_every_concept_has_both_languages_and_fits_code_meaning():
    for name in concept_names():
        entry = concept(name)
        assert 0 < len(entry.meaning) <= 64
        assert 0 < len(entry.value) <= 16
        assert entry.meaning_zh
        assert entry.text("zh") == entry.meaning_zh
        assert entry.text("en") == entry.meaning


def test_a_class_name_finds_its_concept():
    assert concept_for("PNEUMONIA") == concept("pneumonia")
    assert concept_for("notumor").scheme == PRIVATE_SCHEME


def test_an_unknown_class_gets_a_local_code_within_the_limits():
    entry = concept_for("A very long class name, that nobody codes " * 3)
    assert entry.scheme.startswith("99")
    assert len(entry.value) <= 16
    assert len(entry.meaning) <= 64
    assert local_concept("汉字").value.startswith("CLASS_")
    assert local_concept("汉字").meaning == "汉字"
    assert entry.text("zh") == entry.meaning


def test_an_unknown_name_is_an_error():
    with pytest.raises(KeyError):
        concept("nothing of the kind")
