"""The DICOM modules that every phantom shares, and the file they go to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.identifiers import derived_uid

DATE, TIME = "20240102", "101500"
_IMPLEMENTATION = UID(derived_uid("hounsfield phantom writer"))


@dataclass(frozen=True)
class PhantomIdentity:
    """Whom a phantom study belongs to; studies of one name share their UIDs.

    Attributes:
        name: distinguishes studies; part of every UID.
        patient_id: Patient ID.
        sex: Patient's Sex.
        age: Patient's Age as DICOM AS.
        weight_kg: Patient's Weight.
    """

    name: str = "phantom"
    patient_id: str = "PHANTOM-1"
    sex: str = "O"
    age: str = "050Y"
    weight_kg: float = 70.0


def new_dataset(identity: PhantomIdentity, sop_class_uid: str, modality: str, series: str, number: int) -> Dataset:
    """Return a data set with the patient, study, series, equipment and SOP common modules (PS3.3 C.7, C.12.1)."""
    dataset = Dataset()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(derived_uid(identity.name, series, str(number)))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    dataset.file_meta = meta
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = TIME
    dataset.AccessionNumber = ""
    dataset.Modality = modality
    dataset.Manufacturer = "Hounsfield"
    dataset.ManufacturerModelName = "Analytic phantom"
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "1"
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = identity.name[:64]
    dataset.SeriesDescription = series[:64]
    dataset.PatientName = "Phantom^Analytic"
    dataset.PatientID = identity.patient_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = identity.sex
    dataset.PatientAge = identity.age
    dataset.PatientWeight = identity.weight_kg
    dataset.StudyInstanceUID = derived_uid(identity.name, "study")
    dataset.SeriesInstanceUID = derived_uid(identity.name, series)
    dataset.StudyID = "1"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.PatientOrientation = ""
    return dataset


def set_plane(dataset: Dataset, geometry: VolumeGeometry, slice_index: int) -> None:
    """Write the Image Plane and Frame of Reference modules of one slice (PS3.3 C.7.6.2, C.7.4.1)."""
    dataset.FrameOfReferenceUID = geometry.frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""
    dataset.ImageOrientationPatient = orientation(geometry)
    dataset.ImagePositionPatient = position(geometry, slice_index)
    dataset.PixelSpacing = spacing(geometry)
    dataset.SliceThickness = decimal(geometry.slice_spacing_mm)
    del dataset.PatientOrientation


def set_pixels(dataset: Dataset, pixels: npt.NDArray[Any], bits_stored: int | None = None) -> None:
    """Write the Image Pixel module of (row, column[, 3]) or (frame, row, column[, 3]) integers (PS3.3 C.7.6.3).

    Frames are told from rows by Number of Frames, which a multi-frame writer sets first.
    """
    is_multi = "NumberOfFrames" in dataset
    shape = pixels.shape[1:] if is_multi else pixels.shape
    dataset.SamplesPerPixel = 3 if len(shape) == 3 else 1
    if len(shape) == 3:
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    elif "PhotometricInterpretation" not in dataset:
        dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = shape[:2]
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    raw = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    dataset.add_new("PixelData", "OB" if pixels.dtype.itemsize == 1 else "OW", raw + b"\0" * (len(raw) % 2))


def save(dataset: Dataset, folder: Path, name: str) -> Path:
    """Write one object and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    dataset.save_as(path, enforce_file_format=True)
    return path


def orientation(geometry: VolumeGeometry) -> list[str]:
    """Return Image Orientation (Patient): direction of a row, then of a column."""
    matrix = np.asarray(geometry.direction)
    return [decimal(value) for value in (*matrix[:, 2], *matrix[:, 1])]


def position(geometry: VolumeGeometry, slice_index: int) -> list[str]:
    """Return Image Position (Patient) of a slice."""
    return [decimal(value) for value in geometry.to_patient([[slice_index, 0, 0]])[0]]


def spacing(geometry: VolumeGeometry) -> list[str]:
    """Return Pixel Spacing: between rows, between columns."""
    return [decimal(geometry.row_spacing_mm), decimal(geometry.column_spacing_mm)]


def decimal(value: float) -> str:
    """Return a DICOM DS: at most 16 characters, as exact as they allow."""
    text = f"{value + 0.0:.12f}".rstrip("0").rstrip(".")
    if len(text) > 16:
        text = f"{value:.10g}"[:16]
    return "0" if text in ("-0", "") else text


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """Return a code sequence item (PS3.3 section 8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
