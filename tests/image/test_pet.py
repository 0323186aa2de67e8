"""Standardised uptake values against the test vector of the fact sheet and its formula."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.image.modality.pet import PetFacts, scale_pet
from hounsfield.image.phantoms import PetPhantom, write_pet
from hounsfield.image.phantoms.pet import F18_HALF_LIFE_SECONDS
from tests.image.helpers import assemble_files, change, codes, only_volume

FACTS = PetFacts(
    units="BQML",
    suv_type="",
    decay_correction="START",
    corrections=("ATTN", "DECY"),
    weight_kg=70.0,
    dose_bq=370e6,
    half_life_seconds=F18_HALF_LIFE_SECONDS,
    injected_seconds=9 * 3600.0,
    has_date=False,
    duration_seconds=600.0,
)
TEN = 10 * 3600.0


def test_vector_of_the_fact_sheet() -> None:
    """10 kBq/ml, 70 kg, 370 MBq, 60 minutes of F-18, START: 2.763 (section 6.6)."""
    scale = scale_pet(FACTS, TEN, TEN)
    assert scale.quantity is Quantity.SUV_BW
    assert 10_000 * scale.factor == pytest.approx(2.763, abs=5e-4)


def test_admin_needs_no_decay() -> None:
    scale = scale_pet(replace(FACTS, decay_correction="ADMIN"), None, None)
    assert 10_000 * scale.factor == pytest.approx(10_000 * 70_000 / 370e6)


def test_none_decays_each_frame_from_its_own_time_and_over_its_duration() -> None:
    facts = replace(FACTS, decay_correction="NONE", corrections=("ATTN",))
    scale = scale_pet(facts, TEN, TEN + 900)
    constant = math.log(2) / F18_HALF_LIFE_SECONDS
    spent = constant * 600
    expected = 70_000 / 370e6 * math.exp(constant * 4500) * spent / (1 - math.exp(-spent))
    assert scale.factor == pytest.approx(expected)


def test_injection_before_midnight() -> None:
    late = replace(FACTS, injected_seconds=23.5 * 3600)
    assert scale_pet(late, 0.5 * 3600, None).factor == pytest.approx(scale_pet(FACTS, TEN, None).factor)


def test_dated_injection() -> None:
    day = 45_000 * 86_400.0
    dated = replace(FACTS, injected_seconds=day + 9 * 3600, has_date=True)
    assert scale_pet(dated, day + TEN, None).factor == pytest.approx(scale_pet(FACTS, TEN, None).factor)
    assert scale_pet(dated, day + 30 * 86_400, None).quantity is Quantity.ACTIVITY


def test_grams_per_millilitre_are_suv_already() -> None:
    assert scale_pet(replace(FACTS, units="GML"), None, None) == scale_pet(
        replace(FACTS, units="GML", suv_type="BW"), None, None
    )
    assert scale_pet(replace(FACTS, units="GML"), None, None).factor == 1.0
    assert scale_pet(replace(FACTS, units="GML", suv_type="LBM"), None, None).quantity is Quantity.ARBITRARY


def test_philips_counts() -> None:
    counts = replace(FACTS, units="CNTS")
    assert scale_pet(replace(counts, philips_suv=0.002), TEN, TEN).factor == 0.002
    by_activity = scale_pet(replace(counts, philips_activity=3.0), TEN, TEN)
    assert by_activity.factor == pytest.approx(3 * scale_pet(FACTS, TEN, TEN).factor)
    assert scale_pet(counts, TEN, TEN).quantity is Quantity.ARBITRARY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"corrections": ("DECY",)}, "attenuation correction"),
        ({"corrections": ("ATTN",)}, "decay correction"),
        ({"decay_correction": ""}, "decay correction"),
        ({"weight_kg": None}, "patient weight"),
        ({"weight_kg": 0.0}, "patient weight"),
        ({"dose_bq": None}, "injected dose"),
        ({"half_life_seconds": None}, "half life"),
        ({"injected_seconds": None}, "acquisition or injection time"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, object], reason: str) -> None:
    scale = scale_pet(replace(FACTS, **changes), TEN, TEN)  # type: ignore[arg-type]
    assert (scale.quantity, scale.reason, scale.factor) == (Quantity.ACTIVITY, reason, 1.0)


@pytest.mark.parametrize("decay_correction", ["START", "ADMIN"])
def test_phantom_series_carries_its_uptake(tmp_path: Path, decay_correction: str) -> None:
    phantom = PetPhantom(decay_correction=decay_correction)
    volume = only_volume(write_pet(tmp_path, phantom))
    assert volume.quantity is Quantity.SUV_BW
    expected = phantom.body_suv(70.0)
    if decay_correction == "START":
        assert expected == pytest.approx(2.763, abs=5e-4)
    index = np.rint(volume.geometry.to_index([(0.0, 0.0, 0.0), (25.0, 0.0, 0.0), (-25.0, 0.0, 0.0)])).astype(int)
    found = [volume.array[tuple(position)] for position in index]
    np.testing.assert_allclose(found, [expected, 4 * expected, 0.0], rtol=2e-4)


def test_earliest_acquisition_time_counts(tmp_path: Path) -> None:
    paths = write_pet(tmp_path)
    before = only_volume(paths).array
    for index, path in enumerate(paths[1:]):
        change(path, lambda dataset, index=index: setattr(dataset, "AcquisitionTime", f"10{20 + index:02d}00"))
    np.testing.assert_allclose(only_volume(paths).array, before)


def test_series_without_weight_stays_activity(tmp_path: Path) -> None:
    paths = write_pet(tmp_path)
    for path in paths:
        change(path, lambda dataset: setattr(dataset, "PatientWeight", None))
    assembly = assemble_files(paths)
    assert assembly.volumes[0].quantity is Quantity.ACTIVITY
    assert codes(assembly.issues) == {"Q318": Severity.WARN}
    assert assembly.issues[0].facts == {"reason": "patient weight"}
    assert assembly.volumes[0].array.max() == pytest.approx(40_000, rel=1e-3)


def test_private_factor_of_philips_is_read(tmp_path: Path) -> None:
    paths = write_pet(tmp_path)

    def edit(dataset: Dataset) -> None:
        dataset.Units = "CNTS"
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", "0.001")

    for path in paths:
        change(path, edit)
    volume = only_volume(paths)
    assert volume.quantity is Quantity.SUV_BW
    assert volume.array.max() == pytest.approx(40.0, rel=1e-3)


def test_real_world_value_map_wins(tmp_path: Path) -> None:
    paths = write_pet(tmp_path)
    unit, item = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "g/ml{SUVbw}", "UCUM", "SUVbw"
    item.RealWorldValueSlope, item.RealWorldValueIntercept = 0.0005, 0.0
    item.MeasurementUnitsCodeSequence = [unit]
    for path in paths:
        change(path, lambda dataset: setattr(dataset, "RealWorldValueMappingSequence", [item]))
    volume = only_volume(paths)
    assert volume.quantity is Quantity.SUV_BW
    assert volume.array.max() == pytest.approx(16.0, rel=1e-3)
