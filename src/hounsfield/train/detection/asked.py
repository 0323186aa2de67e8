"""What a recipe asks of a detector's preparing and augmentation: obeyed where boxes stay boxes, else refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from hounsfield.errors import SettingsError
from hounsfield.prepare.sequence import build_steps
from hounsfield.train.augment import Affine, Augmentation, MovesMasks
from hounsfield.train.detection.augment import BoxAugmentation
from hounsfield.train.recipe import faults_of

STILL = {
    "flip_probability": 0.0,
    "upside_down_probability": 0.0,
    "zoom": (1.0, 1.0),
    "stretch": 0.0,
    "shift_fraction": 0.0,
}
"""Settings of ``BoxAugmentation`` that move nothing."""
UNLIT = {"gamma": (1.0, 1.0), "colour": 0.0, "brightness": 0.0}
"""Those that leave the samples as they are."""

Step = Mapping[str, Any]


def asked_grid(steps: Sequence[Step]) -> tuple[int, int] | None:
    """Return rows and columns that the steps of a recipe lead to, None where they leave the grid to the plan.

    Boxes are brought onto the grid by its sides alone, so a step that cuts, pads or turns an image would leave them
    behind.

    Raises:
        SettingsError: ``E621``, a step moves an image otherwise than by resizing all of it.
        PrepareError: ``E401``, ``E402``, no such step or setting.
    """
    grid = None
    for built, step in zip(build_steps(list(steps)), steps, strict=True):
        if step["step"] == "resize":
            grid = int(step["rows"]), int(step["columns"])
        elif built.is_geometric:
            raise SettingsError("E621", found=step["step"])
    return grid


def asked_augmentation(kinds: Sequence[Augmentation]) -> tuple[BoxAugmentation, tuple[Augmentation, ...]]:
    """Return how images and boxes are moved together, and the kinds that then change the samples alone, in order.

    Raises:
        SettingsError: ``E620``, a kind turns, bends or shears, or images are moved twice; ``E830``, it moves too far.
    """
    moving: dict[str, Any] = dict(STILL)
    affine = [kind for kind in kinds if isinstance(kind, Affine)]
    others = tuple(kind for kind in kinds if not isinstance(kind, Affine))
    bending = [kind.kind for kind in others if isinstance(kind, MovesMasks)]
    if bending or len(affine) > 1:
        raise SettingsError("E620", found=bending[0] if bending else "affine, affine")
    for kind in affine:
        unfit = [name for name in ("rotation_degrees", "shear") if getattr(kind, name)]
        unfit += ["outside"] if kind.outside != "zeros" else []
        if unfit:
            raise SettingsError("E620", found=f"affine: {unfit[0]}")
        moving = {
            "flip_probability": kind.flip_probability,
            "upside_down_probability": kind.upside_down_probability,
            "zoom": kind.scale,
            # an affine kind stretches columns and shrinks rows by the same factor each
            "stretch": 2 * kind.aspect,
            "shift_fraction": kind.shift_fraction,
        }
    try:
        return BoxAugmentation.model_validate({**moving, **UNLIT}), others
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
