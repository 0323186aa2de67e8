"""Prepared cases and the patches drawn from them: more often where there is something to learn."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.model.networks.mask_catalogue import Triple
from hounsfield.train.parts import PartSizes

UNKNOWN = -1
"""Label of samples beyond the image, where a patch is larger than it: nothing is learned from them."""
PLACES_PER_LABEL = 5000
"""Most samples of a label that are remembered as centres of patches, spread evenly over all of them."""


@dataclass(frozen=True)
class PreparedCase:
    """One case, prepared once and held.

    Attributes:
        identifier: its name.
        group: what belongs together: one patient, or copies of one image.
        images: (channel, slice, row, column) in 0..1, half precision: twice as many cases fit, and 11 bits are more
            than the noise of an image.
        mask: (slice, row, column) of what the network learns.
        objects: (slice, row, column) number of the object each sample belongs to, None where labels are learned.
    """

    identifier: str
    group: int
    images: npt.NDArray[np.float16]
    mask: npt.NDArray[np.uint8]
    objects: npt.NDArray[np.int32] | None = None

    @cached_property
    def places(self) -> tuple[npt.NDArray[np.int64], ...]:
        """Samples (place,) of each label above 0 that the mask holds, as indices of the flat array."""
        flat = self.mask.ravel()
        found = []
        for label in np.unique(flat):
            if label:
                places = np.flatnonzero(flat == label)
                step = max(1, len(places) // PLACES_PER_LABEL)
                found.append(places[::step].astype(np.int64))
        return tuple(found)


@dataclass(frozen=True)
class PreparedParts:
    """The prepared cases of each part.

    Attributes:
        training: learned from.
        tuning: the best epoch is chosen on it.
        test: untouched until the end; empty when there is none.
    """

    training: tuple[PreparedCase, ...]
    tuning: tuple[PreparedCase, ...]
    test: tuple[PreparedCase, ...] = ()

    @property
    def sizes(self) -> PartSizes:
        """Number of cases of each part."""
        return PartSizes(len(self.training), len(self.tuning), len(self.test))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over parts, identifiers, masks and samples: two runs with the same one saw the same data."""
        digest = hashlib.sha256()
        for name, part in (("training", self.training), ("tuning", self.tuning), ("test", self.test)):
            digest.update(name.encode())
            for case in part:
                digest.update(f"{case.identifier}\n{case.images.shape}".encode())
                digest.update(np.ascontiguousarray(case.images).tobytes())
                digest.update(np.ascontiguousarray(case.mask).tobytes())
        return digest.hexdigest()


class PatchBatch(NamedTuple):
    """Images (image, channel, slice, row, column), masks (image, slice, row, column), ``UNKNOWN`` outside."""

    images: Tensor
    masks: Tensor


def draw_patches(
    cases: Sequence[PreparedCase], patch: Triple, foreground_fraction: float, generator: torch.Generator
) -> PatchBatch:
    """Return one patch of each case given, some of them centred on a labelled sample.

    The label is drawn evenly from those of the case, then the sample evenly from those of the label, so a small
    structure is seen as often as a large one (nnU-Net's foreground oversampling). Where a case is smaller than the
    patch it is continued with 0, and ``UNKNOWN`` in the mask.

    Args:
        cases: one for each patch.
        patch: (slice, row, column).
        foreground_fraction: share of the patches that are centred.
        generator: of all chance.
    """
    images = np.zeros((len(cases), cases[0].images.shape[0], *patch), dtype=np.float32)
    masks = np.full((len(cases), *patch), UNKNOWN, dtype=np.int64)
    for index, case in enumerate(cases):
        chance = torch.rand(6, generator=generator).tolist()
        starts = _starts(case, patch, chance, is_centred=chance[5] < foreground_fraction)
        box = tuple(slice(start, start + side) for start, side in zip(starts, patch, strict=True))
        found = case.mask[box]
        filled = tuple(slice(0, side) for side in found.shape)
        masks[index][filled] = found
        images[index][(slice(None), *filled)] = case.images[(slice(None), *box)]
    return PatchBatch(torch.from_numpy(images), torch.from_numpy(masks))


def drawn_patch(patch: Triple, shares: tuple[float, float], generator: torch.Generator) -> Triple:
    """Return the sides of a patch times one share, drawn evenly in its logarithm; a single slice stays one."""
    low, high = (math.log(share) for share in shares)
    share = math.exp(low + float(torch.rand(1, generator=generator)) * (high - low))
    sides = [side if side == 1 else max(1, round(side * share)) for side in patch]
    return sides[0], sides[1], sides[2]


def resized(batch: PatchBatch, patch: Triple) -> PatchBatch:
    """Return patches at other sides: images linearly, masks by their nearest label."""
    if tuple(batch.masks.shape[1:]) == patch:
        return batch
    images = functional.interpolate(batch.images, list(patch), mode="trilinear", align_corners=False)
    masks = functional.interpolate(batch.masks[:, None].float(), list(patch), mode="nearest-exact")
    return PatchBatch(images, masks[:, 0].to(batch.masks.dtype))


def _starts(case: PreparedCase, patch: Triple, chance: Sequence[float], *, is_centred: bool) -> Triple:
    lasts = [max(0, side - wanted) for side, wanted in zip(case.mask.shape, patch, strict=True)]
    starts = [int(share * (last + 1)) for share, last in zip(chance[:3], lasts, strict=True)]
    if is_centred and case.places:
        places = case.places[int(chance[3] * len(case.places))]
        centre = np.unravel_index(int(places[int(chance[4] * len(places))]), case.mask.shape)
        starts = [
            min(max(0, int(middle) - wanted // 2), last)
            for middle, wanted, last in zip(centre, patch, lasts, strict=True)
        ]
    return starts[0], starts[1], starts[2]
