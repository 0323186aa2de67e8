"""Lesions of a subject: what prompts, masks beside the file of lesions, or SEG and RTSTRUCT of the study say."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.dicom_masks import MASK_CLASSES, read_mask_object, read_regions
from hounsfield.cases.label_maps import read_label_map
from hounsfield.cases.masked_files import require_one_grid
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.tumour.lesion_file import LesionEntry
from hounsfield.clinical.tumour.measure import LesionMeasures
from hounsfield.clinical.tumour.segmenting import segment
from hounsfield.clinical.tumour.suv import Uptake
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity, issue_of
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError, ImageError, NotFound

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lesion:
    """One lesion, or why there is none.

    Attributes:
        entry: what the reader says about it.
        inside: where it is, None where it was not segmented or is gone.
        issues: what to look at.
    """

    entry: LesionEntry
    inside: Flags | None
    issues: tuple[QualityIssue, ...] = ()


@dataclass(frozen=True)
class Measured:
    """A lesion with its measures.

    Attributes:
        lesion: which.
        measures: its size and values.
        uptake: on PET in SUV, None elsewhere.
    """

    lesion: Lesion
    measures: LesionMeasures
    uptake: Uptake | None = None


def lesions_of(subject: Subject, volume: Volume) -> tuple[Lesion, ...]:
    """Return the lesions of the file of lesions, or without one those of the study's own segmentations.

    What cannot be had is a lesion without a mask, with the reason.
    """
    if subject.lesions is None:
        return tuple(_of_study(subject, volume))
    found: list[Lesion] = []
    for entry in subject.lesions.lesion:
        if entry.state != "seen":
            found.append(Lesion(entry, None))
            continue
        try:
            found.extend(_of_entry(entry, volume))
        except HounsfieldError as error:
            found.append(Lesion(entry, None, (_told(error),)))
    return tuple(found)


def _of_entry(entry: LesionEntry, volume: Volume) -> Iterator[Lesion]:
    if entry.mask is None:
        segmented = segment(volume, entry.prompt())
        yield Lesion(entry, segmented.inside, segmented.issues)
        return
    found = list(_of_mask(Path(entry.mask), volume.geometry, entry.label))
    if not found:
        raise ImageError("E242", found=Path(entry.mask).name, expected=f"label {entry.label or '> 0'}")
    for number, name, inside in found:
        yield Lesion(entry.model_copy(update={"name": entry.name or name, "label": number}), inside)


def _of_mask(path: Path, geometry: VolumeGeometry, label: int | None) -> Iterator[tuple[int, str, Flags]]:
    """Yield number, name and place of every region of a mask, on the grid of the image."""
    if _is_object(path):
        mask = read_mask_object(path)
        names = dict(mask.names)
        regions = ((number, names.get(number, ""), inside) for number, inside in read_regions(mask, geometry))
    else:
        labels = read_label_map(path)
        require_one_grid(path.name, geometry, labels.geometry)
        values = (int(value) for value in np.unique(labels.array) if value > 0)
        regions = ((value, f"label {value}", np.asarray(labels.array == value)) for value in values)
    for number, name, inside in regions:
        if label in (None, number) and inside.any():
            yield number, name, inside


def _is_object(path: Path) -> bool:
    if not path.is_file():
        raise NotFound("E100", path=path.name)
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _of_study(subject: Subject, volume: Volume) -> Iterator[Lesion]:
    """Yield the segments and regions that were made on this series."""
    for series in subject.study.series:
        for instance in series.instances:
            if instance.sop_class_uid not in MASK_CLASSES:
                continue
            try:
                mask = read_mask_object(instance.path)
                if mask.series_instance_uids and subject.series.series_instance_uid not in mask.series_instance_uids:
                    continue
                for number, name, inside in _of_mask(instance.path, volume.geometry, None):
                    yield Lesion(LesionEntry(name=name[:64], label=number), inside)
            except HounsfieldError as error:
                yield Lesion(LesionEntry(name=series.modality), None, (_told(error),))


def _told(error: HounsfieldError) -> QualityIssue:
    """Return an error as a warning: what fails for one lesion keeps no other."""
    return replace(issue_of(error), severity=Severity.WARN)
