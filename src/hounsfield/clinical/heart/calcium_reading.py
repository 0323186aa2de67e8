"""Reading of coronary calcium: which CT may be scored, what is found in the heart, and its class."""

from dataclasses import dataclass

import numpy as np

from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.chest_ct.lungs import find_lungs
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.calcium import CalciumScore, score_calcium
from hounsfield.clinical.heart.calcium_region import Flags, brightest_blood_hu, heart_region
from hounsfield.clinical.heart.images import key_image
from hounsfield.clinical.rules import agatston_bin, cac_drs, calcium_threshold, rule_source
from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.subject import Reading, Subject, has_reject
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.finding import Finding, Measurement, Presence, Region
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import CUBIC_MILLIMETRE, Quantity
from hounsfield.core.volume import Volume
from hounsfield.explain.outline import outline
from hounsfield.image.limits import PixelLimits
from hounsfield.image.reading import read_header

SLICE_MM, TOLERANCE_MM = 3.0, 0.1
CONTRAST_HU = 100.0
"""Soft tissue of the heart above this holds contrast; blood without has about 40 HU."""

STANDARD_KVP = 120.0
SMALLEST_OUTLINE = 1e-7
CALIBRATION = "calcium_calibration"
"""Name among the laboratory values under which a calibration factor is given, in mg/ml for each HU."""

LIMITS = (
    (
        "Calcium is counted between the lungs, of valves and aorta too: a reader takes out what is not coronary.",
        "钙化在两肺之间统计，包括冠状动脉、瓣膜和主动脉；须由阅片者剔除非冠状动脉钙化。",
    ),
    (
        "Percentiles by age, sex and descent are not given.",
        "未给出按年龄、性别和族裔的百分位数。",
    ),
)


@dataclass(frozen=True)
class Acquisition:
    """What a header says of how a CT was made; None is not said.

    Attributes:
        thickness_mm: of a slice.
        tube_kvp: tube voltage.
        has_contrast: whether a contrast agent is named.
        is_gated: whether images were synchronised with the heart.
    """

    thickness_mm: float | None = None
    tube_kvp: float | None = None
    has_contrast: bool | None = None
    is_gated: bool | None = None


def acquisition_of(volume: Volume) -> Acquisition:
    """Return what the header of the first instance says; nothing for files that are not DICOM.

    Raises:
        Undecodable: the file cannot be read again.
    """
    if not volume.instances or volume.instances[0].media_type != "application/dicom":
        return Acquisition()
    header = read_header(volume.instances[0], PixelLimits())
    agent = header.get("ContrastBolusAgent")
    technique = header.get("CardiacSynchronizationTechnique")
    return Acquisition(
        thickness_mm=_number(header.get("SliceThickness")),
        tube_kvp=_number(header.get("KVP")),
        has_contrast=bool(str(agent).strip()) if agent is not None else None,
        is_gated=None if technique is None else str(technique) != "NONE",
    )


def _number(value: object) -> float | None:
    return float(str(value)) if value not in (None, "") else None


def acquisition_issues(volume: Volume, made: Acquisition, uid: str | None = None) -> tuple[QualityIssue, ...]:
    """Return what speaks against scoring a CT, before the heart is looked at."""
    thickness = volume.geometry.slice_spacing_mm if made.thickness_mm is None else made.thickness_mm
    if volume.quantity is not Quantity.HOUNSFIELD or abs(thickness - SLICE_MM) > TOLERANCE_MM:
        facts = {"found": round(thickness, 2), "expected": SLICE_MM, "quantity": volume.quantity.name}
        return (QualityIssue("Q226", Severity.REJECT, facts, uid),)
    if made.has_contrast:
        return (QualityIssue("Q227", Severity.REJECT, {"found": "header", "expected": "-"}, uid),)
    if made.is_gated is False or (made.tube_kvp is not None and calcium_threshold(made.tube_kvp) is None):
        found = "not gated" if made.is_gated is False else f"{made.tube_kvp:g} kVp"
        return (QualityIssue("Q228", Severity.REJECT, {"found": found, "expected": "gated, 120 kVp"}, uid),)
    unknown = [name for name, value in (("kVp", made.tube_kvp), ("gating", made.is_gated)) if value is None]
    if unknown:
        facts = {"found": f"{', '.join(unknown)}: ?", "expected": "gated, 120 kVp"}
        return (QualityIssue("Q228", Severity.WARN, facts, uid),)
    return ()


