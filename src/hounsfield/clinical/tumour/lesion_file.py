"""The file of lesions: what a reader points at, or which masks hold it, and what is known of the course."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hounsfield.clinical.tumour.prompt import Method, Place, Prompt
from hounsfield.errors import SettingsError

LARGEST_FILE_BYTES = 2**20
Number = Annotated[float, Field(allow_inf_nan=False)]
Triple = tuple[Number, Number, Number]
Six = tuple[Number, Number, Number, Number, Number, Number]


class LesionEntry(BaseModel):
    """One lesion: a prompt (a click, a box), or a label of a mask; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", max_length=64)
    organ: str = Field("", max_length=64, description="Lesions of one organ: at most two become targets.")
    is_node: bool = Field(default=False, description="A lymph node counts by its short axis.")
    role: Literal["measure", "target", "non-target", "new"] = "measure"
    state: Literal["seen", "gone", "too-small"] = Field(
        "seen", description="A target that is gone counts 0 mm, one too small to measure 5 mm."
    )
    method: Method = Method.WALKER
    click: tuple[Triple, ...] = Field((), description="Slice, row, column indices from 0.")
    click_mm: tuple[Triple, ...] = Field((), description="x, y, z in LPS millimetres.")
    outside: tuple[Triple, ...] = ()
    outside_mm: tuple[Triple, ...] = ()
    box: Six | None = None
    box_mm: Six | None = None
    low: Number | None = None
    high: Number | None = None
    fraction: Annotated[float | None, Field(gt=0, lt=1)] = None
    reach_mm: Annotated[float, Field(gt=0, le=500)] = 60.0
    mask: str | None = Field(None, description="Label map, SEG or RTSTRUCT, beside this file or an absolute path.")
    label: Annotated[int | None, Field(ge=1)] = Field(None, description="Value of the mask; every one when left out.")

    def prompt(self) -> Prompt:
        """Return what is asked for.

        Raises:
            SettingsError: ``E244``, there is neither a click nor a box.
        """
        corners = [(values, unit) for values, unit in ((self.box, False), (self.box_mm, True)) if values is not None]
        clicks = _places(self.click, self.click_mm)
        if not clicks and not corners:
            raise SettingsError("E244", found=self.name or "lesion", expected="click / box / mask")
        box = None
        if corners:
            values, unit = corners[0]
            box = Place(values[:3], unit), Place(values[3:], unit)
        return Prompt(
            self.method,
            clicks,
            _places(self.outside, self.outside_mm),
            box,
            self.low,
            self.high,
            self.fraction,
            self.reach_mm,
        )


class LesionFile(BaseModel):
    """Everything that a reader says about the tumours of a study; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lesion: tuple[LesionEntry, ...] = Field(min_length=1, max_length=200)
    prior: tuple[str, ...] = Field((), description="report.json of earlier studies, the baseline first.")
    non_target: Literal["CR", "non-CR/non-PD", "PD", "NE", "none"] | None = None
    has_new_lesion: bool | None = None
    suv: Literal["bw", "lbm-james", "lbm-janma", "bsa"] = "bw"
    liver: Triple | None = Field(None, description="Slice, row, column of the middle of a normal right liver lobe.")
    liver_mm: Triple | None = None
    rule: Literal["recist-1.1", "mrecist"] = "recist-1.1"

    def liver_place(self) -> Place | None:
        """Return the middle of the liver, None where nobody pointed at it."""
        if self.liver is not None:
            return Place(self.liver)
        return None if self.liver_mm is None else Place(self.liver_mm, is_patient=True)


def read_lesions(path: Path) -> LesionFile:
    """Read a file of lesions, TOML or JSON; paths of masks and priors become those beside it.

    Raises:
        SettingsError: ``E246``, it cannot be read or says something that is none.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise SettingsError("E246", found=path.name, reason=f"> {LARGEST_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
        data: Any = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
        found = LesionFile.model_validate(data)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise SettingsError("E246", found=path.name, reason=f"{where}: {wrong['msg']}") from error
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError("E246", found=path.name, reason=reason) from error
    lesions = tuple(
        one if one.mask is None else one.model_copy(update={"mask": str(path.parent / one.mask)})
        for one in found.lesion
    )
    priors = tuple(str(path.parent / one) for one in found.prior)
    return found.model_copy(update={"lesion": lesions, "prior": priors})


def _places(indices: tuple[Triple, ...], millimetres: tuple[Triple, ...]) -> tuple[Place, ...]:
    return (*(Place(one) for one in indices), *(Place(one, is_patient=True) for one in millimetres))
