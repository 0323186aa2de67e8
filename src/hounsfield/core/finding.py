"""Finding and Measurement after TID 1500: *not assessed* is a state of its own."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hounsfield.core.codes import CodedConcept
from hounsfield.core.prediction import Interval, ModelIdentity, OperatingPoint
from hounsfield.core.quantities import Unit
from hounsfield.messages import Language


class Presence(StrEnum):
    """Whether a finding was seen; what was not looked at is not absent."""

    PRESENT = "present"
    ABSENT = "absent"
    NOT_ASSESSED = "not assessed"


class Laterality(StrEnum):
    """Side of the body."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    NONE = ""


@dataclass(frozen=True)
class Measurement:
    """A number with its concept and UCUM unit; no unitless number leaves the house."""

    concept: CodedConcept
    value: float
    unit: Unit
    interval: Interval | None = None


@dataclass(frozen=True)
class QualitativeEvaluation:
    """A property in words, such as *attenuation: part-solid* (TID 1500, qualitative evaluation)."""

    concept: CodedConcept
    value: CodedConcept


@dataclass(frozen=True)
class Region:
    """Where a finding lies on one frame.

    Attributes:
        sop_instance_uid: the instance the outline was drawn on.
        frame_number: its frame, from 1 as in DICOM.
        polygons: closed outlines (n, 2) of column, row in pixels, with the upper left corner of the image at (0, 0) as
            SCOORD has it, so the centre of the first pixel is (0.5, 0.5).
        slice_index: the slice of the volume.
        is_measured: the outline is the border that was measured, not where a model looked.
    """

    sop_instance_uid: str
    frame_number: int
    polygons: tuple[npt.NDArray[np.float64], ...]
    slice_index: int = 0
    is_measured: bool = False


@dataclass(frozen=True)
class Finding:
    """One answer about one concept.

    Attributes:
        tracking_uid: identity of this finding across documents.
        type: what was looked for.
        site: where in the body.
        laterality: side.
        presence: seen, not seen, or not assessed.
        score: probability from the model, None when not assessed.
        model: who said so.
        operating_point: the point the score was cut at.
        region: where the model looked, not a measured border; None when there is no map.
        measurements: numbers that belong to it.
        evaluations: properties in words that belong to it.
        outlines: further regions of it, on other frames.
        number: which of several of its type, from 1; None where there is one alone.
    """

    tracking_uid: str
    type: CodedConcept
    site: CodedConcept
    presence: Presence
    score: float | None
    model: ModelIdentity
    laterality: Laterality = Laterality.NONE
    operating_point: OperatingPoint | None = None
    region: Region | None = None
    measurements: tuple[Measurement, ...] = ()
    evaluations: tuple[QualitativeEvaluation, ...] = ()
    outlines: tuple[Region, ...] = ()
    number: int | None = None

    @property
    def regions(self) -> tuple[Region, ...]:
        """The main region and the further ones."""
        return (*((self.region,) if self.region else ()), *self.outlines)

    def name(self, language: Language = "en") -> str:
        """Return its type in a language, with its number where there are several."""
        words = self.type.text(language)
        return words if self.number is None else f"{words} {self.number}"
