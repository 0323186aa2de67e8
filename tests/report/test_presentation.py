"""The Secondary Capture: valid to dciodvfy, the outline where it is, no patient in the pixels, true about itself."""

import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.core.codes import concept, local_concept
from hounsfield.core.finding import Presence, Region
from hounsfield.core.report import KeyImage, Report
from hounsfield.errors import Unencodable
from hounsfield.report.colours import YELLOW, heat_overlay
from hounsfield.report.drawing import LARGEST_SIDE, SMALLEST_SIDE, draw
from hounsfield.report.files import FileKind
from hounsfield.report.presentation import write_presentation
from tests.report.examples import key_image, pneumonia, report_on, series_of, square, write_source

INSTALLED = Path(pydicom.__file__).parent / "data" / "test_files"


def errors_of(tool: Path, path: Path) -> list[str]:
    out = subprocess.run([tool, "-new", path], capture_output=True, encoding="utf-8", check=False)
    return [line for line in (out.stdout + out.stderr).splitlines() if line.startswith("Error")]


def yellow(picture: np.ndarray) -> np.ndarray:
    return np.all(np.abs(picture.astype(int) - np.array(YELLOW)) < 12, axis=-1)


@pytest.fixture
def report(tmp_path) -> Report:
    return report_on(series_of(write_source(tmp_path / "source.dcm", BodyPartExamined="CHEST")))


@pytest.mark.parametrize("modality", ["CR", "DX", "CT", "MR", "US", "OT"])
def test_dciodvfy_accepts_every_modality(modality, tmp_path, debian_tool):
    report = report_on(series_of(write_source(tmp_path / "source.dcm", modality)))
    (written,) = write_presentation(report, tmp_path / "out")
    assert written.kind is FileKind.PRESENTATION
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), written.path) == []


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "examples_ybr_color.dcm", "SC_rgb_rle_2frame.dcm", "ExplVR_BigEnd.dcm"]
)
def test_dciodvfy_accepts_captures_of_files_as_they_are_found(name, tmp_path, debian_tool):
    (written,) = write_presentation(report_on(series_of(INSTALLED / name)), tmp_path)
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), written.path) == []


def test_captures_of_shared_images(shared_data, tmp_path, debian_tool):
    for name in ("ct_image.dcm", "dx_image.dcm", "sm_image.dcm"):
        series = series_of(shared_data / "dicom" / "highdicom" / name)
        (written,) = write_presentation(report_on(series), tmp_path / name)
        assert errors_of(debian_tool("dciodvfy", "dicom3tools"), written.path) == [], name


@pytest.mark.parametrize("site", ["lung", "brain", "hand", "breast", "entire-body", "chest"])
@pytest.mark.parametrize("body_part", [None, "CHEST", "HAND", "KNEE", "BRAIN", "UNHEARD"])
def test_the_side_is_stated_left_out_or_empty_as_the_standard_wants(site, body_part, tmp_path, debian_tool):
    tool = debian_tool("dciodvfy", "dicom3tools")
    for side in (None, "R"):
        source = write_source(tmp_path / "source.dcm", BodyPartExamined=body_part, ImageLaterality=side)
        report = report_on(series_of(source), findings=(pneumonia(site=concept(site)),))
        (written,) = write_presentation(report, tmp_path / "out")
        assert errors_of(tool, written.path) == []


def test_a_stated_side_is_kept(tmp_path):
    for keyword in ("ImageLaterality", "Laterality"):
        source = write_source(tmp_path / "source.dcm", BodyPartExamined="HAND", **{keyword: "L"})
        (written,) = write_presentation(report_on(series_of(source)), tmp_path / keyword)
        assert pydicom.dcmread(written.path).Laterality == "L"


