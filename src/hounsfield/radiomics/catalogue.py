"""The features by tag: identifier, name and unit, as the IBSI manual lists them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from hounsfield.core.quantities import Unit

ENDINGS: Final = {
    "2D, averaged": "_2D_avg",
    "2D, slice-merged": "_2D_comb",
    "2.5D, direction-merged": "_2_5D_avg",
    "2.5D, merged": "_2_5D_comb",
    "3D, averaged": "_3D_avg",
    "3D, merged": "_3D_comb",
    "2D": "_2D",
    "2.5D": "_2_5D",
    "3D": "_3D",
    "": "",
}
"""What each aggregation adds to the tag of a feature."""


@dataclass(frozen=True)
class FeatureFacts:
    """What is known of a feature before it is measured.

    Attributes:
        tag: short name, without the ending of its aggregation.
        family: such as ``glcm``.
        ibsi_id: four letters and digits.
        name: as in the manual.
        dimension: unit; ``intensity`` stands for the unit of the image.
        is_standardised: whether the manual has reference values for it.
    """

    tag: str
    family: str
    ibsi_id: str
    name: str
    dimension: str
    is_standardised: bool

    def unit(self, intensity: Unit) -> str:
        """Return the UCUM code of the unit in an image whose samples have a unit."""
        if not self.dimension.startswith("intensity"):
            return self.dimension
        own = "" if intensity.code == "1" else intensity.code
        rest = self.dimension.removeprefix("intensity")
        if rest == "2":
            return f"({own})2" if own else "1"
        return (own + rest).removeprefix(".") or "1"


@cache
def catalogue() -> dict[str, tuple[FeatureFacts, ...]]:
    """Return the features of each family, in the order of the manual."""
    text = files("hounsfield.radiomics.data").joinpath("features.json").read_text(encoding="utf-8")
    document = json.loads(text)
    blank = set(document["not_standardised"])
    return {
        family: tuple(
            FeatureFacts(tag, family, facts["ibsi_id"], facts["name"], facts["unit"], tag not in blank)
            for tag, facts in entry["features"].items()
        )
        for family, entry in document["families"].items()
    }
