"""Chest X-ray: pneumonia on a frontal film."""

from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept

TASK = Task(
    name="chest-xray",
    model="chest-xray-pneumonia",
    modalities=("CR", "DX", "RG", "RF"),
    site=concept("lung"),
    takes_en="a frontal chest radiograph (CR, DX), or a picture of one",
    takes_zh="正位胸部X线片（CR、DX）或其图片",
)
