"""Prior: earlier examinations of the same patient, read by the same task, registered, and compared lesion by lesion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hounsfield.clinical.change.lesion import Examination
from hounsfield.clinical.change.match import Points, Transform
from hounsfield.clinical.change.measured import lesions_of
from hounsfield.clinical.change.picture import comparison_chart, shown_slices
from hounsfield.clinical.change.registration import require_registrable
from hounsfield.clinical.change.trend import tracks, trend_chart
from hounsfield.clinical.change.trust import Registration, align
from hounsfield.clinical.change.verdict import Change, compare
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.core.conclusion import Conclusion
from hounsfield.core.finding import Finding
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.report import Chart
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError, ImageError

Ask = Callable[[Subject], Reading]
Load = Callable[[Subject], Subject]


@dataclass(frozen=True)
class Compared:
    """One prior that was compared.

    Attributes:
        examination: its lesions.
        registration: of it to the current examination.
        changes: what became of the lesions since.
        chart: current, registered prior, difference.
    """

    examination: Examination
    registration: Registration
    changes: tuple[Change, ...]
    chart: Chart

    @property
    def conclusions(self) -> tuple[Conclusion, ...]:
        """The registration's verdict, then what is said of each lesion."""
        said = self.registration.conclusion(self.examination.study_date)
        return (said, *(conclusion for change in self.changes for conclusion in change.conclusions))


def earlier_series(
    study: Study, series: Series, found: Sequence[Study], given: Sequence[Study] = ()
) -> tuple[tuple[Study, Series], ...]:
    """Return one comparable series of each earlier study, oldest first.

    Args:
        study: the current one.
        series: the current series.
        found: studies of the same source; one is a prior where it is of the same patient, by an identifier that is not
            empty, and older by date.
        given: studies that were named as priors; nothing is asked of them but that they are not the current one.
    """
    own = [
        one
        for one in found
        if study.patient_id and one.patient_id == study.patient_id and "" < one.study_date < study.study_date
    ]
    wanted = {one.study_instance_uid: one for one in (*own, *given)}
    wanted.pop(study.study_instance_uid, None)
    pairs = []
    for one in sorted(wanted.values(), key=lambda item: item.study_date):
        series_of_it = [item for item in one.series if item.modality == series.modality and _frames(item)]
        if series_of_it:
            pairs.append((one, min(series_of_it, key=lambda item: abs(_frames(item) - _frames(series)))))
    return tuple(pairs)


def require_same_patient(study: Study, given: Sequence[Study], *, is_stated: bool) -> tuple[QualityIssue, ...]:
    """Refuse priors of another patient, and those made later; say so where the identifiers could not be held together.

    Args:
        study: the current one.
        given: the studies that were named as priors.
        is_stated: whoever asks says that it is the same patient under another identifier.

    Raises:
        ImageError: ``E234`` another identifier, or none on either side; ``E230`` the prior is later than the current.
    """
    issues = []
    for one in given:
        if study.study_date and one.study_date > study.study_date:
            raise ImageError("E230", uid=one.study_instance_uid, found=study.study_date, expected=one.study_date)
        if study.patient_id and one.patient_id == study.patient_id:
            continue
        if not is_stated:
            raise ImageError("E234", uid=one.study_instance_uid)
        issues.append(QualityIssue("Q231", Severity.WARN, {"found": one.study_date or "?"}, one.study_instance_uid))
    return tuple(issues)


def with_priors(subject: Subject, reading: Reading, ask: Ask, load: Load) -> Reading:
    """Return a reading with the comparison to every prior of the subject.

    Args:
        subject: the current one; its priors hold no volumes yet.
        reading: what the task said of it.
        ask: the same task.
        load: reads the volume of a prior; one at a time is in memory.
    """
    volume = subject.volume
    if volume is None or not subject.priors:
        return reading
    current = _examination(subject, volume, reading.findings)
    compared: list[Compared] = []
    issues: list[QualityIssue] = []
    for prior in subject.priors:
        try:
            compared.append(_compared(load(prior), current, volume, ask))
        except HounsfieldError as error:
            facts = {"found": prior.study.study_date or "?", "reason": f"{error.code}: {error.text()}"}
            issues.append(QualityIssue("Q230", Severity.WARN, facts, prior.study.study_instance_uid))
    told = _told(compared)
    return replace(
        reading,
        issues=(*reading.issues, *issues),
        conclusions=(*reading.conclusions, *(said for one in told for said in one.conclusions)),
        charts=(*reading.charts, *(one.chart for one in told), *_trend(compared, current)),
    )


def _compared(prior: Subject, current: Examination, later: Volume, ask: Ask) -> Compared:
    earlier = prior.volume
    if earlier is None:
        first = prior.issues[0] if prior.issues else None
        raise ImageError("E235", reason=f"{first.code}: {first.text()}" if first else "?")
    require_registrable(later)
    theirs = ask(prior)
    if theirs.is_refused:
        reasons = (issue for issue in theirs.issues if issue.severity is Severity.REJECT)
        raise ImageError("E235", reason="; ".join(f"{issue.code}: {issue.text()}" for issue in reasons))
    examination = _examination(prior, earlier, theirs.findings)
    registration = align(earlier, later)
    way = registration.alignment
    changes: tuple[Change, ...] = ()
    if registration.quality.is_trusted:
        changes = compare(examination, current, way.to_later, way.to_earlier)
    places = [change.pair.later.centre_mm for change in changes if change.pair.later is not None]
    dates = (examination.study_date, current.study_date)
    chart = comparison_chart(earlier, later, way, shown_slices(places, later), dates)
    return Compared(examination, registration, changes, chart)


def _examination(subject: Subject, volume: Volume, findings: Sequence[Finding]) -> Examination:
    lesions = lesions_of(findings, volume.geometry)
    who = {finding.model for finding in findings}
    software = " ".join(sorted(f"{one.name} {one.version} {one.weights_digest}" for one in who))
    return Examination(subject.study.study_date, lesions, volume.geometry, software=software)


def _told(compared: Sequence[Compared]) -> tuple[Compared, ...]:
    """Return the priors that are told lesion by lesion: the latest one, and the first where there are several."""
    return tuple(compared) if len(compared) < 3 else (compared[0], compared[-1])


def _trend(compared: Sequence[Compared], current: Examination) -> tuple[Chart, ...]:
    """Return the plot over all examinations that could be registered, where any lesion was measured and dated."""
    trusted = [one for one in compared if one.registration.quality.is_trusted and one.examination.study_date]
    examinations = [*(one.examination for one in trusted), current]
    if not trusted or not current.study_date or not any(one.lesions for one in examinations):
        return ()
    ways: list[Transform] = []
    for place, one in enumerate(trusted):
        following = trusted[place + 1] if place + 1 < len(trusted) else None
        ways.append(_way(one.registration, following.registration if following else None))
    return (trend_chart(examinations, tracks(examinations, ways)),)


def _way(one: Registration, following: Registration | None) -> Transform:
    """Return the way from a prior to the examination after it, through the current one."""

    def moved(points: Points) -> Points:
        here = one.alignment.to_later(points)
        return here if following is None else following.alignment.to_earlier(here)

    return moved


def _frames(series: Series) -> int:
    return sum(instance.number_of_frames for instance in series.instances)
