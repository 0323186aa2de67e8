"""An image and its mask from disk: the volume, and each region of the mask with its number, name and concept."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info

from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.local import LocalArchive, open_source
from hounsfield.cases.dicom_masks import MASK_CLASSES, MaskObject, read_mask_object, read_regions
from hounsfield.cases.folders import walk
from hounsfield.cases.label_maps import Labels, read_label_map
from hounsfield.cases.masked_files import require_one_grid
from hounsfield.cases.media import ImageKind, image_kind
from hounsfield.cases.names import summary
from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept, concept_for
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.image.assemble import assemble
from hounsfield.measuring.sources import RegionSource
from hounsfield.opening import pixel_limits

AIR_HU, BONE_HU = -900.0, 200.0
"""Whole samples that reach below the one and above the other are those of a CT: air, and bone or contrast medium."""
LOWEST_HU = -3100.0
"""Padding of CT reaches down to -3024."""


@dataclass(frozen=True)
class InputDigest:
    """What was read, so that a value can be traced to it.

    Attributes:
        role: ``image`` or ``mask``.
        name: of the file or folder.
        sha256: of the file; of several, of their digests, sorted, one a line.
        files: how many.
    """

    role: str
    name: str
    sha256: str
    files: int = 1


@dataclass(frozen=True)
class NamedRegion:
    """A region of a mask.

    Attributes:
        label: its number in the mask.
        name: as the mask or the data set calls it; empty where neither does.
        concept: its coded concept, None where no vocabulary has it.
        habitat: number of the part of the region that it is; 0 for the region as a whole.
    """

    label: int
    name: str = ""
    concept: CodedConcept | None = None
    habitat: int = 0


@dataclass(frozen=True)
class OpenedSource:
    """An image that was read, and its mask.

    Attributes:
        study: of the image.
        series: of the image.
        volume: the image.
        mask_path: the file of the mask.
        mask_object: what the header of a DICOM mask says, None for a label map.
        inputs: digests of image and mask.
        issues: what was found out on the way.
    """

    source: RegionSource
    study: Study
    series: Series
    volume: Volume
    mask_path: Path
    mask_object: MaskObject | None
    inputs: tuple[InputDigest, ...]
    issues: tuple[QualityIssue, ...]

    def regions(self) -> Iterator[tuple[NamedRegion, Mask]]:
        """Give each region, and the mask in which its number stands; overlapping segments are each whole.

        Raises:
            ImageError: ``E963``, the mask is empty.
            DatasetError: ``E881`` image and mask lie on different grids, ``E882`` the mask is no label map, ``E886`` a
                DICOM mask cannot be laid on the image.
            HounsfieldError: the mask cannot be read.
        """
        if self.mask_object is not None:
            yield from self._segments(self.mask_object)
            return
        found = read_label_map(self.mask_path)
        require_one_grid(self.source.identifier, self.volume.geometry, found.geometry)
        # positions in files are rounded; that the grids are one was asked above
        mask = Mask(found.array, self.volume.geometry, {})
        wanted = [self.source.label] if self.source.label is not None else _values(found.array)
        if not wanted:
            raise ImageError("E963", found="any label")
        names = dict(self.source.names)
        for value in wanted:
            yield named_region(value, names.get(value, "")), mask

    def _segments(self, found: MaskObject) -> Iterator[tuple[NamedRegion, Mask]]:
        names, concepts = dict(found.names), dict(found.concepts)
        count = 0
        for number, inside in read_regions(found, self.volume.geometry):
            if self.source.label not in (None, number):
                continue
            count += 1
            region = named_region(number, names.get(number, ""))
            if number in concepts:
                region = replace(region, concept=concepts[number])
            array: Labels = np.where(inside, number, 0).astype(np.uint8 if number < 256 else np.int32)
            yield region, Mask(array, self.volume.geometry, {})
        if not count:
            raise ImageError("E963", found="any label" if self.source.label is None else f"label {self.source.label}")


def named_region(label: int, name: str) -> NamedRegion:
    """Return a region with the concept of its name, where a vocabulary has it."""
    concept = concept_for(name) if name else None
    return NamedRegion(label, name, concept if concept and concept.scheme != PRIVATE_SCHEME else None)


def open_regions(source: RegionSource, limits: Limits = DEFAULT_LIMITS) -> OpenedSource:
    """Read the image of a case and what its mask is; the mask's pixels are read by ``regions``.

    Raises:
        ImageError: ``E971`` the image holds several series or volumes, or none; ``E972`` the mask was made on a series
            that is not there; ``E977`` there is no mask.
        HounsfieldError: the archive or the image room refuses it.
    """
    if source.mask is None:
        raise ImageError("E977", found=source.identifier)
    path, found = _mask_object(source.mask)
    with open_source(source.image, limits) as archive:
        series = _series(source, archive, found)
        study = next(study for study in archive.studies if any(one is series for one in study.series))
        assembly = assemble(series, pixel_limits(limits))
        digests = [instance.sha256 for instance in series.instances]
    count = len(assembly.volumes)
    if source.volume_index is None and count != 1:
        raise ImageError("E971", found=f"{count} volumes")
    index = source.volume_index or 0
    volume = assembly.volumes[index]
    issues = (*assembly.issues_of(index), *_unknown_quantity(volume))
    inputs = (_digest("image", source.image, digests), _digest("mask", path, _file_digests(path)))
    return OpenedSource(source, study, series, volume, path, found, inputs, issues)


def _mask_object(mask: Path) -> tuple[Path, MaskObject | None]:
    """Return the file of a mask, and its header where it is a DICOM segmentation or structure set."""
    if mask.is_dir():
        files = [mask.joinpath(*parts) for parts, kind in walk(mask).images.items() if kind is ImageKind.DICOM]
        objects = [path for path in files if _sop_class(path) in MASK_CLASSES]
        if len(objects) > 1:
            raise ImageError("E971", found=summary([path.name for path in objects]))
        mask = objects[0] if objects else mask
    if image_kind(mask) is ImageKind.DICOM and _sop_class(mask) in MASK_CLASSES:
        return mask, read_mask_object(mask)
    return mask, None


def _sop_class(path: Path) -> str:
    try:
        return str(read_file_meta_info(path).get("MediaStorageSOPClassUID", ""))
    except (InvalidDicomError, OSError, ValueError, KeyError, AttributeError, EOFError):
        return ""


def _series(source: RegionSource, archive: LocalArchive, found: MaskObject | None) -> Series:
    """Return the series that the mask refers to, or the only one."""
    every = [series for study in archive.studies for series in study.series]
    images = [
        series
        for series in every
        if any(instance.number_of_frames for instance in series.instances)
        and series.instances[0].sop_class_uid not in MASK_CLASSES
    ]
    if found is not None and found.series_instance_uids and any(series.is_dicom for series in images):
        wanted = [series for series in images if series.series_instance_uid in found.series_instance_uids]
        if not wanted:
            raise ImageError("E972", found=found.path.name, expected=summary(list(found.series_instance_uids), 2))
        images = wanted
    if len(images) != 1:
        raise ImageError("E971", found=f"{len(images)} series")
    return images[0]


def _values(array: Labels) -> list[int]:
    """Return the values above 0, sorted; slice by slice, so that no copy of the whole is made."""
    found: set[int] = set()
    for plane in array:
        found.update(int(value) for value in np.unique(plane))
    return sorted(found - {0})


def _unknown_quantity(volume: Volume) -> tuple[QualityIssue, ...]:
    """Say that samples look like Hounsfield units where the file does not say what they are."""
    if volume.quantity is not Quantity.ARBITRARY or volume.is_colour:
        return ()
    low, high = float(np.min(volume.array)), float(np.max(volume.array))
    if not (LOWEST_HU <= low <= AIR_HU and high >= BONE_HU):
        return ()
    return (QualityIssue("Q970", Severity.NOTE, {"low": f"{low:g}", "high": f"{high:g}"}),)


def _file_digests(path: Path) -> list[str]:
    if path.is_dir():
        return [value for parts in walk(path).images for value in _file_digests(path.joinpath(*parts))]
    with path.open("rb") as stream:
        return [hashlib.file_digest(stream, "sha256").hexdigest()]


def _digest(role: str, path: Path, digests: list[str]) -> InputDigest:
    if len(digests) == 1:
        return InputDigest(role, path.name, digests[0])
    text = "\n".join(sorted(digests))
    return InputDigest(role, path.name, hashlib.sha256(text.encode()).hexdigest(), len(digests))
