"""Lung-RADS v2022: rounding to 0.1 mm, the size bands, what is no matter of size, and the stepped follow-up.

Rounding comes before comparing: 5.96 mm is 6.0 mm and category 3. That order is our reading of "report to one decimal".
"""

from collections.abc import Sequence

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word, round_half_up
from hounsfield.clinical.rules.malignancy import NODULE_TYPES
from hounsfield.clinical.rules.source import Row, rule

RULE = "lung-rads-2022"
CATEGORIES = ("0", "1", "2", "3", "4A", "4B", "4X")
"""From the least suspicious to the most; 0, which is incomplete, stands outside the order."""
STATES = ("baseline", "new", "growing")
OTHERS = ("airway-subsegmental", "airway-segmental", "cyst", "benign")


def lung_rads_diameter_mm(long_axis_mm: float, short_axis_mm: float) -> float:
    """Return the mean diameter: each axis to 0.1 mm, and their mean to 0.1 mm."""
    axes = [
        round_half_up(checked_above(RULE, name, value), 1)
        for name, value in (("long_axis_mm", long_axis_mm), ("short_axis_mm", short_axis_mm))
    ]
    return round_half_up(round_half_up(sum(axes), 1) / 2.0, 1)


def lung_rads_state(previous_mean_mm: float, mean_mm: float, months: float) -> str:
    """Return ``growing``, ``slow-growing`` or ``stable`` between two mean diameters.

    Growing is more than 1.5 mm within 12 months; more than 1.5 mm over a longer time, and not more than 1.5 mm for each
    12 months of it, is slow. Smaller counts as stable.
    """
    grown = round_half_up(
        checked_above(RULE, "mean_mm", mean_mm) - checked_above(RULE, "previous_mean_mm", previous_mean_mm), 3
    )
    years = max(checked_above(RULE, "months", months) / 12.0, 1.0)
    least = rule(RULE).number("growth", "above_mm")
    if grown <= least:
        return "stable"
    return "growing" if grown / years > least else "slow-growing"


def lung_rads_by_size(
    nodule_type: str, state: str, mean_diameter_mm: float, solid_part_mm: float = 0.0, is_solid_part_new: bool = True
) -> str:
    """Return the key of the row that a nodule's size leads to.

    Args:
        nodule_type: ``solid``, ``part-solid`` or ``non-solid``.
        state: ``baseline``, ``new`` or ``growing``.
        mean_diameter_mm: of the whole nodule; rounded here to 0.1 mm.
        solid_part_mm: mean diameter of the solid part, 0 where there is none.
        is_solid_part_new: a part-solid nodule that grows does so in its solid part, or this part is new. Otherwise the
            bands of first detection count again.

    Raises:
        SettingsError: ``E202`` a value is out of bounds.
    """
    checked_word(RULE, "nodule_type", nodule_type, NODULE_TYPES)
    checked_word(RULE, "state", state, STATES)
    whole = round_half_up(checked_above(RULE, "mean_diameter_mm", mean_diameter_mm), 1)
    solid = round_half_up(checked_number(RULE, "solid_part_mm", solid_part_mm, 0, whole), 1)
    if nodule_type == "part-solid" and state == "growing" and not is_solid_part_new:
        state = "baseline"
    for row in rule(RULE).rows:
        is_meant = row.text("type") == nodule_type and state in row.text("states").split()
        if is_meant and _holds(row, "whole", whole) and _holds(row, "part", solid):
            return row.key
    raise KeyError(f"{RULE}: {nodule_type} {state} {whole} {solid}")


def has_risen_band(
    nodule_type: str,
    previous_mean_mm: float,
    mean_mm: float,
    previous_solid_part_mm: float = 0.0,
    solid_part_mm: float = 0.0,
) -> bool:
    """Tell whether a nodule came into a higher size band of first detection, even where it grew by 1.5 mm or less.

    The bands of first detection (``baseline``) then count again.
    """
    before = lung_rads_by_size(nodule_type, "baseline", previous_mean_mm, previous_solid_part_mm)
    now = lung_rads_by_size(nodule_type, "baseline", mean_mm, solid_part_mm)
    return CATEGORIES.index(lung_rads_category(now)) > CATEGORIES.index(lung_rads_category(before))


def lung_rads_by_volume(nodule_type: str, state: str, volume_mm3: float) -> str:
    """Return the row of a solid or non-solid nodule by its volume, to the nearest mm3."""
    checked_word(RULE, "nodule_type", nodule_type, ("solid", "non-solid"))
    checked_word(RULE, "state", state, STATES)
    volume = round_half_up(checked_above(RULE, "volume_mm3", volume_mm3))
    for row in rule(RULE).rows:
        is_meant = row.text("type") == nodule_type and state in row.text("states").split()
        if is_meant and _holds(row, "volume", volume):
            return row.key
    raise KeyError(f"{RULE}: {nodule_type} {state} {volume}")


