"""Pad: add background around a volume, up to a shape or by a length."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.prepare.block import Block, cut_block, draw_block, paste_block
from hounsfield.prepare.step import MAXIMUM_SIDE, STRICT, Parameters

Count = Annotated[int, Field(ge=1, le=MAXIMUM_SIDE)]
Length = Annotated[float, Field(ge=0, le=1000)]


@dataclass(frozen=True, config=STRICT)
class Pad:
    """Add samples of one value on both sides of each axis; an odd remainder goes to the far side.

    Undoing cuts them off again: the source comes back to the bit.

    Attributes:
        slices: number of slices to reach; a longer axis stays as it is.
        rows: number of rows to reach.
        columns: number of columns to reach.
        margin_mm: to add on each side of every axis that has no number of its own, rounded up to whole samples; not
            along time, nor along the slices of a single one.
        value: of what is added; None takes the background of the quantity: -1000 for Hounsfield units, else 0.
    """

    name: ClassVar[str] = "pad"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    slices: Count | None = None
    rows: Count | None = None
    columns: Count | None = None
    margin_mm: Length | None = None
    value: float | None = None

    @model_validator(mode="after")
    def _check_given(self) -> "Pad":
        if (self.slices, self.rows, self.columns, self.margin_mm) == (None,) * 4:
            raise ValueError("slices, rows, columns or margin_mm are needed")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the frame, its value and the grid inside it.

        Raises:
            PrepareError: ``E407``, too many samples; ``E440``, slices would be added in time; ``E441``, the samples
                cannot hold the value.
        """
        before, after = [], []
        asked = (self.slices, self.rows, self.columns)
        for axis, (count, spacing) in enumerate(zip(volume.geometry.shape, volume.geometry.spacing_mm, strict=True)):
            reach = asked[axis]
            if reach is None:
                is_alone = axis == 0 and (count == 1 or volume.slice_axis is SliceAxis.TIME)
                margin = 0 if is_alone else int(np.ceil(round((self.margin_mm or 0.0) / spacing, 6)))
                before.append(margin)
                after.append(margin)
            else:
                missing = max(reach - count, 0)
                before.append(missing // 2)
                after.append(missing - missing // 2)
        size = volume.geometry.shape
        shape = (
            before[0] + size[0] + after[0], before[1] + size[1] + after[1], before[2] + size[2] + after[2],
        )  # fmt: skip
        block = Block((-before[0], -before[1], -before[2]), shape)
        value = volume.quantity.background if self.value is None else self.value
        return draw_block(volume, block, value, self.name)

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Add the frame; the type of the samples stays."""
        return cut_block(volume, parameters, self.name)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Cut the frame off again."""
        return paste_block(volume, parameters, self.name)
