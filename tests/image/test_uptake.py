"""Standardised uptake from written files against the formulas, for the habits of several makers."""

import datetime
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.image.phantoms import PetPhantom, PhantomIdentity, pose_geometry, write_pet
from tests.image.helpers import assemble_files, change, codes, only_volume

GEOMETRY = pose_geometry((3, 24, 26), (8.0, 6.0, 6.0))
HALF_LIVES = {"F-18": 6586.2, "C-11": 1221.84, "Ga-68": 4058.04, "Cu-64": 45_723.6, "Zr-89": 282_276.0}
BODY = 10_000.0


def _write(folder: Path, edit: Callable[[Dataset, Dataset], None] | None = None, **phantom: Any) -> list[Path]:
    paths = list(write_pet(folder, PetPhantom(GEOMETRY, **phantom)))
    for path in paths:
        if edit is not None:
            change(path, lambda dataset: edit(dataset, dataset.RadiopharmaceuticalInformationSequence[0]))
    return paths


def _body(paths: list[Path]) -> float:
    """Return the uptake of the warm body, the commonest value that is not zero."""
    volume = only_volume(paths)
    assert volume.quantity is Quantity.SUV_BW
    return float(np.median(volume.array[(volume.array > 0) & (volume.array < volume.array.max() / 2)]))


def _expected(
    dose_bq: float = 370e6, weight_kg: float = 70.0, waited: float = 3600.0, half_life: float = 6586.2
) -> float:
    return BODY * weight_kg * 1000.0 / (dose_bq * 2.0 ** (-waited / half_life))


@pytest.mark.parametrize("isotope", HALF_LIVES)
@pytest.mark.parametrize("minutes", [30, 61, 117])
def test_decay_from_injection_to_scan(tmp_path: Path, isotope: str, minutes: int) -> None:
    half_life = HALF_LIVES[isotope]

    def edit(dataset: Dataset, dose: Dataset) -> None:
        dose.RadionuclideHalfLife = str(half_life)

    paths = _write(tmp_path, edit, waited_seconds=60.0 * minutes)
    assert _body(paths) == pytest.approx(_expected(waited=60.0 * minutes, half_life=half_life), rel=3e-4)


@pytest.mark.parametrize(("dose_bq", "weight_kg"), [(120e6, 18.5), (555e6, 141.0), (74e6, 3.2)])
def test_dose_and_weight(tmp_path: Path, dose_bq: float, weight_kg: float) -> None:
    phantom = PetPhantom(GEOMETRY, dose_bq=dose_bq)
    paths = list(write_pet(tmp_path, phantom, PhantomIdentity("PET", weight_kg=weight_kg)))
    assert _body(paths) == pytest.approx(_expected(dose_bq, weight_kg), rel=3e-4)
    assert _body(paths) == pytest.approx(phantom.body_suv(weight_kg), rel=3e-4)


@pytest.mark.parametrize(
    ("injected", "acquired", "waited"),
    [
        (("20240102", "091500"), ("20240102", "101500"), 3600.0),
        (("20240102", "233000"), ("20240103", "003000"), 3600.0),
        (("20240102", "235959.5"), ("20240103", "000000.5"), 1.0),
        (("20240228", "230000"), ("20240229", "010000"), 7200.0),
        (("20231231", "234500"), ("20240101", "004500"), 3600.0),
    ],
)
@pytest.mark.parametrize("is_dated", [False, True])
def test_midnight_between_injection_and_scan(
    tmp_path: Path, injected: tuple[str, str], acquired: tuple[str, str], waited: float, is_dated: bool
) -> None:
    def edit(dataset: Dataset, dose: Dataset) -> None:
        dataset.AcquisitionDate = dataset.SeriesDate = acquired[0]
        dataset.AcquisitionTime = acquired[1]
        dose.RadiopharmaceuticalStartTime = injected[1]
        if is_dated:
            dose.RadiopharmaceuticalStartDateTime = "".join(injected)

    assert _body(_write(tmp_path, edit)) == pytest.approx(_expected(waited=waited), rel=3e-4)


