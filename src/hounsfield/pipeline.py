"""The main path: a source of scans in, checked findings and reports out; one function an arrow.

    open_source → look (assemble, check) → ask (gate, prepare, model, explain, decide) → write_report

Rooms return what is wrong as issues and typed errors; only here is it decided to stop a series, and one series that
stops never stops the others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hounsfield import __version__
from hounsfield.archive.limits import Limits
from hounsfield.archive.local import LocalArchive, open_source
from hounsfield.clinical.change.prior import earlier_series, require_same_patient, with_priors
from hounsfield.clinical.change.registration import simple_itk
from hounsfield.clinical.choose import answer, for_part, not_asked, read_first_fitting, reads_series, tasks_for
from hounsfield.clinical.desk import Desk, model_names
from hounsfield.clinical.facts import NO_FACTS, PatientFacts, facts_of
from hounsfield.clinical.quality import checked_volume, inspect, unread
from hounsfield.clinical.recognise import recognise
from hounsfield.clinical.rules import with_options
from hounsfield.clinical.subject import Reading, Subject, has_reject
from hounsfield.clinical.tasks import find_task
from hounsfield.clinical.tumour.lesion_file import LesionFile
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import Severity, issue_of
from hounsfield.core.report import Provenance, Report, Status
from hounsfield.core.study import Series, Study
from hounsfield.errors import ImageError, ModelError, PrepareError
from hounsfield.image.assemble import assemble
from hounsfield.messages import Language
from hounsfield.model.predictor import runtime_description
from hounsfield.opening import pixel_limits
from hounsfield.report.bundle import Analysis, Bundle
from hounsfield.report.checked import Checked
from hounsfield.report.checked_page import write_checked
from hounsfield.report.folder import output_folder
from hounsfield.report.html import write_index
from hounsfield.report.writing import published, write_report

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """How an analysis is run.

    Attributes:
        task: the only task to ask, None for all that fit.
        model: name or file of the model to ask, None for the task's own.
        expect: the task whose input ``check`` expects, None to hold images against their own headers alone.
        language: first language of the pages.
        threads: threads for running networks; 0 takes the cores of the machine.
        model_folders: folders with model packages, beside the starters.
        facts: what is known of the patient beside the headers, such as age, smoking and family history.
        lesions: what a reader points at, for the task ``tumour``.
        priors: sources of earlier studies of the patient; those in the source itself are found without being named.
        is_same_patient: priors under another patient identifier, or none, are of the same patient.
        limits: bounds on what is read; compressed pixels are decoded in a process of their own unless they say not.
        settings_digest: SHA-256 of the resolved settings, for provenance.
    """

    task: str | None = None
    model: str | None = None
    expect: str | None = None
    language: Language = "en"
    threads: int = 0
    model_folders: tuple[Path, ...] = ()
    facts: PatientFacts = NO_FACTS
    lesions: LesionFile | None = None
    priors: tuple[Path, ...] = ()
    is_same_patient: bool = False
    limits: Limits = field(default_factory=lambda: Limits(isolated=True))
    settings_digest: str = ""


DEFAULT_OPTIONS = Options()


def analyse(
    source: Path, output: Path, options: Options = DEFAULT_OPTIONS, progress: Progress | None = None
) -> Analysis:
    """Analyse a source and write a page, JSON and DICOM objects for each volume, and an index over them.

    Args:
        source: file, folder, zip or DICOMDIR.
        output: folder for the results; earlier results in it are kept apart.
        options: how.
        progress: told (series done, series).

    Raises:
        ArchiveError: nothing in the source can be used.
        SettingsError: ``E950``, there is no such task.
        ModelError: the model named in the options is missing or not fit.
        ReportError: the results cannot be written.
        ImageError: ``E234`` a prior is of another patient, ``E230`` it is later than the study.

    Example:
        >>> from tempfile import mkdtemp
        >>> from hounsfield.image.phantoms import write_ct
        >>> folder = Path(mkdtemp())
        >>> slices = write_ct(folder / "study")
        >>> report = analyse(folder / "study", folder / "out").bundles[0].report
        >>> report.status.value, [issue.code for issue in report.issues]
        ('refused', ['E951'])
    """
    desk = Desk(options.model_folders, options.threads)
    if options.task is not None:
        find_task(options.task)
    for name in model_names(options.model):
        desk.predictor(name)
    if options.priors:
        simple_itk()
    with ExitStack() as opened, open_source(source, options.limits) as archive, output_folder(output) as folder:
        sources = [opened.enter_context(open_source(prior, options.limits)) for prior in options.priors]
        given = tuple(study for prior in sources for study in prior.studies)
        bundles: list[Bundle] = []
        subjects = (_with_earlier(one, archive.studies, given, options) for one in look(archive, options, progress))
        for report in reports_of(subjects, desk, options):
            bundles.append(write_report(report, folder.partial / f"{len(bundles) + 1:03d}", options.language))
        write_index(bundles, folder.partial, archive.refused, options.language)
        return Analysis(tuple(published(bundle, folder) for bundle in bundles), archive.refused)


def check(
    source: Path,
    options: Options = DEFAULT_OPTIONS,
    progress: Progress | None = None,
    output: Path | None = None,
) -> Checked:
    """Check every volume of a source without analysing it; with an output folder, write a page and JSON as well.

    Raises:
        ArchiveError: nothing in the source can be used.
        SettingsError: ``E950``, there is no task of the name that is expected.
        ReportError: the page cannot be written.
    """
    desk = Desk(options.model_folders, options.threads)
    if options.expect is not None:
        find_task(options.expect)
    with open_source(source, options.limits, digests=False) as archive:
        has_picture = output is not None
        recognised = (recognise(item, desk, options.expect) for item in look(archive, options, progress))
        volumes = tuple(checked_volume(item, has_picture=has_picture) for item in recognised)
        checked = Checked(volumes, archive.refused)
    if output is not None:
        with output_folder(output) as folder:
            write_checked(checked, folder.partial, options.language)
    return checked


def look(archive: LocalArchive, options: Options, progress: Progress | None = None) -> Iterator[Subject]:
    """Assemble and check every series of images, one after the other, so that one at a time is in memory.

    Objects without images (reports, plans) are left out beside images, unless something is wrong with them.
    """
    pairs = [(study, series) for study in archive.studies for series in study.series]
    faulty = {issue.uid for issue in archive.issues if issue.severity is Severity.REJECT}
    wanted = [
        (study, series)
        for study, series in pairs
        if series.series_instance_uid in faulty or any(ref.number_of_frames for ref in series.instances)
    ] or pairs
    for done, (study, series) in enumerate(wanted):
        if progress:
            progress(done, len(wanted))
        concerned = {None, study.study_instance_uid, series.series_instance_uid}
        told = tuple(issue for issue in archive.issues if issue.uid in concerned)
        for subject in _assembled(study, series, options):
            yield replace(subject, issues=(*told, *subject.issues))
    if progress:
        progress(len(wanted), len(wanted))


def _assembled(study: Study, series: Series, options: Options) -> Iterator[Subject]:
    facts = options.facts.over(facts_of(study))
    try:
        assembly = assemble(series, pixel_limits(options.limits))
    except ImageError as error:
        yield replace(unread(study, series, (issue_of(error),)), facts=facts)
        return
    failed = tuple(issue for issue in assembly.issues if issue.facts.get("volume") == 0)
    if failed:
        yield unread(study, series, failed)
    for index, volume in enumerate(assembly.volumes):
        subject = inspect(study, series, volume, assembly.issues_of(index))
        yield replace(subject, part=index, volumes=assembly.volumes, facts=facts, lesions=options.lesions)


def _with_earlier(subject: Subject, found: Sequence[Study], given: Sequence[Study], options: Options) -> Subject:
    """Return a subject with its priors, whose volumes are read when they are compared."""
    told = require_same_patient(subject.study, given, is_stated=options.is_same_patient)
    pairs = earlier_series(subject.study, subject.series, found, given)
    priors = tuple(Subject(study, series, None) for study, series in pairs)
    return replace(subject, priors=priors, issues=(*subject.issues, *told))


def _loaded(prior: Subject, options: Options) -> Subject:
    """Return a prior with its largest volume; what a reader points at lies in the current examination alone."""
    return replace(next(_assembled(prior.study, prior.series, options)), lesions=None)


def reports_of(subjects: Iterable[Subject], desk: Desk, options: Options) -> Iterator[Report]:
    """Ask about one volume after the other; a series that a task read as a whole is not asked about again."""
    read_whole: set[str] = set()
    for subject in subjects:
        uid = subject.series.series_instance_uid
        if subject.part and uid in read_whole:
            continue
        report = ask(subject, desk, options)
        if report.status is Status.COMPLETE and reads_series(report.task):
            read_whole.add(uid)
        yield report


def ask(subject: Subject, desk: Desk, options: Options) -> Report:
    """Ask the fitting task about a volume and return the report, whatever comes of it."""
    started, name = _now(), options.task or ""
    try:
        tasks = for_part(tasks_for(subject.series, desk, options.task, options.model), subject.part)
        documented = tuple(task for task in tasks if subject.series.modality in task.documents)
        if documented:
            subject = replace(subject, volume=None, issues=())
        if not documented and (subject.volume is None or has_reject(subject.issues)):
            reading = not_asked(tasks, desk)
            status = Status.REFUSED
        else:
            name, reading = read_first_fitting(tasks, desk, subject)
            chosen = next((task for task in tasks if task.name == name), None)
            if subject.priors and chosen is not None and not reading.is_refused:
                reading = with_priors(
                    subject, reading, partial(answer, chosen, desk), partial(_loaded, options=options)
                )
            status = Status.REFUSED if reading.is_refused else Status.COMPLETE
    except (ModelError, ImageError, PrepareError) as error:
        reading = Reading((), (issue_of(error),), ())
        status = Status.REFUSED if isinstance(error, ImageError) else Status.FAILED
    order = list(Severity)
    return Report(
        study=subject.study,
        series=subject.series,
        task=name,
        status=status,
        findings=reading.findings,
        issues=tuple(sorted((*subject.issues, *reading.issues), key=lambda issue: order.index(issue.severity))),
        provenance=_provenance(subject.series, reading.models, started, options),
        key_images=reading.key_images,
        limits=reading.limits,
        conclusions=with_options(reading.conclusions),
        charts=reading.charts,
    )


def _provenance(series: Series, models: tuple[ModelIdentity, ...], started: str, options: Options) -> Provenance:
    return Provenance(
        models=models,
        software_version=__version__,
        settings_digest=options.settings_digest,
        input_digests=tuple((instance.sop_instance_uid, instance.sha256) for instance in series.instances),
        started=started,
        ended=_now(),
        runtime=runtime_description(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
