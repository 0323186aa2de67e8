"""Every check of image quality, made on one volume: the one door of this part of the room."""

import numpy as np

from hounsfield.core.quality import QualityCheck, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.image.quality.blur import edge_sigma
from hounsfield.image.quality.coverage import field_cut_percent, lung_cut_percent
from hounsfield.image.quality.criteria import criteria
from hounsfield.image.quality.header import StatedFacts, read_stated
from hounsfield.image.quality.motion import ghost_percent, largest_step
from hounsfield.image.quality.noise import noise_sigma, soft_tissue_noise
from hounsfield.image.quality.sample import Plane, plane, sample_planes
from hounsfield.image.quality.writing import letters_in

SMALLEST_SIDE = 96
"""Rows and columns below which structure is as fine as noise, and edges are too near to each other."""
SMALLEST_STACK_SIDE = 48
STACKS = ("CT", "MR", "PT", "NM", "")
_AXIAL = 0.8


def judge_volume(volume: Volume, modality: str, *, is_chest: bool = False) -> tuple[QualityCheck, ...]:
    """Measure a volume and hold every value against its limit; what cannot be measured is said so.

    Nothing here rejects: noise, blur, motion and coverage are warnings (fact sheet, section 9.1).

    Args:
        volume: samples that ``check_volume`` did not reject.
        modality: of its series, empty for files that are not DICOM.
        is_chest: whether the header says that the chest is shown, so that lungs must be whole.
    """
    uid = volume.instances[0].sop_instance_uid if volume.instances else None
    stated = read_stated(volume.instances[0] if volume.instances else None)
    planes = sample_planes(volume)
    return (
        *_noise_and_blur(volume, modality, planes, uid),
        _slice_shift(volume, modality, uid),
        _ghosting(volume, modality, stated, uid),
        *_coverage(volume, modality, is_chest, uid),
        _declared(stated, uid),
        _text(volume, uid),
    )


def _noise_and_blur(
    volume: Volume, modality: str, planes: list[Plane], uid: str | None
) -> tuple[QualityCheck, QualityCheck]:
    is_ct = volume.quantity is Quantity.HOUNSFIELD
    noise, blur = criteria()["noise-ct" if is_ct else "noise"], criteria()["blur"]
    if min(volume.geometry.shape[1:]) < SMALLEST_SIDE:
        return noise.skip("unchecked-small"), blur.skip("unchecked-small")
    sigma = noise_sigma(planes, volume.presentation.padding)
    width = edge_sigma(planes, sigma or 0.0)
    sharpness = blur.skip("unchecked-edges") if width is None else blur.judge(width, uid)
    if modality in ("PT", "NM"):
        sharpness = blur.skip("unchecked-nuclear")
    if is_ct:
        tissue = soft_tissue_noise(planes, volume.geometry.spacing_mm[1:])
        return (noise.skip("unchecked-tissue") if tissue is None else noise.judge(tissue, uid)), sharpness
    low, high = np.percentile(np.concatenate([image[::4, ::4].reshape(-1) for image in planes]), (0.5, 99.5))
    if sigma is None or high <= low:
        return noise.skip("unchecked-flat"), sharpness
    return noise.judge(100 * sigma / float(high - low), uid), sharpness


def _slice_shift(volume: Volume, modality: str, uid: str | None) -> QualityCheck:
    criterion = criteria()["slice-shift"]
    if volume.slice_axis is not SliceAxis.SPACE or modality not in STACKS:
        return criterion.skip("unchecked-stack")
    step = largest_step(volume) if min(volume.geometry.shape[1:]) >= SMALLEST_STACK_SIDE else None
    if step is None:
        return criterion.skip("unchecked-stack")
    return criterion.judge(step.shift_mm, uid, slice=step.slice_number, following=step.slice_number + 1)


def _ghosting(volume: Volume, modality: str, stated: StatedFacts, uid: str | None) -> QualityCheck:
    criterion = criteria()["ghosting"]
    if modality != "MR" or stated.phase_encoding not in ("ROW", "COL") or volume.is_colour:
        return criterion.skip("unchecked-phase")
    is_along_rows = stated.phase_encoding == "ROW"
    found = [ghost_percent(image, is_along_rows) for image in sample_planes(volume)]
    values = [value for value in found if value is not None]
    return criterion.judge(float(np.median(values)), uid) if values else criterion.skip("unchecked-background")


def _coverage(volume: Volume, modality: str, is_chest: bool, uid: str | None) -> tuple[QualityCheck, ...]:
    few, lung, field = (criteria()[name] for name in ("few-slices", "lung-cut", "field-of-view"))
    is_stack = volume.slice_axis is SliceAxis.SPACE and modality in STACKS
    slices = few.judge(volume.geometry.shape[0], uid) if is_stack else few.skip("unchecked-stack")
    if volume.quantity is not Quantity.HOUNSFIELD or volume.is_colour:
        return slices, lung.skip("unchecked-not-ct"), field.skip("unchecked-not-ct")
    is_tiny = min(volume.geometry.shape[1:]) < SMALLEST_STACK_SIDE
    rim = None if is_tiny else field_cut_percent(volume)
    cut = field.skip("unchecked-background") if rim is None else field.judge(rim, uid)
    is_axial = abs(volume.geometry.direction[2][0]) > _AXIAL
    if not is_chest or not is_stack or not is_axial or volume.geometry.shape[0] < 5:
        return slices, lung.skip("unchecked-chest"), cut
    share = lung_cut_percent(volume)
    return slices, lung.skip("unchecked-chest") if share is None else lung.judge(share, uid), cut


def _declared(stated: StatedFacts, uid: str | None) -> QualityCheck:
    criterion = criteria()["annotation-declared"]
    if not stated.burned_in_annotation:
        return criterion.skip("unchecked-not-stated")
    return criterion.decide(Severity.WARN if stated.burned_in_annotation == "YES" else None, uid)


def _text(volume: Volume, uid: str | None) -> QualityCheck:
    criterion = criteria()["text"]
    if min(volume.geometry.shape[1:]) < SMALLEST_SIDE:
        return criterion.skip("unchecked-small")
    count = volume.geometry.shape[0]
    images = [plane(volume, index) for index in sorted({0, count // 2})]
    return criterion.judge(
        max(letters_in(-image if volume.presentation.is_inverted else image) for image in images), uid
    )