def test_it_says_what_it_is(report, tmp_path):
    (written,) = write_presentation(report, tmp_path)
    dataset = pydicom.dcmread(written.path)
    source = pydicom.dcmread(report.series.instances[0].path)
    assert list(dataset.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert (dataset.PhotometricInterpretation, dataset.SamplesPerPixel) == ("RGB", 3)
    assert dataset.StudyInstanceUID == source.StudyInstanceUID
    assert dataset.SeriesInstanceUID != source.SeriesInstanceUID
    assert str(dataset.PatientName) == "Example^Ann"
    assert dataset.PatientID == "EX-1"
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert "not a medical device" in dataset.DerivationDescription
    assert "chest-xray-pneumonia 1.0.0" in dataset.SeriesDescription
    assert list(dataset.PatientOrientation) == ["L", "F"]
    # Resampled pixels are not for measuring.
    assert "PixelSpacing" not in dataset


@pytest.mark.parametrize("answer", ["YES", "NO", None])
def test_burned_in_annotation_is_the_answer_of_the_source(answer, tmp_path):
    source = write_source(tmp_path / "source.dcm", BurnedInAnnotation=answer)
    (written,) = write_presentation(report_on(series_of(source)), tmp_path / "out")
    assert pydicom.dcmread(written.path).get("BurnedInAnnotation") == answer


def test_orientation_follows_from_the_image_plane_or_stays_empty(tmp_path):
    sagittal = write_source(
        tmp_path / "a.dcm", "MR", PatientOrientation=None, ImageOrientationPatient=[0, 1, 0.1, 0, 0.1, -1]
    )
    (written,) = write_presentation(report_on(series_of(sagittal)), tmp_path / "a")
    assert list(pydicom.dcmread(written.path).PatientOrientation) == ["P", "F"]
    unknown = write_source(tmp_path / "b.dcm", "MR", PatientOrientation=None)
    (written,) = write_presentation(report_on(series_of(unknown)), tmp_path / "b")
    assert not pydicom.dcmread(written.path).PatientOrientation


def test_the_outline_lies_where_the_square_is(report, tmp_path):
    """The bright square must lie within the yellow frame, and the frame within three display pixels of its border."""
    (written,) = write_presentation(report, tmp_path)
    picture = pydicom.dcmread(written.path).pixel_array
    factor = SMALLEST_SIDE / 96
    left = (SMALLEST_SIDE - round(80 * factor)) // 2
    rows, columns = np.nonzero(yellow(picture))
    in_image = (rows > 90) & (rows < 90 + SMALLEST_SIDE - 50)
    rows, columns = rows[in_image], columns[in_image]
    assert columns.min() == pytest.approx(left + 40 * factor, abs=3)
    assert columns.max() == pytest.approx(left + 60 * factor, abs=3)
    assert rows.max() - rows.min() == pytest.approx(16 * factor, abs=5)
    inside = picture[rows.min() + 12 : rows.max() - 12, columns.min() + 12 : columns.max() - 12]
    assert inside.min() > 210


def test_pixels_that_are_not_square_are_stretched(report):
    pixels = np.zeros((50, 100), dtype=np.uint8)
    pixels[20:30, 45:55] = 255
    uid = report.series.instances[0].sop_instance_uid
    image = KeyImage(pixels, None, uid, pixel_aspect_ratio=2.0)
    region = Region(uid, 1, (square(20, 45, 30, 55),))
    picture = draw(replace(report, findings=(pneumonia(region=region),)), image, 50, 100)
    rows, columns = np.nonzero(yellow(picture)[80 : 80 + SMALLEST_SIDE])
    assert (rows.max() - rows.min()) == pytest.approx(2 * (columns.max() - columns.min()), rel=0.05)


def test_an_outline_in_source_pixels_fits_a_shrunken_key_image(report):
    uid = report.series.instances[0].sop_instance_uid
    image = KeyImage(np.zeros((64, 64), dtype=np.uint8), None, uid)
    region = Region(uid, 1, (square(256, 256, 512, 512),))
    picture = draw(replace(report, findings=(pneumonia(region=region),)), image, 512, 512)
    part = yellow(picture)[80 : 80 + SMALLEST_SIDE]
    _, columns = np.nonzero(part)
    assert columns.min() == pytest.approx(SMALLEST_SIDE / 2, abs=4)
    assert columns.max() >= SMALLEST_SIDE - 4


@pytest.mark.parametrize(
    ("shape", "expected"), [((8, 8), SMALLEST_SIDE), ((5000, 4000), LARGEST_SIDE), ((900, 1200), 1200)]
)
def test_the_size_suits_a_reader(shape, expected, report):
    image = KeyImage(np.full(shape, 90, dtype=np.uint8), None, "2.25.1")
    picture = draw(replace(report, findings=(pneumonia(presence=Presence.ABSENT),)), image, *shape)
    assert np.count_nonzero(picture[:, picture.shape[1] // 2].min(axis=-1) == 90) == pytest.approx(
        expected * shape[0] / max(shape), rel=0.02
    )
    assert picture.shape[1] >= SMALLEST_SIDE


def test_what_is_absent_is_not_outlined(report):
    image = report.key_images[0]
    absent = replace(report, findings=(replace(report.findings[0], presence=Presence.ABSENT, score=0.1),))
    assert not yellow(draw(absent, image, 96, 80)).any()
    other_frame = replace(image, frame_number=2)
    below = draw(replace(report, key_images=(other_frame,)), other_frame, 96, 80)[120:600]
    assert not yellow(below).any()


def test_the_patient_is_not_in_the_pixels(tmp_path):
    """The picture depends on nothing that names the patient."""
    pictures = []
    for name in ("Example^Ann", "Somebody^Else"):
        source = write_source(tmp_path / "source.dcm", PatientName=name, SOPInstanceUID="2.25.5", PatientID=name[:4])
        (written,) = write_presentation(report_on(series_of(source)), tmp_path / "out")
        pictures.append(pydicom.dcmread(written.path).pixel_array)
    assert np.array_equal(*pictures)


def test_no_chinese_is_burnt_in(report):
    """A class named in Chinese is drawn by its code: the same picture as for its code and nothing else."""
    image = report.key_images[0]
    named = replace(report, findings=(pneumonia(type=replace(local_concept("肺结核"), value="TB")),))
    coded = replace(report, findings=(pneumonia(type=replace(local_concept("x"), value="TB", meaning="")),))
    assert draw(named, image, 96, 80).shape == draw(coded, image, 96, 80).shape


def test_each_key_image_is_an_instance_of_one_series(tmp_path, debian_tool):
    paths = [
        write_source(tmp_path / f"{index}.dcm", "CT", StudyInstanceUID="2.25.11", SeriesInstanceUID="2.25.12")
        for index in range(3)
    ]
    series = series_of(*paths)
    images = tuple(replace(key_image(series), sop_instance_uid=item.sop_instance_uid) for item in series.instances)
    written = write_presentation(report_on(series, images[0], key_images=images), tmp_path / "out")
    datasets = [pydicom.dcmread(item.path) for item in written]
    assert [item.InstanceNumber for item in datasets] == [1, 2, 3]
    assert len({item.SeriesInstanceUID for item in datasets}) == 1
    assert len({item.SOPInstanceUID for item in datasets}) == 3
    assert all(errors_of(debian_tool("dciodvfy", "dicom3tools"), item.path) == [] for item in written)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "20221399"),
        ("StudyTime", None),
        ("PatientName", "王^小明"),
        ("BodyPartExamined", "a b?"),
        ("Rows", None),
    ],
)
def test_a_bad_element_of_the_source_does_not_stop_the_capture(keyword, value, tmp_path, debian_tool):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pydicom.config.disable_value_validation():
            source = write_source(tmp_path / "source.dcm", SpecificCharacterSet="GB18030", **{keyword: value})
        (written,) = write_presentation(report_on(series_of(source)), tmp_path / "out")
    assert errors_of(debian_tool("dciodvfy", "dicom3tools"), written.path) == []
    if keyword == "PatientName":
        assert str(pydicom.dcmread(written.path).PatientName) == value


def test_without_a_key_image_or_its_source_there_is_no_capture(report, tmp_path):
    with pytest.raises(Unencodable) as caught:
        write_presentation(replace(report, key_images=()), tmp_path)
    assert caught.value.code == "E603"
    stranger = replace(report.key_images[0], sop_instance_uid="2.25.77")
    with pytest.raises(Unencodable) as caught:
        write_presentation(replace(report, key_images=(stranger,)), tmp_path)
    assert caught.value.code == "E603"
    assert not (tmp_path / "presentation.dcm").exists()


def test_the_heat_map_is_clear_where_nothing_is_and_grows_lighter():
    overlay = heat_overlay(np.array([[0.0, 0.25, 0.5, 1.0, np.nan, 7.0]], dtype=np.float32))
    assert overlay.shape == (1, 6, 4)
    assert overlay[0, :, 3].tolist() == [0, 64, 128, 255, 0, 255]
    lightness = overlay[0, :4, :3].astype(float) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()
