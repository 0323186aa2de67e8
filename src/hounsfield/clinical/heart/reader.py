"""The heart task: short-axis MR, coronary calcium on CT or echocardiography, by what the series is."""

from hounsfield.clinical.desk import Desk
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.calcium_reading import read_calcium
from hounsfield.clinical.heart.echo_reading import read_echo
from hounsfield.clinical.heart.short_axis import read_short_axis
from hounsfield.clinical.subject import Reading, Subject
from hounsfield.clinical.task import Task
from hounsfield.errors import OutOfScope


def read_heart(task: Task, desk: Desk, subject: Subject) -> Reading:
    """Return what a series shows of the heart.

    Raises:
        OutOfScope: ``E520``, there is no volume.
        ModelError: the model is missing or not fit.
        PrepareError: a step of its manifest cannot be applied.
    """
    if subject.series.modality in ("SR", "US"):
        return read_echo(subject)
    if subject.volume is None:
        raise OutOfScope("E520", uid=subject.series.series_instance_uid, found=None, expected="a volume")
    if subject.series.modality == "CT":
        return read_calcium(subject)
    return read_short_axis(desk, subject)


TASK = Task(
    name="heart",
    model="",
    modalities=("MR", "CT", "US", "SR"),
    site=words.HEART,
    takes_en="short-axis cine MR with all phases in one series, gated 3 mm CT without contrast, or echocardiography",
    takes_zh="心脏短轴电影MR序列（所有时相在同一序列中），3毫米层厚的心电门控平扫CT，或超声心动图",
    reader=read_heart,
    reads_series=True,
    documents=("SR",),
)
