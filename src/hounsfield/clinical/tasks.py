"""The tasks there are, and the choice among them for a series; other packages add theirs by entry point."""

from collections.abc import Sequence
from importlib.metadata import entry_points

from hounsfield.clinical import brain_mri, breast_ultrasound, chest_xray
from hounsfield.clinical.chest_ct.reader import TASK as CHEST_CT
from hounsfield.clinical.fracture.reader import TASK as FRACTURE
from hounsfield.clinical.heart.reader import TASK as HEART
from hounsfield.clinical.task import Task
from hounsfield.clinical.tumour.reader import TASK as TUMOUR
from hounsfield.core.study import Series
from hounsfield.errors import SettingsError, UnsupportedModality

BUILT_IN = (brain_mri.TASK, breast_ultrasound.TASK, chest_xray.TASK)
ON_REQUEST = (CHEST_CT, HEART, TUMOUR, FRACTURE)
"""Tasks that are asked by name alone: what they find in real images is not good enough to come unasked, or their model
may not be used by everybody."""


def all_tasks() -> tuple[Task, ...]:
    """Return the built-in tasks and those of the entry point group ``hounsfield.tasks``, by name."""
    added = tuple(point.load() for point in entry_points(group="hounsfield.tasks"))
    return tuple(sorted((*BUILT_IN, *added), key=lambda task: task.name))


def find_task(name: str) -> Task:
    """Return a task by name.

    Raises:
        SettingsError: ``E950`` when there is none.
    """
    for task in (*all_tasks(), *ON_REQUEST):
        if task.name == name:
            return task
    raise SettingsError("E950", found=name, known=", ".join(task.name for task in (*all_tasks(), *ON_REQUEST)))


def candidates(series: Series, tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Return the tasks to ask of a series without being named, by its header.

    Raises:
        UnsupportedModality: ``E951`` when none does.
    """
    fitting = tuple(task for task in tasks if task.asks_unbidden(series))
    if not fitting:
        raise UnsupportedModality(
            "E951",
            uid=series.series_instance_uid,
            found=series.modality,
            expected=", ".join(f"{task.name} ({'/'.join(task.modalities)})" for task in tasks),
        )
    return fitting
