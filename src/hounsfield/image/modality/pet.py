"""Body-weight standardised uptake values of PET (QIBA vendor-neutral pseudo-code; PS3.3 C.8.9)."""

import math
from dataclasses import dataclass

from pydicom.dataset import Dataset

from hounsfield.core.quantities import Quantity
from hounsfield.image.attributes import FrameAttributes, numbers_of
from hounsfield.image.times import read_datetime, read_time

_DAY_SECONDS = 86_400.0
_LEAST_DOSE_BQ = 1e5
"""Less is a dose in MBq: no PET scanner sees a tenth of a megabecquerel in a patient."""
_PHILIPS_SUV, _PHILIPS_ACTIVITY, _PHILIPS_GROUP, _PHILIPS_CREATOR = 0x00, 0x09, 0x7053, "Philips PET Private Group"


@dataclass(frozen=True)
class PetFacts:
    """What the header of a PET object says about activity and dose.

    Attributes:
        units: Units, such as ``BQML``.
        suv_type: SUV Type, empty means body weight.
        decay_correction: ``START``, ``ADMIN``, ``NONE`` or empty.
        corrections: Corrected Image.
        weight_kg: Patient's Weight.
        dose_bq: Radionuclide Total Dose.
        half_life_seconds: Radionuclide Half Life.
        injected_seconds: start of the injection, seconds since 1900, or after midnight when ``has_date`` is false.
        has_date: whether the injection time brought a date of its own.
        duration_seconds: Actual Frame Duration.
        philips_suv: Philips' factor to SUV, None without.
        philips_activity: Philips' factor to Bq/ml, None without.
    """

    units: str
    suv_type: str
    decay_correction: str
    corrections: tuple[str, ...]
    weight_kg: float | None
    dose_bq: float | None
    half_life_seconds: float | None
    injected_seconds: float | None
    has_date: bool
    duration_seconds: float | None
    philips_suv: float | None = None
    philips_activity: float | None = None


@dataclass(frozen=True)
class PetScale:
    """A factor on rescaled values and what they become; a reason where body-weight SUV cannot be had.

    Attributes:
        factor: of the rescaled values.
        quantity: what they become.
        reason: why it is not body-weight SUV, empty when it is.
        activity_factor: what takes the rescaled values to Bq/ml, None where they are no activity.
    """

    factor: float
    quantity: Quantity
    reason: str = ""
    activity_factor: float | None = None


def read_pet_facts(dataset: Dataset) -> PetFacts:
    """Read the PET Series, Image and Isotope modules."""
    attributes = FrameAttributes(dataset)
    doses = attributes.sequence("RadiopharmaceuticalInformationSequence")
    dose = FrameAttributes(doses[0] if doses else Dataset())
    moment = read_datetime(dose.text("RadiopharmaceuticalStartDateTime"))
    injected = moment if moment is not None else read_time(dose.text("RadiopharmaceuticalStartTime"))
    duration = attributes.number("ActualFrameDuration")
    return PetFacts(
        units=attributes.text("Units").upper(),
        suv_type=attributes.text("SUVType").upper(),
        decay_correction=attributes.text("DecayCorrection").upper(),
        corrections=tuple(attributes.text("CorrectedImage").upper().split("\\")),
        weight_kg=attributes.number("PatientWeight"),
        dose_bq=dose.number("RadionuclideTotalDose"),
        half_life_seconds=dose.number("RadionuclideHalfLife"),
        injected_seconds=injected,
        has_date=moment is not None,
        duration_seconds=duration / 1000.0 if duration else None,
        philips_suv=_read_philips(dataset, _PHILIPS_SUV),
        philips_activity=_read_philips(dataset, _PHILIPS_ACTIVITY),
    )


