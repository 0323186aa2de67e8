"""LI-RADS, PI-RADS, BI-RADS and the words for brain tumours: whole tables typed again."""

import itertools

import pytest

from hounsfield.clinical.rules import (
    bi_rads_suggestion,
    cns_wording,
    has_threshold_growth,
    is_pi_rads_five,
    li_rads,
    li_rads_with_ancillary,
    pi_rads_peripheral,
    pi_rads_transition,
    prostate_volume_ml,
    rule,
    unsupported_cns_words,
)
from hounsfield.errors import SettingsError

SIZES = {(False, 19.9): 0, (False, 20): 1, (True, 9.9): 2, (True, 10): 3, (True, 19.9): 3, (True, 20): 4}
TABLE = {0: (3, 3, 3, 3, 4), 1: (3, 4, 4, 5, 5), 2: (4, 4, 4, 5, 5), 3: (4, 4, 4, 5, 5)}


@pytest.mark.parametrize(("has_enhancement", "size"), SIZES)
@pytest.mark.parametrize("features", list(itertools.product([False, True], repeat=3)))
def test_every_cell_of_the_liver_table(has_enhancement, size, features):
    """The one cell with two answers: capsule alone at 10 to 19 mm with enhancement is LR-4."""
    washout, capsule, growth = features
    column = SIZES[has_enhancement, size]
    expected = TABLE[sum(features)][column]
    if column == 3 and features == (False, True, False):
        expected = 4
    assert li_rads(size, has_enhancement, washout, capsule, growth, is_at_risk=True) == f"LR-{expected}"


def test_the_liver_table_holds_for_people_at_risk_alone():
    assert li_rads(25, True, True, True, True, is_at_risk=False) == ""


@pytest.mark.parametrize(
    ("before", "now", "days", "expected"),
    [(10, 15, 180, True), (10, 14.9, 180, False), (10, 15, 183, True), (10, 15, 184, False), (20, 30, 30, True)],
)
def test_threshold_growth(before, now, days, expected):
    assert has_threshold_growth(before, now, days) is expected


@pytest.mark.parametrize(
    ("category", "step", "expected"),
    [
        ("LR-3", 1, "LR-4"), ("LR-4", 1, "LR-4"), ("LR-4", -1, "LR-3"), ("LR-5", -1, "LR-4"), ("LR-1", -1, "LR-1"),
        ("LR-5", 1, "LR-5"), ("LR-2", 1, "LR-3"), ("LR-5", 0, "LR-5"), ("LR-3", 0, "LR-3"),
    ],
)  # fmt: skip
def test_ancillary_features_move_by_one_and_never_to_five(category, step, expected):
    assert li_rads_with_ancillary(category, step) == expected


def test_shares_of_cancer():
    shares = {
        key: rule("li-rads-2018").number(f"share-{key}", "hcc_percent") for key in ("lr-2", "lr-3", "lr-4", "lr-5")
    }
    assert shares == {"lr-2": 16, "lr-3": 37, "lr-4": 74, "lr-5": 95}
    other = rule("li-rads-2018").row("share-lr-m")
    assert (other.number("hcc_percent"), other.number("malignant_percent")) == (36, 93)


@pytest.mark.parametrize("dwi", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("is_positive", [False, True])
def test_the_peripheral_zone_follows_diffusion(dwi, is_positive):
    assert pi_rads_peripheral(dwi, is_positive) == (4 if dwi == 3 and is_positive else dwi)


TRANSITION = {2: (2, 2, 2, 3, 3), 3: (3, 3, 3, 3, 4)}


@pytest.mark.parametrize(("t2w", "dwi"), list(itertools.product(range(1, 6), range(1, 6))))
def test_the_transition_zone_follows_t2(t2w, dwi):
    """3 with DWI 4 stays 3: the trap of a public page."""
    assert pi_rads_transition(t2w, dwi) == TRANSITION.get(t2w, (t2w,) * 5)[dwi - 1]


@pytest.mark.parametrize(
    ("size", "has_extension", "expected"), [(14.9, False, False), (15, False, True), (5, True, True)]
)
def test_five_is_large_or_beyond(size, has_extension, expected):
    assert is_pi_rads_five(size, has_extension) is expected


def test_shares_of_prostate_cancer():
    shares = [rule("pi-rads-2.1").row(f"share-{score}").text("cancer_percent") for score in range(1, 6)]
    assert shares == ["2", "6", "16", "35", "60-75"]


def test_the_volume_of_a_prostate():
    assert prostate_volume_ml(40, 50, 60) == pytest.approx(62.4)
    assert prostate_volume_ml(10, 10, 10) == pytest.approx(0.52)


@pytest.mark.parametrize(
    ("percent", "category"),
    [
        (0, "3"), (2, "3"), (2.01, "4A"), (10, "4A"), (10.01, "4B"), (50, "4B"), (50.01, "4C"), (94.99, "4C"),
        (95, "5"), (100, "5"),
    ],
)  # fmt: skip
def test_breast_assessments_by_their_range(percent, category):
    assert bi_rads_suggestion(percent / 100) == category
    assert "a suggestion" in rule("bi-rads-2025").row(category).en
    assert "仅供参考" in rule("bi-rads-2025").row(category).zh


def test_the_breast_manual_in_use_is_named():
    one = rule("bi-rads-2025")
    assert one.edition == "v2025"
    assert "2013" in one.limits_en
    names = {"0": "incomplete", "1": "negative", "2": "benign", "3": "probably benign", "6": "proven by biopsy"}
    assert all(words in one.row(key).en for key, words in names.items())


@pytest.mark.parametrize("name", ["glioma", "meningioma", "pituitary"])
def test_an_image_suggests_a_pattern(name):
    words = cns_wording(name)
    assert words.en.startswith("The imaging pattern suggests")
    assert "影像表现提示" in words.zh
    assert unsupported_cns_words(words.en) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Glioblastoma, IDH-wildtype, CNS WHO grade 4", ("IDH", "WHO grade", "glioblastoma")),
        ("anaplastic astrocytoma", ("astrocytoma", "anaplastic")),
        ("oligodendroglioma with 1p/19q codeletion", ("1p/19q", "oligodendroglioma")),
        ("TERT promoter mutation, EGFR amplification, CDKN2A loss", ("TERT", "EGFR", "CDKN2A")),
        ("imaging pattern suggests glioma", ()),
    ],
)
def test_words_that_no_image_supports_are_found(text, words):
    assert unsupported_cns_words(text) == words


@pytest.mark.parametrize(
    "call",
    [
        lambda: li_rads(0, True, False, False, False, True),
        lambda: li_rads_with_ancillary("LR-M", 1),
        lambda: li_rads_with_ancillary("LR-3", 2),
        lambda: has_threshold_growth(0, 10, 30),
        lambda: pi_rads_peripheral(0, False),
        lambda: pi_rads_transition(3, 6),
        lambda: prostate_volume_ml(40, 0, 60),
        lambda: bi_rads_suggestion(12),
        lambda: cns_wording("glioblastoma"),
        lambda: cns_wording("notumor"),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(SettingsError, match="E202"):
        call()
