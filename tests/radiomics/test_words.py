"""The words of features: every feature once, two languages, short sentences, and nothing left over."""

import re

import pytest

from hounsfield.radiomics.catalogue import ENDINGS, catalogue
from hounsfield.radiomics.words import _document, family_words, feature_words

EVERY = [facts for features in catalogue().values() for facts in features]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_feature_has_words_and_no_words_are_left_over() -> None:
    assert sorted(_document()["features"]) == sorted(facts.tag for facts in EVERY)
    assert list(_document()["families"]) == list(catalogue())


@pytest.mark.parametrize("facts", EVERY, ids=lambda facts: facts.tag)
def test_words_are_sentences_of_their_language(facts) -> None:
    words = feature_words(facts.tag)
    assert words.en.endswith(".")
    assert words.en[0].isupper()
    assert not CHINESE.search(words.en)
    assert words.zh.endswith("。")
    assert CHINESE.search(words.zh)
    assert CHINESE.search(words.name_zh) or facts.tag.startswith("morph_")
    assert 10 <= len(words.en) <= 140
    assert len(words.zh) <= 60
    assert not re.search(r"[,()]", words.zh + words.name_zh), "signs of the other language"


def test_the_ending_of_an_aggregation_does_not_matter() -> None:
    for ending in ENDINGS.values():
        assert feature_words("cm_contrast" + ending) == feature_words("cm_contrast")
    assert feature_words("szm_glnu_norm_3D") == feature_words("szm_glnu_norm")
    with pytest.raises(KeyError):
        feature_words("no_such")


def test_families_have_names() -> None:
    for family in catalogue():
        english, chinese = family_words(family)
        assert english[0].isupper()
        assert CHINESE.search(chinese)


def test_no_two_features_of_a_family_say_the_same() -> None:
    for family, features in catalogue().items():
        said = [feature_words(facts.tag).en for facts in features]
        repeated = {text for text in said if said.count(text) > 1}
        assert all(text.startswith("The same") for text in repeated), (family, repeated)