@pytest.mark.parametrize("shift_days", [-400, -3, 3, 90])
def test_dates_that_were_shifted_apart_give_no_uptake(tmp_path: Path, shift_days: int) -> None:
    """De-identification may shift one date and not the other; a wrong factor would be worse than none."""

    def edit(dataset: Dataset, dose: Dataset) -> None:
        day = datetime.date(2024, 1, 2) + datetime.timedelta(days=shift_days)
        dose.RadiopharmaceuticalStartDateTime = f"{day:%Y%m%d}091500"

    assembly = assemble_files(_write(tmp_path, edit))
    assert assembly.volumes[0].quantity is Quantity.ACTIVITY
    assert codes(assembly.issues) == {"Q318": Severity.WARN}
    assert assembly.issues[0].facts["reason"] == "acquisition or injection time"


def test_admin_correction_needs_no_times(tmp_path: Path) -> None:
    def edit(dataset: Dataset, dose: Dataset) -> None:
        del dose.RadiopharmaceuticalStartTime, dataset.AcquisitionTime

    paths = _write(tmp_path, edit, decay_correction="ADMIN")
    assert _body(paths) == pytest.approx(_expected(waited=0.0), rel=3e-4)


@pytest.mark.parametrize("duration_ms", [60_000, 180_000, 1_800_000])
def test_uncorrected_images_decay_over_their_own_frame(tmp_path: Path, duration_ms: int) -> None:
    """The mean of exp(-kt) over the frame, by numerical integration: activity falls while it is counted."""

    def edit(dataset: Dataset, dose: Dataset) -> None:
        dataset.ActualFrameDuration = duration_ms
        dataset.AcquisitionTime = "103000"

    paths = _write(tmp_path, edit, decay_correction="NONE")
    constant = math.log(2) / 6586.2
    moments = 4500.0 + (np.arange(20_000) + 0.5) / 20_000 * duration_ms / 1000
    mean = float(np.exp(-constant * moments).mean())
    assert _body(paths) == pytest.approx(BODY * 70_000 / 370e6 / mean, rel=3e-4)


def test_every_bed_of_an_uncorrected_series_has_its_own_time(tmp_path: Path) -> None:
    """A later bed decayed longer: its factor is larger by exactly that."""
    paths = _write(tmp_path, decay_correction="NONE")
    for number, path in enumerate(paths):
        change(path, lambda dataset, number=number: setattr(dataset, "AcquisitionTime", f"10{15 + 5 * number}00"))
    volume = only_volume(paths)
    body = [float(np.median(page[(page > 0) & (page < 4 * np.median(page[page > 0]) / 1.5)])) for page in volume.array]
    for number in (1, 2):
        assert body[number] / body[0] == pytest.approx(2 ** (300 * number / 6586.2), rel=3e-4)


@pytest.mark.parametrize(
    ("name", "edit", "reason"),
    [
        ("weight", lambda dataset, dose: setattr(dataset, "PatientWeight", "0"), "patient weight"),
        ("grams", lambda dataset, dose: setattr(dataset, "PatientWeight", "70000"), "patient weight"),
        ("no dose", lambda dataset, dose: delattr(dose, "RadionuclideTotalDose"), "injected dose"),
        ("zero dose", lambda dataset, dose: setattr(dose, "RadionuclideTotalDose", "0"), "injected dose"),
        ("dose in MBq", lambda dataset, dose: setattr(dose, "RadionuclideTotalDose", "370"), "injected dose"),
        ("half life", lambda dataset, dose: delattr(dose, "RadionuclideHalfLife"), "half life"),
        ("time", lambda dataset, dose: delattr(dose, "RadiopharmaceuticalStartTime"), "acquisition or injection time"),
        ("attenuation", lambda dataset, dose: setattr(dataset, "CorrectedImage", ["DECY"]), "attenuation correction"),
        ("decay", lambda dataset, dose: setattr(dataset, "CorrectedImage", ["ATTN"]), "decay correction"),
        ("unknown decay", lambda dataset, dose: setattr(dataset, "DecayCorrection", "LATER"), "decay correction"),
        (
            "no dose at all",
            lambda dataset, dose: setattr(dataset, "RadiopharmaceuticalInformationSequence", []),
            "injected dose",
        ),
    ],
)
def test_what_is_missing_is_named_and_activity_kept(
    tmp_path: Path, name: str, edit: Callable[[Dataset, Dataset], None], reason: str
) -> None:
    assembly = assemble_files(_write(tmp_path, edit))
    volume = assembly.volumes[0]
    assert volume.quantity is Quantity.ACTIVITY, name
    assert assembly.issues[0].facts == {"reason": reason}
    assert volume.array.max() == pytest.approx(4 * BODY, rel=1e-3)


