"""Orient: turn and flip the axes of a volume to a named anatomical orientation, without touching a sample."""

import itertools
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from pydantic import field_validator
from pydantic.dataclasses import dataclass

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.grid import expect_plane, grid_record, snapped, turned
from hounsfield.prepare.sources import with_mixed_slices, with_slices_from
from hounsfield.prepare.step import STRICT, Parameters

PLANES = {"axial": "LPS", "coronal": "LIP", "sagittal": "PIR"}
"""The orientation in which each plane is hung: columns, rows, slices."""

_LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
"""Patient axis (LPS) and sign that each letter stands for."""


@dataclass(frozen=True, config=STRICT)
class Orient:
    """Bring the axes to the anatomical orientation that is nearest to a named one; samples are moved, never changed.

    An oblique volume stays oblique: its axes are those of the scan, in the order and direction nearest to the name.

    Attributes:
        to: three letters, where columns, rows and slices lead to, such as ``LPS`` or ``RAS`` (the order of ITK and
            NIfTI: fastest axis first), or ``axial`` (LPS), ``coronal`` (LIP) or ``sagittal`` (PIR) as pictures are
            hung.
    """

    name: ClassVar[str] = "orient"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    to: str

    @field_validator("to")
    @classmethod
    def _check_name(cls, value: str) -> str:
        letters = PLANES.get(value.lower(), value.upper())
        axes = sorted(_LETTERS[letter][0] for letter in letters if letter in _LETTERS)
        if len(letters) != 3 or axes != [0, 1, 2]:
            raise ValueError(f"an orientation such as LPS or {', '.join(PLANES)} is needed")
        return value

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find for each new axis the old one and whether it is reversed.

        Raises:
            PrepareError: ``E440``, the first axis is time and would have to move.
        """
        order, is_reversed = turns_to(volume.geometry, PLANES.get(self.to.lower(), self.to.upper()))
        if volume.slice_axis is SliceAxis.TIME and (order[0] != 0 or is_reversed[0]):
            raise PrepareError("E440", step=self.name)
        return {"order": list(order), "is_reversed": list(is_reversed), "source": grid_record(volume.geometry)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Turn and flip; the type of the samples stays."""
        return _turned(volume, parameters["order"], parameters["is_reversed"])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Turn back, to the bit.

        Raises:
            PrepareError: ``E404``, ``E406``: the volume has another shape than the one that was made.
        """
        order, is_reversed = parameters["order"], parameters["is_reversed"]
        shape = [parameters["source"]["shape"][axis] for axis in order]
        expect_plane(volume, shape[1], shape[2], self.name)
        if volume.geometry.shape[0] != shape[0]:
            raise PrepareError("E406", step=self.name, found=volume.geometry.shape[0], expected=shape[0])
        back = [order.index(axis) for axis in range(3)]
        found = _turned(volume, back, [is_reversed[axis] for axis in back])
        return found.with_array(found.array, geometry=snapped(found.geometry, parameters["source"]))


def turns_to(geometry: VolumeGeometry, letters: str) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return for each new axis (slice, row, column) the old axis and whether it is reversed.

    Of the six ways to give the old axes to the new ones, that with the largest sum of cosines is taken.

    Args:
        geometry: the grid.
        letters: where columns, rows and slices shall lead to.
    """
    wanted = [_LETTERS[letter] for letter in reversed(letters)]
    direction = np.asarray(geometry.direction)
    cosines = np.array([[sign * direction[axis, old] for old in range(3)] for axis, sign in wanted])
    order = max(itertools.permutations(range(3)), key=lambda way: sum(abs(cosines[new, way[new]]) for new in range(3)))
    return order, tuple(bool(cosines[new, old] < 0) for new, old in enumerate(order))


def _turned(volume: Volume, order: "list[int]", is_reversed: "list[bool]") -> Volume:
    """Return a volume whose axis ``n`` is the old axis ``order[n]``, from the other end where reversed."""
    leading = volume.array.ndim - 3
    moved = volume.array.transpose(*range(leading), *(leading + axis for axis in order))
    flips = tuple(leading + new for new in range(3) if is_reversed[new])
    made = volume.with_array(
        np.ascontiguousarray(np.flip(moved, flips)),
        geometry=turned(volume.geometry, order, is_reversed),
        instances=(),
        frame_indices=(),
        frame_times_seconds=(),
    )
    if order[0] != 0:
        return with_mixed_slices(made, volume)
    slices = range(volume.geometry.shape[0])
    return with_slices_from(made, volume, slices[::-1] if is_reversed[0] else slices)
