"""Conclusions and options: what a doctor gets, in both languages, with everything that went in and was missing."""

from dataclasses import replace

import pytest

from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.rules import (
    NoduleFacts,
    brock,
    brock_conclusion,
    communication,
    concluded,
    fleischner_conclusion,
    growth_conclusion,
    lung_rads_conclusion,
    lung_rads_exam_conclusion,
    mayo,
    mayo_conclusion,
    options,
)
from hounsfield.core.conclusion import Certainty, ConclusionKind, Fact, Wording

PATIENT = PatientFacts(
    age_years=62,
    sex="F",
    has_family_history_of_lung_cancer=False,
    has_emphysema=False,
    smoking_status="former",
    has_extrathoracic_cancer=False,
    has_known_cancer=False,
    is_immunosuppressed=False,
    is_screening=True,
)
INCIDENTAL = PATIENT.model_copy(update={"is_screening": False})
NODULE = NoduleFacts("1.2.3", "solid", 10.0, 6.0, None, True, False)


def value(conclusion, name):
    (found,) = (fact.value for fact in conclusion.inputs if fact.name == name)
    return found


def test_brock_takes_the_longest_diameter_and_prints_every_input():
    said = brock_conclusion(NODULE, PATIENT, 1, diameter_error_mm=1.5)
    assert said.kind is ConclusionKind.RISK
    assert said.measurement.value == pytest.approx(0.1040, abs=5e-5)
    assert value(said, "longest_diameter_mm") == 10.0
    assert len(said.inputs) == 9
    assert said.missing == ()
    assert "10.4 %" in said.wording.en
    assert "10.4%" in said.wording.zh
    interval = said.measurement.interval
    assert interval.low == pytest.approx(brock(62, True, False, False, 8.5, "solid", True, 1, False))
    assert interval.high == pytest.approx(brock(62, True, False, False, 11.5, "solid", True, 1, False))
    assert said.tracking_uids == ("1.2.3",)
    assert said.rule.certainty is Certainty.MEMORY


@pytest.mark.parametrize(
    ("patient", "nodule", "missing"),
    [
        (PATIENT.model_copy(update={"age_years": None}), NODULE, ("age_years",)),
        (PatientFacts(), NODULE, ("age_years", "sex", "has_family_history_of_lung_cancer", "has_emphysema")),
        (PATIENT, replace(NODULE, has_spiculation=None), ("has_spiculation",)),
        (PATIENT, replace(NODULE, nodule_type=None, long_axis_mm=None), ("longest_diameter_mm", "nodule_type")),
    ],
)
def test_brock_is_not_applied_without_a_fact_and_names_it(patient, nodule, missing):
    said = brock_conclusion(nodule, patient, 1)
    assert not said.is_applied
    assert said.missing == missing
    assert said.measurement is None
    assert all(name in said.wording.en and name in said.wording.zh for name in missing)
    assert "未知" in said.wording.zh


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        ({"age_years": 39}, "younger than about 40"),
        ({"has_known_cancer": True}, "known cancer"),
        ({"is_immunosuppressed": True}, "immunosuppressed"),
    ],
)
def test_brock_does_not_hold_for_everybody(update, reason):
    said = brock_conclusion(NODULE, PATIENT.model_copy(update=update), 1)
    assert not said.is_applied
    assert said.measurement is None
    assert reason in said.wording.en
    assert "不适用" in said.wording.zh
    assert options([said]) == ()


def test_mayo():
    said = mayo_conclusion(NODULE, PATIENT, 1.0)
    assert said.measurement.value == pytest.approx(0.1746, abs=5e-5)
    assert said.measurement.interval.high == pytest.approx(mayo(62, True, False, 11, False, True))
    assert said.rule.certainty is Certainty.SECONDARY
    never = mayo_conclusion(NODULE, PATIENT.model_copy(update={"smoking_status": "never"}))
    assert never.measurement.value == pytest.approx(mayo(62, False, False, 10, False, True))
    assert mayo_conclusion(NODULE, PatientFacts()).missing == (
        "age_years",
        "smoking_status",
        "has_extrathoracic_cancer",
    )


