"""DICOM series with SEG and RTSTRUCT: against highdicom, analytic shapes and the masks that others rasterised."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes as concepts
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from hounsfield.cases.label_maps import read_label_map
from hounsfield.cases.masked import MaskTable, is_masked, read_masked
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError
from tests.cases.examples import codes

SHAPE = (4, 16, 20)
STUDY, FRAME = generate_uid(), generate_uid()
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"


def header(sop_class_uid: str, series_uid: str, modality: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, series_uid
    dataset.PatientID, dataset.PatientName = "77", "Phantom"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.StudyID = ""
    dataset.StudyDate = dataset.StudyTime = dataset.ReferringPhysicianName = ""
    dataset.Modality, dataset.SeriesNumber, dataset.FrameOfReferenceUID = modality, 1, FRAME
    return dataset


def ct(folder: Path) -> list[Dataset]:
    """Write a CT of 4 slices of 16 x 20 pixels of 0.5 x 0.8 mm, 3 mm apart."""
    folder.mkdir(parents=True)
    uid = generate_uid()
    slices = []
    for index in range(SHAPE[0]):
        dataset = header("1.2.840.10008.5.1.4.1.1.2", uid, "CT")
        dataset.Rows, dataset.Columns, dataset.InstanceNumber = SHAPE[1], SHAPE[2], index + 1
        dataset.PixelSpacing, dataset.SliceThickness = [0.5, 0.8], 3.0
        dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [10.0, -5.0, 3.0 * index]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.PositionReferenceIndicator = dataset.PatientPosition = ""
        dataset.PixelData = np.full(SHAPE[1:], 1000 + index, np.uint16).tobytes()
        dataset.save_as(folder / f"{index}.dcm", enforce_file_format=True)
        slices.append(dcmread(folder / f"{index}.dcm"))
    return slices


def two_boxes() -> np.ndarray:
    """Return segments (slice, row, column, 2); the first lies in two slices, the second in one."""
    pixels = np.zeros((*SHAPE, 2), np.uint8)
    pixels[1:3, 4:9, 5:12, 0] = 1
    pixels[3, 10:14, 2:7, 1] = 1
    return pixels


def seg(slices: list[Dataset], path: Path, pixels: np.ndarray, kind: str = "BINARY") -> Path:
    described = [
        hd.seg.SegmentDescription(
            number, name, concepts.SCT.Tissue, concepts.SCT.Mass, hd.seg.SegmentAlgorithmTypeValues.MANUAL
        )
        for number, name in ((1, "Liver"), (2, "Lesion"))
    ]
    made = hd.seg.Segmentation(
        slices, pixels, kind, described, generate_uid(), 9, generate_uid(), 1, "house", "model", "1", "1"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path)
    return path


def structures(slices: list[Dataset], path: Path, regions: dict[str, list[np.ndarray]]) -> Path:
    """Write a structure set of closed contours (n, 3) in millimetres."""
    dataset = header(STRUCTURE_SET, generate_uid(), "RTSTRUCT")
    dataset.StructureSetLabel = "x"
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = slices[0].SeriesInstanceUID
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", STUDY
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = FRAME, [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(regions.items(), start=1):
        region, drawn = Dataset(), Dataset()
        region.ROINumber, region.ROIName, drawn.ReferencedROINumber = number, name, number
        drawn.ContourSequence = []
        for points in contours:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
            contour.ContourData = [f"{value:.4f}" for value in points.ravel()]
            drawn.ContourSequence.append(contour)
        dataset.StructureSetROISequence.append(region)
        dataset.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def box(z_mm: float, rows: tuple[float, float], columns: tuple[float, float]) -> np.ndarray:
    """Return the contour around pixels from row and column to those before the last, in millimetres."""
    x = [10.0 + 0.8 * (column - 0.5) for column in columns]
    y = [-5.0 + 0.5 * (row - 0.5) for row in rows]
    return np.array([[x[0], y[0], z_mm], [x[1], y[0], z_mm], [x[1], y[1], z_mm], [x[0], y[1], z_mm]])


def mask_of(table: MaskTable) -> np.ndarray:
    return table.read(table.cases[0]).mask.array


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segments_lie_where_highdicom_puts_them(tmp_path: Path, kind: str) -> None:
    path = seg(ct(tmp_path / "ct"), tmp_path / "seg" / "a.dcm", two_boxes(), kind)
    assert is_masked(tmp_path)
    assert task_of(tmp_path) is LearningTask.SEGMENTATION
    table = read_masked(tmp_path)
    assert (table.layout, table.label_names, len(table)) == ("dicom", ("background", "Liver", "Lesion"), 1)
    expected = two_boxes()[..., 0] + 2 * two_boxes()[..., 1]
    assert (mask_of(table) == expected).all()
    theirs = hd.seg.segread(path).get_volume(combine_segments=kind == "BINARY", rescale_fractional=False)
    assert (theirs.array > 0).sum() == (expected > 0).sum()
    image = table.read(table.cases[0])
    assert image.volumes[0].array[:, 0, 0].tolist() == [-24, -23, -22, -21]


def test_contours_are_filled_with_their_holes(tmp_path: Path) -> None:
    contours = [box(3.0, (4, 12), (5, 15)), box(3.0, (6, 10), (8, 12)), box(6.0, (4, 12), (5, 15))]
    structures(ct(tmp_path / "ct"), tmp_path / "rs" / "a.dcm", {"GTV": contours, "Empty": []})
    table = read_masked(tmp_path)
    expected = np.zeros(SHAPE, np.uint8)
    expected[1:3, 4:12, 5:15] = 1
    expected[1, 6:10, 8:12] = 0
    assert table.label_names == ("background", "GTV", "Empty")
    assert (mask_of(table) == expected).all()


def test_patients_are_pseudonyms_and_the_better_reference_is_taken(tmp_path: Path) -> None:
    slices = ct(tmp_path / "ct")
    structures(slices, tmp_path / "a.dcm", {"GTV": [box(3.0, (4, 12), (5, 15))]})
    seg(slices, tmp_path / "b.dcm", two_boxes())
    table = read_masked(tmp_path)
    (case,) = table.cases
    assert case.mask is not None
    assert case.mask.name == "b.dcm"
    assert case.attributes == (("mask_2", "a.dcm"),)
    assert case.patient is not None
    assert case.patient.startswith("patient-")
    assert codes(table.issues) == ["Q881"]


def test_masks_of_a_series_that_is_not_there_are_said(tmp_path: Path) -> None:
    elsewhere = ct(tmp_path / "gone")
    slices = ct(tmp_path / "data" / "ct")
    seg(slices, tmp_path / "data" / "a.dcm", two_boxes())
    seg(elsewhere, tmp_path / "data" / "orphan.dcm", two_boxes())
    table = read_masked(tmp_path / "data")
    issue = next(issue for issue in table.issues if issue.code == "Q880")
    assert issue.facts == {"images": 0, "masks": 1, "cases": "orphan.dcm"}
    for path in (tmp_path / "data" / "ct").iterdir():
        path.unlink()
    with pytest.raises(DatasetError) as caught:
        read_masked(tmp_path / "data")
    assert caught.value.code == "E880"


def test_frames_off_the_pixels_of_the_series_are_refused(tmp_path: Path) -> None:
    path = seg(ct(tmp_path / "ct"), tmp_path / "a.dcm", two_boxes())
    dataset = dcmread(path)
    place = dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    place.ImagePositionPatient = [10.3, -5.0, float(place.ImagePositionPatient[2])]
    dataset.save_as(path)
    table = read_masked(tmp_path)
    with pytest.raises(DatasetError) as caught:
        table.read(table.cases[0])
    assert caught.value.code == "E881"


@pytest.mark.parametrize("keyword", ["PerFrameFunctionalGroupsSequence", "PixelData", "SegmentSequence"])
def test_a_broken_object_is_a_typed_error(tmp_path: Path, keyword: str) -> None:
    path = seg(ct(tmp_path / "ct"), tmp_path / "a.dcm", two_boxes())
    dataset = dcmread(path)
    del dataset[keyword]
    dataset.save_as(path)
    with pytest.raises(DatasetError) as caught:
        mask_of(read_masked(tmp_path))
    assert caught.value.code == "E886"


def test_a_series_alone_has_no_masks(tmp_path: Path) -> None:
    ct(tmp_path / "ct")
    assert not is_masked(tmp_path)


def test_a_public_structure_set_gives_the_mask_that_mirp_made(shared_data: Path) -> None:
    table = read_masked(shared_data / "sarcoma" / "dicom")
    assert len(table) == 3
    for case in table.cases:
        modality = case.identifier.split("/")[1]
        theirs = read_label_map(shared_data / "sarcoma" / "nifti" / "STS_004" / f"{modality}_mask.nii.gz")
        assert ((table.read(case).mask.array > 0) == (theirs.array > 0)).all()
