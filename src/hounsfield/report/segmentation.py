"""DICOM Segmentation: the labels of a mask as binary segments on the grid of the images they were made on."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes

from hounsfield.core.codes import CodedConcept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.identifiers import derived_uid, new_uid
from hounsfield.core.prediction import ModelIdentity
from hounsfield.core.study import Series
from hounsfield.core.volume import Mask
from hounsfield.errors import Unencodable
from hounsfield.report.document import DEVICE, LONG_STRING, MANUFACTURER, code_of, copy_subject, encode, private_scheme
from hounsfield.report.files import write_atomic
from hounsfield.report.header import series_headers

DOCUMENT = "DICOM Segmentation"
SERIES_NUMBER = 9003
_FAULTS = (ValueError, TypeError, AttributeError, KeyError, IndexError, RuntimeError)


@dataclass(frozen=True)
class Segments:
    """A mask with what a segmentation says of it.

    Attributes:
        mask: on the grid of its images, with the type of each label.
        model: who made it.
        names: a name for people of each label.
        is_by_person: whether a person pointed at the lesions (SEMIAUTOMATIC), or nobody did (AUTOMATIC).
    """

    mask: Mask
    model: ModelIdentity
    names: Mapping[int, str]
    is_by_person: bool = True


class _Segmentation(hd.seg.Segmentation):
    """A segmentation whose subject comes from our cleaned header."""

    subject: Dataset

    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        copy_subject(self, dataset)
        self.StudyInstanceUID = dataset.StudyInstanceUID


def write_segmentation(segments: Segments, series: Series, path: Path) -> Path:
    """Write a mask as a DICOM Segmentation in the study of its images.

    Args:
        segments: what to write.
        series: the images.
        path: of the file.

    Raises:
        Unencodable: ``E604`` the images are not DICOM, ``E603`` the mask is empty, ``E605`` highdicom refuses it.
        ReportError: ``E600`` when the file cannot be written.
    """
    return write_atomic(path, encode(segmentation_dataset(segments, series), DOCUMENT))


def segmentation_dataset(segments: Segments, series: Series) -> Dataset:
    """Return a DICOM Segmentation (PS3.3 A.51), binary, one segment a label; frames without a voxel are left out.

    Raises:
        Unencodable: as ``write_segmentation``.
    """
    mask, headers = segments.mask, series_headers(series, DOCUMENT)
    labels = [int(label) for label in sorted(mask.labels) if np.any(mask.array == label)]
    if not labels:
        raise Unencodable("E603", uid=series.study_instance_uid, document=DOCUMENT, expected="a voxel")
    frame_of_reference = mask.geometry.frame_of_reference_uid or derived_uid("frame", series.series_instance_uid)
    sources = [copy.deepcopy(header) for header in headers.instances]
    for source in sources:
        source.FrameOfReferenceUID = frame_of_reference
    try:
        return _Segmentation(
            source_images=sources,
            pixel_array=_pixels(mask, labels, frame_of_reference),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_described(number, label, segments) for number, label in enumerate(labels, 1)],
            series_instance_uid=new_uid(),
            series_number=SERIES_NUMBER,
            sop_instance_uid=new_uid(),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=DEVICE,
            software_versions=segments.model.version[:LONG_STRING],
            device_serial_number=segments.model.weights_digest[:16],
            content_description="Research software, not a medical device",
            content_label="LESIONS",
            series_description=f"{segments.model.name} {segments.model.version} (research use)"[:LONG_STRING],
            coding_schemes=[private_scheme()],
        )
    except _FAULTS as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise Unencodable("E605", uid=series.study_instance_uid, document=DOCUMENT, reason=reason) from error


def _pixels(mask: Mask, labels: list[int], frame_of_reference_uid: str) -> hd.Volume:
    array = np.stack([mask.array == label for label in labels], axis=-1).astype(np.uint8)
    return hd.Volume(
        array,
        affine=_affine(mask.geometry),
        coordinate_system="PATIENT",
        frame_of_reference_uid=frame_of_reference_uid,
        channels={"SegmentNumber": list(range(1, len(labels) + 1))},
    )


def _affine(geometry: VolumeGeometry) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return index to patient; highdicom's axes are ours: slice, row, column to x, y, z in LPS."""
    return np.asarray(geometry.index_to_patient, dtype=np.float64)


def _described(number: int, label: int, segments: Segments) -> hd.seg.SegmentDescription:
    kind = segments.mask.labels[label]
    algorithm = hd.AlgorithmIdentificationSequence(
        name=segments.model.name[:LONG_STRING],
        version=segments.model.version[:LONG_STRING],
        family=codes.DCM.ArtificialIntelligence,
    )
    types = hd.seg.SegmentAlgorithmTypeValues
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=(segments.names.get(label) or kind.meaning)[:LONG_STRING],
        segmented_property_category=code_of(MORPHOLOGICALLY_ALTERED),
        segmented_property_type=code_of(kind),
        algorithm_type=types.SEMIAUTOMATIC if segments.is_by_person else types.AUTOMATIC,
        algorithm_identification=algorithm,
        tracking_uid=derived_uid(segments.model.weights_digest, *_place(segments.mask, label)),
        tracking_id=f"{kind.meaning} {label}"[:LONG_STRING],
    )


def _place(mask: Mask, label: int) -> tuple[str, ...]:
    centre = mask.geometry.to_patient([np.argwhere(mask.array == label).mean(axis=0)])[0]
    return (mask.geometry.frame_of_reference_uid or "", *(f"{value:.2f}" for value in centre))


MORPHOLOGICALLY_ALTERED = CodedConcept("49755003", "SCT", "Morphologically abnormal structure", "形态异常结构")
"""Segmentation property category of lesions (PS3.16 CID 7150)."""
