"""PatientFacts: what is known of a patient beside the images; what is not known stays unknown and is named."""

import json
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hounsfield.clinical.fhir_facts import facts_in_bundle
from hounsfield.core.conclusion import Fact
from hounsfield.core.quantities import Unit
from hounsfield.core.study import Study
from hounsfield.errors import SettingsError

LARGEST_FILE_BYTES = 16 * 1024**2
"""A file of facts is small; a FHIR bundle of one patient stays far below this."""

YEARS = Unit("a", "year")
CENTIMETRE = Unit("cm", "centimeter")
KILOGRAM = Unit("kg", "kilogram")
_UNITS = {
    "age_years": YEARS,
    "height_cm": CENTIMETRE,
    "weight_kg": KILOGRAM,
    "years_since_quitting": YEARS,
    "pack_years": Unit("{pack-years}", "pack-years"),
    "heart_rate_per_minute": Unit("/min", "per minute"),
}


class LaboratoryValue(BaseModel):
    """One laboratory value with its UCUM unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = Field(allow_inf_nan=False)
    unit: str = Field(min_length=1, max_length=64)


class Contour(BaseModel):
    """The inner border of the left ventricle on an apical view, drawn by a person.

    Attributes:
        view: four chambers or two.
        phase: end-diastole or end-systole.
        points_mm: x and y along the border, from one end of the mitral ring over the apex to the other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    view: Literal["four-chamber", "two-chamber"]
    phase: Literal["diastole", "systole"]
    points_mm: Annotated[list[tuple[float, float]], Field(min_length=5, max_length=2000)]


class PatientFacts(BaseModel):
    """Facts about a patient at the time of a study; unknown keys are refused.

    None means not known, which is never the same as no.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    age_years: Annotated[float | None, Field(ge=0, le=130)] = None
    sex: Literal["M", "F", "O"] | None = None
    height_cm: Annotated[float | None, Field(ge=20, le=260)] = None
    weight_kg: Annotated[float | None, Field(ge=0.3, le=500)] = None
    heart_rate_per_minute: Annotated[float | None, Field(ge=10, le=350)] = None
    smoking_status: Literal["never", "former", "current"] | None = None
    pack_years: Annotated[float | None, Field(ge=0, le=400)] = None
    years_since_quitting: Annotated[float | None, Field(ge=0, le=120)] = None
    has_family_history_of_lung_cancer: bool | None = None
    has_emphysema: bool | None = None
    has_extrathoracic_cancer: bool | None = Field(None, description="Five or more years ago, as the Mayo model asks.")
    has_known_cancer: bool | None = None
    is_immunosuppressed: bool | None = None
    has_signs_of_infection: bool | None = None
    is_screening: bool | None = Field(None, description="The study was made for lung cancer screening.")
    is_at_risk_of_liver_cancer: bool | None = None
    laboratory: dict[Annotated[str, Field(max_length=64)], LaboratoryValue] = {}
    measurements: dict[str, LaboratoryValue] = Field({}, description="Measures of the heart by echocardiography.")
    contours: list[Contour] = Field([], description="Borders of the left ventricle on apical views.")
    origins: dict[str, str] = Field({}, description="Where each fact comes from: DICOM, file, FHIR.")

    def fact(self, name: str) -> Fact:
        """Return one fact as an input of a rule, with its unit and origin."""
        value = getattr(self, name)
        return Fact(name, value, _UNITS.get(name), self.origins.get(name, "" if value is None else "file"))

    def over(self, other: "PatientFacts") -> "PatientFacts":
        """Return these facts, and another's where these know nothing."""
        mine, theirs = self._known(), other._known()
        origins = {**other.origins, **self.origins}
        laboratory = {**other.laboratory, **self.laboratory}
        merged = {"laboratory": laboratory, "measurements": {**other.measurements, **self.measurements}}
        contours = self.contours or other.contours
        return PatientFacts(**{**theirs, **mine, **merged, "contours": contours, "origins": origins})

    def _known(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in PatientFacts.model_fields}
        return {name: value for name, value in values.items() if value is not None}


NO_FACTS = PatientFacts()


def facts_of(study: Study) -> PatientFacts:
    """Return what the headers of a study say of its patient."""
    found: dict[str, Any] = {}
    if study.patient_age_years is not None and 0 <= study.patient_age_years <= 130:
        found["age_years"] = study.patient_age_years
    if study.patient_sex in ("M", "F", "O"):
        found["sex"] = study.patient_sex
    return PatientFacts(**found, origins=dict.fromkeys(found, "DICOM"))


def read_facts(path: Path, on: date | None = None) -> PatientFacts:
    """Read facts from a TOML or JSON file, or from a FHIR R4 Bundle or Patient.

    Args:
        path: the file.
        on: the day of the study, from which a birth date becomes an age; today when None.

    Raises:
        SettingsError: ``E260`` the file cannot be read, ``E261`` it says something that is no fact.
    """
    data = _parsed(path)
    if "resourceType" in data:
        given, origin = facts_in_bundle(data, on or datetime.now(UTC).date()), "FHIR"
    else:
        given, origin = data, "file"
    try:
        facts = PatientFacts.model_validate(given)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise SettingsError("E261", found=where, reason=wrong["msg"]) from error
    return facts.model_copy(update={"origins": dict.fromkeys(facts.model_fields_set - {"origins"}, origin)})


def _parsed(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise SettingsError("E260", found=path.name, reason=f"> {LARGEST_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError("E260", found=path.name, reason=reason) from error
    if not isinstance(data, dict):
        raise SettingsError("E260", found=path.name, reason=type(data).__name__)
    return data
