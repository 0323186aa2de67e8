"""Which artefacts a plan adds to its augmentation, and what it leaves out, by the family of the images."""

from collections.abc import Mapping
from dataclasses import dataclass

from hounsfield.train.artefacts.magnetic import Ghosting, Motion, RicianNoise, Spike
from hounsfield.train.artefacts.ultrasound import DepthGain, Shadow, Speckle
from hounsfield.train.artefacts.x_ray import Collimation, DoseNoise
from hounsfield.train.augment import Affine, Augmentation
from hounsfield.train.elastic import Elastic
from hounsfield.train.imaging import Imaging, Told
from hounsfield.train.plan import Reason


@dataclass(frozen=True)
class Custom:
    """How a family differs from images of which nothing is known.

    Attributes:
        left_out: kinds that its images do not show.
        added: kinds that they do.
        is_free: whether up and down, left and right mean nothing, so that all turns are alike.
    """

    left_out: frozenset[str]
    added: tuple[Augmentation, ...]
    is_free: bool = False


CUSTOMS: Mapping[Imaging, Custom] = {
    # echoes are compressed to decibels: noise is speckle, and unevenness is gain and shadow, not a coil's field
    Imaging.ULTRASOUND: Custom(
        frozenset({"noise", "bias-field"}), (Elastic(probability=0.2), Speckle(), DepthGain(), Shadow())
    ),
    Imaging.MAGNETIC_RESONANCE: Custom(
        frozenset({"noise"}),
        (Ghosting(probability=0.1), Motion(probability=0.1), Spike(probability=0.05), RicianNoise(probability=0.4)),
    ),
    # Hounsfield units are calibrated: grey means the same in every image, and there is no coil
    Imaging.TOMOGRAPHY: Custom(frozenset({"noise", "bias-field", "gamma"}), (DoseNoise(),)),
    Imaging.RADIOGRAPH: Custom(frozenset({"noise"}), (DoseNoise(), Collimation())),
    Imaging.MICROSCOPY: Custom(frozenset({"bias-field"}), (Elastic(probability=0.3),), is_free=True),
    Imaging.PHOTOGRAPH: Custom(frozenset(), ()),
    Imaging.UNKNOWN: Custom(frozenset(), ()),
}
"""What each family adds and leaves out."""

LAST = frozenset({"erase", "background", "invert"})
"""Kinds that stay behind what a family adds: they cover or exchange what is there, noise included."""


def customary(kinds: tuple[Augmentation, ...], imaging: Imaging) -> tuple[Augmentation, ...]:
    """Return the augmentation for a family, from that for images of which nothing is known.

    An elastic deformation stands behind the affine one, as both move samples; artefacts follow what lighting does.
    """
    custom = CUSTOMS[imaging]
    kept = [_freed(kind) if custom.is_free else kind for kind in kinds if kind.kind not in custom.left_out]
    bends = [kind for kind in custom.added if isinstance(kind, Elastic)]
    places = [place for place, kind in enumerate(kept) if isinstance(kind, Affine)]
    behind = places[-1] + 1 if places else 0
    kept[behind:behind] = bends
    artefacts = [kind for kind in custom.added if not isinstance(kind, Elastic)]
    end = next((place for place, kind in enumerate(kept) if kind.kind in LAST), len(kept))
    return (*kept[:end], *artefacts, *kept[end:])


def customary_reasons(told: Told) -> tuple[Reason, ...]:
    """Return why, where the family is known and changes anything."""
    custom = CUSTOMS[told.imaging]
    if not (custom.added or custom.left_out):
        return ()
    facts: dict[str, str | int | float] = {
        "modality": told.terms,
        "added": ", ".join(kind.kind for kind in custom.added),
        "left_out": ", ".join(sorted(custom.left_out)) or "-",
    }
    return (Reason(choice="augment", key=f"ui.train.reason.imaging.{told.told_by}", facts=facts),)


def _freed(kind: Augmentation) -> Augmentation:
    """Return an affine kind that turns all the way round and mirrors both ways, any other as it is."""
    if not isinstance(kind, Affine):
        return kind
    upside_down = 0.5 if kind.flip_probability else 0.0
    return kind.model_copy(update={"rotation_degrees": 180.0, "upside_down_probability": upside_down})