def scale_pet(facts: PetFacts, started_seconds: float | None, acquired_seconds: float | None) -> PetScale:
    """Return the factor from rescaled values to body-weight SUV, or to activity with the reason why not.

    SUVbw = C [Bq/ml] x weight [kg] x 1000 / dose [Bq], the dose decayed to the time the image is corrected to.

    Args:
        facts: the header.
        started_seconds: earliest Acquisition Time of the series; Series Time may be overwritten by post-processing.
        acquired_seconds: Acquisition Time of this frame, for images that are not decay corrected.
    """
    if facts.units == "GML":
        is_body_weight = facts.suv_type in ("", "BW")
        return PetScale(1.0, Quantity.SUV_BW) if is_body_weight else PetScale(1.0, Quantity.ARBITRARY, "SUV type")
    if facts.units == "CNTS" and facts.philips_suv:
        return PetScale(facts.philips_suv, Quantity.SUV_BW)
    activity = facts.philips_activity if facts.units == "CNTS" else 1.0
    if facts.units not in ("BQML", "CNTS") or not activity:
        return PetScale(1.0, Quantity.ARBITRARY, f"units {facts.units or 'missing'}")
    reason = _missing(facts)
    decay = None if reason else _decay_factor(facts, started_seconds, acquired_seconds)
    if reason or decay is None or not facts.weight_kg or not facts.dose_bq:
        return PetScale(activity, Quantity.ACTIVITY, reason or "acquisition or injection time", activity)
    factor = activity * decay * facts.weight_kg * 1000.0 / facts.dose_bq
    return PetScale(factor, Quantity.SUV_BW, activity_factor=activity)


def _missing(facts: PetFacts) -> str:
    """Name the first thing that keeps activity from becoming SUV, empty for none."""
    is_decayed = "DECY" in facts.corrections or facts.decay_correction == "NONE"
    checks = (
        ("attenuation correction", "ATTN" in facts.corrections),
        ("decay correction", is_decayed and facts.decay_correction in ("START", "ADMIN", "NONE")),
        ("patient weight", bool(facts.weight_kg and 0.1 <= facts.weight_kg <= 700)),
        ("injected dose", bool(facts.dose_bq and facts.dose_bq >= _LEAST_DOSE_BQ)),
        ("half life", facts.decay_correction == "ADMIN" or bool(facts.half_life_seconds)),
    )
    return next((name for name, is_met in checks if not is_met), "")


def _decay_factor(facts: PetFacts, started: float | None, acquired: float | None) -> float | None:
    """Return what takes the activity back to the time of injection (section 6.6 of the fact sheet)."""
    if facts.decay_correction == "ADMIN":
        return 1.0
    reference = started if facts.decay_correction == "START" else acquired
    if reference is None or facts.injected_seconds is None or not facts.half_life_seconds:
        return None
    waited = _waited_seconds(facts.injected_seconds, reference, has_date=facts.has_date)
    if waited is None:
        return None
    constant = math.log(2.0) / facts.half_life_seconds
    factor = math.exp(constant * waited)
    if facts.decay_correction == "NONE":
        if not facts.duration_seconds:
            return None
        spent = constant * facts.duration_seconds
        factor *= spent / (1.0 - math.exp(-spent))
    return factor


def _waited_seconds(injected: float, reference: float, *, has_date: bool) -> float | None:
    """Return the time from injection to scan; a bare time of day later than the scan was the day before."""
    if has_date:
        waited = reference - injected if reference >= _DAY_SECONDS else reference - injected % _DAY_SECONDS
    else:
        waited = reference % _DAY_SECONDS - injected
        waited += _DAY_SECONDS if waited < 0 else 0.0
    return waited if 0 <= waited < 2 * _DAY_SECONDS else None


def _read_philips(dataset: Dataset, offset: int) -> float | None:
    """Read a factor of Philips' private block (7053,xx00 SUV, 7053,xx09 activity), None for none or zero."""
    for block in range(0x10, 0x100):
        creator, factor = (_PHILIPS_GROUP, block), (_PHILIPS_GROUP, (block << 8) + offset)
        if creator not in dataset or factor not in dataset:
            continue
        if str(dataset[creator].value).startswith(_PHILIPS_CREATOR):
            found = numbers_of(_text(dataset[factor].value))
            return found[0] if found and found[0] > 0 else None
    return None


def _text(value: object) -> object:
    """Return a private value of unknown VR, which arrives as bytes, as text."""
    return value.decode("ascii", "ignore").strip("\0 ") if isinstance(value, bytes) else value
