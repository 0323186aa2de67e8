"""Choose: which tasks are asked of a series, and what they say together."""

from dataclasses import replace

from hounsfield.clinical.desk import Desk, model_names
from hounsfield.clinical.reading import read_task
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.clinical.task import Task
from hounsfield.clinical.tasks import ON_REQUEST, all_tasks, candidates, find_task
from hounsfield.core.codes import concept, concept_names
from hounsfield.core.finding import Finding
from hounsfield.core.quality import QualityIssue
from hounsfield.core.study import Series
from hounsfield.errors import UnsupportedModality
from hounsfield.finding.decide import not_assessed


def tasks_for(series: Series, desk: Desk, task: str | None = None, model: str | None = None) -> tuple[Task, ...]:
    """Return the tasks to ask of a series: the one named, the named model's, or all whose modality fits.

    Raises:
        SettingsError: ``E950``, there is no such task.
        UnsupportedModality: ``E951`` no task takes the modality, ``E952`` the named one does not.
        ModelError: the named model is missing or not fit.
    """
    if task is not None:
        named = find_task(task)
        if not named.takes_modality(series):
            raise UnsupportedModality(
                "E952",
                uid=series.series_instance_uid,
                task=task,
                found=series.modality,
                expected="/".join(named.modalities),
            )
        return (named if model is None else replace(named, model=model),)
    if model is not None:
        return (task_of_model(desk, model),)
    return candidates(series, all_tasks())


def task_of_model(desk: Desk, model: str) -> Task:
    """Return the task that a model's manifest states, the built-in one of that name where there is one."""
    manifest = desk.package(model).manifest
    for task in all_tasks():
        if task.name == manifest.task:
            return replace(task, model=model)
    regions = [region for region in manifest.input.body_parts if region in concept_names()]
    return Task(
        name=manifest.task,
        model=model,
        modalities=tuple(manifest.input.modalities),
        site=concept(regions[0] if regions else "entire-body"),
        takes_en=manifest.purpose.en,
        takes_zh=manifest.purpose.zh,
    )


def read_first_fitting(tasks: tuple[Task, ...], desk: Desk, subject: Subject) -> tuple[str, Reading]:
    """Ask tasks in order and return the name and reading of the first that is not refused.

    When all are, the refusals come together under no task name, each reason once.
    """
    refused: list[tuple[str, Reading]] = []
    for task in tasks:
        reading = answer(task, desk, subject)
        if not reading.is_refused:
            return task.name, reading
        refused.append((task.name, reading))
    if len(refused) == 1:
        return refused[0]
    readings = [reading for _, reading in refused]
    issues: dict[tuple[str, str], QualityIssue] = {}
    for issue in (issue for reading in readings for issue in reading.issues):
        issues.setdefault((issue.code, issue.text()), issue)
    together = Reading(
        findings=tuple(finding for reading in readings for finding in reading.findings),
        issues=tuple(issues.values()),
        models=tuple(dict.fromkeys(model for reading in readings for model in reading.models)),
        key_images=readings[0].key_images,
    )
    return "", together


def reads_series(name: str) -> bool:
    """Whether the task of this name reads all volumes of a series together."""
    return any(task.reads_series for task in (*all_tasks(), *ON_REQUEST) if task.name == name)


def for_part(tasks: tuple[Task, ...], part: int) -> tuple[Task, ...]:
    """Return the tasks to ask about a volume of a series: whoever reads the whole was asked with its first volume.

    Where nobody else is left, the tasks stay as they are, so that the volume is answered or refused by its own reason.
    """
    others = tuple(task for task in tasks if not task.reads_series)
    return others if part and others else tasks


def answer(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Ask one task, by its own reader where it has one."""
    return task.reader(task, desk, subject) if task.reader else read_task(task, desk, subject)


def not_asked(tasks: tuple[Task, ...], desk: Desk) -> Reading:
    """Return the reading of an input that was stopped before any model saw it: every finding not assessed."""
    findings: list[Finding] = []
    for task in tasks:
        for name in model_names(task.model):
            package = desk.package(name)
            findings += not_assessed(package.manifest.predicted_classes, task.site, package.identity)
    return Reading(tuple(findings), (), ())
