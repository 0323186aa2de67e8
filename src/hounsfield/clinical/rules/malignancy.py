"""Probability that a lung nodule is malignant: Brock, Mayo, VA, Peking University, Herder; the BTS path.

Coefficients stand in ``clinical/data/rules`` with their certainty. Brock wants the longest diameter, not the mean of
two axes that Lung-RADS and Fleischner want.
"""

import math

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word
from hounsfield.clinical.rules.source import Rule, rule

NODULE_TYPES = ("solid", "part-solid", "non-solid")
UPTAKES = ("none", "faint", "moderate", "intense")


def brock(
    age_years: float,
    is_female: bool,
    has_family_history: bool,
    has_emphysema: bool,
    longest_diameter_mm: float,
    nodule_type: str,
    is_upper_lobe: bool,
    nodule_count: int,
    has_spiculation: bool,
) -> float:
    """Return the probability of malignancy by the Brock (PanCan) full model with spiculation, 2b (McWilliams 2013).

    Args:
        age_years: of the patient.
        is_female: sex.
        has_family_history: of lung cancer.
        has_emphysema: seen or known.
        longest_diameter_mm: longest diameter of the whole nodule, above 0.
        nodule_type: ``solid``, ``part-solid`` or ``non-solid``.
        is_upper_lobe: the nodule lies in an upper lobe.
        nodule_count: nodules of the examination, from 1.
        has_spiculation: of the nodule.

    Raises:
        SettingsError: ``E202`` a value is out of bounds.

    Example:
        >>> round(brock(62, True, False, False, 10, "solid", True, 1, False), 4)
        0.104
    """
    table = rule("brock-2b")
    terms = _full(table, age_years, longest_diameter_mm, nodule_type, nodule_count)
    flags = {"female": is_female, "family-history": has_family_history, "emphysema": has_emphysema}
    flags |= {"upper-lobe": is_upper_lobe, "spiculation": has_spiculation}
    return _logistic(terms + _flagged(table, flags))


def brock_without_spiculation(
    age_years: float,
    is_female: bool,
    has_family_history: bool,
    has_emphysema: bool,
    longest_diameter_mm: float,
    nodule_type: str,
    is_upper_lobe: bool,
    nodule_count: int,
) -> float:
    """Return the probability by the Brock full model without spiculation, 2a; arguments as ``brock`` has them."""
    table = rule("brock-2a")
    terms = _full(table, age_years, longest_diameter_mm, nodule_type, nodule_count)
    flags = {"female": is_female, "family-history": has_family_history, "emphysema": has_emphysema}
    return _logistic(terms + _flagged(table, {**flags, "upper-lobe": is_upper_lobe}))


def brock_parsimonious(
    is_female: bool, longest_diameter_mm: float, is_upper_lobe: bool, has_spiculation: bool
) -> float:
    """Return the probability by the Brock parsimonious model, 1b; arguments as ``brock`` has them."""
    table = rule("brock-1b")
    terms = table.number("intercept") + _size(table, longest_diameter_mm)
    flags = {"female": is_female, "upper-lobe": is_upper_lobe, "spiculation": has_spiculation}
    return _logistic(terms + _flagged(table, flags))


def mayo(
    age_years: float,
    has_smoked: bool,
    has_extrathoracic_cancer: bool,
    diameter_mm: float,
    has_spiculation: bool,
    is_upper_lobe: bool,
) -> float:
    """Return the probability by the Mayo model (Swensen 1997).

    Args:
        age_years: of the patient.
        has_smoked: ever.
        has_extrathoracic_cancer: five or more years ago.
        diameter_mm: of the nodule.
        has_spiculation: of the nodule.
        is_upper_lobe: the nodule lies in an upper lobe.
    """
    table = rule("mayo")
    flags = {"smoked": has_smoked, "extrathoracic-cancer": has_extrathoracic_cancer}
    flags |= {"spiculation": has_spiculation, "upper-lobe": is_upper_lobe}
    return _logistic(_age_and_diameter(table, age_years, diameter_mm) + _flagged(table, flags))


