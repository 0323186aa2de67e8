"""Step: one thing that is done to a volume before a model sees it.

A step settles everything that depends on data or chance in ``draw``; ``apply`` and ``invert`` then depend on the volume
and on the drawn parameters alone, so a recorded step can be replayed to the same bytes.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from pydantic import ConfigDict

from hounsfield.core.volume import Volume

Parameters = Mapping[str, Any]
"""Drawn parameters: JSON values with text keys."""

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""How the settings of the built-in steps are read: no unknown keyword, no silent conversion, no NaN."""

MAXIMUM_SIDE = 4096
"""Most rows or columns that a step may make by a setting."""

MAXIMUM_SAMPLES = 1 << 28
"""Most samples that a step may make by padding (1 GiB of float32)."""


@runtime_checkable
class Step(Protocol):
    """What every preparing step can do; built-in steps and those of entry points alike.

    Attributes:
        name: its name in a specification, lower case with hyphens.
        is_geometric: whether it moves samples about (and so concerns a heat map), or changes their values.
        changes_appearance: whether samples are no longer what was measured, beyond interpolation and a scale that can
            be undone: smoothed, sharpened, clipped, equalised or invented. ``sequence`` marks the volume, and nothing
            measures a marked volume (docs/decisions/0009-enhanced-pixels.md).
    """

    name: ClassVar[str]
    is_geometric: ClassVar[bool]
    changes_appearance: ClassVar[bool]

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON values; the constructor takes the same keywords."""
        ...

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Settle everything that depends on the volume or on chance, as JSON values."""
        ...

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return the volume after the step; the same volume and parameters give the same bytes."""
        ...

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return the volume as it was before the step.

        Raises:
            NotInvertible: ``E403``, the step has lost what is needed.
        """
        ...
