"""What a number in an image means, its UCUM unit, and the few conversions the house needs."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Unit:
    """A UCUM unit: its code and the words that DICOM uses for it."""

    code: str
    meaning: str


class Quantity(Enum):
    """The quantity that the samples of a volume carry, with its UCUM unit."""

    HOUNSFIELD = Unit("[hnsf'U]", "Hounsfield unit")
    SUV_BW = Unit("g/ml{SUVbw}", "Standardized Uptake Value body weight")
    ACTIVITY = Unit("Bq/ml", "Becquerels/milliliter")
    DISPLAY = Unit("1", "no units")
    PROBABILITY = Unit("{0:1}", "range: 0:1")
    LABEL = Unit("{label}", "label")
    ARBITRARY = Unit("[arb'U]", "arbitrary unit")

    @property
    def unit(self) -> Unit:
        """The UCUM unit of the quantity."""
        return self.value

    @property
    def background(self) -> float:
        """What lies around a body: air for Hounsfield units, 0 for everything else."""
        return -1000.0 if self is Quantity.HOUNSFIELD else 0.0

    @classmethod
    def named(cls, name: str) -> "Quantity":
        """Return the quantity with a lower-case name, as manifests write it.

        Raises:
            KeyError: no quantity has this name.
        """
        return cls[name.upper()]


MILLIMETRE = Unit("mm", "millimeter")
SQUARE_MILLIMETRE = Unit("mm2", "square millimeter")
CUBIC_MILLIMETRE = Unit("mm3", "cubic millimeter")
MILLILITRE = Unit("ml", "milliliter")
DAY = Unit("d", "day")
PERCENT = Unit("%", "percent")
RATIO = Unit("{ratio}", "ratio")
PIXEL = Unit("{pixels}", "pixels")
FRACTION = Unit("{0:1}", "range: 0:1")


def mm3_to_ml(volume_mm3: float) -> float:
    """Convert cubic millimetres to millilitres (1 ml = 1 000 mm3)."""
    return volume_mm3 / 1000.0


def ml_to_mm3(volume_ml: float) -> float:
    """Convert millilitres to cubic millimetres."""
    return volume_ml * 1000.0
