"""The fracture task: put a radiograph to the classifier and the detector that are named, and say where and how sure."""

from dataclasses import replace

from hounsfield.clinical.desk import Desk, model_names
from hounsfield.clinical.fracture import words
from hounsfield.clinical.fracture.boxes import box_findings, find_boxes
from hounsfield.clinical.fracture.place import Place, place_issues, place_of
from hounsfield.clinical.fracture.points import at_two_points, point_limits
from hounsfield.clinical.reading import admit, key_image, limits_of, read_task
from hounsfield.clinical.subject import Reading, Subject, has_reject
from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept
from hounsfield.core.finding import Finding, Presence, QualitativeEvaluation
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Volume
from hounsfield.finding.decide import not_assessed
from hounsfield.model.interface import BoxInterface

LIMITS = (
    (
        "One view cannot rule a fracture out; read all views of the examination together.",
        "单一体位不能排除骨折；请结合检查的全部体位。",
    ),
    ("No AO/OTA code is proposed; a reader may enter one.", "不提供AO/OTA分型；可由阅片者填写。"),
)


def read_fracture(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Return what the named models find on a radiograph.

    Raises:
        ModelError: a model is missing or not fit.
        PrepareError: a step cannot be applied.
    """
    volume, names = subject.volume, model_names(task.model)
    if volume is None:
        return Reading((), subject.issues, ())
    if not names:
        issue = QualityIssue("Q250", Severity.REJECT, {"found": 0}, subject.series.series_instance_uid)
        return Reading((), (issue,), (), (key_image(volume, 0),))
    place = place_of(subject, volume, desk)
    readings = [_answered(replace(task, model=name), desk, subject, volume) for name in names]
    issues = {(one.code, one.text()): one for reading in readings for one in reading.issues}
    issues |= {(one.code, one.text()): one for one in place_issues(subject, place)}
    findings = [_placed(finding, place) for reading in readings for finding in reading.findings]
    order = (Presence.PRESENT, Presence.ABSENT, Presence.NOT_ASSESSED)
    findings.sort(key=lambda finding: order.index(finding.presence))
    return Reading(
        findings=tuple(findings),
        issues=tuple(issues.values()),
        models=tuple(dict.fromkeys((*(model for one in readings for model in one.models), *place.models))),
        key_images=readings[0].key_images,
        limits=(*dict.fromkeys(limit for one in readings for limit in one.limits), *LIMITS),
    )


def _answered(task: Task, desk: Desk, subject: Subject, volume: Volume) -> Reading:
    manifest = desk.package(task.model).manifest
    if not isinstance(manifest.network, BoxInterface):
        reading = read_task(task, desk, subject)
        findings = tuple(_attended(at_two_points(finding, manifest)) for finding in reading.findings)
        return replace(reading, findings=findings, limits=(*reading.limits, *point_limits(manifest)))
    identity, classes = desk.package(task.model).identity, manifest.predicted_classes
    admission = admit(manifest, desk, subject)
    models, image = (identity, *admission.models), key_image(volume, 0)
    if has_reject(admission.issues):
        return Reading(not_assessed(classes, task.site, identity), admission.issues, models, (image,))
    found = find_boxes(volume, desk, task.model)
    findings = box_findings(found, volume, classes, task.site, desk, task.model)
    issues = admission.issues
    if not any(finding.presence is Presence.PRESENT for finding in findings):
        issues += (QualityIssue("Q253", Severity.NOTE, {}, subject.series.series_instance_uid),)
    return Reading(findings, issues, models, (image,), limits_of(manifest))


def _attended(finding: Finding) -> Finding:
    """Say of an outline that it is where a classifier looked."""
    if finding.region is None:
        return finding
    weak = QualitativeEvaluation(words.LOCALISATION, words.ATTENTION)
    return replace(finding, evaluations=(*finding.evaluations, weak))


def _placed(finding: Finding, place: Place) -> Finding:
    return replace(finding, laterality=place.side, evaluations=(*finding.evaluations, *place.evaluations()))


TASK = Task(
    name="fracture",
    model="",
    modalities=("CR", "DX", "RG", "RF"),
    site=concept("bone"),
    takes_en="a radiograph of any region (CR, DX), or a picture of one, with a trained model named by --model",
    takes_zh="任意部位X线片（CR、DX）或其图片，并以 --model 指定训练好的模型",
    reader=read_fracture,
)
