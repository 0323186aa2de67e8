"""Uptake against closed forms, published formulas worked out by hand, and the headers of real and drawn scanners."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.tumour.suv import (
    Body,
    Liver,
    SuvKind,
    body_factor,
    lean_mass_james_kg,
    lean_mass_janma_kg,
    measure_liver,
    measure_uptake,
)
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels, ImageError
from hounsfield.image import phantoms
from hounsfield.opening import read_volumes
from tests.clinical.tumour.drawn import ellipsoid

MAN, WOMAN = Body(80.0, 180.0, "M"), Body(60.0, 165.0, "F")
GRID = VolumeGeometry((31, 41, 41), (2.0, 2.0, 2.0))
CENTRE = (15, 20, 20)
HOT = ellipsoid(GRID, CENTRE, (16.0, 16.0, 16.0))


def pet(array) -> Volume:
    return Volume(np.asarray(array, np.float32), GRID, Quantity.SUV_BW)


@pytest.mark.parametrize(
    ("kind", "body", "factor"),
    [
        (SuvKind.BODY_WEIGHT, Body(None), 1.0),
        (SuvKind.LEAN_JAMES, MAN, (1.10 * 80 - 128 * (80 / 180) ** 2) / 80),  # 62.72 kg
        (SuvKind.LEAN_JAMES, WOMAN, (1.07 * 60 - 148 * (60 / 165) ** 2) / 60),
        (SuvKind.LEAN_JANMA, MAN, 9270 / (6680 + 216 * 80 / 1.8**2)),
        (SuvKind.LEAN_JANMA, WOMAN, 9270 / (8780 + 244 * 60 / 1.65**2)),
        (SuvKind.BODY_SURFACE, MAN, 10 * 0.007184 * 80**0.425 * 180**0.725 / 80),
    ],
)
def test_each_kind_divides_the_dose_by_what_its_formula_says(kind, body, factor):
    assert body_factor(kind, body) == pytest.approx(factor, rel=1e-12)


def test_lean_masses_worked_out_by_hand():
    assert lean_mass_james_kg(80, 180, "M") == pytest.approx(62.716, abs=1e-3)
    assert lean_mass_janma_kg(80, 180, "M") == pytest.approx(61.731, abs=1e-3)
    assert lean_mass_janma_kg(60, 165, "F") == pytest.approx(39.29, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        (SuvKind.LEAN_JAMES, replace(MAN, weight_kg=None), "weight_kg missing"),
        (SuvKind.LEAN_JANMA, replace(MAN, height_cm=None), "height_cm missing"),
        (SuvKind.BODY_SURFACE, replace(MAN, height_cm=1.8), "height_cm 1.8"),
        (SuvKind.LEAN_JANMA, replace(MAN, height_cm=1800.0), "height_cm 1800"),
        (SuvKind.LEAN_JANMA, replace(MAN, weight_kg=0.0), "weight_kg 0"),
        (SuvKind.LEAN_JAMES, replace(MAN, sex=None), "sex missing"),
        (SuvKind.LEAN_JANMA, replace(MAN, sex="O"), "sex O"),
        (SuvKind.LEAN_JAMES, Body(200.0, 120.0, "F"), "kg of 200 kg"),
    ],
)
def test_what_is_missing_or_cannot_be_true_is_refused(kind, body, says):
    with pytest.raises(ImageError) as told:
        body_factor(kind, body)
    assert told.value.code == "E247"
    assert says in str(told.value.facts["found"])


def test_a_hot_ball_has_its_uptake_volume_and_glycolysis():
    found = measure_uptake(pet(np.where(HOT, 8.0, 1.0)), HOT, SuvKind.BODY_WEIGHT, 1.0, liver=4.0)
    assert (found.highest, found.mean, found.peak) == pytest.approx((8.0, 8.0, 8.0))
    millilitres = HOT.sum() * 0.008
    for metabolic, threshold in ((found.fixed, 3.28), (found.above, 2.5), (found.liver, 4.0)):
        assert metabolic.threshold == pytest.approx(threshold)
        assert metabolic.volume_ml == pytest.approx(millilitres)
        assert metabolic.volume_ml == pytest.approx(4 / 3 * math.pi * 1.6**3, rel=0.03)
        assert metabolic.glycolysis == pytest.approx(8 * millilitres, rel=1e-6)


def test_a_factor_scales_everything_but_the_volume_at_a_fraction():
    volume = pet(np.where(HOT, 8.0, 1.0))
    plain = measure_uptake(volume, HOT, SuvKind.BODY_WEIGHT, 1.0)
    lean = measure_uptake(volume, HOT, SuvKind.LEAN_JANMA, 0.75)
    assert (lean.highest, lean.mean, lean.peak) == pytest.approx((6.0, 6.0, 6.0))
    assert lean.fixed.volume_ml == plain.fixed.volume_ml
    assert lean.fixed.glycolysis == pytest.approx(0.75 * plain.fixed.glycolysis)
    assert lean.liver is None


def test_the_peak_is_the_mean_of_a_sphere_of_one_millilitre():
    axes = np.ogrid[tuple(slice(0, side) for side in GRID.shape)]
    squared = sum(((axis - at) * 2.0) ** 2 for axis, at in zip(axes, CENTRE, strict=True))
    samples = 10 * np.exp(-squared / (2 * 8.0**2))
    found = measure_uptake(pet(samples), HOT, SuvKind.BODY_WEIGHT, 1.0)
    radius = (3000 / (4 * math.pi)) ** (1 / 3)  # 6.2 mm
    radii = np.linspace(0, radius, 2001)
    shell = 10 * np.exp(-(radii**2) / 128) * radii**2
    exact = np.trapezoid(shell, radii) / (radius**3 / 3)
    assert found.highest == pytest.approx(10.0)
    assert found.peak == pytest.approx(exact, rel=0.02)


def test_one_hot_voxel_moves_the_maximum_far_and_the_peak_little():
    array = np.where(HOT, 4.0, 1.0)
    array[CENTRE] = 40.0
    found = measure_uptake(pet(array), HOT, SuvKind.BODY_WEIGHT, 1.0)
    assert found.highest == 40.0
    assert 4.0 < found.peak < 5.0
    assert found.fixed.volume_ml == pytest.approx(0.008)


def test_the_volume_above_a_threshold_stays_near_its_lesion():
    far = ellipsoid(GRID, (15, 20, 37), (6.0, 6.0, 6.0))
    small = ellipsoid(GRID, (15, 20, 12), (8.0, 8.0, 8.0))
    found = measure_uptake(pet(np.where(small | far, 8.0, 1.0)), small, SuvKind.BODY_WEIGHT, 1.0)
    assert found.above.volume_ml == pytest.approx(small.sum() * 0.008)
    everywhere = measure_uptake(pet(np.full(GRID.shape, 8.0)), small, SuvKind.BODY_WEIGHT, 1.0)
    assert everywhere.above.volume_ml == pytest.approx(19**3 * 0.008)  # 10 mm beyond a ball of 8 mm


def test_a_lesion_below_the_threshold_has_no_metabolic_volume():
    found = measure_uptake(pet(np.where(HOT, 2.0, 0.5)), HOT, SuvKind.BODY_WEIGHT, 1.0)
    assert (found.above.volume_ml, found.above.glycolysis) == (0.0, 0.0)


def test_the_liver_is_a_sphere_of_three_centimetres():
    array = np.random.default_rng(1).normal(2.0, 0.2, GRID.shape)
    liver = measure_liver(pet(array), CENTRE, 0.8)
    assert (liver.mean, liver.deviation) == pytest.approx((1.6, 0.16), abs=0.01)
    assert Liver(1.6, 0.16).threshold == pytest.approx(1.5 * 1.6 + 0.32)
    hot = pet(np.where(ellipsoid(GRID, CENTRE, (15.0, 15.0, 15.0)), 2.0, 9.0))
    assert measure_liver(hot, CENTRE, 1.0) == Liver(2.0, 0.0)


def test_what_is_no_suv_is_refused():
    with pytest.raises(ImageError, match="E248"):
        measure_uptake(replace(pet(np.ones(GRID.shape)), quantity=Quantity.ACTIVITY), HOT, SuvKind.BODY_WEIGHT, 1.0)
    with pytest.raises(ImageError, match="E242"):
        measure_uptake(pet(np.ones(GRID.shape)), np.zeros_like(HOT), SuvKind.BODY_WEIGHT, 1.0)
    with pytest.raises(EnhancedPixels):
        measure_uptake(replace(pet(np.ones(GRID.shape)), enhanced_by=("nlm",)), HOT, SuvKind.BODY_WEIGHT, 1.0)


@pytest.mark.parametrize("correction", ["START", "ADMIN"])
def test_a_series_from_a_scanner_gives_the_suv_of_the_fact_sheet(correction, tmp_path):
    phantom = phantoms.PetPhantom(decay_correction=correction)
    phantoms.write_pet(tmp_path / "pet", phantom)
    volume = read_volumes(tmp_path / "pet").volumes[0]
    hot = volume.array > 1.5 * phantom.body_suv(70.0)
    found = measure_uptake(volume, hot, SuvKind.BODY_WEIGHT, 1.0)
    assert found.mean == pytest.approx(4 * phantom.body_suv(70.0), rel=2e-3)
    assert found.fixed.volume_ml == pytest.approx(4 / 3 * math.pi * 1.4**3, rel=0.08)
    if correction == "START":
        assert found.mean == pytest.approx(4 * 2.763, rel=2e-3)
