"""Breast ultrasound: a benign or malignant lesion on one image of it."""

from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept

TASK = Task(
    name="breast-ultrasound",
    model="breast-ultrasound",
    modalities=("US",),
    site=concept("breast"),
    takes_en="an ultrasound image of the breast with a lesion that someone chose to show; named by --task where the "
    "header does not say BREAST",
    takes_zh="显示所选病灶的乳腺超声图像；若头信息未注明BREAST，须用--task指定",
    stated_parts=("BREAST",),
)
