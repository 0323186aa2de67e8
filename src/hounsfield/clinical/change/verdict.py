"""Verdict: what became of a lesion, with the rule for reporting growth and its doubling time."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hounsfield.clinical.change.lesion import Examination, Lesion, days_between
from hounsfield.clinical.change.match import DEFAULT_MATCHING, Matching, Pair, Transform, match
from hounsfield.clinical.rules.growth import (
    RULE,
    doubling_time_band,
    doubling_time_interval_days,
    is_reportable_growth,
)
from hounsfield.clinical.rules.source import rule
from hounsfield.core.codes import concept
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.finding import Measurement
from hounsfield.core.prediction import Interval
from hounsfield.core.quantities import CUBIC_MILLIMETRE, DAY
from hounsfield.messages import sentence

VOLUME_ERROR_FRACTION = 0.1
"""Relative standard deviation of one volume that the interval of a doubling time is worked out with; set here: the 25 %
that a growth must reach is about 1.96 sqrt(2) times it."""


class Fate(StrEnum):
    """What became of a lesion."""

    NEW = "new"
    GROWN = "grown"
    STABLE = "stable"
    SHRUNK = "shrunk"
    GONE = "gone"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True)
class Change:
    """A lesion over two examinations.

    Attributes:
        pair: the lesions that were matched.
        fate: what became of it; *not compared* where the other examination does not show the place.
        volume_change_percent: of the earlier volume; None without both.
        days: between the examinations; None where a date is not known.
        conclusions: what rules say about it.
    """

    pair: Pair
    fate: Fate
    volume_change_percent: float | None
    days: int | None
    conclusions: tuple[Conclusion, ...]


def compare(
    earlier: Examination,
    later: Examination,
    to_later: Transform | None = None,
    to_earlier: Transform | None = None,
    how: Matching = DEFAULT_MATCHING,
) -> tuple[Change, ...]:
    """Compare the lesions of two examinations of one patient.

    Args:
        earlier: the prior.
        later: the current examination.
        to_later: from (n, 3) points in the earlier patient frame to the later; None where the frames are one.
        to_earlier: the other way.
        how: limits and charges of the matching.

    Raises:
        ImageError: ``E230``, the later examination was made before the earlier one.
    """
    days = days_between(earlier, later)
    changes = []
    for pair in match(earlier.lesions, later.lesions, to_later, how):
        if pair.earlier is not None and pair.later is not None:
            changes.append(_both(pair, pair.earlier, pair.later, days, _doubts(earlier, later)))
        elif pair.earlier is not None:
            is_shown = _is_shown(later, pair.earlier, to_later)
            changes.append(_alone(pair, pair.earlier, Fate.GONE if is_shown else Fate.NOT_COMPARED, days))
        elif pair.later is not None:
            is_shown = _is_shown(earlier, pair.later, to_earlier)
            changes.append(_alone(pair, pair.later, Fate.NEW if is_shown else Fate.NOT_COMPARED, days))
    return tuple(changes)


def fate_of(earlier_mm3: float, later_mm3: float) -> Fate:
    """Return what a change of volume is called: grown or shrunk where it exceeds the error of measurement.

    Shrinking is told as growing is, from the later to the earlier volume, so that the two are each other's mirror.
    """
    if is_reportable_growth(earlier_mm3, later_mm3):
        return Fate.GROWN
    return Fate.SHRUNK if later_mm3 <= 0 or is_reportable_growth(later_mm3, earlier_mm3) else Fate.STABLE


def _doubts(earlier: Examination, later: Examination) -> tuple[str, ...]:
    """Return what a doubling time wants and these examinations do not give: the same kernel, software, thin slices."""
    thickest = rule(RULE).number("thickest-slice", "value_mm")
    doubts = []
    if max(item.geometry.slice_spacing_mm for item in (earlier, later)) > thickest + 1e-6:
        doubts.append("thin_slices")
    if not earlier.kernel or earlier.kernel != later.kernel:
        doubts.append("same_kernel")
    if not earlier.software or earlier.software != later.software:
        doubts.append("same_software")
    return tuple(doubts)


def _is_shown(examination: Examination, lesion: Lesion, transform: Transform | None) -> bool:
    """Tell whether an examination shows the place of a lesion, its whole radius within the volume."""
    point = np.array([lesion.centre_mm], np.float64)
    point = point if transform is None else transform(point)
    return bool(examination.shows(point, lesion.radius_mm)[0])


def _both(pair: Pair, earlier: Lesion, later: Lesion, days: int | None, doubts: tuple[str, ...]) -> Change:
    percent = 100.0 * (later.volume_mm3 - earlier.volume_mm3) / earlier.volume_mm3
    fate = fate_of(earlier.volume_mm3, later.volume_mm3)
    said = [_change(fate, later.tracking_uid, earlier, later, percent)]
    if fate is Fate.GROWN:
        said.append(_doubling(earlier, later, days, doubts))
    return Change(pair, fate, percent, days, tuple(said))


def _alone(pair: Pair, lesion: Lesion, fate: Fate, days: int | None) -> Change:
    is_earlier = pair.earlier is not None
    conclusion = _change(
        fate, lesion.tracking_uid, lesion if is_earlier else None, None if is_earlier else lesion, None
    )
    return Change(pair, fate, None, days, (conclusion,))


def _change(fate: Fate, uid: str, earlier: Lesion | None, later: Lesion | None, percent: float | None) -> Conclusion:
    key = f"ui.change-{fate.value.replace(' ', '-')}"
    facts = {"percent": "" if percent is None else f"{percent:+.0f}"}
    return Conclusion(
        kind=ConclusionKind.CHANGE,
        rule=rule(RULE).source("reportable-growth"),
        result=fate.value,
        wording=Wording(sentence(key, facts, "en"), sentence(key, facts, "zh")),
        inputs=_volumes(earlier, later),
        tracking_uids=(uid,),
    )


def _volumes(earlier: Lesion | None, later: Lesion | None) -> tuple[Fact, ...]:
    facts = []
    if earlier is not None:
        facts.append(Fact("first_volume_mm3", earlier.volume_mm3, CUBIC_MILLIMETRE, "prior"))
    if later is not None:
        facts.append(Fact("second_volume_mm3", later.volume_mm3, CUBIC_MILLIMETRE))
    return tuple(facts)


def _doubling(earlier: Lesion, later: Lesion, days: int | None, doubts: tuple[str, ...]) -> Conclusion:
    """Return the doubling time with its interval, or which fact forbids it."""
    table = rule(RULE)
    found = None if days is None else doubling_time_interval_days(
        earlier.volume_mm3, later.volume_mm3, days, VOLUME_ERROR_FRACTION
    )  # fmt: skip
    inputs = (*_volumes(earlier, later), Fact("interval_days", days, DAY, "DICOM"),
              Fact("volume_error_fraction", VOLUME_ERROR_FRACTION, origin="assumed"))  # fmt: skip
    if later.nodule_type:
        inputs = (*inputs, Fact("nodule_type", later.nodule_type))
    missing = (*(("interval_days",) if days is None else ()), *doubts)
    wording, band = table.row("not-computable").wording(), ""
    if found is not None:
        wording = _doubling_words(found)
        band = doubling_time_band(found.value, later.nodule_type) if later.nodule_type else ""
    if band:
        wording = Wording(f"{wording.en} {table.row(band).en}", f"{wording.zh}{table.row(band).zh}")
    return Conclusion(
        kind=ConclusionKind.CHANGE,
        rule=table.source(*((band,) if band else ())),
        result="" if found is None else f"{found.value:.0f}",
        wording=wording,
        inputs=inputs,
        missing=missing,
        measurement=_measured(found),
        tracking_uids=(later.tracking_uid,),
    )


def _doubling_words(found: Interval) -> Wording:
    high = dict.fromkeys(("en", "zh"), f"{found.high:.0f}")
    if math.isinf(found.high):
        high = {
            "en": sentence("ui.change-no-upper-limit", None, "en"),
            "zh": sentence("ui.change-no-upper-limit", None, "zh"),
        }
    row = rule(RULE).row("doubling-time")
    words = {
        tongue: template.format(days=f"{found.value:.0f}", low=f"{found.low:.0f}", high=high[tongue])
        for tongue, template in (("en", row.en), ("zh", row.zh))
    }
    return Wording(words["en"], words["zh"])


def _measured(found: Interval | None) -> Measurement | None:
    """Return the doubling time as a measurement; an interval without an upper end stands in the words alone."""
    if found is None:
        return None
    return Measurement(concept("doubling-time"), found.value, DAY, None if math.isinf(found.high) else found)
