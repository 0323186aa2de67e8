"""Statements of a manifest for people: texts in both languages, data, and figures with intervals."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

Text = Annotated[str, Field(max_length=4000)]
Short = Annotated[str, Field(max_length=400)]
Count = Annotated[int, Field(ge=0)]


class Bilingual(BaseModel):
    """A sentence in English and in Simplified Chinese."""

    model_config = _STRICT

    en: Annotated[str, Field(min_length=1, max_length=2000)]
    zh: Annotated[str, Field(min_length=1, max_length=2000)]


class IntervalEntry(BaseModel):
    """A value with its confidence interval."""

    model_config = _STRICT

    value: float
    low: float
    high: float
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95

    @model_validator(mode="after")
    def _check_order(self) -> "IntervalEntry":
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class Metric(BaseModel):
    """One figure: its name, value with interval, and the data and count it comes from."""

    model_config = _STRICT

    name: Annotated[str, Field(min_length=1, max_length=80)]
    value: float
    low: float | None = None
    high: float | None = None
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    data_set: Short = ""
    n: Count | None = None


class DataSource(BaseModel):
    """A data set that the model learned from or was tested on."""

    model_config = _STRICT

    name: Annotated[str, Field(min_length=1, max_length=400)]
    url: Short = ""
    licence: Short = ""
    images: Count | None = None
    patients: Count | None = None
    use: Short = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class DataStatement(BaseModel):
    """What the model learned from and how it was split.

    Attributes:
        sources: the data sets.
        training: number of images that weights were fitted to.
        tuning: number of images that choices were made on.
        test: number of images that were held back.
        reference_standard: who said what is true, and how.
        population: whose images these are: age, sex, place, scanners.
        split: how the parts were kept apart.
    """

    model_config = _STRICT

    sources: Annotated[list[DataSource], Field(max_length=50)] = []
    training: Count = 0
    tuning: Count = 0
    test: Count = 0
    reference_standard: Text = ""
    population: Text = ""
    split: Text = ""
