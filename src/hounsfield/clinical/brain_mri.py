"""Brain MRI: type of tumour on a slice or a series of slices, in words that an image can support."""

from dataclasses import replace

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.reading import read_task
from hounsfield.clinical.rules.reporting import cns_wording
from hounsfield.clinical.rules.source import rule_source
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact
from hounsfield.core.finding import Finding, Presence

WORDED = ("glioma", "meningioma", "pituitary")
"""Classes that the WHO classification has words for as far as an image goes."""


def read_brain(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Ask the model, and say of each tumour that it sees what an image may say: a pattern, never a type or a grade.

    Raises:
        ModelError: the model is missing or not fit.
        PrepareError: a step cannot be applied.
    """
    reading = read_task(task, desk, subject)
    present = [item for item in reading.findings if item.presence is Presence.PRESENT]
    said = [_worded(finding, name) for finding in present for name in WORDED if finding.type == concept(name)]
    return replace(reading, conclusions=tuple(said))


def _worded(finding: Finding, name: str) -> Conclusion:
    return Conclusion(
        kind=ConclusionKind.CATEGORY,
        rule=rule_source("who-cns5", f"image-{name}"),
        result=f"pattern-of-{name}",
        wording=cns_wording(name),
        inputs=(
            Fact("image_class", name, origin=finding.model.name),
            Fact("score", finding.score, origin=finding.model.name),
        ),
        missing=("pathology",),
        tracking_uids=(finding.tracking_uid,),
    )


TASK = Task(
    name="brain-mri",
    model="brain-mri-tumour",
    modalities=("MR",),
    site=concept("brain"),
    takes_en="an MR series of the brain (T1, T1 with contrast, T2), or a picture of a slice",
    takes_zh="脑部MR序列（T1、增强T1、T2）或单层图片",
    reader=read_brain,
)