def va(age_years: float, has_smoked: bool, diameter_mm: float, years_since_quitting: float) -> float:
    """Return the probability by the Veterans Affairs model (Gould 2007).

    ``years_since_quitting`` is 0 for people who smoke, and for those who never did.
    """
    table = rule("va")
    quit_years = checked_number("va", "years_since_quitting", years_since_quitting, 0, 120)
    terms = table.number("years-since-quitting") * quit_years
    return _logistic(terms + _age_and_diameter(table, age_years, diameter_mm) + _flagged(table, {"smoked": has_smoked}))


def pku(
    age_years: float,
    diameter_mm: float,
    has_spiculation: bool,
    has_family_history_of_cancer: bool,
    has_calcification: bool,
    has_clear_border: bool,
) -> float:
    """Return the probability by the Peking University model (Li 2011); family history is that of any cancer."""
    table = rule("pku")
    flags = {"spiculation": has_spiculation, "family-cancer": has_family_history_of_cancer}
    flags |= {"calcification": has_calcification, "clear-border": has_clear_border}
    return _logistic(_age_and_diameter(table, age_years, diameter_mm) + _flagged(table, flags))


def herder(mayo_probability: float, uptake: str) -> float:
    """Return the probability after PET by the Herder model.

    Args:
        mayo_probability: from the Mayo model, 0 to 1.
        uptake: of FDG: ``none``, ``faint``, ``moderate`` or ``intense``.
    """
    table = rule("herder")
    before = checked_number("herder", "mayo_probability", mayo_probability, 0, 1)
    step = table.number(checked_word("herder", "uptake", uptake, UPTAKES))
    return _logistic(table.number("intercept") + table.number("mayo-probability") * before + step)


def bts_step(brock_probability: float, herder_probability: float | None = None) -> str:
    """Return the row of the BTS path that the probabilities lead to.

    Args:
        brock_probability: 0 to 1.
        herder_probability: 0 to 1 after PET-CT; None where there was none.
    """
    table = rule("bts-nodule")
    before = checked_number(table.name, "brock_probability", brock_probability, 0, 1)
    if before < table.number("surveil-after-brock", "brock_below_fraction"):
        return "surveil-after-brock"
    if herder_probability is None:
        return "pet-ct"
    after = checked_number(table.name, "herder_probability", herder_probability, 0, 1)
    if after < table.number("surveil-after-herder", "herder_below_fraction"):
        return "surveil-after-herder"
    return "resect" if after > table.number("resect", "herder_above_fraction") else "biopsy-or-resect"


def _full(table: Rule, age_years: float, longest_diameter_mm: float, nodule_type: str, nodule_count: int) -> float:
    """Return what intercept, age, size, type and count add to the log-odds of a full Brock model."""
    age, count = table.row("age"), table.row("nodule-count")
    years = checked_number(table.name, "age_years", age_years, 0, 130) - age.number("centre")
    nodules = checked_number(table.name, "nodule_count", nodule_count, 1) - count.number("centre")
    kind = table.number(checked_word(table.name, "nodule_type", nodule_type, NODULE_TYPES))
    centred = age.number("value") * years + count.number("value") * nodules
    return table.number("intercept") + centred + _size(table, longest_diameter_mm) + kind


def _size(table: Rule, longest_diameter_mm: float) -> float:
    size = table.row("size")
    diameter = checked_above(table.name, "longest_diameter_mm", longest_diameter_mm)
    return size.number("value") * (1.0 / math.sqrt(diameter / 10.0) - size.number("centre"))


def _age_and_diameter(table: Rule, age_years: float, diameter_mm: float) -> float:
    years = checked_number(table.name, "age_years", age_years, 0, 130)
    diameter = checked_above(table.name, "diameter_mm", diameter_mm)
    return table.number("intercept") + table.number("age") * years + table.number("diameter") * diameter


def _flagged(table: Rule, flags: dict[str, bool]) -> float:
    return sum(table.number(key) for key, is_there in flags.items() if is_there)


def _logistic(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
