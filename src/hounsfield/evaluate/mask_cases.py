"""A model of masks on each case: labels back on the grid of the image, measured against the reference."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.cases.masked_table import MaskedImage, MaskTable
from hounsfield.compiled import in_order
from hounsfield.core.codes import concept_for
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.metrics.distances import pooled_hausdorff_mm, pooled_surface_distance_mm
from hounsfield.metrics.instances import match_objects
from hounsfield.metrics.masks import pair_masks
from hounsfield.metrics.overlap import dice_score
from hounsfield.metrics.surface import surface_distances
from hounsfield.model.manifest import Manifest
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.prepare.network_input import labels_to_source, prepare_channels
from hounsfield.prepare.sequence import build_steps

CASES_AT_A_TIME = 2
"""One is prepared or measured while the network answers for the other; volumes are large."""


@dataclass(frozen=True)
class MeasuredCase:
    """What a model is worth on one case.

    Attributes:
        identifier: its name.
        patient: what tells patients apart, None when unknown.
        figures: by name; NaN where a figure is not defined, as a distance to a mask that is empty.
        is_calibrated: whether distances are millimetres; else they are samples.
    """

    identifier: str
    patient: str | None
    figures: dict[str, float]
    is_calibrated: bool

    @property
    def rank(self) -> float:
        """What cases are ordered by: F1 of objects, else the mean Dice; unknown counts as whole agreement."""
        value = self.figures.get("f1_50", self.figures["dice"])
        return value if np.isfinite(value) else 1.0


@dataclass(frozen=True)
class RefusedCase:
    """A case that could not be answered, and why."""

    identifier: str
    reason: HounsfieldError


Progress = Callable[[int, int], None]
Note = Callable[[MeasuredCase, MaskedImage, Mask], None]


@dataclass(frozen=True)
class _Answered:
    """A measured case with what it was measured on."""

    case: MeasuredCase
    image: MaskedImage
    found: Mask


def find_mask(predictor: MaskPredictor, volumes: Sequence[Volume | None]) -> Mask:
    """Return the mask of a case on the grid of its image: prepared, answered, and taken back through the trace.

    Args:
        predictor: of the model.
        volumes: the channels on one grid, None where one is missing.

    Raises:
        DatasetError: ``E864``, the images carry another quantity than the model learned.
        HounsfieldError: a step or the network cannot take the images.
    """
    manifest = predictor.package.manifest
    _check_quantity(manifest, volumes)
    given = prepare_channels(volumes, build_steps(manifest.prepare), manifest.network.channels)
    answer = predictor.predict(given.images)
    labels = np.asarray(labels_to_source(given.trace, answer.labels, given.geometry))
    names = [entry.name for entry in manifest.classes]
    concepts = {
        int(value): concept_for(predictor.masks.object_name or "object" if answer.is_objects else names[int(value)])
        for value in np.unique(labels)
        if value
    }
    return Mask(labels.astype(np.int32), given.source, concepts)


def measure_cases(
    predictor: MaskPredictor,
    table: MaskTable,
    indices: Sequence[int],
    progress: Progress | None = None,
    note: Note | None = None,
) -> tuple[tuple[MeasuredCase, ...], tuple[RefusedCase, ...]]:
    """Answer and measure cases, two at a time; what cannot be answered is told apart.

    Args:
        predictor: of the model.
        table: the data.
        indices: cases to answer.
        progress: told (done, all) after each case.
        note: given each case with its image and mask, in order.

    Raises:
        DatasetError: ``E851``, a label of the data is none of the model's.
    """
    value_of = match_labels(table, predictor.package.manifest)

    def answer(read: tuple[int, MaskedImage | HounsfieldError]) -> _Answered | RefusedCase:
        index, image = read
        case = table.cases[index]
        try:
            if isinstance(image, HounsfieldError):
                raise image
            found = find_mask(predictor, image.volumes)
        except HounsfieldError as error:
            return RefusedCase(case.identifier, error)
        is_calibrated = found.geometry.calibration is not Calibration.NONE
        figures = case_figures(found, image, table, value_of)
        return _Answered(MeasuredCase(case.identifier, case.patient, figures, is_calibrated), image, found)

    measured: list[MeasuredCase] = []
    refused: list[RefusedCase] = []
    for done, answered in enumerate(in_order(answer, table.read_all(indices), CASES_AT_A_TIME, CASES_AT_A_TIME), 1):
        if isinstance(answered, RefusedCase):
            refused.append(answered)
        else:
            measured.append(answered.case)
            if note:
                note(answered.case, answered.image, answered.found)
        if progress:
            progress(done, len(indices))
    return tuple(measured), tuple(refused)


def match_labels(table: MaskTable, manifest: Manifest) -> dict[int, int]:
    """Return the model's value of each label of the data above 0, by name; numbered objects need no names.

    Raises:
        DatasetError: ``E851``, a label of the data is none of the model's; ``E865``, one numbers objects and the other
            names labels.
    """
    masks = manifest.masks
    is_objects = masks is not None and masks.object_name is not None
    if is_objects != table.is_instances:
        raise DatasetError("E865", found=table.name)
    if is_objects:
        return {1: 1}
    names = [_plain(entry.name) for entry in manifest.classes]
    known = {name: index for index, name in enumerate(names)}
    wanted = table.label_names[1:]
    has_mere_numbers = any(all(_is_number(name) for name in side) for side in (wanted, names[1:]))
    if has_mere_numbers and len(wanted) == len(names) - 1 and not {_plain(name) for name in wanted} <= set(known):
        # masks of files only number their labels; the model's names count them in order
        return {index: index for index in range(1, len(names))}
    strange = [name for name in wanted if _plain(name) not in known]
    if strange:
        raise DatasetError("E851", found=strange[0], expected=", ".join(entry.name for entry in manifest.classes))
    return {index: known[_plain(name)] for index, name in enumerate(wanted, start=1)}


def case_figures(found: Mask, image: MaskedImage, table: MaskTable, value_of: dict[int, int]) -> dict[str, float]:
    """Return Dice, 95 % Hausdorff distance and mean surface distance of each label, or Dice and F1 of objects."""
    if table.is_instances:
        both = (found.array > 0, image.mask.array > 0)
        dice = dice_score(pair_masks(*both)) if both[0].any() or both[1].any() else float("nan")
        return {"dice": dice, "f1_50": match_objects(found.array, image.mask.array).f1_score}
    figures: dict[str, float] = {}
    scores = []
    for index, name in enumerate(table.label_names[1:], start=1):
        dice, far, near = _label_figures(found.array == value_of[index], image.mask.array == index, found.geometry)
        scores.append(dice)
        figures |= {f"dice {name}": dice, f"hd95 {name}": far, f"assd {name}": near}
    known = [score for score in scores if np.isfinite(score)]
    return {"dice": float(np.mean(known)) if known else float("nan"), **figures}


def _label_figures(
    found: npt.NDArray[np.bool_], reference: npt.NDArray[np.bool_], geometry: VolumeGeometry
) -> tuple[float, float, float]:
    undefined = float("nan")
    if not found.any() and not reference.any():
        return undefined, undefined, undefined
    spacing = (1.0, 1.0, 1.0) if geometry.calibration is Calibration.NONE else geometry.spacing_mm
    is_planar = found.shape[0] == 1
    pair = pair_masks(*((found[0], reference[0]) if is_planar else (found, reference)))
    if not found.any() or not reference.any():
        return dice_score(pair), undefined, undefined
    distances = surface_distances(pair, spacing[1:] if is_planar else spacing)
    return dice_score(pair), pooled_hausdorff_mm(distances), pooled_surface_distance_mm(distances)


def _check_quantity(manifest: Manifest, volumes: Sequence[Volume | None]) -> None:
    if manifest.input.quantity != "hounsfield":
        return
    for volume in volumes:
        if volume is not None and volume.quantity is not Quantity.HOUNSFIELD:
            raise DatasetError("E864", found=volume.quantity.name.lower(), expected="hounsfield")


def _is_number(name: str) -> bool:
    """Tell whether a label is named by its number, or as the only one of a file, instead of by what it is."""
    return re.fullmatch(r"(label)?\d+|foreground|lesion", _plain(name)) is not None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
