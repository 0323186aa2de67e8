"""DICOM objects that hold masks: segments of a SEG and regions of an RT Structure Set, on the grid of a series.

Source: PS3.3 A.51 and C.8.20 (Segmentation), A.19 and C.8.8.5, C.8.8.6 (Structure Set, ROI Contour).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset

from hounsfield.cases.contours import Bits, rasterise
from hounsfield.core.codes import CodedConcept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import DatasetError
from hounsfield.image.limits import PixelLimits

SEGMENTATION, LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
MASK_CLASSES = (SEGMENTATION, LABEL_MAP_SEGMENTATION, STRUCTURE_SET)
"""SOP Classes of objects that hold masks, the better reference first: pixels before contours."""

_LIMITS = PixelLimits()
_PLANE_TOLERANCE = 0.1
_HALF = 0.5
_FAULTS = (
    OSError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    TypeError,
    NotImplementedError,
    EOFError,
    RuntimeError,
)


@dataclass(frozen=True)
class MaskObject:
    """What the header of a SEG or an RT Structure Set says.

    Attributes:
        path: the file.
        sop_class_uid: what it is.
        series_instance_uids: the image series that it refers to.
        names: name of each segment or region, by its number.
        concepts: coded type of each segment that has one, by its number.
    """

    path: Path
    sop_class_uid: str
    series_instance_uids: tuple[str, ...]
    names: tuple[tuple[int, str], ...]
    concepts: tuple[tuple[int, CodedConcept], ...] = ()


def read_mask_object(path: Path) -> MaskObject:
    """Return what a mask object refers to and the names of its segments or regions.

    Raises:
        DatasetError: ``E886`` an attribute is missing or of another kind.
    """
    try:
        dataset = dcmread(path, stop_before_pixels=True)
        concepts: list[tuple[int, CodedConcept]] = []
        kind = str(dataset.SOPClassUID)
        if kind == STRUCTURE_SET:
            names = [(int(item.ROINumber), str(item.get("ROIName") or "")) for item in dataset.StructureSetROISequence]
            series = list(_series_of_structures(dataset))
        else:
            segments = [item for item in dataset.SegmentSequence if int(item.SegmentNumber) > 0]
            names = [(int(item.SegmentNumber), str(item.get("SegmentLabel") or "")) for item in segments]
            series = [str(item.SeriesInstanceUID) for item in dataset.get("ReferencedSeriesSequence", ())]
            concepts = [pair for item in segments for pair in _concept(item)]
    except _FAULTS as error:
        raise DatasetError("E886", path=path.name, found=type(error).__name__) from error
    named = tuple((number, name.strip() or f"label {number}") for number, name in names)
    return MaskObject(path, kind, tuple(series), named, tuple(concepts))


def read_regions(found: MaskObject, grid: VolumeGeometry) -> Iterator[tuple[int, Bits]]:
    """Yield the number of each segment or region and its pixels on the grid of the series.

    Raises:
        DatasetError: ``E881`` frames on another grid, ``E886`` contours outside the slices, or not readable.
    """
    try:
        dataset = dcmread(found.path)
        if found.sop_class_uid == STRUCTURE_SET:
            yield from _structures(dataset, grid, found.path.name)
        else:
            yield from _segments(dataset, grid, found.path.name)
    except _FAULTS as error:
        raise DatasetError("E886", path=found.path.name, found=type(error).__name__) from error


def _concept(segment: Dataset) -> Iterator[tuple[int, CodedConcept]]:
    """Give the Segmented Property Type of a segment (PS3.3 C.8.20.2)."""
    for code in (segment.get("SegmentedPropertyTypeCodeSequence") or ())[:1]:
        value, scheme = str(code.get("CodeValue") or ""), str(code.get("CodingSchemeDesignator") or "")
        if value and scheme:
            meaning = str(code.get("CodeMeaning") or value)
            yield int(segment.SegmentNumber), CodedConcept(value, scheme, meaning)


def _series_of_structures(dataset: Dataset) -> Iterator[str]:
    for frame in dataset.get("ReferencedFrameOfReferenceSequence", ()):
        for study in frame.get("RTReferencedStudySequence", ()):
            for series in study.get("RTReferencedSeriesSequence", ()):
                yield str(series.SeriesInstanceUID)


def _structures(dataset: Dataset, grid: VolumeGeometry, name: str) -> Iterator[tuple[int, Bits]]:
    for region in dataset.get("ROIContourSequence", ()):
        contours = []
        for contour in region.get("ContourSequence", ()):
            # points and open lines, such as markers, enclose nothing
            if str(contour.get("ContourGeometricType")) in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
                contours.append(np.asarray(contour.ContourData, dtype=np.float64).reshape(-1, 3))
        if contours:
            yield int(region.ReferencedROINumber), rasterise(contours, grid, name)


def _segments(dataset: Dataset, grid: VolumeGeometry, name: str) -> Iterator[tuple[int, Bits]]:
    frames = int(dataset.get("NumberOfFrames", 1))
    _LIMITS.require_samples((frames, int(dataset.Rows), int(dataset.Columns)), 8)
    pixels = dataset.pixel_array.reshape(frames, int(dataset.Rows), int(dataset.Columns))
    if str(dataset.get("SegmentationType")) == "FRACTIONAL":
        pixels = pixels >= _HALF * int(dataset.MaximumFractionalValue)
    is_label_map = str(dataset.SOPClassUID) == LABEL_MAP_SEGMENTATION
    numbers = [int(item.SegmentNumber) for item in dataset.SegmentSequence]
    per_frame = dataset.PerFrameFunctionalGroupsSequence
    places = [_place(dataset, item, grid, pixels.shape[1:], name) for item in per_frame]
    for number in numbers:
        inside = np.zeros(grid.shape, dtype=bool)
        for index, (group, (plane, rows, columns)) in enumerate(zip(per_frame, places, strict=True)):
            own = number if is_label_map else int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            if own == number:
                inside[plane, rows, columns] |= pixels[index] == number if is_label_map else pixels[index] > 0
        if number:
            yield number, inside


def _place(
    dataset: Dataset, group: Dataset, grid: VolumeGeometry, shape: tuple[int, int], name: str
) -> tuple[int, slice, slice]:
    """Return the slice, the rows and the columns of the grid that a frame covers.

    Raises:
        DatasetError: ``E881`` the frame does not lie on pixels of the grid.
    """
    origin = np.asarray(_group(dataset, group, "PlanePositionSequence").ImagePositionPatient, dtype=np.float64)
    cosines = np.asarray(_group(dataset, group, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64)
    row_mm, column_mm = map(float, _group(dataset, group, "PixelMeasuresSequence").PixelSpacing)
    down, right = cosines[3:] * row_mm * (shape[0] - 1), cosines[:3] * column_mm * (shape[1] - 1)
    corners: npt.NDArray[Any] = grid.to_index([origin, origin + down, origin + right])
    first = np.round(corners[0]).astype(int)
    expected = first + np.array([[0, 0, 0], [0, shape[0] - 1, 0], [0, 0, shape[1] - 1]])
    last = first[1] + shape[0], first[2] + shape[1]
    is_inside = (
        (first >= 0).all() and first[0] < grid.shape[0] and last[0] <= grid.shape[1] and last[1] <= grid.shape[2]
    )
    if np.abs(corners - expected).max() > _PLANE_TOLERANCE or not is_inside:
        facts = {"found": str(np.round(corners[0], 2).tolist()), "expected": str(grid.shape)}
        raise DatasetError("E881", case=name, **facts)
    return int(first[0]), slice(int(first[1]), int(last[0])), slice(int(first[2]), int(last[1]))


def _group(dataset: Dataset, group: Dataset, keyword: str) -> Dataset:
    """Return the macro of a frame, which may stand once for all frames (PS3.3 C.7.6.16)."""
    own = group.get(keyword) or dataset.SharedFunctionalGroupsSequence[0].get(keyword)
    first: Dataset = own[0]
    return first
