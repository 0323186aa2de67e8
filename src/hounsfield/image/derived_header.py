"""Headers of derived images: what is as true of the copy as of its source is taken, all else is left behind."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, config, dcmread
from pydicom.datadict import dictionary_VR
from pydicom.valuerep import validate_value

from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef
from hounsfield.core.subject import OPTIONAL_SUBJECT, REQUIRED_SUBJECT
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError
from hounsfield.image.attributes import FrameAttributes

_CLASSES = "1.2.840.10008.5.1.4.1.1."
CT, MR, PET, CAPTURE = (_CLASSES + suffix for suffix in ("2", "4", "128", "7"))
MULTI_FRAME_BYTE, MULTI_FRAME_WORD, MULTI_FRAME_COLOUR = (_CLASSES + suffix for suffix in ("7.2", "7.3", "7.4"))

TARGETS = {
    **dict.fromkeys((CT, CT + ".1", CT + ".2"), CT),
    **dict.fromkeys((MR, MR + ".1", MR + ".4"), MR),
    PET: PET,
}
"""Class of the single-frame object for each source class, enhanced and legacy converted ones included."""

_COMMON = (
    "BodyPartExamined",
    "PatientPosition",
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionNumber",
    "SliceThickness",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "BurnedInAnnotation",
)
_OF_CLASS: dict[str, tuple[str, ...]] = {
    CT: ("KVP", "ConvolutionKernel", "XRayTubeCurrent", "ReconstructionDiameter", "ContrastBolusAgent"),
    MR: (
        "ScanningSequence",
        "SequenceVariant",
        "ScanOptions",
        "MRAcquisitionType",
        "SequenceName",
        "RepetitionTime",
        "EchoTime",
        "EchoTrainLength",
        "InversionTime",
        "FlipAngle",
        "EchoNumbers",
        "ImagedNucleus",
        "MagneticFieldStrength",
        "DiffusionBValue",
        "TemporalPositionIdentifier",
        "NumberOfTemporalPositions",
        "TemporalResolution",
    ),
    PET: (
        "CountsSource",
        "SeriesType",
        "NumberOfTimeSlices",
        "CorrectedImage",
        "RandomsCorrectionMethod",
        "AttenuationCorrectionMethod",
        "ScatterCorrectionMethod",
        "DecayCorrection",
        "ReconstructionMethod",
        "CollimatorType",
        "RadiopharmaceuticalInformationSequence",
        "PatientOrientationCodeSequence",
        "PatientGantryRelationshipCodeSequence",
        "FrameReferenceTime",
        "ActualFrameDuration",
        "DecayFactor",
    ),
}
_EMPTY_OF_CLASS: dict[str, tuple[str, ...]] = {
    CT: ("KVP", "AcquisitionNumber"),
    MR: ("ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength"),
    PET: (
        "CollimatorType",
        "RadiopharmaceuticalInformationSequence",
        "PatientOrientationCodeSequence",
        "PatientGantryRelationshipCodeSequence",
    ),
}
"""Elements of type 2 of each class, empty where the source has none."""


@dataclass(frozen=True)
class Source:
    """The header of one source object, read again, and where its image lies."""

    instance: InstanceRef
    dataset: Dataset

    @property
    def position_mm(self) -> npt.NDArray[np.float64] | None:
        """Centre of its first pixel, None where it has no place or several."""
        found = FrameAttributes(self.dataset).numbers("ImagePositionPatient")
        is_one = self.instance.number_of_frames <= 1
        return np.asarray(found) if is_one and len(found) == 3 else None


def read_sources(volume: Volume) -> tuple[Source, ...]:
    """Read the headers of the DICOM objects a volume comes from, none for other files.

    Raises:
        ImageError: ``E342``: a source file is gone, or holds another object.
    """
    unique = {instance.sop_instance_uid: instance for instance in volume.instances}
    return tuple(_read(instance) for instance in unique.values() if instance.media_type == DICOM_MEDIA_TYPE)


def _read(instance: InstanceRef) -> Source:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(instance.path, stop_before_pixels=True, force=True)
            found = str(dataset.get("SOPInstanceUID") or instance.sop_instance_uid)
    # pydicom raises many classes on files that changed under our hands.
    except Exception as error:
        raise ImageError("E342", uid=instance.sop_instance_uid, found=type(error).__name__) from error
    if found != instance.sop_instance_uid:
        raise ImageError("E342", uid=instance.sop_instance_uid, found="another object")
    return Source(instance, dataset)


def target_class(volume: Volume, sources: tuple[Source, ...]) -> str:
    """Return the class a slice is stored in: that of its source for CT, MR and PET, else Secondary Capture."""
    found = {TARGETS.get(source.instance.sop_class_uid, "") for source in sources}
    is_grey = not volume.is_colour
    return found.pop() or CAPTURE if len(found) == 1 and is_grey else CAPTURE


def copy_header(target: Dataset, source: Dataset | None, sop_class_uid: str) -> None:
    """Take patient, study and, for an image of the source's own class, what is known of its acquisition."""
    origin = source or Dataset()
    for keyword in REQUIRED_SUBJECT:
        setattr(target, keyword, _valid(origin, keyword))
    if target.PatientSex not in ("M", "F", "O", None):
        target.PatientSex = None
    optional = (*OPTIONAL_SUBJECT, *_COMMON, *_OF_CLASS.get(sop_class_uid, ()))
    for keyword in optional:
        value = _valid(origin, keyword)
        if value is not None:
            setattr(target, keyword, value)
    for keyword in _EMPTY_OF_CLASS.get(sop_class_uid, ()):
        if keyword not in target:
            setattr(target, keyword, None)
    if target.get("PatientIdentityRemoved") == "YES" and not target.get("DeidentificationMethod"):
        # Type 1C (PS3.3 C.7.1.1): the source may name its method by code alone.
        target.DeidentificationMethod = "As stated by the source image"


def _valid(source: Dataset, keyword: str) -> Any:
    """Return the value of an element where its representation allows it (PS3.5 section 6.2), else None."""
    representation = dictionary_VR(keyword)
    try:
        value: Any = source[keyword].value if keyword in source else FrameAttributes(source).first(keyword)
        if value is None or value == "" or (representation == "SQ" and len(value) == 0):
            return None
        if representation == "SQ":
            return value
        if representation == "PN":
            value = str(value)
        for item in value if isinstance(value, (list, tuple)) or hasattr(value, "append") else (value,):
            validate_value(representation, item if representation in ("US", "SL", "FD") else str(item), config.RAISE)
    except (ValueError, TypeError, NotImplementedError, LookupError):
        return None
    return value