@pytest.mark.parametrize(
    ("nodule", "category"),
    [
        (NODULE, "4A"),
        (replace(NODULE, has_suspicious_features=True), "4X"),
        (replace(NODULE, long_axis_mm=5.96, short_axis_mm=5.96), "3"),
        (replace(NODULE, long_axis_mm=5.94, short_axis_mm=5.94), "2"),
        (replace(NODULE, state="new"), "4B"),
        (replace(NODULE, nodule_type="part-solid", solid_part_mm=5.0), "3"),
        (replace(NODULE, nodule_type="part-solid", solid_part_mm=6.0), "4A"),
        (replace(NODULE, nodule_type="non-solid"), "2"),
    ],
)
def test_lung_rads_by_its_own_rounding(nodule, category):
    said = lung_rads_conclusion(nodule, PATIENT)
    assert said.result == category
    assert category in said.wording.en
    assert category in said.wording.zh
    assert said.rule.certainty is Certainty.SECONDARY


def test_lung_rads_is_for_screening_and_names_what_it_lacks():
    assert not lung_rads_conclusion(NODULE, INCIDENTAL).is_applied
    assert "screening" in lung_rads_conclusion(NODULE, INCIDENTAL).wording.en
    unknown = lung_rads_conclusion(NODULE, PatientFacts())
    assert unknown.is_applied
    assert unknown.missing == ("is_screening",)
    assert lung_rads_conclusion(replace(NODULE, short_axis_mm=None), PATIENT).missing == ("short_axis_mm",)
    part = lung_rads_conclusion(replace(NODULE, nodule_type="part-solid"), PATIENT)
    assert part.missing == ("solid_part_mm",)
    assert not part.is_applied


def test_the_same_nodule_has_two_sizes():
    """5.5 x 5.4 mm is 5.5 mm for Lung-RADS (2) and 5 mm for Fleischner; 5.6 x 5.5 mm is 5.6 and 6 mm."""
    small = replace(NODULE, long_axis_mm=5.5, short_axis_mm=5.4)
    large = replace(NODULE, long_axis_mm=5.6, short_axis_mm=5.5)
    assert [value(lung_rads_conclusion(one, PATIENT), "mean_diameter_mm") for one in (small, large)] == [5.5, 5.6]
    said = [fleischner_conclusion(one, INCIDENTAL, 1, False) for one in (small, large)]
    assert [value(one, "mean_diameter_mm") for one in said] == [5.0, 6.0]
    assert [one.result for one in said] == ["solid-single-low-small", "solid-single-low-middle"]


def test_the_examination_is_its_most_suspicious_nodule():
    nodules = [
        lung_rads_conclusion(one, PATIENT) for one in (NODULE, replace(NODULE, long_axis_mm=4.0, short_axis_mm=3.0))
    ]
    said = lung_rads_exam_conclusion(nodules)
    assert said.result == "4A"
    assert [fact.value for fact in said.inputs] == ["4A", "2"]
    assert lung_rads_exam_conclusion([]).result == "1"
    assert lung_rads_exam_conclusion(nodules, is_incomplete=True).result == "0"
    unknown = lung_rads_conclusion(replace(NODULE, short_axis_mm=None), PATIENT)
    assert lung_rads_exam_conclusion([*nodules, unknown]).missing == ("short_axis_mm",)


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        ({"age_years": 30}, "younger than 35"),
        ({"has_known_cancer": True}, "known cancer"),
        ({"is_immunosuppressed": True}, "immunosuppressed"),
        ({"is_screening": True}, "screening"),
    ],
)
def test_fleischner_says_why_it_does_not_apply(update, reason):
    said = fleischner_conclusion(NODULE, INCIDENTAL.model_copy(update=update), 1, False)
    assert not said.is_applied
    assert reason in said.wording.en
    assert "不适用" in said.wording.zh
    assert options([said]) == ()


def test_fleischner_asks_for_the_risk_of_solid_nodules_alone():
    said = fleischner_conclusion(NODULE, INCIDENTAL, 1, None)
    assert said.missing == ("is_high_risk",)
    assert not said.is_applied
    glass = fleischner_conclusion(replace(NODULE, nodule_type="non-solid"), INCIDENTAL, 1, None)
    assert glass.result == "non-solid-single-large"
    assert fleischner_conclusion(NODULE, INCIDENTAL, 3, True).result == "solid-multiple-high-middle"
    unknown = fleischner_conclusion(NODULE, PatientFacts(age_years=50), 1, True)
    assert unknown.is_applied
    assert unknown.missing == ("has_known_cancer", "is_immunosuppressed", "is_screening")


