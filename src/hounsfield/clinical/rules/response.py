"""Response of tumours to treatment: RECIST 1.1, and what iRECIST, mRECIST and RANO change of it."""

from collections import Counter
from collections.abc import Sequence

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word
from hounsfield.clinical.rules.source import rule

RULE = "recist-1.1"
RESPONSES = ("CR", "PR", "SD", "PD", "NE")
"""Complete response, partial response, stable disease, progressive disease, not evaluable."""
NON_TARGET = ("CR", "non-CR/non-PD", "PD", "NE", "none")


def is_measurable(longest_diameter_mm: float, slice_thickness_mm: float = 5.0, is_radiograph: bool = False) -> bool:
    """Tell whether a lesion that is no lymph node can be measured.

    From 10 mm in slices of 5 mm or less, else from twice the slice thickness; from 20 mm on a chest radiograph.
    """
    table = rule(RULE)
    size = checked_number(RULE, "longest_diameter_mm", longest_diameter_mm)
    if is_radiograph:
        return size >= table.number("measurable-radiograph", "from_mm")
    thickness = checked_above(RULE, "slice_thickness_mm", slice_thickness_mm)
    is_thin = thickness <= table.number("measurable", "slice_to_mm")
    return size >= (table.number("measurable", "from_mm") if is_thin else 2.0 * thickness)


def recist_node(short_axis_mm: float) -> str:
    """Return what a lymph node can be by its short axis: ``target``, ``non-target`` or ``normal``."""
    size = checked_number(RULE, "short_axis_mm", short_axis_mm)
    if size >= rule(RULE).number("node-target", "from_mm"):
        return "target"
    return "non-target" if size >= rule(RULE).number("node-non-target", "from_mm") else "normal"


def recist_targets(
    diameters_mm: Sequence[float], organs: Sequence[str], are_nodes: Sequence[bool], slice_thickness_mm: float = 5.0
) -> tuple[int, ...]:
    """Return which lesions become targets: the largest that can be measured, at most 5, and 2 of an organ.

    Which lesions are most suited is for the reader; this is a proposal by size alone.

    Args:
        diameters_mm: longest diameters, of lymph nodes the short axis.
        organs: of each lesion; all lymph nodes are one organ.
        are_nodes: whether each is a lymph node.
        slice_thickness_mm: of the images.

    Returns:
        Places in the lists, the largest first.

    Raises:
        ValueError: the lists differ in length.
    """
    lesions = list(zip(range(len(diameters_mm)), diameters_mm, organs, are_nodes, strict=True))
    table = rule(RULE)
    most, most_of_organ = table.number("targets", "most"), table.number("targets", "most_of_organ")
    taken: list[int] = []
    counts: Counter[str] = Counter()
    for place, size, organ, is_node in sorted(lesions, key=lambda lesion: -lesion[1]):
        is_fit = recist_node(size) == "target" if is_node else is_measurable(size, slice_thickness_mm)
        group = "lymph node" if is_node else organ
        if is_fit and len(taken) < most and counts[group] < most_of_organ:
            taken.append(place)
            counts[group] += 1
    return tuple(taken)


def sum_of_diameters_mm(diameters_mm: Sequence[float | None]) -> float:
    """Return the sum of diameters of the targets; None is there but too small to measure and counts 5 mm, 0 is gone."""
    default = rule(RULE).number("too-small", "value_mm")
    return sum(default if size is None else checked_number(RULE, "diameter_mm", size) for size in diameters_mm)


def are_targets_gone(diameters_mm: Sequence[float | None], are_nodes: Sequence[bool]) -> bool:
    """Tell whether every target is gone and every node is below 10 mm; the sum need not be 0."""
    limit = rule(RULE).number("node-non-target", "from_mm")
    pairs = zip(diameters_mm, are_nodes, strict=True)
    return all((size or 0.0 if size is not None else 5.0) < limit if is_node else size == 0 for size, is_node in pairs)