@pytest.mark.parametrize("units", ["CNTS", "PROPCPS", "NONE", "", "CPS"])
def test_units_that_are_no_activity(tmp_path: Path, units: str) -> None:
    assembly = assemble_files(_write(tmp_path, lambda dataset, dose: setattr(dataset, "Units", units)))
    assert assembly.volumes[0].quantity is Quantity.ARBITRARY
    assert assembly.issues[0].facts == {"reason": f"units {units or 'missing'}"}


@pytest.mark.parametrize(
    ("suv_type", "quantity"), [("", "SUV_BW"), ("BW", "SUV_BW"), ("LBM", "ARBITRARY"), ("BSA", "ARBITRARY")]
)
def test_grams_per_millilitre_by_their_type(tmp_path: Path, suv_type: str, quantity: str) -> None:
    def edit(dataset: Dataset, dose: Dataset) -> None:
        dataset.Units, dataset.SUVType = "GML", suv_type

    paths = _write(tmp_path, edit)
    volume = assemble_files(paths).volumes[0]
    assert volume.quantity is Quantity[quantity]
    np.testing.assert_allclose(volume.array.max(), 4 * BODY, rtol=1e-3)


@pytest.mark.parametrize(("offset", "value", "expected"), [(0x00, "0.0005", 0.0005 * BODY), (0x09, "2.5", None)])
@pytest.mark.parametrize("block", [0x10, 0x41])
def test_private_factors_of_philips_in_any_block(
    tmp_path: Path, offset: int, value: str, expected: float | None, block: int
) -> None:
    """(7053,xx00) leads to uptake, (7053,xx09) to Bq/ml, wherever the creator reserved its block."""

    def edit(dataset: Dataset, dose: Dataset) -> None:
        dataset.Units = "CNTS"
        dataset.add_new((0x7053, block), "LO", "Philips PET Private Group")
        dataset.add_new((0x7053, (block << 8) + offset), "DS", value)

    found = _body(_write(tmp_path, edit))
    assert found == pytest.approx(expected if expected is not None else 2.5 * _expected(), rel=3e-4)


def test_window_of_the_stored_units_is_dropped(tmp_path: Path) -> None:
    """A window of 0 to 20000 Bq/ml would show every uptake black."""

    def edit(dataset: Dataset, dose: Dataset) -> None:
        dataset.WindowCenter, dataset.WindowWidth = "10000", "20000"

    assert only_volume(_write(tmp_path / "suv", edit)).presentation.window is None
    paths = _write(tmp_path / "gml", lambda dataset, dose: [edit(dataset, dose), setattr(dataset, "Units", "GML")])  # type: ignore[func-returns-value]
    assert only_volume(paths).presentation.window is not None


def test_slopes_of_every_slice_count(tmp_path: Path) -> None:
    paths = _write(tmp_path, lambda dataset, dose: setattr(dataset, "Units", "GML"))
    for number, path in enumerate(paths):
        change(path, lambda dataset, number=number: setattr(dataset, "RescaleSlope", str(0.25 * (number + 1))))
    volume = only_volume(paths)
    for index, instance in enumerate(volume.instances):
        dataset = pydicom.dcmread(instance.path)
        np.testing.assert_allclose(volume.array[index], apply_modality_lut(dataset.pixel_array, dataset), rtol=1e-6)


def test_one_slice_without_a_dose_keeps_the_series_in_activity(tmp_path: Path) -> None:
    paths = _write(tmp_path)
    change(paths[1], lambda dataset: setattr(dataset, "RadiopharmaceuticalInformationSequence", []))
    assembly = assemble_files(paths)
    assert assembly.volumes[0].quantity is Quantity.ACTIVITY
    assert assembly.volumes[0].array.max() == pytest.approx(4 * BODY, rel=1e-3)
