"""Derived images as DICOM: one object a slice, its source named, its making described.

The objects follow PS3.3 C.7.6.1 (General Image: Image Type, Derivation Description, Source Image Sequence) and C.12.2
(Common Instance Reference). CT, MR and PET stay what they are; everything else becomes a Secondary Capture, which
states its plane as a Standard Extended SOP class (PS3.2 section 3.11.2) does. A cine is one multi-frame capture.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from hounsfield.core.geometry import Calibration
from hounsfield.core.identifiers import derived_uid, new_uid
from hounsfield.core.quantities import Quantity
from hounsfield.core.subject import unpaired
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.image import derived_header as header
from hounsfield.image.derived_header import CT, MR, PET, Source
from hounsfield.image.derived_pixels import Stored, decimal, store_samples
from hounsfield.image.mark import mark_codes
from hounsfield.image.saving import whole_folder

DISCLAIMER = "Research software, not a medical device. Derived image: not for measuring or diagnosis."
_MAKER = "Hounsfield (research software)"
_DESCRIPTION_CHARACTERS, _SHORT_CHARACTERS = 1024, 64
_SERIES_NUMBER = 9100
_PARALLEL = 0.99
_NEAR_MM = 1e-3


@dataclass(frozen=True)
class _Making:
    """What all objects of one derived series share."""

    volume: Volume
    sources: tuple[Source, ...]
    sop_class_uid: str
    stored: Stored
    description: str
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str


def write_derived(volume: Volume, folder: Path, description: str) -> tuple[Path, ...]:
    """Write a volume as a new DICOM series of derived images, one single-frame object a slice.

    Patient, study and acquisition come from the instances of the volume, which must still be there: call it while their
    source is open. The grid and the samples may have changed; each slice names the sources that lie nearest to it. SOP
    Instance and Series UIDs are new. Values that 16 bits do not hold exactly are off by at most half of Rescale Slope.

    Args:
        volume: samples with their grid; sheared grids are written as tilted slices.
        folder: becomes the series; must not exist or be empty, and is there complete or not at all.
        description: what was done, for Derivation Description.

    Returns:
        The files, in the order of the slices.

    Raises:
        ImageError: ``E341`` for samples that DICOM does not hold, ``E342`` when a source is gone.
        SettingsError: ``E340`` when the folder holds something.
    """
    sources = header.read_sources(volume)
    sop_class_uid = _class_of(volume, sources)
    making = _Making(
        volume=volume,
        sources=sources,
        sop_class_uid=sop_class_uid,
        stored=store_samples(volume, has_bytes=sop_class_uid not in (CT, MR, PET)),
        description=description,
        series_instance_uid=new_uid(),
        study_instance_uid=str(sources[0].dataset.get("StudyInstanceUID") or new_uid()) if sources else new_uid(),
        frame_of_reference_uid=volume.geometry.frame_of_reference_uid or new_uid(),
    )
    is_one_object = volume.slice_axis is SliceAxis.TIME
    count = 1 if is_one_object else volume.geometry.shape[0]
    names = [f"{number:05d}.dcm" for number in range(1, count + 1)]
    with whole_folder(folder) as partial:
        for index, name in enumerate(names):
            _dataset(making, index).save_as(partial / name, enforce_file_format=True)
    return tuple(folder / name for name in names)


def _class_of(volume: Volume, sources: tuple[Source, ...]) -> str:
    if volume.slice_axis is not SliceAxis.TIME:
        return header.target_class(volume, sources)
    if volume.is_colour:
        return header.MULTI_FRAME_COLOUR
    is_byte = volume.array.dtype in (np.uint8, np.bool_)
    return header.MULTI_FRAME_BYTE if is_byte else header.MULTI_FRAME_WORD


def _dataset(making: _Making, index: int) -> Dataset:
    near = _near(making, index)
    dataset = Dataset()
    source = near[len(near) // 2].dataset if near else None
    header.copy_header(dataset, source, making.sop_class_uid)
    dataset.file_meta = _meta(making.sop_class_uid)
    dataset.SOPClassUID = making.sop_class_uid
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _set_series(dataset, making, source, index)
    _set_derivation(dataset, making, near)
    if making.volume.slice_axis is SliceAxis.TIME:
        _set_frames(dataset, making)
    else:
        _set_plane(dataset, making, index)
    _set_pixels(dataset, making, index)
    _set_class(dataset, making, index)
    return dataset


def _meta(sop_class_uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(new_uid())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(derived_uid("hounsfield derived images"))
    return meta


def _near(making: _Making, index: int) -> tuple[Source, ...]:
    """Return the sources that lie nearest to a slice: one or two of a parallel stack, else all of them."""
    placed = [(source, source.position_mm) for source in making.sources]
    geometry = making.volume.geometry
    if making.volume.slice_axis is SliceAxis.TIME or len(placed) < 2:
        return making.sources
    positions = [position for _, position in placed if position is not None]
    if len(positions) < len(placed):
        return making.sources
    matrix = np.asarray(geometry.direction)
    normal = np.cross(matrix[:, 2], matrix[:, 1])
    points = np.asarray(positions)
    way = points[-1] - points[0]
    if abs(way @ normal) < _PARALLEL * float(np.linalg.norm(way)) and not _is_own(geometry.origin_mm, points):
        return making.sources
    away = np.abs((points - geometry.to_patient([[index, 0, 0]])[0]) @ normal)
    return tuple(placed[number][0] for number in np.flatnonzero(away <= away.min() + _NEAR_MM))


def _is_own(
    origin_mm: tuple[float, float, float], positions: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> bool:
    """Tell whether a stack, maybe tilted, still begins at a position of its source."""
    return bool(np.abs(positions - np.asarray(origin_mm)).max(axis=1).min() < _NEAR_MM)


def _set_series(dataset: Dataset, making: _Making, source: Dataset | None, index: int) -> None:
    """General Series, Equipment and General Image: what this object is, and who made it."""
    from hounsfield import __version__

    modality = {CT: "CT", MR: "MR", PET: "PT"}.get(making.sop_class_uid)
    stated = str(source.get("Modality") or "") if source is not None else ""
    now = datetime.now().astimezone()
    dataset.Modality = modality or stated or "OT"
    dataset.StudyInstanceUID = making.study_instance_uid
    dataset.SeriesInstanceUID = making.series_instance_uid
    dataset.SeriesNumber = _SERIES_NUMBER
    dataset.SeriesDescription = f"Derived (research use): {making.description}"[:_SHORT_CHARACTERS].replace("\\", "/")
    dataset.InstanceNumber = index + 1
    dataset.ContentDate, dataset.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    dataset.Manufacturer = _MAKER
    dataset.ManufacturerModelName, dataset.DeviceSerialNumber = "Hounsfield", "1"
    dataset.SoftwareVersions = __version__
    dataset.ImageComments = DISCLAIMER
    if making.sop_class_uid not in (CT, MR, PET):
        dataset.ConversionType = "WSD"


def _set_derivation(dataset: Dataset, making: _Making, near: tuple[Source, ...]) -> None:
    """Say what was done, to which images, of which series."""
    # A PET image has no SECONDARY (PS3.3 C.8.9.4.1.1): derived ones, too, are PRIMARY.
    dataset.ImageType = {
        PET: ["DERIVED", "PRIMARY"],
        CT: ["DERIVED", "SECONDARY", "AXIAL"],
        MR: ["DERIVED", "SECONDARY", "OTHER"],
    }.get(making.sop_class_uid, ["DERIVED", "SECONDARY"])
    text = making.description[: _DESCRIPTION_CHARACTERS - len(DISCLAIMER) - 2].replace("\\", "/").rstrip(". ")
    dataset.DerivationDescription = f"{text}. {DISCLAIMER}"
    if making.volume.enhanced_by:
        dataset.DerivationCodeSequence = mark_codes(making.volume.enhanced_by)
    images = []
    for source in near:
        item = _reference(source)
        purpose = Dataset()
        purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
        purpose.CodeMeaning = "Source image for image processing operation"
        item.PurposeOfReferenceCodeSequence = [purpose]
        images.append(item)
    if not images:
        return
    dataset.SourceImageSequence = images
    series: dict[str, Dataset] = {}
    for source in near:
        uid = str(source.dataset.get("SeriesInstanceUID") or "")
        if uid and uid not in series:
            series[uid] = Dataset()
            series[uid].SeriesInstanceUID, series[uid].ReferencedInstanceSequence = uid, []
        if uid:
            series[uid].ReferencedInstanceSequence.append(_reference(source))
    if series:
        dataset.ReferencedSeriesSequence = list(series.values())


def _reference(source: Source) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.instance.sop_class_uid
    item.ReferencedSOPInstanceUID = source.instance.sop_instance_uid
    return item


def _set_plane(dataset: Dataset, making: _Making, index: int) -> None:
    """Image Plane and Frame of Reference (PS3.3 C.7.6.2, C.7.4.1); lengths that are not known are left out."""
    geometry = making.volume.geometry
    if geometry.calibration is Calibration.NONE:
        dataset.PatientOrientation = None
        return
    matrix = np.asarray(geometry.direction)
    dataset.FrameOfReferenceUID = making.frame_of_reference_uid
    dataset.PositionReferenceIndicator = None
    dataset.ImageOrientationPatient = [decimal(float(value)) for value in (*matrix[:, 2], *matrix[:, 1])]
    dataset.ImagePositionPatient = [decimal(float(value)) for value in geometry.to_patient([[index, 0, 0]])[0]]
    dataset.PixelSpacing = [decimal(geometry.row_spacing_mm), decimal(geometry.column_spacing_mm)]
    if "SliceThickness" not in dataset:
        dataset.SliceThickness = decimal(geometry.slice_spacing_mm)


def _set_frames(dataset: Dataset, making: _Making) -> None:
    """Multi-frame, Cine and SC Multi-frame Image (PS3.3 C.7.6.6, C.7.6.5, C.8.6.3)."""
    volume = making.volume
    times = volume.frame_times_seconds
    dataset.NumberOfFrames = volume.geometry.shape[0]
    dataset.PatientOrientation = None
    dataset.FrameTime = decimal(1000.0 * float(np.mean(np.diff(times))) if len(times) > 1 else 0.0)
    dataset.FrameIncrementPointer = 0x00181063
    dataset.BurnedInAnnotation = dataset.get("BurnedInAnnotation") or "YES"
    if volume.geometry.calibration is not Calibration.NONE:
        geometry = volume.geometry
        dataset.PixelSpacing = [decimal(geometry.row_spacing_mm), decimal(geometry.column_spacing_mm)]
    if not volume.is_colour:
        dataset.PresentationLUTShape = "IDENTITY"


def _set_pixels(dataset: Dataset, making: _Making, index: int) -> None:
    """Image Pixel module (PS3.3 C.7.6.3)."""
    stored, is_cine = making.stored, making.volume.slice_axis is SliceAxis.TIME
    frames = stored.array if is_cine else stored.array[..., index, :, :]
    is_colour = making.volume.is_colour
    pixels = np.ascontiguousarray(np.moveaxis(frames, 0, -1) if is_colour else frames)
    is_inverted = making.volume.presentation.is_inverted
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME1" if is_inverted else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = making.volume.geometry.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    raw = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    dataset.add_new("PixelData", "OB" if pixels.dtype.itemsize == 1 else "OW", raw + b"\0" * (len(raw) % 2))
    window = making.volume.presentation.window
    if window is not None and not is_colour:
        dataset.WindowCenter, dataset.WindowWidth = decimal(window.center), decimal(window.width)
        if window.function != "LINEAR":
            dataset.VOILUTFunction = window.function


def _set_class(dataset: Dataset, making: _Making, index: int) -> None:
    """What each class demands beside the shared modules (PS3.3 C.8.2.1, C.8.3.1, C.8.9)."""
    stored, volume = making.stored, making.volume
    is_scaled = (stored.slope, stored.intercept) != (1.0, 0.0)
    is_grey_cine = making.sop_class_uid in (header.MULTI_FRAME_BYTE, header.MULTI_FRAME_WORD)
    if making.sop_class_uid in (CT, PET) or is_scaled or is_grey_cine:
        dataset.RescaleIntercept, dataset.RescaleSlope = decimal(stored.intercept), decimal(stored.slope)
        dataset.RescaleType = "HU" if volume.quantity is Quantity.HOUNSFIELD else "US"
    if making.sop_class_uid == MR:
        dataset.ScanningSequence = dataset.get("ScanningSequence") or "RM"
        dataset.SequenceVariant = dataset.get("SequenceVariant") or "NONE"
    if making.sop_class_uid == PET:
        del dataset.RescaleType
        if volume.quantity is Quantity.SUV_BW:
            dataset.Units, dataset.SUVType = "GML", "BW"
        else:
            dataset.Units = "BQML" if volume.quantity is Quantity.ACTIVITY else "NONE"
        dataset.NumberOfSlices, dataset.ImageIndex = volume.geometry.shape[0], index + 1
        if "GATED" not in str(dataset.get("SeriesType") or ""):
            dataset.pop("NumberOfTimeSlices", None)
        # The codes of the position, which PET demands, stand in the place of its name (PS3.3 C.7.3.1).
        dataset.pop("PatientPosition", None)
    # Of type 2C for what may be paired (PS3.3 C.7.3.1): empty says that the side is not known.
    if dataset.get("BodyPartExamined") not in unpaired("body_parts") and "Laterality" not in dataset:
        dataset.Laterality = None
    if making.sop_class_uid == header.CAPTURE and "PatientOrientation" not in dataset:
        dataset.PatientOrientation = None
