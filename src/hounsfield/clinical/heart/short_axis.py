"""Short-axis MR: which series can be measured, the chambers of each phase, and everything that follows from them."""

from collections.abc import Sequence
from dataclasses import replace

from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.desk import Desk
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.chamber_conclusions import (
    BY_MR,
    Measured,
    chamber_grade,
    fraction_range,
    indexed_grade,
)
from hounsfield.clinical.heart.chambers import LEFT, MUSCLE
from hounsfield.clinical.heart.charts import bulls_eye, volume_chart
from hounsfield.clinical.heart.cycle import Cycle, cycle_of, thickening_percent
from hounsfield.clinical.heart.findings import Beat, chamber_findings, stated_error, wall_findings
from hounsfield.clinical.heart.images import key_image
from hounsfield.clinical.heart.segment import segment_phases
from hounsfield.clinical.heart.wall import WallMeasures
from hounsfield.clinical.rules import cardiac_output
from hounsfield.clinical.subject import Reading, Subject, has_reject
from hounsfield.core.conclusion import Conclusion, Wording
from hounsfield.core.finding import Finding, Measurement, Presence
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import MILLILITRE, PERCENT
from hounsfield.core.report import Chart, KeyImage
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.model.manifest import Manifest

MODEL = "cardiac-mri"
LEAST_SLICES = 4
LEAST_VOXELS = 60
"""Fewer samples of cavity in the phase where it is largest are no ventricle."""

OPEN_SHARE = 0.4
"""The cavity goes on beyond a stack whose first or last slice holds so large a part of its widest slice."""

LIMITS = (
    (
        "The borders are a model's; look at the outlines. Apical cap, strain, scar, valves and atria are not assessed.",
        "边界由模型绘制，请查看两个时相的轮廓。心尖帽、应变、瘢痕、瓣膜和心房未评估。",
    ),
    (
        "Papillary muscles are drawn as the model learned it: within the cavity.",
        "乳头肌按模型所学计入心室腔。",
    ),
)


def phases_of(subject: Subject) -> tuple[Volume, ...]:
    """Return the volumes of a series that are phases of one stack: those on the grid of the first."""
    volumes = subject.volumes or ((subject.volume,) if subject.volume is not None else ())
    return tuple(volume for volume in volumes if volume.geometry.shape == volumes[0].geometry.shape)


def stack_issues(volumes: Sequence[Volume], uid: str | None = None) -> tuple[QualityIssue, ...]:
    """Return what speaks against a series as a short-axis stack before anything is looked for."""
    first = volumes[0]
    slices = first.geometry.shape[0]
    if first.is_colour or first.slice_axis is SliceAxis.TIME or slices < LEAST_SLICES:
        found = 1 if first.slice_axis is SliceAxis.TIME else slices
        return (QualityIssue("Q220", Severity.REJECT, {"found": found, "expected": LEAST_SLICES}, uid),)
    return ()


def chamber_issues(cycle: Cycle, uid: str | None = None) -> tuple[QualityIssue, ...]:
    """Return what the chambers that were found say about the input."""
    phase = cycle.phases[cycle.diastole]
    voxels = phase.voxels(LEFT)
    if voxels < LEAST_VOXELS:
        return (QualityIssue("Q221", Severity.REJECT, {"found": voxels, "expected": LEAST_VOXELS}, uid),)
    issues = []
    if not phase.is_calibrated:
        issues.append(QualityIssue("Q222", Severity.WARN, {"found": phase.geometry.calibration.value}, uid))
    if not cycle.is_moving:
        issues.append(QualityIssue("Q223", Severity.WARN, {"found": len(cycle.phases)}, uid))
    areas = (phase.labels == LEFT).sum(axis=(1, 2))
    apical = float(min(areas[0], areas[-1])) / float(areas.max())
    if apical > OPEN_SHARE:
        facts = {"found": round(100 * apical), "expected": round(100 * OPEN_SHARE)}
        issues.append(QualityIssue("Q224", Severity.WARN, facts, uid))
    return tuple(issues)


def read_short_axis(desk: Desk, subject: Subject) -> Reading:
    """Return what a short-axis series shows, or why it is refused.

    Raises:
        ModelError: the model is missing or not fit.
        PrepareError: a step of its manifest cannot be applied.
    """
    predictor = desk.mask_predictor(MODEL)
    manifest, model = predictor.package.manifest, predictor.package.identity
    volumes, uid = phases_of(subject), subject.series.series_instance_uid
    issues = stack_issues(volumes, uid)
    if has_reject(issues):
        return _refused(issues, volumes[0], model, uid)
    for volume in volumes:
        volume.require_measurable()
    cycle = cycle_of(tuple(segment_phases(predictor, volumes)))
    issues = (*issues, *chamber_issues(cycle, uid))
    if has_reject(issues):
        return _refused(issues, volumes[cycle.diastole], model, uid)
    return measured_reading(Beat(cycle, volumes, model, stated_error(manifest)), subject, issues, _limits(manifest))