def recist_target_response(baseline_mm: float, nadir_mm: float, current_mm: float, are_all_gone: bool = False) -> str:
    """Return the response of the targets: ``CR``, ``PR``, ``SD`` or ``PD``.

    Args:
        baseline_mm: sum of diameters at baseline.
        nadir_mm: smallest sum so far, the baseline included.
        current_mm: sum now.
        are_all_gone: from ``are_targets_gone``.
    """
    return _target(RULE, (baseline_mm, nadir_mm, current_mm), are_all_gone)


def mrecist_target_response(baseline_mm: float, nadir_mm: float, current_mm: float, is_all_gone: bool = False) -> str:
    """Return the response by mRECIST: as RECIST, with sums of the diameters of what enhances in the arterial phase."""
    return _target("mrecist", (baseline_mm, nadir_mm, current_mm), is_all_gone)


def rano_target_response(baseline_mm2: float, nadir_mm2: float, current_mm2: float, is_all_gone: bool = False) -> str:
    """Return the response by RANO, of sums of products of two perpendicular diameters."""
    return _target("rano", (baseline_mm2, nadir_mm2, current_mm2), is_all_gone)


def recist_course(sums_mm: Sequence[float], are_gone: Sequence[bool]) -> tuple[str, ...]:
    """Return the response of the targets at every visit after the first, which is the baseline."""
    nadirs = [min(sums_mm[: place + 1]) for place in range(len(sums_mm))]
    later = zip(sums_mm[1:], nadirs, list(are_gone)[1:], strict=False)
    return tuple(recist_target_response(sums_mm[0], nadir, now, gone) for now, nadir, gone in later)


def recist_response(target: str, non_target: str, has_new_lesion: bool) -> str:
    """Return the overall response of a visit.

    Args:
        target: ``CR``, ``PR``, ``SD``, ``PD`` or ``NE``.
        non_target: ``CR``, ``non-CR/non-PD``, ``PD`` (unequivocal), ``NE``, or ``none`` where there are none.
        has_new_lesion: any.
    """
    checked_word(RULE, "target", target, RESPONSES)
    checked_word(RULE, "non_target", non_target, NON_TARGET)
    if has_new_lesion or "PD" in (target, non_target):
        return "PD"
    if target == "CR":
        return "CR" if non_target in ("CR", "none") else "PR"
    return target


def irecist_response(response: str, was_unconfirmed: bool, weeks_since: float = 0.0) -> str:
    """Return the response by iRECIST: progression is unconfirmed until it is seen again 4 to 8 weeks later.

    Args:
        response: overall, by RECIST.
        was_unconfirmed: the visit before was ``iUPD``.
        weeks_since: since that visit.
    """
    checked_word("irecist", "response", response, RESPONSES)
    window = rule("irecist").row("confirmation")
    weeks = checked_number("irecist", "weeks_since", weeks_since)
    if response != "PD":
        return f"i{response}"
    is_in_time = window.number("from_weeks") <= weeks <= window.number("to_weeks")
    return "iCPD" if was_unconfirmed and is_in_time else "iUPD"


def _target(name: str, sums: tuple[float, float, float], are_all_gone: bool) -> str:
    table = rule(name)
    baseline, nadir, current = (
        checked_number(name, key, value) for key, value in zip(("baseline", "nadir", "current"), sums, strict=True)
    )
    checked_above(name, "baseline", baseline)
    checked_number(name, "nadir", nadir, 0, baseline)
    if are_all_gone:
        return "CR"
    growth, least = current - nadir, table.row("PD").values.get("least_growth") or 0.0
    if growth * 100.0 >= table.number("PD", "growth_percent") * nadir - 1e-9 and growth >= float(least) and growth > 0:
        return "PD"
    is_smaller = (baseline - current) * 100.0 >= table.number("PR", "shrinkage_percent") * baseline - 1e-9
    return "PR" if is_smaller else "SD"
