"""Folders of DICOM series with segmentations or structure sets that refer to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from hounsfield.archive.local import open_source
from hounsfield.cases.dicom_masks import MASK_CLASSES, MaskObject, read_mask_object, read_regions
from hounsfield.cases.folders import walk
from hounsfield.cases.label_values import MOST_LABELS
from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskTable
from hounsfield.cases.media import ImageKind
from hounsfield.cases.names import plain, readable, summary
from hounsfield.cases.patients import patient_pseudonym
from hounsfield.core.codes import concept_for
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.study import Series
from hounsfield.core.volume import Mask
from hounsfield.errors import DatasetError
from hounsfield.image.assemble import assemble


@dataclass(frozen=True)
class _Referenced:
    """A series, the mask objects that refer to it, the best first, and what their numbers stand for."""

    series: Series
    masks: tuple[MaskObject, ...]


class DicomMaskReader:
    """Assembles a series and lays the segments or regions of its mask object on its grid."""

    def __init__(self, found: Mapping[str, _Referenced], label_names: tuple[str, ...]) -> None:
        """Hold the series and mask objects of each case, by its identifier."""
        self.found = dict(found)
        self.label_names = label_names

    def read(self, case: MaskedCase) -> MaskedImage:
        """Return the series as one channel and its mask; where regions overlap the later label counts.

        Raises:
            DatasetError: ``E881`` different grids, ``E886`` contours that do not lie in the slices.
            HounsfieldError: the series cannot be assembled.
        """
        entry = self.found[case.identifier]
        assembly = assemble(entry.series)
        volume = assembly.volumes[0]
        index_of = {plain(name): index for index, name in enumerate(self.label_names)}
        named = {number: index_of[plain(name)] for number, name in entry.masks[0].names}
        array = np.zeros(volume.geometry.shape, dtype=np.uint8)
        for number, inside in read_regions(entry.masks[0], volume.geometry):
            if number in named:
                array[inside] = named[number]
        labels = {index: concept_for(name) for index, name in enumerate(self.label_names) if index}
        return MaskedImage((volume,), Mask(array, volume.geometry, labels), assembly.issues)


def has_dicom_masks(data: Path) -> bool:
    """Tell whether a folder holds a DICOM segmentation or structure set, by the file headers."""
    found = walk(data)
    return any(
        kind is ImageKind.DICOM and _sop_class(data.joinpath(*parts)) in MASK_CLASSES
        for parts, kind in found.images.items()
    )


def read_dicom_masks(data: Path) -> MaskTable:
    """Return one case an image series that a segmentation or a structure set refers to.

    Raises:
        DatasetError: ``E880`` no mask object refers to a series that is there, ``E886`` one that cannot be read.
        HounsfieldError: the archive refuses the folder.
    """
    data = data.resolve()  # as the paths of the archive are
    series: dict[str, Series] = {}
    masks: list[MaskObject] = []
    with open_source(data, digests=False) as archive:
        for entry in (entry for study in archive.studies for entry in study.series):
            if not all(instance.path.is_relative_to(data) for instance in entry.instances):
                continue  # unpacked from an archive, gone when this block ends
            if entry.instances[0].sop_class_uid in MASK_CLASSES:
                masks += [read_mask_object(instance.path) for instance in entry.instances]
            elif any(instance.number_of_frames for instance in entry.instances):
                series[entry.series_instance_uid] = entry
    masks.sort(key=lambda mask: (MASK_CLASSES.index(mask.sop_class_uid), str(mask.path)))
    referenced = {
        uid: _Referenced(entry, found)
        for uid, entry in series.items()
        if (found := tuple(mask for mask in masks if uid in mask.series_instance_uids))
    }
    used = {mask.path for entry in referenced.values() for mask in entry.masks}
    orphans = [readable(mask.path.relative_to(data).as_posix()) for mask in masks if mask.path not in used]
    if not referenced:
        raise DatasetError("E880", path=data.name, found=summary(orphans, 3) or "0")
    label_names = _label_names(data, [entry.masks[0] for entry in referenced.values()])
    by_name = _named(data, tuple(referenced.values()))
    cases = tuple(_case(data, name, entry) for name, entry in sorted(by_name.items()))
    issues = _issues(cases, orphans)
    reader = DicomMaskReader(by_name, label_names)
    return MaskTable(readable(data.name), label_names, ("image",), cases, issues, "dicom", reader)


def _sop_class(path: Path) -> str:
    try:
        return str(read_file_meta_info(path).get("MediaStorageSOPClassUID", ""))
    except (InvalidDicomError, OSError, ValueError, KeyError, AttributeError, EOFError):
        return ""


def _label_names(data: Path, masks: Sequence[MaskObject]) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for mask in masks:
        for _, name in mask.names:
            names.setdefault(plain(name), name)
    if len(names) > MOST_LABELS:
        raise DatasetError("E880", path=data.name, found=f"{len(names)} labels")
    return ("background", *names.values())


def _named(data: Path, entries: Sequence[_Referenced]) -> dict[str, _Referenced]:
    """Return the series by the folder of their first file, with a number where several share it."""
    named: dict[str, _Referenced] = {}
    for entry in sorted(entries, key=lambda entry: str(entry.series.instances[0].path)):
        folder = readable(entry.series.instances[0].path.parent.relative_to(data).as_posix())
        name, number = folder, 2
        while name in named:
            name, number = f"{folder} {number}", number + 1
        named[name] = entry
    return named


def _case(data: Path, name: str, entry: _Referenced) -> MaskedCase:
    first = entry.series.instances[0].path
    others = tuple(
        (f"mask_{number}", readable(mask.path.relative_to(data).as_posix()))
        for number, mask in enumerate(entry.masks[1:], start=2)
    )
    return MaskedCase(name, (first,), entry.masks[0].path, patient_pseudonym(first), None, others)


def _issues(cases: Sequence[MaskedCase], orphans: Sequence[str]) -> tuple[QualityIssue, ...]:
    issues = []
    unknown = sum(case.patient is None for case in cases)
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(cases)}))
    if orphans:
        facts = {"images": 0, "masks": len(orphans), "cases": summary(orphans)}
        issues.append(QualityIssue("Q880", Severity.WARN, facts))
    several = [case.identifier for case in cases if case.attributes]
    if several:
        issues.append(QualityIssue("Q881", Severity.NOTE, {"count": len(several), "cases": summary(several)}))
    return tuple(issues)
