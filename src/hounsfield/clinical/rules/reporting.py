"""Reporting systems of tumours: LI-RADS, PI-RADS, BI-RADS as a suggestion, and words for brain tumours."""

import re

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word
from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import Wording

LIRADS, PIRADS, BIRADS, CNS = "li-rads-2018", "pi-rads-2.1", "bi-rads-2025", "who-cns5"


def li_rads(
    size_mm: float,
    has_nonrim_enhancement: bool,
    has_washout: bool,
    has_capsule: bool,
    has_threshold_growth: bool,
    is_at_risk: bool,
) -> str:
    """Return ``LR-3``, ``LR-4`` or ``LR-5`` of an observation by the CT/MRI table of v2018; empty where not at risk.

    What is benign (LR-1, LR-2), targetoid (LR-M), in a vein (LR-TIV) or cannot be categorised (LR-NC) is for the reader
    to say first. With gadoxetate, washout counts in the portal phase alone.

    Args:
        size_mm: of the observation.
        has_nonrim_enhancement: non-rim arterial phase hyperenhancement.
        has_washout: non-peripheral.
        has_capsule: enhancing.
        has_threshold_growth: from ``has_threshold_growth``.
        is_at_risk: an adult at risk of hepatocellular carcinoma; the table holds for nobody else.
    """
    size = checked_above(LIRADS, "size_mm", size_mm)
    if not is_at_risk:
        return ""
    count = sum((has_washout, has_capsule, has_threshold_growth))
    if has_nonrim_enhancement:
        column = "aphe-small" if size < 10 else "aphe-middle" if size < 20 else "aphe-large"
    else:
        column = "no-aphe-small" if size < 20 else "no-aphe-large"
    found = rule(LIRADS).row(f"features-{min(count, 2)}").text(column)
    if column == "aphe-middle" and count == 1:
        return rule(LIRADS).row("features-1-capsule-alone").text(column) if has_capsule else found
    return found


def has_threshold_growth(previous_mm: float, current_mm: float, days: float) -> bool:
    """Tell whether growth reaches the threshold of LI-RADS: 50 % or more of size in 6 months (183 days) or less."""
    before = checked_above(LIRADS, "previous_mm", previous_mm)
    limit = rule(LIRADS).row("threshold-growth")
    growth = (checked_above(LIRADS, "current_mm", current_mm) - before) * 100.0
    is_in_time = checked_above(LIRADS, "days", days) <= limit.number("to_days")
    return is_in_time and growth >= limit.number("from_percent") * before - 1e-9


def li_rads_with_ancillary(category: str, step: int) -> str:
    """Return a category moved by ancillary features, by one at most, and never up to LR-5."""
    order = ("LR-1", "LR-2", "LR-3", "LR-4", "LR-5")
    place = order.index(checked_word(LIRADS, "category", category, order))
    moved = int(checked_number(LIRADS, "step + 1", step + 1, 0, 2)) - 1 + place
    return category if moved == 4 and place < 4 else order[max(0, min(moved, 4))]


def pi_rads_peripheral(dwi: int, is_dce_positive: bool) -> int:
    """Return the PI-RADS v2.1 category of the peripheral zone: that of DWI, and 4 for a 3 that enhances early."""
    score = int(checked_number(PIRADS, "dwi", dwi, 1, 5))
    return int(rule(PIRADS).number("peripheral-dce", "category")) if score == 3 and is_dce_positive else score


def pi_rads_transition(t2w: int, dwi: int) -> int:
    """Return the PI-RADS v2.1 category of the transition zone: that of T2W, raised by DWI.

    2 becomes 3 with DWI of 4 or 5, and 3 becomes 4 with DWI of 5 alone: a public page says 4 or 5 there, and is wrong.
    """
    score = int(checked_number(PIRADS, "t2w", t2w, 1, 5))
    other = int(checked_number(PIRADS, "dwi", dwi, 1, 5))
    for key in ("transition-2", "transition-3"):
        row = rule(PIRADS).row(key)
        if score == row.number("t2w") and other >= row.number("dwi_from"):
            return int(row.number("category"))
    return score


def is_pi_rads_five(size_mm: float, has_extension: bool) -> bool:
    """Tell whether a marked lesion is 5 and not 4: 15 mm or more, or beyond the prostate."""
    return has_extension or checked_above(PIRADS, "size_mm", size_mm) >= rule(PIRADS).number("five", "from_mm")


def prostate_volume_ml(anteroposterior_mm: float, craniocaudal_mm: float, transverse_mm: float) -> float:
    """Return the volume of a prostate as an ellipsoid, AP x CC x TR x 0.52, in millilitres."""
    lengths = {"anteroposterior_mm": anteroposterior_mm, "craniocaudal_mm": craniocaudal_mm}
    product = rule(PIRADS).number("volume", "factor")
    for name, value in {**lengths, "transverse_mm": transverse_mm}.items():
        product *= checked_above(PIRADS, name, value)
    return product / 1000.0


def bi_rads_suggestion(probability: float) -> str:
    """Return the BI-RADS assessment whose range of malignancy holds a probability: ``3``, ``4A`` to ``4C`` or ``5``.

    It is a suggestion. No probability leads to 0, 1, 2 or 6: those need a complete examination, or a biopsy.
    """
    percent = checked_number(BIRADS, "probability", probability, 0, 1) * 100.0
    for key in ("3", "4A", "4B"):
        if percent <= rule(BIRADS).number(key, "to_percent") + 1e-9:
            return key
    return "4C" if percent < rule(BIRADS).number("5", "from_percent") - 1e-9 else "5"


def cns_wording(image_class: str) -> Wording:
    """Return what a report may say of a class of an image model: a pattern, never a molecular type or a grade.

    Raises:
        SettingsError: ``E202`` no wording is allowed for this class.
    """
    table = rule(CNS)
    classes = [row.key.removeprefix("image-") for row in table.rows if row.key.startswith("image-")]
    return table.row(f"image-{checked_word(CNS, 'image_class', image_class, classes)}").wording()


def unsupported_cns_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that no image can support, or that WHO CNS5 retired, in the order of the table."""
    words = [row.text("word") for row in rule(CNS).rows if "word" in row.values]
    return tuple(word for word in words if re.search(re.escape(word), text, re.IGNORECASE))
