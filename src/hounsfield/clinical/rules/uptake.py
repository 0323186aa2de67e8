"""Metabolic response on PET by PERCIST 1.0: the hottest lesion's SULpeak now and at baseline."""

from hounsfield.clinical.rules.checked import checked_above, checked_number
from hounsfield.clinical.rules.concluding import concluded, missing_names, not_applied
from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact
from hounsfield.core.quantities import Unit

RULE = "percist-1.0"
SUL = Unit("g/ml{SUVlbm}", "Standardized Uptake Value lean body mass")


def percist_threshold(liver_mean: float, liver_deviation: float) -> float:
    """Return the SULpeak from which a lesion can be measured at baseline: 1.5 x liver mean + 2 x its deviation."""
    row = rule(RULE).row("liver")
    mean = checked_above(RULE, "liver_mean", liver_mean)
    deviation = checked_number(RULE, "liver_deviation", liver_deviation)
    return row.number("times_mean") * mean + row.number("deviations") * deviation


def percist_response(baseline_peak: float, current_peak: float, is_resolved: bool, has_new_lesion: bool) -> str:
    """Return ``CMR``, ``PMR``, ``SMD`` or ``PMD``.

    Args:
        baseline_peak: SULpeak of the hottest lesion at baseline.
        current_peak: SULpeak of the hottest lesion now, which may be another one.
        is_resolved: every lesion is below the liver and like what lies around it.
        has_new_lesion: any that is typical of the tumour.
    """
    before = checked_above(RULE, "baseline_peak", baseline_peak)
    now = checked_number(RULE, "current_peak", current_peak)
    table = rule(RULE)
    if has_new_lesion:
        return "PMD"
    if is_resolved:
        return "CMR"
    change = now - before
    if change * 100.0 >= table.number("PMD", "growth_percent") * before - 1e-9 and change >= (
        table.number("PMD", "least_growth") - 1e-9
    ):
        return "PMD"
    if -change * 100.0 >= table.number("PMR", "shrinkage_percent") * before - 1e-9 and -change >= (
        table.number("PMR", "least_shrinkage") - 1e-9
    ):
        return "PMR"
    return "SMD"


def percist_conclusion(
    baseline_peak: float | None, current_peak: float | None, is_resolved: bool | None, has_new_lesion: bool | None
) -> Conclusion:
    """Return the metabolic response; what is not known is named as missing, and the rule is then not applied."""
    facts = (
        Fact("baseline_sul_peak", baseline_peak, SUL, "file"),
        Fact("current_sul_peak", current_peak, SUL),
        Fact("is_resolved", is_resolved),
        Fact("has_new_lesion", has_new_lesion, None, "file"),
    )
    if missing_names(facts) or baseline_peak is None or current_peak is None:
        return not_applied(ConclusionKind.RESPONSE, RULE, facts)
    key = percist_response(baseline_peak, current_peak, bool(is_resolved), bool(has_new_lesion))
    return concluded(ConclusionKind.RESPONSE, RULE, key, facts, rule(RULE).row(key).wording())
