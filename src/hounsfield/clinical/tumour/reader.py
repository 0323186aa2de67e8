"""The tumour task: measure the lesions that a reader points at or segmented, and say what the rules make of them."""

from dataclasses import replace

import numpy as np

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.clinical.task import Task
from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.course import (
    Sized,
    read_visits,
    size_conclusions,
    sum_of,
    targets_of,
    uptake_conclusion,
)
from hounsfield.clinical.tumour.drawing_masks import prompt_identity
from hounsfield.clinical.tumour.findings import lesion_finding, missing_finding, sum_finding
from hounsfield.clinical.tumour.lesion_file import LesionFile
from hounsfield.clinical.tumour.lesions import Lesion, Measured, lesions_of
from hounsfield.clinical.tumour.measure import measure_lesion
from hounsfield.clinical.tumour.suv import Body, SuvKind, Uptake, body_factor, measure_liver, measure_uptake
from hounsfield.core.codes import concept
from hounsfield.core.conclusion import Conclusion
from hounsfield.core.finding import Finding, QualitativeEvaluation
from hounsfield.core.quality import QualityIssue, Severity, issue_of
from hounsfield.core.quantities import Quantity
from hounsfield.core.report import KeyImage
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError, SettingsError, Unencodable
from hounsfield.image.display import to_greyscale_pixels
from hounsfield.report.header import series_headers

KEY_IMAGES = 5
LIMITS = (
    (
        "Only what was pointed at or segmented is measured; no lesion is searched for.",
        "仅测量所指定或已分割的病灶；不主动搜索病灶。",
    ),
    (
        "Masks from prompts reach a mean Dice of 0.3 to 0.8 with radiologists on soft-tissue sarcomas; check each.",
        "由提示生成的分割在软组织肉瘤上与放射科医师的Dice为0.3至0.8；请核对每个轮廓。",
    ),
    (
        "Which lesions are targets, and whether any is new, is for the reader to say.",
        "靶病灶的选择及是否有新病灶由阅片者判断。",
    ),
)
NO_FILE = LesionFile.model_construct(lesion=())


