"""Task: what a clinical question takes, which model answers it, and where in the body it looks."""

from dataclasses import dataclass
from typing import Protocol

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.core.codes import CodedConcept
from hounsfield.core.study import Series
from hounsfield.messages import Language


class Reader(Protocol):
    """Answers a task about a subject with more than one model's classes: measures, applies rules, compares."""

    def __call__(self, task: "Task", desk: Desk, subject: Subject) -> Reading:
        """Return the findings, conclusions, key images and charts, or the refusal with its reasons as issues."""


@dataclass(frozen=True)
class Task:
    """A question that can be asked of a series.

    Attributes:
        name: stable name, such as ``chest-xray``.
        model: name of the model that answers it; empty for a task that measures without one.
        modalities: DICOM modalities it takes; a picture without a modality is taken too.
        site: where the findings lie.
        takes_en: what it takes, in English.
        takes_zh: what it takes, in Simplified Chinese.
        reader: how it is answered; None asks the model for its classes.
        stated_parts: body parts, as the header states them, without which the task is not asked of its own accord; for
            models that no gate keeps from other images. Empty asks by the modality alone.
        documents: modalities of objects without images that it reads, such as ``SR``.
        reads_series: whether all volumes of a series (phases, views) are read together and answered once.
    """

    name: str
    model: str
    modalities: tuple[str, ...]
    site: CodedConcept
    takes_en: str
    takes_zh: str
    reader: Reader | None = None
    reads_series: bool = False
    stated_parts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()

    def takes(self, language: Language = "en") -> str:
        """Return what the task takes, in a language."""
        return self.takes_zh if language == "zh" else self.takes_en

    def takes_modality(self, series: Series) -> bool:
        """Whether the header allows this task: the right modality, or none because the file is a picture."""
        return series.modality in self.modalities or series.modality in PICTURE_MODALITIES

    def asks_unbidden(self, series: Series) -> bool:
        """Whether the task is asked of a series without being named: the header must say that it is what it takes."""
        part = series.body_part_examined.strip().upper()
        return self.takes_modality(series) and (not self.stated_parts or part in self.stated_parts)


PICTURE_MODALITIES = ("", "OT", "SC")
"""Modalities that say nothing about how an image was made, so the gate alone decides."""
