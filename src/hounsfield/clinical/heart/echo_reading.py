"""Reading of echocardiography: measures of a report or a file, borders that were drawn, and what the tables say."""

from dataclasses import replace

from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.apical import volumes_of_contours
from hounsfield.clinical.heart.cine_reading import read_cine
from hounsfield.clinical.heart.echo_conclusions import Echo, chambers, filling, valves
from hounsfield.clinical.heart.echo_derived import derive, with_borders
from hounsfield.clinical.heart.echo_measures import EchoValue, values_of_facts
from hounsfield.clinical.heart.echo_report import values_of_study
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.core.finding import Finding, Measurement, Presence
from hounsfield.core.identifiers import derived_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity

LIMITS = (
    (
        "Measures come from a report or a file and were not checked against the images.",
        "测量值来自报告或文件，未与图像核对。",
    ),
)


FORESHORTENED = (
    "The long axes of two views differ by more than a tenth: one may be cut short, and the volume is doubted.",
    "两个切面的长轴相差超过十分之一：可能存在切面缩短，容积存疑。",
)


def echo_identity() -> ModelIdentity:
    """Return who speaks for arithmetic on measures."""
    return algorithm_identity("echo-measures", "heart", {"formulas": "ASE 2015, 2017", "discs": 20})


def read_echo(subject: Subject) -> Reading:
    """Return what the measures of an echocardiography say; the file of facts wins over the report.

    Raises:
        SettingsError: ``E220``, ``E222``, ``E223``, a measure or border of the file cannot be.
    """
    values = {**values_of_study(subject.study), **values_of_facts(subject.facts)}
    borders = volumes_of_contours(subject.facts.contours)
    reading = reading_of(with_borders(values, borders), subject)
    followed = read_cine(subject)
    if followed is not None:
        reading = beside(reading, followed) if values or borders else followed
    is_doubted = any(item.is_foreshortened for item in borders.values())
    return replace(reading, limits=(*reading.limits, FORESHORTENED)) if is_doubted else reading


def beside(first: Reading, second: Reading) -> Reading:
    """Return two readings of one series as one."""
    return Reading(
        findings=(*first.findings, *second.findings),
        issues=(*first.issues, *second.issues),
        models=(*first.models, *second.models),
        key_images=(*first.key_images, *second.key_images),
        limits=(*first.limits, *second.limits),
        conclusions=(*first.conclusions, *second.conclusions),
        charts=(*first.charts, *second.charts),
    )


def reading_of(values: dict[str, EchoValue], subject: Subject) -> Reading:
    """Return findings and conclusions of measures; without any, that nothing was assessed.

    Raises:
        SettingsError: ``E220``, a measure is no length, area, volume or velocity.
    """
    uid, model = subject.series.series_instance_uid, echo_identity()
    finding = Finding(
        derived_uid(model.weights_digest, uid, "echo"), words.ECHO, words.HEART, Presence.NOT_ASSESSED, None, model
    )
    if not values:
        return Reading((finding,), (QualityIssue("Q229", Severity.REJECT, {"found": 0}, uid),), (model,))
    echo = Echo(values, derive(values), subject.facts)
    given = tuple(Measurement(item.measure.concept, item.value, item.measure.unit) for item in values.values())
    followed = tuple(item.measurement() for item in echo.derived.values())
    finding = replace(finding, presence=Presence.PRESENT, measurements=(*given, *followed))
    uids = (finding.tracking_uid,)
    said = (*chambers(echo, uids), *valves(echo, uids), *filling(echo, uids))
    return Reading((finding,), (), (model,), limits=LIMITS, conclusions=said)
