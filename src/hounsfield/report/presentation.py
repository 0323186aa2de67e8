"""DICOM Secondary Capture: the key image with the outline burnt in, which every viewer shows."""

from pathlib import Path

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sr.codedict import codes

from hounsfield.core.identifiers import new_uid
from hounsfield.core.report import KeyImage, Report
from hounsfield.core.subject import unpaired
from hounsfield.errors import Unencodable
from hounsfield.report.document import (
    DEVICE,
    MANUFACTURER,
    code_of,
    copy_subject,
    encode,
    equipment,
    model_line,
    series_description,
    software_versions,
)
from hounsfield.report.drawing import draw
from hounsfield.report.files import FileKind, WrittenFile, write_atomic
from hounsfield.report.header import SourceHeaders, frame_numbers, read_headers

DOCUMENT = "DICOM Secondary Capture"
SERIES_NUMBER = 9002
_SIDES = ("L", "R")


def write_presentation(report: Report, folder: Path) -> tuple[WrittenFile, ...]:
    """Write one Secondary Capture for each key image into a folder; together they are a new series.

    Raises:
        Unencodable: the report cannot be an image; the code says why.
        ReportError: ``E600`` when a file cannot be written.
    """
    datasets = presentation_datasets(report)
    names = ["presentation.dcm", *(f"presentation-{number}.dcm" for number in range(2, len(datasets) + 1))]
    return tuple(
        WrittenFile(FileKind.PRESENTATION, write_atomic(folder / name, encode(dataset, DOCUMENT)))
        for name, dataset in zip(names, datasets, strict=True)
    )


def presentation_datasets(report: Report) -> tuple[Dataset, ...]:
    """Return the Secondary Captures as data sets: RGB, derived, beside the images in their study.

    Raises:
        Unencodable: ``E603`` without a key image, and as ``read_headers``; ``E605`` when highdicom refuses it.
    """
    uid = report.study.study_instance_uid
    if not report.key_images:
        raise Unencodable("E603", uid=uid, document=DOCUMENT, expected="a key image")
    headers = read_headers(report, DOCUMENT)
    series_uid = new_uid()
    try:
        return tuple(
            _dataset(report, image, headers, series_uid, number)
            for number, image in enumerate(report.key_images, start=1)
        )
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise Unencodable("E605", uid=uid, document=DOCUMENT, reason=type(error).__name__) from error


def _dataset(report: Report, image: KeyImage, headers: SourceHeaders, series_uid: str, number: int) -> Dataset:
    source = headers.of(image.sop_instance_uid)
    if source is None:
        raise Unencodable("E603", uid=image.sop_instance_uid, document=DOCUMENT, expected="the source of its key image")
    rows, columns = (
        int(source.get(name) or size) for name, size in zip(("Rows", "Columns"), image.pixels.shape, strict=True)
    )
    picture = draw(report, image, rows, columns)
    dataset = _secondary_capture(report, picture, headers.subject, series_uid, number)
    copy_subject(dataset, headers.subject)
    _describe_image(dataset, source, report)
    _describe_derivation(dataset, report, source, image)
    return dataset


def _secondary_capture(
    report: Report, picture: npt.NDArray[np.uint8], subject: Dataset, series_uid: str, number: int
) -> hd.sc.SCImage:
    return hd.sc.SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        # highdicom wants an orientation; _describe_image puts the source's own in its place.
        patient_orientation=("L", "F"),
        study_instance_uid=str(subject.StudyInstanceUID),
        series_instance_uid=series_uid,
        series_number=SERIES_NUMBER,
        sop_instance_uid=new_uid(),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=DEVICE,
        software_versions=software_versions(report),
        series_description=series_description(report),
        contributing_equipment=equipment(report, subject),
    )


def _describe_image(dataset: Dataset, source: Dataset, report: Report) -> None:
    """Take from the source what is as true of the copy: orientation, body part and side.

    Burned In Annotation asks whether the pixels identify the patient: our text does not, so the answer is the source's
    own, and is left out where the source gives none.
    """
    dataset.PatientOrientation = source.get("PatientOrientation") or _orientation(source)
    sites = {finding.site.value: finding.site for finding in report.findings}
    is_unpaired = False
    if "BodyPartExamined" in source:
        dataset.BodyPartExamined = source.BodyPartExamined
        is_unpaired = source.BodyPartExamined in unpaired("body_parts")
    elif len(sites) == 1:
        dataset.AnatomicRegionSequence = [code_of(site) for site in sites.values()]
        is_unpaired = not unpaired("anatomic_regions").isdisjoint(sites)
    if not is_unpaired:
        # Type 2C for what may be paired (PS3.3 C.7.3.1): there, and empty where the source states no side.
        stated = (source.get(name) for name in ("ImageLaterality", "Laterality"))
        dataset.Laterality = next((side for side in stated if side in _SIDES), None)
    if source.get("BurnedInAnnotation") in ("YES", "NO"):
        dataset.BurnedInAnnotation = source.BurnedInAnnotation


def _orientation(source: Dataset) -> list[str] | None:
    """Return the main directions of rows and columns from Image Orientation (Patient), None where it is not stated."""
    cosines = source.get("ImageOrientationPatient")
    if cosines is None or len(cosines) != 6:
        return None
    values = np.asarray([float(value) for value in cosines]).reshape(2, 3)
    letters = (("L", "R"), ("P", "A"), ("H", "F"))
    axes = np.abs(values).argmax(axis=1)
    return [letters[axis][0 if row[axis] > 0 else 1] for row, axis in zip(values, axes, strict=True)]


def _describe_derivation(dataset: Dataset, report: Report, source: Dataset, image: KeyImage) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    frames = frame_numbers(source, image.frame_number)
    if frames:
        reference.ReferencedFrameNumber = frames
    reference.PurposeOfReferenceCodeSequence = [
        hd.sr.CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)
    ]
    dataset.SourceImageSequence = [reference]
    weights = ", ".join(sorted({finding.model.weights_digest for finding in report.findings}))
    dataset.DerivationDescription = (
        f"AI outline and text by {model_line(report)} burnt over a copy of the image; research use, "
        f"not a medical device; weights SHA-256 {weights or 'none'}"
    )[:1024]
    dataset.ImageComments = "Research software, not a medical device. Not for measuring: the pixels were resampled."
