"""Input contract: which images a model takes, as a manifest states it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hounsfield.core.quantities import Quantity
from hounsfield.model.body_parts import REGIONS

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

CodeString = Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")]


class AgeRange(BaseModel):
    """Ages in years that the model was made for, both ends included; None leaves an end open."""

    model_config = _STRICT

    minimum: Annotated[float, Field(ge=0, le=150)] | None = None
    maximum: Annotated[float, Field(ge=0, le=150)] | None = None

    @model_validator(mode="after")
    def _check_order(self) -> "AgeRange":
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum must not be above maximum")
        return self


class Gate(BaseModel):
    """The model that looks at the image first, and what it must see.

    Attributes:
        model: its name.
        accepts: its classes that may pass; their probabilities are added up.
        minimum_score: what the sum must reach.
    """

    model_config = _STRICT

    model: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    accepts: Annotated[list[str], Field(min_length=1, max_length=100)]
    minimum_score: Annotated[float, Field(ge=0, le=1)] = 0.5


class SeriesEntry(BaseModel):
    """One of several series of a case that a model takes.

    Attributes:
        name: of the modality or sequence.
        column: of the manifest that it was learned from.
        modalities: DICOM modalities; empty for any.
        required: whether nothing is answered without it; any other may be missing, as long as one is given.
    """

    model_config = _STRICT

    name: Annotated[str, Field(min_length=1, max_length=64)]
    column: Annotated[str, Field(max_length=400)] = ""
    modalities: Annotated[list[CodeString], Field(max_length=50)] = []
    required: bool = False


class InputContract(BaseModel):
    """Which images a model takes. An empty list means any.

    Attributes:
        modalities: DICOM modalities (PS3.3 C.7.3.1.1.1).
        allows_pictures: whether files without a DICOM header are taken; the gate alone then knows what they are.
        body_parts: regions of the table ``model/data/body_parts.json``, such as ``chest``.
        views: View Position terms, such as ``PA``; a stated other view is refused.
        age_years: ages it was made for, None for any.
        quantity: quantity that the preparing steps start from: ``display`` takes everything that can be shown.
        allows_colour: whether colourful pictures are taken; grey stored as RGB is always taken.
        maximum_colour_fraction: largest part of coloured samples in a picture that still counts as grey.
        minimum_rows: fewest rows.
        minimum_columns: fewest columns.
        slice_axes: what the slices may follow each other in.
        refused_image_types: values of Image Type that are refused, such as ``LOCALIZER``.
        gate: the model that looks first, None without one.
        series: the series of a case that are taken together, in the order of the network's channels, after which
            comes a plane for each that says whether it was given; empty for a model of one image.
    """

    model_config = _STRICT

    modalities: Annotated[list[CodeString], Field(max_length=50)] = []
    allows_pictures: bool = True
    body_parts: Annotated[list[str], Field(max_length=50)] = []
    views: Annotated[list[CodeString], Field(max_length=50)] = []
    age_years: AgeRange | None = None
    quantity: str = "display"
    allows_colour: bool = False
    maximum_colour_fraction: Annotated[float, Field(ge=0, le=1)] = 0.02
    minimum_rows: Annotated[int, Field(ge=1)] = 1
    minimum_columns: Annotated[int, Field(ge=1)] = 1
    slice_axes: Annotated[list[Literal["single", "space", "time"]], Field(max_length=3)] = []
    refused_image_types: Annotated[list[CodeString], Field(max_length=50)] = ["LOCALIZER"]
    gate: Gate | None = None
    series: Annotated[list[SeriesEntry], Field(max_length=8)] = []

    @field_validator("body_parts")
    @classmethod
    def _check_regions(cls, names: list[str]) -> list[str]:
        unknown = [name for name in names if name not in REGIONS]
        if unknown:
            raise ValueError(f"unknown region {unknown[0]!r}; known: {', '.join(sorted(REGIONS))}")
        return names

    @field_validator("quantity")
    @classmethod
    def _check_quantity(cls, name: str) -> str:
        known = [quantity.name.lower() for quantity in Quantity]
        if name not in known:
            raise ValueError(f"unknown quantity {name!r}; known: {', '.join(known)}")
        return name
