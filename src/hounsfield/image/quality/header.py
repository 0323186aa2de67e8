"""What the header of one instance says about its own image: phase-encoding direction, burned-in annotation."""

from dataclasses import dataclass

import pydicom

from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef

_WANTED = ["InPlanePhaseEncodingDirection", "BurnedInAnnotation", "ConversionType"]


@dataclass(frozen=True)
class StatedFacts:
    """Attributes that a check compares with the image, empty where they are not stated.

    Attributes:
        phase_encoding: ``ROW`` or ``COL`` (PS3.3 C.8.3.1).
        burned_in_annotation: ``YES`` or ``NO`` (PS3.3 C.7.6.1).
        conversion_type: how a Secondary Capture came about (PS3.3 C.8.6.1).
    """

    phase_encoding: str = ""
    burned_in_annotation: str = ""
    conversion_type: str = ""


def read_stated(instance: InstanceRef | None) -> StatedFacts:
    """Return what an instance states; nothing for files that are not DICOM."""
    if instance is None or instance.media_type != DICOM_MEDIA_TYPE:
        return StatedFacts()
    dataset = pydicom.dcmread(instance.path, stop_before_pixels=True, force=True, specific_tags=_WANTED)
    return StatedFacts(*(str(dataset.get(keyword) or "").strip().upper() for keyword in _WANTED))
