"""What a report says in sentences, in English and Simplified Chinese, from the findings alone.

The sentences are templates of the message catalogue. None of them says that an image is without disease: a class that
is absent was not seen by this model at this operating point, and that is what is written.
"""

from collections.abc import Callable

from hounsfield.core.finding import Finding, Laterality, Measurement, Presence, QualitativeEvaluation
from hounsfield.core.prediction import Interval, OperatingPoint
from hounsfield.core.report import Report, Status
from hounsfield.messages import Language, sentence

Sentence = Callable[[Language], str]

_SMALLEST = 0.0005


def disclaimer(language: Language = "en") -> str:
    """Return the sentence that stands on every document."""
    return sentence("ui.report-disclaimer", None, language)


def presence_text(presence: Presence, language: Language = "en") -> str:
    """Return a presence in words."""
    return sentence(f"ui.presence-{presence.value.replace(' ', '-')}", None, language)


def site_text(finding: Finding, language: Language = "en") -> str:
    """Return the site with its side."""
    site = finding.site.text(language)
    if finding.laterality is Laterality.NONE:
        return site
    side = sentence(f"ui.laterality-{finding.laterality.value}", None, language)
    return sentence("ui.report-site-with-side", {"site": site, "side": side}, language)


def number_text(value: float) -> str:
    """Return a number with four figures, and never with a power of ten: 12600, 6.831, 0.004211."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def score_text(score: float, threshold: float | None = None) -> str:
    """Return a score with three decimals, and never one that rounds to certainty or onto a threshold it misses."""
    if 0 < score < _SMALLEST:
        return "<0.001"
    if 1 - _SMALLEST < score < 1:
        return ">0.999"
    if threshold is not None and score != threshold and f"{score:.3f}" == f"{threshold:.3f}":
        return f"{score:.6f}"
    return f"{score:.3f}"


def answer(finding: Finding, language: Language = "en") -> str:
    """Return what, where and whether, as the first line a reader sees."""
    facts = {
        "type": finding.name(language),
        "site": site_text(finding, language),
        "presence": presence_text(finding.presence, language),
    }
    return sentence("ui.report-answer", facts, language)


def score_sentence(finding: Finding, language: Language = "en") -> str:
    """Return the score beside its cut-off; empty when there is none."""
    if finding.score is None:
        return ""
    point = finding.operating_point
    facts = {"score": score_text(finding.score, point.threshold if point else None)}
    if point is None:
        return sentence("ui.report-score-alone", facts, language)
    facts["threshold"] = score_text(point.threshold)
    key = "ui.report-score-above" if finding.presence is Presence.PRESENT else "ui.report-score-below"
    if finding.presence is Presence.ABSENT and finding.score >= point.threshold:
        key = "ui.report-score-outranked"
    return sentence(key, facts, language)


def performance_sentence(point: OperatingPoint, language: Language = "en") -> str:
    """Return sensitivity and specificity with their intervals and the data they were found on."""
    facts = {
        "data_set": point.data_set,
        "sensitivity": percent_interval(point.sensitivity, language),
        "specificity": percent_interval(point.specificity, language),
        "level": f"{100 * point.sensitivity.level:.0f}",
    }
    return sentence("ui.report-performance", facts, language)


def frequency_sentence(finding: Finding, language: Language = "en") -> str:
    """Return the operating point as counts of a hundred images, which people read more rightly than rates.

    For a finding that is present it counts images that reach the cut-off, for one that is absent those that stay below.
    """
    point = finding.operating_point
    if point is None or finding.presence is Presence.NOT_ASSESSED:
        return ""
    is_present = finding.presence is Presence.PRESENT
    with_it = point.sensitivity if is_present else _complement(point.sensitivity)
    without_it = _complement(point.specificity) if is_present else point.specificity
    facts = {
        "type": finding.type.text(language) if language == "zh" else _in_sentence(finding.type.text(language)),
        "with": _hundred(with_it, language),
        "without": _hundred(without_it, language),
    }
    return sentence(f"ui.report-frequency-{finding.presence.value}", facts, language)


def caution_sentence(finding: Finding, language: Language = "en") -> str:
    """Return what must not be read into this answer."""
    key = finding.presence.value.replace(" ", "-")
    if finding.score is None and finding.presence is Presence.PRESENT:
        key = "measured"
    return sentence(f"ui.report-caution-{key}", None, language)


def region_sentence(finding: Finding, language: Language = "en") -> str:
    """Return where the outline is and what it is not; empty without an outline."""
    if finding.region is None:
        return ""
    facts = {"frame": finding.region.frame_number, "slice": finding.region.slice_index + 1}
    key = "ui.report-region-measured" if finding.region.is_measured else "ui.report-region"
    return sentence(key, facts, language)


def evaluation_text(evaluation: QualitativeEvaluation, language: Language = "en") -> str:
    """Return a property and its value in words."""
    facts = {"name": evaluation.concept.text(language), "value": evaluation.value.text(language)}
    return sentence("ui.report-evaluation", facts, language)


def measurement_text(measurement: Measurement, language: Language = "en") -> str:
    """Return name, value and unit, with the interval where there is one."""
    facts = {
        "name": measurement.concept.text(language),
        "value": number_text(measurement.value),
        "unit": measurement.unit.code,
    }
    text = sentence("ui.report-measurement", facts, language)
    interval = measurement.interval
    if interval is None:
        return text
    return f"{text} ({number_text(interval.low)}–{number_text(interval.high)})"


def impression(report: Report, language: Language = "en") -> tuple[str, ...]:
    """Return the report's answer lines: findings first, or the refusal and its first reason."""
    if report.status in (Status.REFUSED, Status.FAILED):
        lines = [sentence(f"ui.report-status-{report.status.value}", None, language)]
        return (*lines, *(issue.text(language) for issue in report.issues[:1]))
    if not report.findings:
        return (sentence("ui.report-nothing", None, language),)
    answers = tuple(answer(finding, language) for finding in report.findings)
    return (*answers, *(item.wording.text(language) for item in report.conclusions))