@pytest.mark.parametrize(
    ("volumes", "days", "result", "words"),
    [
        ((113.1, 268.1), 90, "doubling-time", "72 days"),
        ((100, 124), 90, "within-error", "24 %"),
        ((100, 90), 90, "not-computable", "cannot be computed"),
        ((100, 300), 20, "not-computable", "cannot be computed"),
    ],
)
def test_growth(volumes, days, result, words):
    said = growth_conclusion(*volumes, days, 0.1, "1.2")
    assert said.result == result
    assert words in said.wording.en
    assert (said.measurement is not None) is (result == "doubling-time")
    if said.measurement is not None:
        interval = said.measurement.interval
        assert interval.low < said.measurement.value < interval.high
        assert (said.measurement.unit.code, round(said.measurement.value, 1)) == ("d", 72.3)


# ---- what next


def test_management_is_an_option_from_memory_with_shares():
    exam = lung_rads_exam_conclusion([lung_rads_conclusion(NODULE, PATIENT)])
    (said,) = options([lung_rads_conclusion(NODULE, PATIENT), exam])
    assert said.kind is ConclusionKind.OPTION
    assert said.rule.certainty is Certainty.MEMORY
    assert "low-dose CT in 3 months" in said.wording.en
    assert said.evidence == "malignancy 5-15 %; prevalence 4 %"
    assert said.would_change[0].en
    assert said.would_change[0].zh
    assert "physician" in said.confirmed_by.en
    assert said.tracking_uids == ("1.2.3",)


def test_an_other_finding_has_an_option_of_its_own():
    exam = replace(lung_rads_exam_conclusion([]), result="1S")
    assert [one.result for one in options([exam])] == ["management-1", "management-s"]


@pytest.mark.parametrize(
    ("probability", "herder", "result", "missing"),
    [
        (0.05, None, "surveil-after-brock", ("herder_probability",)),
        (0.2, None, "pet-ct", ("herder_probability",)),
        (0.2, 0.05, "surveil-after-herder", ()),
        (0.2, 0.5, "biopsy-or-resect", ()),
        (0.2, 0.8, "resect", ()),
    ],
)
def test_brock_leads_along_the_british_path(probability, herder, result, missing):
    risk = brock_conclusion(NODULE, PATIENT, 1)
    risk = replace(risk, measurement=replace(risk.measurement, value=probability))
    (said,) = options([risk], herder)
    assert (said.result, said.missing) == (result, missing)
    assert said.rule.name == "bts-nodule"
    assert "option" in said.wording.en
    assert "可选择" in said.wording.zh


def test_unconfirmed_progression_is_imaged_again():
    seen = concluded(ConclusionKind.RESPONSE, "irecist", "confirmation", (), Wording("", ""))
    (said,) = options([replace(seen, result="iUPD")])
    assert "4 to 8 weeks" in said.wording.en
    assert options([replace(seen, result="iSD")]) == ()


def test_what_was_not_applied_leads_to_nothing():
    assert options([brock_conclusion(NODULE, PatientFacts(), 1)]) == ()
    assert options([]) == ()


def test_every_option_is_worded_as_one_and_orders_nothing():
    said = [
        *options([fleischner_conclusion(NODULE, INCIDENTAL, 1, True)]),
        *options([lung_rads_conclusion(replace(NODULE, state="new"), PATIENT), brock_conclusion(NODULE, PATIENT, 1)]),
        *(communication(category) for category in (1, 2, 3)),
    ]
    assert len(said) == 6
    for one in said:
        assert one.kind is ConclusionKind.OPTION
        assert "option" in one.wording.en
        assert "可选" in one.wording.zh
        assert not any(word in one.wording.en.lower() for word in ("must", "shall", "normal"))


@pytest.mark.parametrize(
    ("category", "words", "code"), [(1, "minutes", "RID49480"), (2, "hours", "RID49481"), (3, "days", "RID49482")]
)
def test_how_soon_a_finding_is_told(category, words, code):
    from hounsfield.clinical.rules import rule

    assert words in communication(category).wording.en
    assert rule("acr-actionable").row(f"category-{category}").text("code").endswith(code)
    with pytest.raises(KeyError):
        communication(4)


def test_a_fact_keeps_its_origin():
    patient = PatientFacts(age_years=62, origins={"age_years": "DICOM"})
    facts = brock_conclusion(NODULE, patient, 1).inputs
    assert facts[0] == Fact("age_years", 62.0, facts[0].unit, "DICOM")
    assert facts[0].unit.code == "a"
    assert next(fact for fact in facts if fact.name == "longest_diameter_mm").unit.code == "mm"
