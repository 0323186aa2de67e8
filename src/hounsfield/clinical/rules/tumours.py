"""Conclusions about tumours and bones: response over visits, liver, breast and brain, and vertebral compression."""

from collections.abc import Sequence
from dataclasses import replace

from hounsfield.clinical.rules.bones import genant_grade, is_vertebral_compression, vertebral_height_loss_percent
from hounsfield.clinical.rules.concluding import concluded, missing_names, not_applied
from hounsfield.clinical.rules.reporting import bi_rads_suggestion, cns_wording, li_rads
from hounsfield.clinical.rules.response import irecist_response, recist_course, recist_response
from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact
from hounsfield.core.quantities import FRACTION, MILLIMETRE


def recist_conclusion(
    sums_mm: Sequence[float], are_gone: Sequence[bool], non_target: str | None, has_new_lesion: bool | None
) -> Conclusion:
    """Return the overall response by RECIST 1.1 at the last visit.

    Args:
        sums_mm: sum of diameters at every visit, the baseline first; at least two.
        are_gone: whether all targets were gone at each visit.
        non_target: at the last visit; None is not assessed and named as missing.
        has_new_lesion: at the last visit; None is not assessed and named as missing.
    """
    facts = (
        *(Fact(f"sum_{place}_mm", value, MILLIMETRE) for place, value in enumerate(sums_mm)),
        Fact("nadir_mm", min(sums_mm[:-1], default=None), MILLIMETRE),
        Fact("non_target", non_target, None, "file"),
        Fact("has_new_lesion", has_new_lesion),
    )
    course = recist_course(sums_mm, are_gone)
    if missing_names(facts) or not course or non_target is None:
        return not_applied(ConclusionKind.RESPONSE, "recist-1.1", facts)
    result = recist_response(course[-1], non_target, bool(has_new_lesion))
    inputs = (*facts, Fact("target_response", course[-1]))
    key = f"overall-{result}"
    said = concluded(ConclusionKind.RESPONSE, "recist-1.1", key, inputs, rule("recist-1.1").row(key).wording())
    return replace(said, result=result)


def irecist_conclusion(response: str, was_unconfirmed: bool, weeks_since: float = 0.0) -> Conclusion:
    """Return the response by iRECIST after one by RECIST; ``iUPD`` leads to an option of imaging again."""
    result = irecist_response(response, was_unconfirmed, weeks_since)
    facts = (Fact("response", response), Fact("was_unconfirmed", was_unconfirmed), Fact("weeks_since", weeks_since))
    words = rule("irecist").row("said").wording(result=result)
    return replace(concluded(ConclusionKind.RESPONSE, "irecist", "said", facts, words), result=result)


def li_rads_conclusion(size_mm: float, features: Sequence[bool], is_at_risk: bool | None, uid: str) -> Conclusion:
    """Return the LI-RADS category of an observation, or that the table does not hold for this patient.

    Args:
        size_mm: of the observation.
        features: non-rim arterial enhancement, washout, capsule, threshold growth, in this order.
        is_at_risk: of liver cancer; None is not known, and stops the rule.
        uid: of the finding.
    """
    enhancement, washout, capsule, growth = features
    names = ("has_nonrim_enhancement", "has_washout", "has_capsule", "has_threshold_growth")
    facts = (
        Fact("size_mm", size_mm, MILLIMETRE),
        *(Fact(name, value) for name, value in zip(names, features, strict=True)),
        Fact("is_at_risk_of_liver_cancer", is_at_risk, None, "file"),
    )
    if is_at_risk is None:
        return not_applied(ConclusionKind.CATEGORY, "li-rads-2018", facts, (uid,))
    result = li_rads(size_mm, enhancement, washout, capsule, growth, is_at_risk)
    key = "said" if result else "not-at-risk"
    words = rule("li-rads-2018").row(key).wording(result=result)
    return replace(concluded(ConclusionKind.CATEGORY, "li-rads-2018", key, facts, words, (uid,)), result=result)


def bi_rads_conclusion(probability: float, uid: str) -> Conclusion:
    """Return the BI-RADS assessment that a probability suggests; the range it falls into is from memory."""
    key = bi_rads_suggestion(probability)
    words = rule("bi-rads-2025").row(key).wording()
    facts = (Fact("probability", probability, FRACTION, "model"),)
    return concluded(ConclusionKind.CATEGORY, "bi-rads-2025", key, facts, words, (uid,))


def cns_conclusion(image_class: str, probability: float, uid: str) -> Conclusion:
    """Return what the image may say of a brain tumour: a pattern, never a molecular type or a grade."""
    facts = (Fact("image_class", image_class, None, "model"), Fact("probability", probability, FRACTION, "model"))
    words = cns_wording(image_class)
    return concluded(ConclusionKind.CATEGORY, "who-cns5", f"image-{image_class}", facts, words, (uid,))


def compression_conclusion(height_mm: float, reference_height_mm: float, uid: str) -> Conclusion:
    """Return the Genant grade of a vertebra with the height it lost, and whether that counts as compression."""
    loss = vertebral_height_loss_percent(height_mm, reference_height_mm)
    grade = genant_grade(loss)
    facts = (
        Fact("height_mm", height_mm, MILLIMETRE),
        Fact("reference_height_mm", reference_height_mm, MILLIMETRE),
        Fact("height_loss_percent", round(loss, 1)),
        Fact("is_compressed", is_vertebral_compression(loss)),
    )
    key = f"grade-{grade}" if grade else "below"
    said = concluded(ConclusionKind.GRADE, "genant", key, facts, rule("genant").row(key).wording(), (uid,))
    return replace(said, result=str(grade))
