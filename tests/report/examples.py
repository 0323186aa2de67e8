"""Reports to write: made-up findings on real or synthetic source files."""

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from hounsfield.core.codes import concept
from hounsfield.core.finding import Finding, Measurement, Presence, Region
from hounsfield.core.identifiers import new_uid
from hounsfield.core.prediction import Interval, ModelIdentity, OperatingPoint
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import PERCENT
from hounsfield.core.report import KeyImage, Provenance, Report, Status
from hounsfield.core.study import InstanceRef, Series, Study

MODEL = ModelIdentity("chest-xray-pneumonia", "1.0.0", "chest-xray", "ab" * 32)
GATE = ModelIdentity("body-part", "1.0.0", "body-part", "cd" * 32)
POINT = OperatingPoint(
    0.42, Interval(0.972, 0.951, 0.986), Interval(0.903, 0.871, 0.929), "PneumoniaMNIST tuning part (children)"
)
LIMITS = (
    (
        "It learned from films of children aged 1 to 5; adults were not among them.",
        "训练数据为 1 至 5 岁儿童胸片，不含成人。",
    ),
    ("It knows no disease but pneumonia.", "除肺炎外，它不了解任何疾病。"),
)


def provenance(*pairs: tuple[str, str]) -> Provenance:
    return Provenance(
        models=(MODEL, GATE),
        software_version="0.1.0",
        settings_digest="ef" * 32,
        input_digests=pairs,
        started="2026-03-01T10:00:00+00:00",
        ended="2026-03-01T10:00:02+00:00",
        runtime="onnxruntime 1.31.1 CPU",
    )


def square(top: float, left: float, bottom: float, right: float) -> np.ndarray:
    """Return a closed outline as (column, row)."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], dtype=np.float64)


def pneumonia(**changes) -> Finding:
    finding = Finding(
        tracking_uid=new_uid(),
        type=concept("pneumonia"),
        site=concept("lung"),
        presence=Presence.PRESENT,
        score=0.931,
        model=MODEL,
        operating_point=POINT,
        measurements=(Measurement(concept("attended-area"), 12.5, PERCENT),),
    )
    return replace(finding, **changes)


def series_of(*paths: Path) -> Series:
    """Return the series of DICOM files as an archive would."""
    instances = []
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        instances.append(
            InstanceRef(
                sop_instance_uid=str(header.get("SOPInstanceUID", "")),
                sop_class_uid=str(header.get("SOPClassUID", "")),
                path=path,
                media_type="application/dicom",
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )
    return Series(
        series_instance_uid=str(header.get("SeriesInstanceUID") or new_uid()),
        study_instance_uid=str(header.get("StudyInstanceUID") or new_uid()),
        modality=str(header.get("Modality", "")),
        instances=tuple(instances),
        body_part_examined=str(header.get("BodyPartExamined", "") or ""),
    )


def key_image(series: Series, rows: int = 96, columns: int = 80, frame_number: int = 1) -> KeyImage:
    """Return a grey ramp with a bright square and a heat map that is hot on the square."""
    pixels = np.tile(np.linspace(20, 160, columns), (rows, 1)).astype(np.uint8)
    top, bottom, left, right = rows // 3, rows // 2, columns // 2, columns * 3 // 4
    pixels[top:bottom, left:right] = 230
    heat = np.zeros((rows, columns), dtype=np.float32)
    heat[top:bottom, left:right] = 1.0
    return KeyImage(pixels, heat, series.instances[0].sop_instance_uid, frame_number)


def square_region(image: KeyImage) -> Region:
    """Return the outline of the hot square of ``key_image``."""
    rows, columns = np.nonzero(image.heat > 0.5)
    outline = square(rows.min(), columns.min(), rows.max() + 1.0, columns.max() + 1.0)
    return Region(image.sop_instance_uid, image.frame_number, (outline,), slice_index=image.frame_number - 1)


def report_on(series: Series, image: KeyImage | None = None, **changes) -> Report:
    """Return a complete report: pneumonia present, outlined on the key image."""
    image = image or key_image(series)
    report = Report(
        study=Study(
            series.study_instance_uid, (series,), patient_age_years=4.0, patient_sex="F", study_date="20260228"
        ),
        series=series,
        task="chest-xray",
        status=Status.COMPLETE,
        findings=(pneumonia(region=square_region(image)),),
        issues=(QualityIssue("Q953", Severity.WARN, {"found": 3}),),
        provenance=provenance(*((item.sop_instance_uid, item.sha256) for item in series.instances)),
        key_images=(image,),
        limits=LIMITS,
    )
    return replace(report, **changes)


def refused_report(series: Series, code: str = "E951", **facts: object) -> Report:
    """Return the report of a refused input: nothing is said about the finding."""
    facts = facts or {"found": "PT", "expected": "chest-xray, brain-mri"}
    return report_on(
        series,
        status=Status.REFUSED,
        findings=(pneumonia(presence=Presence.NOT_ASSESSED, score=None, operating_point=None, measurements=()),),
        issues=(QualityIssue(code, Severity.REJECT, facts),),
        key_images=(),
    )


def write_source(path: Path, modality: str = "DX", rows: int = 96, columns: int = 80, **elements: object) -> Path:
    """Write a small DICOM image; ``elements`` replace its header, None takes an element out."""
    classes = {
        "CR": "1.2.840.10008.5.1.4.1.1.1",
        "DX": "1.2.840.10008.5.1.4.1.1.1.1",
        "CT": "1.2.840.10008.5.1.4.1.1.2",
        "MR": "1.2.840.10008.5.1.4.1.1.4",
        "US": "1.2.840.10008.5.1.4.1.1.6.1",
        "OT": "1.2.840.10008.5.1.4.1.1.7",
    }
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = classes[modality]
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = new_uid(), new_uid(), new_uid()
    dataset.Modality = modality
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = "Example^Ann", "EX-1", "F"
    dataset.PatientBirthDate, dataset.StudyDate, dataset.StudyTime = "20220101", "20260228", "101112"
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "7", "A7", "Ref^Dr"
    dataset.Manufacturer = "Maker"
    dataset.PatientOrientation = ["L", "F"]
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = bytes(rows * columns)
    for keyword, value in elements.items():
        if value is None:
            dataset.pop(keyword, None)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
    return path