def measured_reading(
    beat: Beat,
    subject: Subject,
    issues: tuple[QualityIssue, ...] = (),
    limits: tuple[tuple[str, str], ...] = LIMITS,
) -> Reading:
    """Return the findings, conclusions, images and charts of chambers that were found.

    Args:
        beat: chambers and images of each phase.
        subject: with the facts of the patient.
        issues: what was found about the input.
        limits: what the report says of the limits.
    """
    diastole, systole = beat.cycle.walls()
    if not diastole.is_assessed:
        issues = (*issues, QualityIssue("Q225", Severity.NOTE, {}, subject.series.series_instance_uid))
    chambers = _with_output(chamber_findings(beat), beat, subject.facts)
    findings = (*chambers, *wall_findings(beat, diastole, systole))
    wall_model = algorithm_identity("short-axis-wall", "heart", {"rays": 360, "segments": 16})
    return Reading(
        findings=findings,
        issues=issues,
        models=(beat.model, wall_model),
        key_images=key_images(beat),
        limits=limits,
        conclusions=conclusions_of(beat, subject.facts),
        charts=charts_of(beat, diastole, systole),
    )


def _with_output(findings: tuple[Finding, ...], beat: Beat, facts: PatientFacts) -> tuple[Finding, ...]:
    """Return the findings with the output of the left ventricle where the rate is known."""
    stroke = beat.cycle.stroke_ml(LEFT)
    if stroke is None or facts.heart_rate_per_minute is None:
        return findings
    output = cardiac_output(stroke, facts.heart_rate_per_minute)
    more = Measurement(words.CARDIAC_OUTPUT, output, words.LITRE_PER_MINUTE)
    left = replace(findings[0], measurements=(*findings[0].measurements, more))
    return (left, *findings[1:])


def conclusions_of(beat: Beat, facts: PatientFacts) -> tuple[Conclusion, ...]:
    """Return what the rules say: range and grade of the ejection fraction, sizes and mass for the body surface."""
    cycle, left, muscle = beat.cycle, (beat.uid("LV_MEASURES"),), (beat.uid("MUSCLE_MEASURES"),)
    fraction = cycle.ejection_percent(LEFT)
    first, last = cycle.volumes_ml(LEFT)
    found = [] if fraction is None else [fraction_range(fraction, left)]
    found.append(chamber_grade(Measured("lv_ejection_fraction", fraction, PERCENT), facts, left, BY_MR))
    diastolic = Measured("lv_end_diastolic_volume_index", first, MILLILITRE)
    systolic = Measured("lv_end_systolic_volume_index", last if cycle.is_moving else None, MILLILITRE)
    mass = Measured("lv_mass_index_2d", cycle.mass_g(), words.GRAM)
    found += [indexed_grade(item, facts, left, BY_MR) for item in (diastolic, systolic)]
    return (*found, indexed_grade(mass, facts, muscle, BY_MR))


def charts_of(beat: Beat, diastole: WallMeasures, systole: WallMeasures) -> tuple[Chart, ...]:
    """Return the volume over the beat where there are more than two phases, and the bull's-eyes of the wall."""
    charts = [volume_chart(beat.cycle)] if len(beat.cycle.phases) > 2 else []
    if diastole.is_assessed:
        title = Wording("Wall thickness at end-diastole", "舒张末期室壁厚度")
        charts.append(bulls_eye(diastole.thickness_mm, title, "mm"))
        if beat.cycle.is_moving and systole.is_assessed:
            title = Wording("Wall thickening", "室壁增厚率")
            charts.append(bulls_eye(thickening_percent(diastole, systole), title, "%"))
    return tuple(charts)


def key_images(beat: Beat) -> tuple[KeyImage, ...]:
    """Return the slice of the widest cavity at end-diastole, the same at end-systole, and two further slices."""
    phase = beat.cycle.phases[beat.cycle.diastole]
    held = [index for index, plane in enumerate(phase.labels) if (plane >= MUSCLE).any()]
    middle = int((phase.labels == LEFT).sum(axis=(1, 2)).argmax())
    slices = dict.fromkeys((middle, held[len(held) // 4], held[3 * len(held) // 4]))
    ends = dict.fromkeys((beat.cycle.diastole, beat.cycle.systole))
    return tuple(key_image(beat.volumes[end], index) for index in slices for end in ends)


def _refused(issues: tuple[QualityIssue, ...], volume: Volume, model: ModelIdentity, uid: str) -> Reading:
    unseen = Finding(
        derived_uid(model.weights_digest, uid, "LV_MEASURES"),
        words.LEFT_MEASURES,
        words.LEFT_VENTRICLE,
        Presence.NOT_ASSESSED,
        None,
        model,
    )
    return Reading((unseen,), issues, (model,), (key_image(volume, volume.geometry.shape[0] // 2),))


def _limits(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    return (*LIMITS, *((limit.en, limit.zh) for limit in manifest.limits))