def evidence(finding: Finding, language: Language = "en") -> tuple[str, ...]:
    """Return what the answer rests on: score, operating point in rates and in counts, outline."""
    point = finding.operating_point
    sentences = (
        score_sentence(finding, language),
        performance_sentence(point, language) if point else "",
        frequency_sentence(finding, language),
        region_sentence(finding, language),
    )
    return tuple(text for text in sentences if text)


def explanation(finding: Finding, language: Language = "en") -> tuple[str, ...]:
    """Return every sentence about a finding after its answer line."""
    return (*evidence(finding, language), caution_sentence(finding, language))


def percent_interval(interval: Interval, language: Language = "en") -> str:
    """Return a fraction and its interval in percent."""
    facts = {name: f"{100 * getattr(interval, name):.1f}" for name in ("value", "low", "high")}
    return sentence("ui.report-percent-interval", facts, language)


def _complement(interval: Interval) -> Interval:
    return Interval(1 - interval.value, 1 - interval.high, 1 - interval.low, interval.level)


def _hundred(interval: Interval, language: Language) -> str:
    """Return a fraction as counts of a hundred, with the interval where it is wider than the rounding."""
    value, low, high = (f"{100 * number:.0f}" for number in (interval.value, interval.low, interval.high))
    if low == high:
        return value
    return sentence("ui.report-hundred", {"value": value, "low": low, "high": high}, language)


def _in_sentence(meaning: str) -> str:
    """Lower the first letter of a word that is not an abbreviation, for use inside a sentence."""
    first = meaning.split(" ", 1)[0]
    return meaning if first.isupper() and len(first) > 1 else meaning[:1].lower() + meaning[1:]
