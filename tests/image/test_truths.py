"""What the phantoms promise, measured in the written files by SimpleITK, scikit-image and scipy."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation
from skimage.measure import label, regionprops

from hounsfield.image.checks import check_volume
from hounsfield.image.phantoms import (
    BodyPhantom,
    ChestPhantom,
    HeadPhantom,
    HeartPhantom,
    PetPhantom,
    PhantomIdentity,
    Pose,
    pose_geometry,
    write_chest,
    write_ct,
    write_enhanced_ct,
    write_enhanced_mr,
    write_head,
    write_heart,
    write_pet,
)
from hounsfield.image.phantoms.ct import INSERTS
from hounsfield.image.phantoms.space import ball_ml, smooth_noise
from hounsfield.image.phantoms.writer import decimal
from tests.image.helpers import only_volume

POSES = {
    "axial": Pose(),
    "coronal": Pose("coronal"),
    "oblique": Pose("sagittal", (14.0, -9.0, 27.0)),
}


def _read(folder: Path) -> SimpleITK.Image:
    """Read a series as GDCM sorts it."""
    reader = SimpleITK.ImageSeriesReader()
    (uid,) = reader.GetGDCMSeriesIDs(str(folder))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), uid))
    return reader.Execute()


def _largest(mask: SimpleITK.Image) -> tuple[float, tuple[float, ...], float]:
    """Return volume in millilitres, centre in LPS millimetres and roundness of the largest component."""
    parts = SimpleITK.RelabelComponent(SimpleITK.ConnectedComponent(mask), sortByObjectSize=True)
    shape = SimpleITK.LabelShapeStatisticsImageFilter()
    shape.Execute(parts)
    return shape.GetPhysicalSize(1) / 1000.0, shape.GetCentroid(1), shape.GetRoundness(1)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_inserts_have_their_volume_place_and_units(tmp_path: Path, pose: Pose) -> None:
    phantom = BodyPhantom(pose_geometry((62, 96, 88), (2.0, 1.5, 1.6), pose))
    write_ct(tmp_path, phantom)
    image = _read(tmp_path)
    truth = phantom.truth_ml()
    for name, insert in INSERTS.items():
        volume_ml, center, roundness = _largest(image == insert.hounsfield)
        assert volume_ml == pytest.approx(truth[name], rel=0.035), name
        assert volume_ml == pytest.approx(4 / 3 * np.pi * (insert.radius_mm / 10) ** 3, rel=0.035), name
        np.testing.assert_allclose(center, insert.center_mm, atol=0.25)
        assert roundness == pytest.approx(1.0, abs=0.12)
        assert image.EvaluateAtPhysicalPoint(insert.center_mm) == insert.hounsfield


def test_water_cylinder_has_its_volume(tmp_path: Path) -> None:
    phantom = BodyPhantom(pose_geometry((50, 96, 96), (2.0, 1.5, 1.5)))
    write_ct(tmp_path, phantom)
    volume_ml, center, _ = _largest(_read(tmp_path) > -500)
    radius, half = phantom.radius_mm
    assert volume_ml == pytest.approx(np.pi * radius**2 * 2 * half / 1000, rel=0.03)
    np.testing.assert_allclose(center, (0, 0, 0), atol=0.2)


def test_left_is_left_and_head_is_up_in_the_files(tmp_path: Path) -> None:
    """Without our reader: pixel and position of each marker by PS3.3 C.7.6.2.1.1 alone."""
    write_ct(tmp_path, BodyPhantom(pose_geometry((62, 64, 60), (2.0, 2.3, 2.5), POSES["oblique"])))
    found: dict[int, list[np.ndarray]] = {300: [], 200: []}
    for path in tmp_path.iterdir():
        dataset = pydicom.dcmread(path)
        values = dataset.pixel_array.astype(int) * int(dataset.RescaleSlope) + int(dataset.RescaleIntercept)
        row_mm, column_mm = (float(value) for value in dataset.PixelSpacing)
        along_row, along_column = np.reshape([float(value) for value in dataset.ImageOrientationPatient], (2, 3))
        origin = np.array([float(value) for value in dataset.ImagePositionPatient])
        for value, points in found.items():
            for row, column in np.argwhere(values == value):
                points.append(origin + column * column_mm * along_row + row * row_mm * along_column)
    left, head = (np.mean(points, axis=0) for points in found.values())
    np.testing.assert_allclose(left, (45, 0, 0), atol=0.3)
    np.testing.assert_allclose(head, (0, 0, 18), atol=0.3)


def test_balls_of_the_pet_phantom(tmp_path: Path) -> None:
    phantom = PetPhantom(pose_geometry((24, 60, 60), (2.5, 2.5, 2.5)))
    write_pet(tmp_path, phantom)
    image = _read(tmp_path)
    hot_ml, hot, _ = _largest(image > 25_000)
    assert hot_ml == pytest.approx(ball_ml(14.0), rel=0.04)
    np.testing.assert_allclose(hot, (25, 0, 0), atol=0.2)
    values = SimpleITK.GetArrayFromImage(image)
    levels = [np.median(values[values > 25_000]), np.median(values[(values > 5_000) & (values < 25_000)])]
    np.testing.assert_allclose(levels, [40_000, 10_000], rtol=1e-3)
    assert image.EvaluateAtPhysicalPoint((-25.0, 0.0, 0.0)) == 0


@pytest.mark.parametrize("weight_kg", [45.0, 70.0, 110.0])
@pytest.mark.parametrize("correction", ["START", "ADMIN"])
def test_promised_uptake_is_the_formula_of_the_files(tmp_path: Path, weight_kg: float, correction: str) -> None:
    """Dose, half life, times and weight as written, put into the formula of section 6.6 by hand."""
    phantom = PetPhantom(pose_geometry((2, 24, 24), (8.0, 6.0, 6.0)), decay_correction=correction)
    path = write_pet(tmp_path, phantom, PhantomIdentity("PET", weight_kg=weight_kg))[0]
    dataset = pydicom.dcmread(path)
    (dose,) = dataset.RadiopharmaceuticalInformationSequence
    hours = [int(text[:2]) + int(text[2:4]) / 60 for text in (dose.RadiopharmaceuticalStartTime, dataset.SeriesTime)]
    halves = (hours[1] - hours[0]) * 3600 / float(dose.RadionuclideHalfLife)
    left = float(dose.RadionuclideTotalDose) * (0.5**halves if correction == "START" else 1.0)
    activity = np.median(dataset.pixel_array[dataset.pixel_array > 0]) * float(dataset.RescaleSlope)
    expected = activity * float(dataset.PatientWeight) * 1000 / left
    assert phantom.body_suv(weight_kg) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("fraction", "width_mm"), [(0.6, 44.0), (0.35, 52.0)])
def test_ventricle_beats_as_promised(tmp_path: Path, fraction: float, width_mm: float) -> None:
    """Area-length, V = 8 A^2 / (3 pi L), from the dark region that scikit-image finds in every frame."""
    phantom = HeartPhantom(frames=8, ejection_fraction=fraction, width_mm=width_mm, beats=1.0)
    dataset = pydicom.dcmread(write_heart(tmp_path, phantom))
    pixel_mm = 10 * float(dataset.SequenceOfUltrasoundRegions[0].PhysicalDeltaX)
    found = []
    for frame in dataset.pixel_array:
        smooth = gaussian_filter(frame.astype(float), 1.2)
        dark = label(smooth < 65)
        region = next(item for item in regionprops(dark) if item.label == dark[round(64 / pixel_mm), 80])
        found.append(8 * (region.area * pixel_mm**2) ** 2 / (3 * np.pi * region.axis_major_length * pixel_mm) / 1000)
    promised = phantom.volumes_ml()
    np.testing.assert_allclose(found, promised, rtol=0.12)
    assert 1 - min(found) / max(found) == pytest.approx(fraction, abs=0.04)
    assert int(np.argmin(found)) == 4
    assert float(dataset.FrameTime) == pytest.approx(1000 / 30, abs=1e-3)


def test_mass_of_the_head_in_any_pose(tmp_path: Path) -> None:
    pose = Pose("coronal", (8.0, -5.0, 12.0))
    phantom = HeadPhantom(pose_geometry((66, 90, 86), (3.0, 2.2, 2.2), pose), mass_radius_mm=15.0, noise=0.0)
    write_head(tmp_path, phantom)
    image = _read(tmp_path)
    # Grown from the centre down to half way between mass and oedema, where a blurred edge lies.
    seed = image.TransformPhysicalPointToIndex(phantom.mass_center_mm)
    volume_ml, center, _ = _largest(SimpleITK.ConnectedThreshold(image, [seed], 600.0, 5000.0))
    np.testing.assert_allclose(center, phantom.mass_center_mm, atol=0.5)
    assert volume_ml == pytest.approx(phantom.truth_ml(), rel=0.06)
    assert phantom.truth_ml() == pytest.approx(14.137, abs=1e-3)


@pytest.mark.parametrize("noise", [8.0, 14.0, 30.0])
def test_noise_of_the_head_is_rician(noise: float) -> None:
    """In air the magnitude of two channels is Rayleigh: mean sigma sqrt(pi/2), SD sigma / 1.526 (Gudbjartsson 1995)."""
    samples = HeadPhantom(pose_geometry((4, 160, 160), (6.0, 1.5, 1.5)), noise=noise).samples()
    air = samples[:, :12, :].astype(float)
    # Samples are cut to integers, which takes half a unit.
    assert air.mean() + 0.5 == pytest.approx(noise * np.sqrt(np.pi / 2), rel=0.02)
    assert air.std() == pytest.approx(0.655 * noise, rel=0.03)


@pytest.mark.parametrize(("rows", "columns", "width_mm"), [(140, 150, 350.0), (200, 180, 420.0)])
def test_field_of_the_radiograph(tmp_path: Path, rows: int, columns: int, width_mm: float) -> None:
    dataset = pydicom.dcmread(write_chest(tmp_path, ChestPhantom(rows, columns, width_mm)))
    spacing = [float(value) for value in dataset.ImagerPixelSpacing]
    assert spacing[1] * dataset.Columns == pytest.approx(width_mm, rel=1e-5)
    assert dataset.pixel_array.shape == (rows, columns)
    assert dataset.pixel_array.max() <= 4095
    shown = dataset.pixel_array.astype(float)
    # The heart lies to the patient's left: right of the middle in a frontal view.
    low = shown[rows * 60 // 100 : rows * 68 // 100]
    right, left = low[:, columns * 30 // 100 : columns * 42 // 100], low[:, columns * 58 // 100 : columns * 70 // 100]
    assert left.mean() > right.mean()


@pytest.mark.parametrize("name", ["CT", "MR"])
def test_enhanced_objects_hold_the_same_answers(tmp_path: Path, name: str) -> None:
    geometry = pose_geometry((10, 40, 44), (8.0, 5.0, 4.5), POSES["oblique"])
    if name == "CT":
        path, expected = write_enhanced_ct(tmp_path, BodyPhantom(geometry)), BodyPhantom(geometry).hounsfield()
    else:
        path, expected = write_enhanced_mr(tmp_path, HeadPhantom(geometry)), HeadPhantom(geometry).samples()
    dataset = pydicom.dcmread(path)
    (shared,) = dataset.SharedFunctionalGroupsSequence
    value = shared.PixelValueTransformationSequence[0]
    for stored, frame in zip(dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        number = int(frame.FrameContentSequence[0].InStackPositionNumber)
        modality = stored.astype(int) * float(value.RescaleSlope) + float(value.RescaleIntercept)
        np.testing.assert_array_equal(modality, expected[number - 1])
        position = [float(item) for item in frame.PlanePositionSequence[0].ImagePositionPatient]
        np.testing.assert_allclose(position, geometry.to_patient([[number - 1, 0, 0]])[0], atol=1e-6)


def test_phantoms_pass_their_own_checks(tmp_path: Path) -> None:
    assert check_volume(only_volume(write_ct(tmp_path / "ct"))) == ()
    assert check_volume(only_volume(write_head(tmp_path / "mr", HeadPhantom(mass_radius_mm=15.0)))) == ()
    assert check_volume(only_volume([write_heart(tmp_path / "us", HeartPhantom(frames=4))])) == ()
    assert check_volume(only_volume([write_chest(tmp_path / "dx", ChestPhantom(is_inverted=True))])) == ()


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (30.0, 0.0, 0.0), (10.0, -20.0, 70.0), (180.0, 5.0, -90.0)])
def test_poses_turn_as_scipy_turns(plane: str, angles: tuple[float, float, float]) -> None:
    center = (12.0, -7.0, 99.0)
    geometry = pose_geometry((4, 5, 6), (3.0, 2.0, 1.0), Pose(plane, angles, center))
    np.testing.assert_allclose(geometry.to_patient([[1.5, 2.0, 2.5]])[0], center, atol=1e-9)
    start = np.asarray(pose_geometry((4, 5, 6), (3.0, 2.0, 1.0), Pose(plane)).direction)
    turned = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ start
    np.testing.assert_allclose(geometry.direction, turned, atol=1e-12)


def test_small_formulas() -> None:
    assert ball_ml(10.0) == pytest.approx(4.18879, abs=1e-5)
    noise = smooth_noise((200, 200), 3.0, 1)
    assert noise.std() == pytest.approx(1.0)
    # Neighbours of Gaussian-smoothed noise correlate as exp(-d^2 / 4 sigma^2).
    assert np.corrcoef(noise[:, :-3].ravel(), noise[:, 3:].ravel())[0, 1] == pytest.approx(np.exp(-9 / 36), abs=0.05)


def test_decimal_strings_are_valid_and_exact() -> None:
    """DS holds 16 characters (PS3.5 6.2)."""
    values = [
        0.0,
        -0.0,
        1.0,
        -1024.0,
        0.1,
        1 / 3,
        -2 / 3,
        1e-6,
        12345.678901234,
        -987.654321098765,
        1e-11,
        370e6,
        6586.2,
    ]
    generator = np.random.default_rng(4)
    values += [*generator.normal(0, 300, 200), *generator.uniform(-1, 1, 200), *generator.uniform(0, 1e-3, 50)]
    for value in values:
        text = decimal(value)
        assert len(text) <= 16
        assert float(pydicom.valuerep.DSfloat(text)) == pytest.approx(value, rel=1e-8, abs=2e-12)
        assert text not in ("-0", "")