def lung_rads_by_kind(kind: str, state: str) -> str:
    """Return the row of an airway nodule, an atypical cyst or a benign pattern; empty where the rule does not score it.

    Args:
        kind: ``airway-subsegmental``, ``airway-segmental`` (segmental or more proximal), ``cyst`` or ``benign``.
        state: for an airway nodule ``baseline``, ``new``, ``stable`` or ``growing``; for a cyst such as
            ``thick-walled``; for a benign pattern anything.
    """
    checked_word(RULE, "kind", kind, OTHERS)
    for row in rule(RULE).rows:
        if row.text("kind") == kind and (kind == "benign" or state in row.text("states").split()):
            return row.key
    return ""


def is_lung_rads_juxtapleural(
    mean_diameter_mm: float, is_solid: bool, is_smooth: bool, has_typical_shape: bool
) -> bool:
    """Tell whether a nodule at the pleura is category 2: below 10 mm, solid, smooth, oval, lentiform or triangular."""
    mean = round_half_up(checked_above(RULE, "mean_diameter_mm", mean_diameter_mm), 1)
    is_small = mean < rule(RULE).number("juxtapleural", "whole_below")
    return is_small and is_solid and is_smooth and has_typical_shape


def lung_rads_category(key: str, has_suspicious_features: bool = False) -> str:
    """Return the category of a row; 3 and 4 with features that raise suspicion become 4X."""
    category = rule(RULE).row(key).text("category")
    return "4X" if has_suspicious_features and category in ("3", "4A", "4B") else category


def lung_rads_after_follow_up(previous_category: str, months: float, is_airway: bool = False) -> str:
    """Return the category of a nodule that is stable or smaller at its follow-up (stepped management).

    A 3 becomes 2 at 6 months, a 4A becomes 3 at 3 months; a 4A nodule of an airway that is still there becomes 4B. A
    category that has no step, or whose time has not come, stays.
    """
    checked_word(RULE, "previous_category", previous_category, CATEGORIES)
    passed = checked_number(RULE, "months", months)
    for row in rule(RULE).rows:
        if row.text("step_from") == previous_category and (row.text("kind") == "airway-segmental") is is_airway:
            return row.text("category") if passed >= row.number("step_months") else previous_category
    return previous_category


def lung_rads_exam(categories: Sequence[str], is_incomplete: bool = False, has_other_finding: bool = False) -> str:
    """Return the category of an examination: that of its most suspicious nodule, 1 without any, 0 where incomplete.

    Args:
        categories: of its nodules.
        is_incomplete: a prior is being located, the lungs cannot be evaluated in full, or an infection is suspected.
        has_other_finding: significant and unrelated to lung cancer; adds the modifier S.
    """
    known = [checked_word(RULE, "category", one, CATEGORIES) for one in categories]
    worst = "0" if is_incomplete else max(known, key=CATEGORIES.index, default="1")
    return worst + ("S" if has_other_finding else "")


def is_positive_screen(category: str) -> bool:
    """Tell whether a category is a positive screen: 3 or 4."""
    return category.removesuffix("S")[:1] in ("3", "4")


def lung_rads_suspects_infection(
    has_consolidation: bool, new_nodule_count: int, new_solid_mm: float, is_immunosuppressed: bool
) -> bool:
    """Tell whether an infection is suspected, so that category 0 applies.

    Consolidation, more than 6 new nodules, a solid nodule of 8 mm or more that came in a short interval, or new nodules
    in immunosuppression.

    Args:
        has_consolidation: segmental or lobar.
        new_nodule_count: nodules that are new.
        new_solid_mm: mean diameter of the largest solid nodule that is new in a short interval, 0 without any.
        is_immunosuppressed: the patient.
    """
    table = rule(RULE)
    count = checked_number(RULE, "new_nodule_count", new_nodule_count)
    size = round_half_up(checked_number(RULE, "new_solid_mm", new_solid_mm), 1)
    many = count > table.number("infection-many", "above_count")
    large = size >= table.number("infection-large", "from_mm")
    return has_consolidation or many or large or (is_immunosuppressed and count > 0)


def _holds(row: Row, part: str, size: float) -> bool:
    low, below = row.values.get(f"{part}_from"), row.values.get(f"{part}_below")
    return (low is None or size >= row.number(f"{part}_from")) and (below is None or size < row.number(f"{part}_below"))