def read_calcium(subject: Subject, region: Flags | None = None) -> Reading:
    """Return the calcium of a gated CT without contrast, or why it is not scored.

    Args:
        subject: with its volume.
        region: where calcium is counted; None counts between the lungs.
    """
    volume, uid = subject.volume, subject.series.series_instance_uid
    model = algorithm_identity("coronary-calcium", "heart", {"rule": "agatston-1990", "region": region is not None})
    if volume is None:
        return Reading((_unseen(model, uid),), subject.issues, (model,))
    made = acquisition_of(volume)
    issues = acquisition_issues(volume, made, uid)
    middle = (key_image(volume, volume.geometry.shape[0] // 2),)
    if has_reject(issues):
        return Reading((_unseen(model, uid),), issues, (model,), middle)
    counted = heart_region(volume, find_lungs(volume)) if region is None else region
    issues = (*issues, *region_issues(volume, counted, uid))
    if has_reject(issues):
        return Reading((_unseen(model, uid),), issues, (model,), middle)
    threshold = calcium_threshold(made.tube_kvp or STANDARD_KVP)
    score = score_calcium(volume, counted, threshold or 130.0, calibration_of(subject.facts))
    finding = calcium_finding(volume, score, model, uid)
    images = (key_image(volume, finding.region.slice_index),) if finding.region else middle
    return Reading((finding,), issues, (model,), images, LIMITS, (calcium_class(score, finding.tracking_uid),))


def calibration_of(facts: PatientFacts) -> float | None:
    """Return the calibration factor that was given, None where none was or its unit is another."""
    given = facts.laboratory.get(CALIBRATION)
    return given.value if given is not None and given.unit == "mg/ml" else None


def region_issues(volume: Volume, region: Flags, uid: str | None = None) -> tuple[QualityIssue, ...]:
    """Return that there is no heart in the region, or contrast in the heart."""
    blood = brightest_blood_hu(volume, region)
    if not np.isfinite(blood):
        return (QualityIssue("Q221", Severity.REJECT, {"found": 0, "expected": 1}, uid),)
    if blood > CONTRAST_HU:
        facts = {"found": f"{blood:.0f} HU", "expected": f"{CONTRAST_HU:.0f} HU"}
        return (QualityIssue("Q227", Severity.REJECT, facts, uid),)
    return ()


def calcium_finding(volume: Volume, score: CalciumScore, model: ModelIdentity, uid: str) -> Finding:
    """Return the calcium with its scores, outlined on every slice, the largest area first.

    A search that counts nothing has measured a score of 0; whether calcium is there at all stays not assessed.
    """
    measurements = [
        Measurement(words.AGATSTON, score.agatston, words.NO_UNIT),
        Measurement(words.CALCIUM_VOLUME, score.volume_mm3, CUBIC_MILLIMETRE),
    ]
    if score.mass_mg is not None:
        measurements.append(Measurement(words.CALCIUM_MASS, score.mass_mg, words.MILLIGRAM))
    planes: dict[int, Flags] = {}
    for lesion in score.lesions:
        planes[lesion.slice_index] = planes.get(lesion.slice_index, np.zeros_like(lesion.mask)) | lesion.mask
    regions = []
    for index in sorted(planes, key=lambda key: -int(planes[key].sum())):
        source = volume.source_of(index)
        place = (source[0].sop_instance_uid, source[1]) if source else ("", index)
        polygons = outline(planes[index].astype(np.float32), 0.5, SMALLEST_OUTLINE)
        regions.append(Region(place[0], place[1] + 1, polygons, index, is_measured=True))
    return Finding(
        tracking_uid=derived_uid(model.weights_digest, uid, "calcium"),
        type=words.CALCIUM,
        site=words.HEART,
        presence=Presence.PRESENT if score.lesions else Presence.NOT_ASSESSED,
        score=None,
        model=model,
        region=regions[0] if regions else None,
        measurements=tuple(measurements),
        outlines=tuple(regions[1:]),
    )


def calcium_class(score: CalciumScore, tracking_uid: str) -> Conclusion:
    """Return CAC-DRS by the score; the number of vessels is for the reader to say, and named as missing."""
    whole = round_half_up(score.agatston, 0)
    key = cac_drs(score.agatston)
    classic = agatston_bin(score.agatston)
    inputs = (Fact("agatston", whole, words.NO_UNIT), Fact("threshold_hu", score.threshold_hu, words.HOUNSFIELD))
    return Conclusion(
        kind=ConclusionKind.CATEGORY,
        rule=rule_source("cac-drs-2018", key),
        result=key,
        wording=Wording(
            f"CAC-DRS {key} by an Agatston score of {whole:g} (class {classic}), if all of it is coronary.",
            f"Agatston积分 {whole:g}（分级 {classic}），若均为冠状动脉钙化，则为 CAC-DRS {key}。",
        ),
        inputs=(*inputs, Fact("vessel_count", None)),
        missing=("vessel_count",),
        tracking_uids=(tracking_uid,),
    )


def _unseen(model: ModelIdentity, uid: str) -> Finding:
    unseen = Presence.NOT_ASSESSED
    return Finding(derived_uid(model.weights_digest, uid, "calcium"), words.CALCIUM, words.HEART, unseen, None, model)
