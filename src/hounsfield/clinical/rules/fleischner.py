"""Fleischner 2017 for nodules found by chance: rounding to whole millimetres, whom it holds for, its table."""

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word, round_half_up
from hounsfield.clinical.rules.malignancy import NODULE_TYPES
from hounsfield.clinical.rules.source import rule

RULE = "fleischner-2017"


def fleischner_diameter_mm(long_axis_mm: float, short_axis_mm: float) -> float:
    """Return the mean of both axes of one image, rounded to the nearest whole millimetre."""
    long_axis = checked_above(RULE, "long_axis_mm", long_axis_mm)
    return round_half_up((long_axis + checked_above(RULE, "short_axis_mm", short_axis_mm)) / 2.0)


def fleischner_exclusions(
    age_years: float | None, has_known_cancer: bool | None, is_immunosuppressed: bool | None, is_screening: bool | None
) -> tuple[str, ...]:
    """Return the rows that say why the guideline does not apply; an unknown fact excludes nobody."""
    table = rule(RULE)
    found = {
        "too-young": age_years is not None and age_years < table.number("too-young", "below_years"),
        "known-cancer": has_known_cancer is True,
        "immunosuppressed": is_immunosuppressed is True,
        "screening": is_screening is True,
    }
    return tuple(key for key, is_so in found.items() if is_so)


def fleischner_row(
    nodule_type: str, mean_diameter_mm: float, is_multiple: bool, is_high_risk: bool, solid_part_mm: float = 0.0
) -> str:
    """Return the key of the row for the most suspicious nodule.

    Args:
        nodule_type: ``solid``, ``part-solid`` or ``non-solid``.
        mean_diameter_mm: of the whole nodule; rounded here to whole millimetres.
        is_multiple: more than one nodule.
        is_high_risk: of the patient; asked of solid nodules alone.
        solid_part_mm: largest diameter of the solid part.
    """
    size = round_half_up(checked_above(RULE, "mean_diameter_mm", mean_diameter_mm))
    solid = round_half_up(checked_number(RULE, "solid_part_mm", solid_part_mm))
    kind = checked_word(RULE, "nodule_type", nodule_type, NODULE_TYPES)
    bands = rule(RULE)
    is_small = size < bands.number("band-middle", "from_mm")
    if kind == "solid":
        band = "small" if is_small else "large" if size > bands.number("band-middle", "to_mm") else "middle"
        return _solid(band, is_multiple, is_high_risk)
    if is_multiple:
        return f"sub-solid-multiple-{'small' if is_small else 'large'}"
    if is_small or kind == "non-solid":
        return f"{kind}-single-{'small' if is_small else 'large'}"
    is_suspicious = solid >= bands.number("part-solid-single-suspicious", "part_from_mm")
    return "part-solid-single-suspicious" if is_suspicious else "part-solid-single-large"


def fleischner_row_by_volume(volume_mm3: float, is_multiple: bool, is_high_risk: bool) -> str:
    """Return the row of a solid nodule by its volume: 100 and 250 mm3, no sphere equivalents of 6 and 8 mm."""
    volume = round_half_up(checked_above(RULE, "volume_mm3", volume_mm3))
    middle = rule(RULE).row("band-middle")
    is_small, is_large = volume < middle.number("from_mm3"), volume > middle.number("to_mm3")
    return _solid("small" if is_small else "large" if is_large else "middle", is_multiple, is_high_risk)


def _solid(band: str, is_multiple: bool, is_high_risk: bool) -> str:
    return f"solid-{'multiple' if is_multiple else 'single'}-{'high' if is_high_risk else 'low'}-{band}"
