"""Enhanced multi-frame CT and MR of the phantoms: shared and per-frame functional groups, frames out of order."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.identifiers import derived_uid
from hounsfield.image.phantoms.ct import BodyPhantom
from hounsfield.image.phantoms.head import HeadPhantom
from hounsfield.image.phantoms.writer import (
    DATE,
    TIME,
    PhantomIdentity,
    code_item,
    decimal,
    new_dataset,
    orientation,
    position,
    save,
    set_pixels,
    spacing,
)

_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
_MOMENT = DATE + TIME
_INTERCEPT = -1024


def write_enhanced_ct(
    folder: Path,
    phantom: BodyPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("enhanced CT phantom"),  # noqa: B008 (frozen)
) -> Path:
    """Write the body phantom as one Enhanced CT object whose frames run from head to feet."""
    body = phantom or BodyPhantom()
    dataset = _new_enhanced(identity, _ENHANCED_CT, "CT", body.geometry)
    # Derived, as no scanner made it; the macros of the acquisition are then not required (PS3.3 A.38.1.4).
    dataset.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    dataset.MultienergyCTAcquisition = "NO"
    shared = _shared(body.geometry, "CHEST", "51185008")
    shared.CTImageFrameTypeSequence = [_frame_type(dataset.ImageType)]
    value = Dataset()
    value.RescaleIntercept, value.RescaleSlope, value.RescaleType = decimal(_INTERCEPT), "1", "HU"
    shared.PixelValueTransformationSequence = [value]
    shared.FrameVOILUTSequence = [_window("40", "400")]
    stored = (body.hounsfield().astype(np.int32) - _INTERCEPT).astype(np.uint16)
    return _finish(dataset, shared, body.geometry, stored, folder)


def write_enhanced_mr(
    folder: Path,
    phantom: HeadPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("enhanced MR phantom"),  # noqa: B008 (frozen)
) -> Path:
    """Write the head phantom as one Enhanced MR object whose frames run from head to feet."""
    head = phantom or HeadPhantom()
    dataset = _new_enhanced(identity, _ENHANCED_MR, "MR", head.geometry)
    dataset.ImageType = ["DERIVED", "PRIMARY", "T1", "NONE"]
    dataset.ComplexImageComponent, dataset.AcquisitionContrast = "MAGNITUDE", "T1"
    dataset.ApplicableSafetyStandardAgency = "IEC"
    shared = _shared(head.geometry, "BRAIN", "12738006")
    kind = _frame_type(dataset.ImageType)
    kind.ComplexImageComponent, kind.AcquisitionContrast = "MAGNITUDE", "T1"
    shared.MRImageFrameTypeSequence = [kind]
    value = Dataset()
    value.RescaleIntercept, value.RescaleSlope, value.RescaleType = "0", "1", "US"
    shared.PixelValueTransformationSequence = [value]
    shared.FrameVOILUTSequence = [_window("450", "900")]
    return _finish(dataset, shared, head.geometry, head.samples(), folder)


def _new_enhanced(identity: PhantomIdentity, sop_class: str, modality: str, geometry: VolumeGeometry) -> Dataset:
    dataset = new_dataset(identity, sop_class, modality, f"Enhanced {modality} phantom", 1)
    dataset.PatientPosition = "HFS"
    dataset.AcquisitionNumber = 1
    dataset.AcquisitionDateTime, dataset.AcquisitionDuration = _MOMENT, 1.0
    dataset.ContentQualification = "RESEARCH"
    dataset.PixelPresentation, dataset.VolumetricProperties = "MONOCHROME", "VOLUME"
    dataset.VolumeBasedCalculationTechnique = "NONE"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = geometry.frame_of_reference_uid, ""
    dataset.AcquisitionContextSequence = []
    dataset.NumberOfFrames = geometry.shape[0]
    del dataset.PatientOrientation
    organisation = Dataset()
    organisation.DimensionOrganizationUID = derived_uid(identity.name, "dimensions")
    dataset.DimensionOrganizationSequence = [organisation]
    dataset.DimensionIndexSequence = [
        _dimension(organisation.DimensionOrganizationUID, 0x00209056),
        _dimension(organisation.DimensionOrganizationUID, 0x00209057),
    ]
    return dataset


def _dimension(organisation_uid: str, tag: int) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = organisation_uid
    item.DimensionIndexPointer, item.FunctionalGroupPointer = tag, 0x00209111
    return item


def _shared(geometry: VolumeGeometry, meaning: str, code: str) -> Dataset:
    shared, measures, plane, anatomy = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = spacing(geometry), decimal(geometry.slice_spacing_mm)
    plane.ImageOrientationPatient = orientation(geometry)
    anatomy.AnatomicRegionSequence = [code_item(code, "SCT", meaning.capitalize())]
    anatomy.FrameLaterality = "U"
    event = Dataset()
    event.IrradiationEventUID = derived_uid("phantom exposure", meaning)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    shared.FrameAnatomySequence = [anatomy]
    if meaning == "CHEST":
        shared.IrradiationEventIdentificationSequence = [event]
    return shared


def _frame_type(image_type: Any) -> Dataset:
    kind = Dataset()
    kind.FrameType = list(image_type)
    kind.PixelPresentation, kind.VolumetricProperties = "MONOCHROME", "VOLUME"
    kind.VolumeBasedCalculationTechnique = "NONE"
    return kind


def _window(center: str, width: str) -> Dataset:
    item = Dataset()
    item.WindowCenter, item.WindowWidth = center, width
    return item


def _finish(
    dataset: Dataset, shared: Dataset, geometry: VolumeGeometry, stored: npt.NDArray[np.uint16], folder: Path
) -> Path:
    """Write the frames from the last slice to the first, so that stored order is not the order of positions."""
    dataset.SharedFunctionalGroupsSequence = [shared]
    order = list(range(geometry.shape[0]))[::-1]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(geometry, index) for index in order]
    set_pixels(dataset, stored[order], 12)
    return save(dataset, folder, "enhanced.dcm")


def _frame(geometry: VolumeGeometry, slice_index: int) -> Dataset:
    item, content, plane = Dataset(), Dataset(), Dataset()
    content.FrameAcquisitionNumber = 1
    content.FrameReferenceDateTime = content.FrameAcquisitionDateTime = _MOMENT
    content.FrameAcquisitionDuration = 1.0
    content.StackID, content.InStackPositionNumber = "1", slice_index + 1
    content.DimensionIndexValues = [1, slice_index + 1]
    plane.ImagePositionPatient = position(geometry, slice_index)
    item.FrameContentSequence, item.PlanePositionSequence = [content], [plane]
    return item
