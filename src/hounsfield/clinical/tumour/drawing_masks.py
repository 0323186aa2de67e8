"""From a source and a prompt to a mask on disk: a label map on the grid of the image, or a DICOM Segmentation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.tumour.measure import LesionMeasures, measure_lesion
from hounsfield.clinical.tumour.prompt import Prompt
from hounsfield.clinical.tumour.segmenting import Segmented, parameters, segment
from hounsfield.core.codes import concept
from hounsfield.core.geometry import Calibration
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.quality import QualityIssue
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError, SettingsError
from hounsfield.image.saving import require_free
from hounsfield.image.write import SUFFIXES, write_volume
from hounsfield.opening import read_volumes
from hounsfield.report.segmentation import Segments, write_segmentation

SEGMENTATION_SUFFIX = ".dcm"


@dataclass(frozen=True)
class Drawn:
    """What came of the prompts.

    Attributes:
        volume: the image.
        series: of the image.
        lesions: each as it was found.
        measures: of each, None where lengths are not true in the patient.
        issues: of the image.
        path: of the mask.
    """

    volume: Volume
    series: Series
    lesions: tuple[Segmented, ...]
    measures: tuple[LesionMeasures | None, ...]
    issues: tuple[QualityIssue, ...]
    path: Path


def prompt_identity() -> ModelIdentity:
    """Return who speaks for a mask that came of a prompt."""
    return algorithm_identity("lesion-prompt", "tumour", parameters())


def draw_masks(source: Path, prompts: tuple[Prompt, ...], output: Path, limits: Limits = DEFAULT_LIMITS) -> Drawn:
    """Segment the lesions that prompts point at and write them as one mask: label 1 for the first prompt, and so on.

    Args:
        source: a file or folder with one volume.
        prompts: one a lesion; where two overlap, the first keeps the voxels.
        output: ends in ``.nii.gz``, ``.nii`` or ``.nrrd``, or in ``.dcm`` for a DICOM Segmentation.
        limits: bounds on what is read.

    Raises:
        SettingsError: ``E340`` the output exists, ``E343`` its ending is none of these, and as ``segment``.
        ImageError: ``E971``, the source does not hold one volume; and as ``segment``.
        Unencodable: the images cannot have a DICOM Segmentation.
    """
    is_object = output.name.lower().endswith(SEGMENTATION_SUFFIX)
    if not is_object and not output.name.lower().endswith(SUFFIXES):
        raise SettingsError("E343", found=output.name)
    require_free(output)
    opened = read_volumes(source, limits=limits)
    if len(opened.volumes) != 1:
        raise ImageError("E971", found=f"{len(opened.volumes)} volumes")
    volume, series = opened.volumes[0], opened.series[0]
    lesions = tuple(segment(volume, prompt) for prompt in prompts)
    mask = mask_of(volume, lesions)
    if is_object:
        names = {number: f"lesion {number}" for number in mask.labels}
        write_segmentation(Segments(mask, prompt_identity(), names), series, output)
    else:
        write_volume(Volume(mask.array, volume.geometry, Quantity.LABEL), output, "Lesions from prompts")
    is_true = volume.geometry.calibration is Calibration.PATIENT
    measures = tuple(measure_lesion(volume, one.inside) if is_true else None for one in lesions)
    return Drawn(volume, series, lesions, measures, opened.issues, output)


def mask_of(volume: Volume, lesions: tuple[Segmented, ...]) -> Mask:
    """Return lesions as one mask, numbered from 1; a voxel that two claim is the first one's."""
    array = np.zeros(volume.geometry.shape, dtype=np.uint8)
    for number, one in reversed(list(enumerate(lesions, 1))):
        array[one.inside] = number
    return Mask(array, volume.geometry, {number: concept("neoplasm") for number in range(1, len(lesions) + 1)})
