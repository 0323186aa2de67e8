"""Sizes, volumes and densities of drawn nodules against the formulas of balls and ellipsoids.

Each nodule lies alone in lung of one density, off the centre of its voxels; the aims are those of the task: a diameter
within 0.5 mm or 5 %, a volume within 5 %, Hounsfield units within 5, over slices of 0.6 to 3 mm, noise and rotation.
"""

from functools import cache

import numpy as np
import pytest

from hounsfield.clinical.chest_ct.airways import Airways
from hounsfield.clinical.chest_ct.conclusions import brock_range
from hounsfield.clinical.chest_ct.lungs import Lung, Lungs
from hounsfield.clinical.chest_ct.measure import NoduleMeasures, NoduleType, measure_nodule
from hounsfield.clinical.chest_ct.nodule import NoduleSettings, segment_nodule
from hounsfield.clinical.chest_ct.phantom import Ball, add_ball
from hounsfield.clinical.chest_ct.search import Candidate
from hounsfield.clinical.facts import PatientFacts
from hounsfield.core.finding import Laterality
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

LUNG_HU = -850.0
PLACE = (23.3, 24.1, 22.7)
SPACINGS = (0.6, 1.0, 1.5, 2.0, 2.5, 3.0)
PIXEL_MM = 0.7
SIZE_MM = 48.0


def ball(diameter: float, **facts: float) -> Ball:
    return Ball(PLACE, (diameter, diameter, diameter), **facts)


def scene(what: Ball, slice_mm: float, noise_hu: float = 20.0, seed: int = 0) -> tuple[Volume, Lungs]:
    """Return lung of one density with a nodule, all of it one lung."""
    spacing = (slice_mm, PIXEL_MM, PIXEL_MM)
    shape = (int(SIZE_MM / spacing[0]), int(SIZE_MM / spacing[1]), int(SIZE_MM / spacing[2]))
    geometry = VolumeGeometry(shape, spacing)
    array = np.full(shape, LUNG_HU, np.float32)
    add_ball(array, geometry, what)
    array += np.random.default_rng(seed).normal(0.0, noise_hu, shape).astype(np.float32)
    whole = np.ones(shape, bool)
    airways = Airways(np.zeros(shape, bool), is_assessed=False)
    lungs = Lungs((Lung(Laterality.LEFT, whole, whole),), airways, (1, 1, 1), spacing)
    return Volume(np.rint(array).astype(np.int16), geometry, Quantity.HOUNSFIELD), lungs


def candidate_at(volume: Volume, what: Ball) -> Candidate:
    z, y, x = volume.geometry.to_index([what.centre_mm])[0]
    return Candidate((float(z), float(y), float(x)), max(what.diameters_mm) / 2, 100.0)


@cache
def measured(what: Ball, slice_mm: float = 1.0, noise_hu: float = 20.0, seed: int = 0) -> NoduleMeasures:
    volume, lungs = scene(what, slice_mm, noise_hu, seed)
    nodule = segment_nodule(volume, lungs, candidate_at(volume, what))
    assert nodule is not None
    return measure_nodule(nodule)


@pytest.mark.parametrize("slice_mm", SPACINGS)
@pytest.mark.parametrize("diameter", [8.0, 10.0, 14.0, 20.0])
def test_volume_and_diameter_of_balls(diameter: float, slice_mm: float) -> None:
    what = ball(diameter)
    found = measured(what, slice_mm)
    assert found.volume_mm3 == pytest.approx(what.volume_mm3, rel=0.05)
    # slices of 3 mm lose up to 0.62 mm of a ball of 8 mm: told here, and in the limits of the task
    tolerance = max(0.5, 0.05 * diameter) if slice_mm < 3.0 else 0.7
    assert found.long_axis_mm == pytest.approx(diameter, abs=tolerance)
    assert found.short_axis_mm <= found.long_axis_mm


