"""One frame before its pixels are decoded: layout, place, meaning and what tells it from its neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit

from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import Presentation
from hounsfield.errors import Undecodable, UnsupportedModality
from hounsfield.image.attributes import FrameAttributes
from hounsfield.image.guard import refusing
from hounsfield.image.layout import PixelLayout, read_layout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.mark import read_codes
from hounsfield.image.modality.pet import PetFacts, read_pet_facts
from hounsfield.image.mosaic import Mosaic, Tile, read_mosaic
from hounsfield.image.place import FramePlace, read_place
from hounsfield.image.reading import read_header, transfer_syntax_of
from hounsfield.image.times import acquisition_seconds, frame_start_seconds
from hounsfield.image.transform import ModalityTransform, read_transform
from hounsfield.image.voi import read_presentation

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"

CATEGORIES = (
    "EchoNumbers",
    "EchoTime",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "ImageType",
    "FrameType",
    "ComplexImageComponent",
    "InversionTime",
    "FlipAngle",
    "SequenceName",
    "ConvolutionKernel",
)
"""Attributes that tell images at one position apart by what they show, in the order they are tried."""

MOMENTS = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TriggerTime",
    "NominalCardiacTriggerDelayTime",
    "FrameReferenceTime",
    "AcquisitionNumber",
    "FrameAcquisitionNumber",
)
"""Attributes that tell images at one position apart by when they were taken (PS3.3 C.7.6.17, C.8.3)."""

DIMENSIONS = "DimensionIndexValues"
"""Mark of what a multi-frame object counts beside positions, tried after all that has a meaning."""
_POSITION_POINTERS = frozenset((0x00209056, 0x00209057, 0x00200032, 0x00209113, 0x00201041))
"""Stack ID, In-Stack Position, Image Position, Plane Position, Slice Location."""

_MARKS = ("StackID", *CATEGORIES, *MOMENTS)


@dataclass(frozen=True)
class ObjectFacts:
    """What all frames of one object share and the checks ask for."""

    modality: str
    sop_class_uid: str
    series_instance_uid: str
    frame_of_reference_uid: str | None
    image_type: tuple[str, ...] = ()
    compression: str = ""
    tilt_degrees: float = 0.0
    is_for_processing: bool = False
    pet: PetFacts | None = None
    enhanced_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class PixelSpan:
    """Where the pixel data of an object of one frame lies in its file.

    Attributes:
        offset: of its first byte.
        length: bytes, -1 for fragments that run to the end of the file.
    """

    offset: int
    length: int


@dataclass(frozen=True)
class Frame:
    """One frame of one object.

    Attributes:
        instance: the object.
        frame_index: from 0; of a mosaic, the number of the slice in it.
        layout: how its samples are stored.
        place: its plane.
        transform: what its stored values mean.
        presentation: how it is meant to be shown.
        facts: what its object says.
        marks: what tells it from other frames at its position.
        acquired_seconds: time of day of its acquisition, None where not given.
        start_seconds: start after the first frame of its object, None for objects without a frame time.
        pixels: where its samples lie in the file, None where its object has to be parsed for them.
        tile: where a slice of a mosaic lies in its picture, None for all else.
    """

    instance: InstanceRef
    frame_index: int
    layout: PixelLayout
    place: FramePlace
    transform: ModalityTransform
    presentation: Presentation
    facts: ObjectFacts
    marks: Mapping[str, str] = field(default_factory=dict)
    acquired_seconds: float | None = None
    start_seconds: float | None = None
    pixels: PixelSpan | None = None
    tile: Tile | None = None

    @property
    def uid(self) -> str:
        """UID of the object."""
        return self.instance.sop_instance_uid


def read_frames(instance: InstanceRef, limits: PixelLimits) -> tuple[Frame, ...]:
    """Read the header of one object and return its frames in stored order.

    Raises:
        UnsupportedModality: ``E305`` for objects without pixels, ``E306`` for segmentations, ``E307`` for tiles,
            ``E330`` for mosaics that do not say how they are laid out.
        Undecodable: the header cannot be read, or describes no image within the limits.
    """
    return describe_frames(instance, read_header(instance, limits), limits)


def describe_frames(instance: InstanceRef, dataset: Dataset, limits: PixelLimits) -> tuple[Frame, ...]:
    """Return the frames of an object whose header has been read, in stored order.

    Raises:
        UnsupportedModality, Undecodable: as ``read_frames``.
    """
    uid = instance.sop_instance_uid
    with refusing("E300", uid):
        _require_image(dataset, uid)
        layout = read_layout(dataset, transfer_syntax_of(dataset, instance), uid, limits)
        facts = _read_facts(dataset, layout)
        frames = tuple(_read_frame(instance, dataset, layout, facts, index) for index in range(layout.frames))
        mosaic = read_mosaic(dataset, layout, frames[0].place, uid)
        return frames if mosaic is None else _read_tiles(frames[0], mosaic)


def _read_tiles(frame: Frame, mosaic: Mosaic) -> tuple[Frame, ...]:
    """Return the slices of a mosaic, each as a frame of its own."""
    slices = enumerate(mosaic.slices(frame.layout, frame.place))
    return tuple(
        replace(frame, frame_index=index, layout=layout, place=place, tile=tile)
        for index, (layout, place, tile) in slices
    )


def _require_image(dataset: Dataset, uid: str) -> None:
    """Say what an object is that no image can be made of."""
    sop_class = str(dataset.get("SOPClassUID") or "")
    if sop_class in SEGMENTATIONS:
        raise UnsupportedModality("E306", uid=uid)
    if sop_class == WHOLE_SLIDE:
        raise UnsupportedModality("E307", uid=uid)
    if "Rows" not in dataset or "Columns" not in dataset:
        if not sop_class:
            raise Undecodable("E300", uid=uid, found="neither a SOP class nor an image")
        kind = UID(sop_class).name
        if kind.endswith("Image Storage"):
            raise Undecodable("E301", uid=uid, found=f"{kind} without Rows and Columns", expected="an image")
        raise UnsupportedModality("E305", uid=uid, found=kind)


def _read_facts(dataset: Dataset, layout: PixelLayout) -> ObjectFacts:
    attributes = FrameAttributes(dataset)
    modality = str(dataset.get("Modality") or "")
    return ObjectFacts(
        modality=modality,
        sop_class_uid=str(dataset.get("SOPClassUID") or ""),
        series_instance_uid=str(dataset.get("SeriesInstanceUID") or ""),
        frame_of_reference_uid=str(dataset.get("FrameOfReferenceUID") or "") or None,
        image_type=tuple(attributes.text("ImageType").upper().split("\\")),
        compression=_read_compression(attributes, layout),
        tilt_degrees=attributes.number("GantryDetectorTilt") or 0.0,
        is_for_processing=attributes.text("PresentationIntentType").upper() == "FOR PROCESSING",
        pet=read_pet_facts(dataset) if modality == "PT" else None,
        enhanced_by=read_codes(attributes.sequence("DerivationCodeSequence")),
    )


def _read_compression(attributes: FrameAttributes, layout: PixelLayout) -> str:
    """Return how the pixels lost information, empty when they did not (PS3.3 C.7.6.1.1.5)."""
    # Some converters leave the attribute out; these two processes cannot be without loss.
    is_lossy = layout.transfer_syntax_uid in (JPEGBaseline8Bit, JPEGExtended12Bit)
    if not is_lossy and attributes.text("LossyImageCompression") != "01":
        return ""
    method, ratio = attributes.text("LossyImageCompressionMethod"), attributes.text("LossyImageCompressionRatio")
    return " ".join(part for part in (method or UID(layout.transfer_syntax_uid).name, ratio) if part)


def _read_dimensions(attributes: FrameAttributes, dataset: Dataset) -> str:
    """Return Dimension Index Values without those that count positions (PS3.3 C.7.6.17)."""
    pointers = [int(item.get("DimensionIndexPointer") or 0) for item in dataset.get("DimensionIndexSequence") or ()]
    values = attributes.text("DimensionIndexValues").split("\\")
    if len(pointers) != len(values):
        return ""
    return "\\".join(
        value for pointer, value in zip(pointers, values, strict=True) if pointer not in _POSITION_POINTERS
    )


def _read_frame(
    instance: InstanceRef, dataset: Dataset, layout: PixelLayout, facts: ObjectFacts, frame_index: int
) -> Frame:
    attributes = FrameAttributes(dataset, frame_index)
    transform = read_transform(attributes, is_signed=layout.is_signed)
    marks = {keyword: attributes.text(keyword) for keyword in _MARKS}
    if layout.frames > 1:
        marks[DIMENSIONS] = _read_dimensions(attributes, dataset)
    return Frame(
        instance=instance,
        frame_index=frame_index,
        layout=layout,
        place=read_place(attributes, facts.modality, frame_index),
        transform=transform,
        presentation=read_presentation(attributes, layout, transform),
        facts=facts,
        marks={keyword: value for keyword, value in marks.items() if value},
        acquired_seconds=acquisition_seconds(attributes),
        start_seconds=frame_start_seconds(attributes, frame_index),
    )
