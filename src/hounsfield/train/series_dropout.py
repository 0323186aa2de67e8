"""Modality dropout: some of the series that a case has are left out by chance, so that a missing one is tolerated."""

import torch
from torch import Tensor

USUAL = 0.25
"""Share of the given series that training leaves out, where some cases lack one."""


def leave_out(is_given: Tensor, dropout: float, is_required: Tensor, chance: torch.Generator) -> Tensor:
    """Return which series (image, series) are shown: each given one is left out by chance, at least one stays.

    Modality dropout (Neverova 2016, ModDrop): what is learned of one series cannot lean on another.

    Args:
        is_given: (image, series) whether it is there; one that is not is never shown.
        dropout: share that is left out.
        is_required: (series,) whether it is never left out.
        chance: of one batch.
    """
    drawn = torch.rand(is_given.shape, generator=chance)
    shown = is_given & ((drawn >= dropout) | is_required)
    # of those that would lose all, the one with the largest number stays
    largest = torch.where(is_given, drawn, -torch.ones(())).argmax(1)
    bare = is_given.any(1) & ~shown.any(1)
    shown[bare, largest[bare]] = True
    return shown
