"""Brain MRI: type of tumour on a slice or a series of slices."""

from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept

TASK = Task(
    name="brain-mri",
    model="brain-mri-tumour",
    modalities=("MR",),
    site=concept("brain"),
    takes_en="an MR series of the brain (T1, T1 with contrast, T2), or a picture of a slice",
    takes_zh="脑部MR序列（T1、增强T1、T2）或单层图片",
)
