"""Two operating points: below the one a score speaks against a fracture, from the other on it speaks for one."""

from dataclasses import replace

from hounsfield.clinical.fracture import words
from hounsfield.core.codes import CodedConcept
from hounsfield.core.finding import Finding, Measurement, QualitativeEvaluation
from hounsfield.core.prediction import OperatingPoint
from hounsfield.core.quantities import FRACTION
from hounsfield.model.manifest import ClassEntry, Manifest


def at_two_points(finding: Finding, manifest: Manifest) -> Finding:
    """Return a finding with its reading at the rule-out and the rule-in point of its class, where the package has both.

    Presence stays as the package's own operating point has it; between the two points it is undecided.
    """
    entry = class_of(finding, manifest)
    points = entry.rule_points() if entry is not None else None
    if points is None or finding.score is None:
        return finding
    rule_out, rule_in = points
    where = QualitativeEvaluation(words.READING, reading_at(finding.score, rule_out, rule_in))
    measured = (
        Measurement(words.RULE_OUT, rule_out.threshold, FRACTION),
        Measurement(words.RULE_IN, rule_in.threshold, FRACTION),
    )
    return replace(
        finding,
        evaluations=(*finding.evaluations, where),
        measurements=(*finding.measurements, *measured),
    )


def reading_at(score: float, rule_out: OperatingPoint, rule_in: OperatingPoint) -> CodedConcept:
    """Return where a score lies; where the two points cross, a score that is both is undecided."""
    is_out, is_in = score < rule_out.threshold, score >= rule_in.threshold
    if is_out == is_in:
        return words.BETWEEN
    return words.RULED_IN if is_in else words.BELOW_RULE_OUT


def class_of(finding: Finding, manifest: Manifest) -> ClassEntry | None:
    """Return the class that a finding is about."""
    return next((one for one in manifest.classes if one.predicted_class().concept == finding.type), None)


def point_limits(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Return what the two points were worth where they were set, in English and Chinese."""
    said = []
    for entry in manifest.classes:
        points = entry.rule_points()
        if points is None:
            continue
        said.append(_said(entry, *points))
    return tuple(said)


def _said(entry: ClassEntry, rule_out: OperatingPoint, rule_in: OperatingPoint) -> tuple[str, str]:
    name, found, kept = entry.predicted_class().concept, rule_out.sensitivity, rule_in.specificity
    low, high = f"{rule_out.threshold:.3f}", f"{rule_in.threshold:.3f}"
    sensitivity = f"{found.value:.2f} ({found.low:.2f}-{found.high:.2f})"
    specificity = f"{kept.value:.2f} ({kept.low:.2f}-{kept.high:.2f})"
    english = (
        f"{name.meaning}: from {low} on (rule-out point) sensitivity was {sensitivity}, from {high} on (rule-in point) "
        f"specificity was {specificity}, on {rule_out.data_set}; elsewhere they differ."
    )
    chinese = (
        f"{name.text('zh')}：排除点 {low} 的敏感度为 {sensitivity}，确认点 {high} 的特异度为 {specificity}，"
        f"数据：{rule_out.data_set}；其他数据会不同。"
    )
    return english, chinese