@pytest.mark.parametrize("slice_mm", [0.6, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("diameter", [5.0, 6.0])
def test_small_balls_on_slices_that_show_them(diameter: float, slice_mm: float) -> None:
    what = ball(diameter)
    found = measured(what, slice_mm)
    assert found.volume_mm3 == pytest.approx(what.volume_mm3, rel=0.05)
    assert found.long_axis_mm == pytest.approx(diameter, abs=0.5)


@pytest.mark.parametrize("diameter", [5.0, 6.0])
def test_small_balls_on_thick_slices_are_less_sure(diameter: float) -> None:
    for slice_mm in (2.5, 3.0):
        assert measured(ball(diameter), slice_mm).volume_mm3 == pytest.approx(ball(diameter).volume_mm3, rel=0.12)


@pytest.mark.parametrize("slice_mm", [0.6, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("hounsfield", [0.0, 40.0, 90.0])
def test_density_within_five(hounsfield: float, slice_mm: float) -> None:
    found = measured(ball(12.0, hounsfield=hounsfield), slice_mm)
    assert found.mean_hu == pytest.approx(hounsfield, abs=5.0)
    assert found.mass_mg == pytest.approx(found.volume_mm3 * (1000.0 + found.mean_hu) / 1000.0)


@pytest.mark.parametrize("noise_hu", [0.0, 20.0, 40.0, 60.0])
def test_noise_changes_little(noise_hu: float) -> None:
    what = ball(10.0)
    found = measured(what, 1.0, noise_hu, seed=3)
    assert found.volume_mm3 == pytest.approx(what.volume_mm3, rel=0.05)
    assert found.long_axis_mm == pytest.approx(10.0, abs=0.5)
    assert found.type is NoduleType.SOLID


@pytest.mark.parametrize("axes", [(14.0, 9.0, 9.0), (9.0, 14.0, 9.0)])
def test_long_and_short_axis_lie_in_the_slice(axes: tuple[float, float, float]) -> None:
    found = measured(Ball(PLACE, axes))
    assert found.long_axis_mm == pytest.approx(14.0, abs=0.5)
    assert found.short_axis_mm == pytest.approx(9.0, abs=0.5)
    assert found.volume_mm3 == pytest.approx(np.pi / 6 * 14.0 * 9.0 * 9.0, rel=0.05)


def turned_scene(angle_degrees: float) -> tuple[Volume, Lungs, Ball]:
    """Return an ellipsoid of 14 x 9 x 9 mm turned in the slice, drawn here by counting a fine grid."""
    volume, lungs = scene(ball(1.0), 1.0, noise_hu=0.0)
    finer = 4
    spacing = np.array([1.0, PIXEL_MM, PIXEL_MM]) / finer
    lines = [
        (np.arange(count * finer) + 0.5) * step - 0.5 * step * finer
        for count, step in zip(volume.array.shape, spacing, strict=True)
    ]
    z, y, x = (line.reshape(shape) for line, shape in zip(lines, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True))
    angle = np.deg2rad(angle_degrees)
    along = (x - PLACE[0]) * np.cos(angle) + (y - PLACE[1]) * np.sin(angle)
    across = -(x - PLACE[0]) * np.sin(angle) + (y - PLACE[1]) * np.cos(angle)
    inside = (along / 7.0) ** 2 + (across / 4.5) ** 2 + ((z - PLACE[2]) / 4.5) ** 2 <= 1.0
    depth, rows, columns = volume.array.shape
    share = inside.reshape(depth, finer, rows, finer, columns, finer).mean(axis=(1, 3, 5))
    array = np.rint(LUNG_HU + share * (40.0 - LUNG_HU)).astype(np.int16)
    return volume.with_array(array), lungs, Ball(PLACE, (14.0, 9.0, 9.0))


@pytest.mark.parametrize("angle", [0.0, 20.0, 45.0, 70.0, 90.0])
def test_a_turned_nodule_keeps_its_axes(angle: float) -> None:
    volume, lungs, what = turned_scene(angle)
    nodule = segment_nodule(volume, lungs, candidate_at(volume, what))
    assert nodule is not None
    found = measure_nodule(nodule)
    assert found.long_axis_mm == pytest.approx(14.0, abs=0.5)
    assert found.short_axis_mm == pytest.approx(9.0, abs=0.5)
    assert found.volume_mm3 == pytest.approx(what.volume_mm3, rel=0.05)


@pytest.mark.parametrize("hounsfield", [-650.0, -550.0, -450.0])
def test_ground_glass_has_no_solid_part(hounsfield: float) -> None:
    found = measured(ball(14.0, hounsfield=hounsfield))
    assert found.type is NoduleType.GROUND_GLASS
    assert found.solid_long_axis_mm == found.solid_short_axis_mm == 0.0
    assert found.volume_mm3 == pytest.approx(ball(14.0).volume_mm3, rel=0.08)


@pytest.mark.parametrize("core", [5.0, 7.0, 9.0])
def test_the_solid_part_of_a_part_solid_nodule(core: float) -> None:
    found = measured(ball(18.0, hounsfield=-550.0, core_mm=core))
    assert found.type is NoduleType.PART_SOLID
    assert found.solid_long_axis_mm == pytest.approx(core, abs=0.8)


def test_calcium_and_fat_are_shares_of_the_nodule() -> None:
    assert measured(ball(12.0, hounsfield=450.0)).calcified_share > 0.9
    assert measured(ball(12.0, hounsfield=-80.0)).fat_share > 0.8
    plain = measured(ball(12.0))
    assert (plain.calcified_share, plain.fat_share) == (0.0, pytest.approx(0.0, abs=0.02))


def test_a_ball_is_round_and_touches_no_pleura() -> None:
    found = measured(ball(14.0))
    assert found.sphericity == pytest.approx(1.0, abs=0.1)
    assert found.spiculation < 0.05
    assert found.pleural_share == 0.0
    long = measured(Ball(PLACE, (20.0, 9.0, 9.0)))
    assert long.sphericity < found.sphericity


def test_the_plane_of_the_axes_is_where_the_nodule_is_widest() -> None:
    for slice_mm in (1.0, 2.0):
        volume, _ = scene(ball(14.0), slice_mm)
        wanted = volume.geometry.to_index([PLACE])[0][0]
        assert measured(ball(14.0), slice_mm).plane_index == pytest.approx(wanted, abs=1.5 / slice_mm)


@pytest.mark.parametrize("hounsfield", [LUNG_HU, LUNG_HU + 60.0])
def test_what_hardly_stands_out_is_no_nodule(hounsfield: float) -> None:
    what = ball(12.0, hounsfield=hounsfield)
    volume, lungs = scene(what, 1.0)
    assert segment_nodule(volume, lungs, candidate_at(volume, what)) is None


def test_the_threshold_of_solid_tissue_is_a_parameter() -> None:
    what = ball(14.0, hounsfield=-250.0)
    volume, lungs = scene(what, 1.0)
    seen = candidate_at(volume, what)
    kinds = {}
    for limit in (-300.0, -160.0):
        settings = NoduleSettings(solid_hu=limit)
        nodule = segment_nodule(volume, lungs, seen, settings)
        assert nodule is not None
        kinds[limit] = measure_nodule(nodule, settings).type
    assert kinds[-300.0] is NoduleType.SOLID
    assert kinds[-160.0] is not NoduleType.SOLID


def test_measuring_twice_gives_the_same() -> None:
    what = ball(10.0)
    first = measured(what)
    measured.cache_clear()
    assert measured(what) == first


def beside(what: Ball, wall_mm: float | None = None, has_vessel: bool = False) -> NoduleMeasures:
    """Measure a nodule with a chest wall beyond a column, in mm beside its centre, or a vessel through it."""
    volume, lungs = scene(what, 1.0, noise_hu=0.0)
    array, closed = volume.array.copy(), lungs.lungs[0].closed.copy()
    if wall_mm is not None:
        beyond = np.arange(array.shape[2]) * PIXEL_MM > PLACE[0] + wall_mm
        array[:, :, beyond], closed[:, :, beyond] = 40, False
    if has_vessel:
        z, y, _ = (round(float(place)) for place in volume.geometry.to_index([PLACE])[0])
        array[z - 1 : z + 2, y - 1 : y + 2, :] = 40
    lung = Lung(Laterality.LEFT, closed, closed)
    freed = Lungs((lung,), lungs.airways, lungs.factors, lungs.spacing_mm)
    nodule = segment_nodule(volume.with_array(array), freed, candidate_at(volume, what))
    assert nodule is not None
    return measure_nodule(nodule)


def test_a_vessel_that_was_cut_off_is_not_outlined() -> None:
    # the outline ran on along the vessel: 16.3 mm for a ball of 12
    assert beside(ball(12.0), has_vessel=True).long_axis_mm == pytest.approx(12.0, abs=1.2)


@pytest.mark.parametrize("wall_mm", [4.55, 3.15])
def test_the_chest_wall_counts_into_no_nodule(wall_mm: float) -> None:
    found = beside(ball(14.0), wall_mm=wall_mm)
    # the wall begins at the edge of its first column; the cap that it leaves was up to 16 % too large
    columns = np.arange(int(SIZE_MM / PIXEL_MM)) * PIXEL_MM
    height = 7.0 + columns[columns > PLACE[0] + wall_mm][0] - PIXEL_MM / 2 - PLACE[0]
    assert found.volume_mm3 == pytest.approx(np.pi * height**2 * (21.0 - height) / 3, rel=0.08)
    assert found.long_axis_mm == pytest.approx(14.0, abs=0.5)
    assert found.pleural_share > 0


@pytest.mark.parametrize("excluding", [{"has_known_cancer": True}, {"is_immunosuppressed": True}, {"age_years": 30.0}])
def test_brock_says_nothing_of_whom_it_does_not_hold_for(excluding: dict[str, object]) -> None:
    known = {"age_years": 66.0, "sex": "F", "has_family_history_of_lung_cancer": True, "has_emphysema": False}
    nodule = measured(ball(12.0))
    assert brock_range(nodule, 1, PatientFacts.model_validate(known), "1.2").is_applied
    said = brock_range(nodule, 1, PatientFacts.model_validate({**known, **excluding}), "1.2")
    assert (said.result, said.missing) == ("", ())
    assert "%" not in said.wording.en + said.wording.zh
    assert said.wording.zh != said.wording.en