def read_tumour(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Return the measures of the lesions of a subject, or why there are none.

    Raises:
        SettingsError: ``E249``, an earlier report cannot be used.
        ImageError: ``E245``, the image cannot be measured.
    """
    volume, model, uid = subject.volume, prompt_identity(), subject.series.series_instance_uid
    if volume is None:
        return Reading((), subject.issues, (model,))
    found = lesions_of(subject, volume)
    if not found:
        middle = _key_image(volume, volume.geometry.shape[0] // 2)
        refusal = QualityIssue("Q240", Severity.REJECT, {"found": 0}, uid)
        return Reading((), (refusal,), (model,), (middle,), LIMITS)
    told = subject.lesions or NO_FILE
    issues = tuple(issue for one in found for issue in one.issues)
    uptake_of, more = _scale(subject, volume, told)
    measured = {
        place: Measured(one, measure_lesion(volume, one.inside), uptake_of(one) if uptake_of else None)
        for place, one in enumerate(found)
        if one.inside is not None
    }
    findings = [
        lesion_finding(volume, (place + 1, measured[place].lesion.entry), measured[place], task.site, model)
        if place in measured
        else missing_finding((place + 1, one.entry), task.site, model, uid)
        for place, one in enumerate(found)
    ]
    conclusions, added = _concluded(subject, volume, told, (found, measured), findings)
    slices = [one.measures.axes.slice_index for one in measured.values()]
    images = tuple(_key_image(volume, index) for index in dict.fromkeys(slices))[:KEY_IMAGES]
    return Reading((*added,), (*issues, *more), (model,), images, LIMITS, conclusions)


def _concluded(
    subject: Subject,
    volume: Volume,
    told: LesionFile,
    lesions: tuple[tuple[Lesion, ...], dict[int, Measured]],
    findings: list[Finding],
) -> tuple[tuple[Conclusion, ...], list[Finding]]:
    """Return what rules say, and the findings with their roles and the sum."""
    found, measured = lesions
    visits = read_visits(told.prior, subject.study.study_date)
    if volume.quantity in (Quantity.SUV_BW, Quantity.ACTIVITY) or subject.series.modality == "PT":
        peaks = [one.uptake.peak for one in measured.values() if one.uptake is not None]
        liver, kind = _liver_mean(subject, volume, told), SuvKind(told.suv)
        if told.suv in ("bw", "bsa") or not subject.lesions:
            return (), findings
        return (uptake_conclusion(max(peaks, default=None), kind.unit.code, liver, told, visits),), findings
    sized = [_sized(one, measured.get(place)) for place, one in enumerate(found)]
    targets, is_proposal = targets_of(sized, volume.geometry.slice_spacing_mm)
    marked = [
        _with_role(finding, "proposed" if is_proposal and place in targets else found[place].entry.role)
        for place, finding in enumerate(findings)
    ]
    are_known = all(place in measured or found[place].entry.state != "seen" for place in targets)
    if not targets or not are_known:
        return (), marked
    total = sum_finding(sum_of(sized, targets), findings[0], subject.series.series_instance_uid)
    said = size_conclusions(sized, targets, told, visits) if subject.lesions else ()
    return said, [*marked, total]


def _sized(lesion: Lesion, measured: Measured | None) -> Sized:
    entry = lesion.entry
    if measured is None:
        return Sized(entry, None if entry.state == "too-small" else 0.0)
    axes = measured.measures.axes
    return Sized(entry, axes.short_mm if entry.is_node else axes.long_mm)


def _with_role(finding: Finding, role: str) -> Finding:
    if role not in words.ROLES:
        return finding
    marked = QualitativeEvaluation(words.ROLE, words.ROLES[role])
    return replace(finding, evaluations=(*finding.evaluations, marked))


class _Scale:
    """Measures the uptake of lesions in the SUV that was asked for."""

    def __init__(self, volume: Volume, kind: SuvKind, factor: float, liver: float | None) -> None:
        self._volume, self._kind, self._factor, self._liver = volume, kind, factor, liver

    def __call__(self, lesion: Lesion) -> Uptake | None:
        if lesion.inside is None:
            return None
        return measure_uptake(self._volume, lesion.inside, self._kind, self._factor, self._liver)


def _scale(subject: Subject, volume: Volume, told: LesionFile) -> tuple[_Scale | None, tuple[QualityIssue, ...]]:
    """Return what measures uptake, None where the image is no PET, or has no SUV, with the reason."""
    uid = subject.series.series_instance_uid
    if volume.quantity is not Quantity.SUV_BW:
        is_pet = subject.series.modality == "PT" or volume.quantity is Quantity.ACTIVITY
        refusal = QualityIssue("Q243", Severity.WARN, {"found": volume.quantity.name}, uid)
        return None, (refusal,) if is_pet else ()
    kind = SuvKind(told.suv)
    try:
        factor = body_factor(kind, body_of(subject))
        place = told.liver_place()
        liver = measure_liver(volume, place.index(volume.geometry), factor).threshold if place else None
    except HounsfieldError as error:
        return None, (replace(issue_of(error), severity=Severity.WARN),)
    return _Scale(volume, kind, factor, liver), ()


def _liver_mean(subject: Subject, volume: Volume, told: LesionFile) -> float | None:
    place = told.liver_place()
    if place is None or volume.quantity is not Quantity.SUV_BW:
        return None
    try:
        factor = body_factor(SuvKind(told.suv), body_of(subject))
        return measure_liver(volume, place.index(volume.geometry), factor).mean
    except HounsfieldError:
        return None


def body_of(subject: Subject) -> Body:
    """Return weight, height and sex from the header, and what it does not say from the patient's facts.

    Raises:
        SettingsError: ``E250``, the facts give another weight than the header, with which the SUV was computed.
    """
    facts: PatientFacts = subject.facts
    weight, height = None, None
    try:
        header = series_headers(subject.series, "SUV").subject
        weight = float(header.PatientWeight) if header.get("PatientWeight") else None
        height = 100.0 * float(header.PatientSize) if header.get("PatientSize") else None
    except (Unencodable, ValueError, TypeError):
        pass  # what is no DICOM has no header; the facts are all there is
    if weight is not None and facts.weight_kg is not None and abs(weight - facts.weight_kg) > 0.1 * weight:
        raise SettingsError("E250", found=f"{facts.weight_kg:g}", expected=f"{weight:g}")
    return Body(weight or facts.weight_kg, height or facts.height_cm, facts.sex)


def _key_image(volume: Volume, slice_index: int) -> KeyImage:
    source = volume.source_of(slice_index)
    uid, frame = (source[0].sop_instance_uid, source[1]) if source else ("", slice_index)
    ratio = volume.geometry.row_spacing_mm / volume.geometry.column_spacing_mm
    return KeyImage(np.asarray(to_greyscale_pixels(volume, slice_index)), None, uid, frame + 1, ratio)


TASK = Task(
    name="tumour",
    model="",
    modalities=("CT", "MR", "PT"),
    site=concept("entire-body"),
    takes_en="CT, MR or PET with lesions pointed at (--prompts) or segmented beside it (SEG, RTSTRUCT)",
    takes_zh="CT、MR或PET，病灶由 --prompts 指定或已有SEG、RTSTRUCT分割",
    reader=read_tumour,
)
