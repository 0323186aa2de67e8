"""Segmentation data as an nnU-Net version 2 folder, whole or not at all.

Source: nnU-Net, documentation/dataset_format.md; its ``verify_dataset_integrity`` asks for the four keys of
``dataset.json``, as many training cases as it says, a label file of each, consecutive labels, no value outside them, no
NaN, and one shape and spacing for the channels and the label of a case.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hounsfield.cases.masked_guard import MaskedExamination, as_cases
from hounsfield.cases.masked_nnunet import DECLARATION
from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskTable
from hounsfield.cases.names import TEST
from hounsfield.cases.splits import fold_cases
from hounsfield.core.geometry import Calibration
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.image.nifti_writer import write_nifti
from hounsfield.image.saving import whole_folder

SPLITS = "splits_final.json"
"""Folds of the cross-validation; nnU-Net looks for it in its folder of preprocessed data, where it is to be copied."""

FOLDS = 5
COLOURS = ("R", "G", "B")


@dataclass(frozen=True)
class NnunetWritten:
    """What was written.

    Attributes:
        folder: name of the folder.
        training: cases in imagesTr with their labels.
        test: cases in imagesTs.
        left_out: cases that cannot be used, as the examination found.
        folds: folds of ``splits_final.json``, 0 without one.
    """

    folder: str
    training: int
    test: int
    left_out: tuple[str, ...]
    folds: int


@dataclass(frozen=True)
class _Form:
    """How all cases of a folder are stored: as pictures, grey or colour, or as volumes."""

    ending: str
    is_colour: bool

    @property
    def is_picture(self) -> bool:
        return self.ending == ".png"


def write_nnunet(table: MaskTable, folder: Path, examination: MaskedExamination) -> NnunetWritten:
    """Write a data set as an nnU-Net folder; its name should be ``DatasetNNN_Name``, by which nnU-Net finds it.

    Cases of the part ``test`` and cases without a mask go to ``imagesTs``; masks of test cases to ``labelsTs``.
    Numbered objects become one label, as nnU-Net knows no instances. Pictures of 8 or 16 bits stay pictures (png), all
    else becomes NIfTI. The folds keep the groups of the examination together. ``patients`` and ``parts`` are added to
    ``dataset.json``; nnU-Net passes over them, ``read_masked`` takes them.

    Args:
        table: the data set.
        folder: must not exist, or be empty.
        examination: of the same table; cases that it found unusable are left out and named.

    Raises:
        DatasetError: ``E888`` a case cannot be written: a channel is missing, or samples are not finite.
        SettingsError: ``E340`` the folder holds something.
        HounsfieldError: a case cannot be read.
    """
    usable = [index for index in range(len(table)) if index not in set(examination.unusable)]
    kept = table.select(usable)
    if not any(_is_training(case) for case in kept.cases):
        raise DatasetError("E888", case=table.name, found="0")
    names = _file_names(kept.cases)
    form = _form_of(kept)
    groups = [examination.groups[index] for index in usable]
    folds = _folds(kept, groups, names)
    with whole_folder(folder) as partial:
        for part in ("imagesTr", "labelsTr"):
            (partial / part).mkdir()
        for index, image in kept.read_all(workers=1):
            if isinstance(image, HounsfieldError):
                raise image
            _write_case(kept, index, image, partial, names[index], form)
        _write_json(partial / DECLARATION, _declaration(kept, names, form))
        if folds:
            _write_json(partial / SPLITS, folds)
    training = sum(map(_is_training, kept.cases))
    left_out = tuple(table.cases[index].identifier for index in examination.unusable)
    return NnunetWritten(folder.name, training, len(kept) - training, left_out, len(folds))


def _is_training(case: MaskedCase) -> bool:
    return case.mask is not None and case.split != TEST


def _file_names(cases: Sequence[MaskedCase]) -> tuple[str, ...]:
    """Return identifiers as names of files: letters, digits, dot, dash and underscore; numbered where two agree."""
    taken: set[str] = set()
    names = []
    for case in cases:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", case.identifier).strip("._") or "case"
        name, number = plain, 2
        while name.lower() in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


def _form_of(table: MaskTable) -> _Form:
    """Return pictures when every image is one slice of 8 or 16 bits without a place in a patient."""
    is_picture, is_colour = len(table.channel_names) == 1 and len(table.label_names) <= 256, False
    for _, image in table.read_all(workers=1):
        if isinstance(image, HounsfieldError):
            raise image
        for volume in image.volumes:
            if volume is not None:
                is_colour = is_colour or volume.is_colour
                is_flat = volume.geometry.shape[0] == 1 and volume.geometry.calibration is Calibration.NONE
                is_picture = is_picture and is_flat and volume.array.dtype in (np.uint8, np.uint16)
    return _Form(".png" if is_picture else ".nii.gz", is_colour)


def _folds(table: MaskTable, groups: Sequence[int], names: Sequence[str]) -> list[dict[str, list[str]]]:
    indices = [index for index, case in enumerate(table.cases) if _is_training(case)]
    own = [groups[index] for index in indices]
    count = min(FOLDS, len(set(own)))
    if count < 2:
        return []
    fold = fold_cases(as_cases(table.select(indices)), own, count)
    return [
        {
            "train": [names[index] for index, other in zip(indices, fold, strict=True) if other != number],
            "val": [names[index] for index, other in zip(indices, fold, strict=True) if other == number],
        }
        for number in range(count)
    ]


def _write_case(table: MaskTable, index: int, image: MaskedImage, folder: Path, name: str, form: _Form) -> None:
    case = table.cases[index]
    part = "Tr" if _is_training(case) else "Ts"
    (folder / f"images{part}").mkdir(exist_ok=True)
    for channel, volume in enumerate(image.volumes):
        if volume is None:
            raise DatasetError("E888", case=case.identifier, found=table.channel_names[channel])
        if not np.isfinite(volume.array).all():
            raise DatasetError("E888", case=case.identifier, found="NaN")
        _write_image(volume, image, folder / f"images{part}" / f"{name}_{channel:04d}{form.ending}", form)
    if case.mask is None:
        return
    array = np.asarray(image.mask.array)
    labels = (array > 0).astype(np.uint8) if table.is_instances else array
    (folder / f"labels{part}").mkdir(exist_ok=True)
    target = folder / f"labels{part}" / f"{name}{form.ending}"
    if form.is_picture:
        Image.fromarray(labels[0].astype(np.uint8)).save(target)
    else:
        write_nifti(_on_grid(labels, image), target)


def _write_image(volume: Volume, image: MaskedImage, target: Path, form: _Form) -> None:
    if not form.is_picture:
        if volume.is_colour:
            raise DatasetError("E888", case=target.name, found="RGB")
        write_nifti(_on_grid(volume.array, image), target)
        return
    array = volume.array[:, 0] if volume.is_colour else volume.array[0]
    if form.is_colour:
        byte = array if array.dtype == np.uint8 else (array // 257).astype(np.uint8)
        array = np.moveaxis(byte, 0, -1) if volume.is_colour else np.repeat(byte[..., np.newaxis], 3, axis=-1)
    Image.fromarray(np.ascontiguousarray(array)).save(target)


def _on_grid(array: Any, image: MaskedImage) -> Volume:
    """Return samples on the grid of the mask, so that rounded positions do not part the files of a case."""
    grid = image.mask.geometry
    axis = SliceAxis.SPACE if grid.shape[0] > 1 else SliceAxis.SINGLE
    return Volume(array, grid, Quantity.ARBITRARY, slice_axis=axis)


def _declaration(table: MaskTable, names: Sequence[str], form: _Form) -> dict[str, Any]:
    channels = COLOURS if form.is_picture and form.is_colour else table.channel_names
    patients = {name: case.patient for name, case in zip(names, table.cases, strict=True) if case.patient is not None}
    return {
        "channel_names": {str(index): name for index, name in enumerate(channels)},
        "labels": {name: index for index, name in enumerate(table.label_names)},
        "numTraining": sum(map(_is_training, table.cases)),
        "file_ending": form.ending,
        "patients": patients,
        "parts": {name: case.split or "" for name, case in zip(names, table.cases, strict=True)},
    }


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
