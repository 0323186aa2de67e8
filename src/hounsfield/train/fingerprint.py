"""Fingerprint: what the plan needs to know of a data set before it chooses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hounsfield.cases.table import Case, CaseImage, CaseTable

LOOKED_AT = 200
"""Images that are looked at, spread evenly over the data set."""


@dataclass(frozen=True)
class Fingerprint:
    """Facts of a data set.

    Attributes:
        case_count: labelled cases.
        class_counts: cases of each class.
        side: median of the longer side of the images, in pixels.
        has_one_shape: whether all images looked at have the same rows and columns.
        names_sides: whether a class name speaks of left or right, so mirroring would change the class.
        modalities: what the images looked at say they are, as they say it.
    """

    case_count: int
    class_counts: tuple[int, ...]
    side: int
    has_one_shape: bool
    names_sides: bool
    modalities: tuple[str, ...] = ()


def take_fingerprint(table: CaseTable, readable: Sequence[int]) -> Fingerprint:
    """Look at some images of the readable cases and return the facts.

    Args:
        table: the data set.
        readable: indices of cases whose image can be read, at least one.
    """
    step = max(1, len(readable) // LOOKED_AT)
    shapes, modalities = [], set()
    for index, image in table.read_all(readable[::step]):
        if isinstance(image, CaseImage):
            shapes.append(image.volume.geometry.shape[1:])
            modalities.add(_modality(table.cases[index], image))
    counts = np.bincount(table.labels[table.labels >= 0], minlength=len(table.class_names))
    words = {word for name in table.class_names for word in name.lower().replace("-", " ").replace("_", " ").split()}
    return Fingerprint(
        case_count=int(counts.sum()),
        class_counts=tuple(int(count) for count in counts),
        side=int(np.median([max(shape) for shape in shapes])) if shapes else 1,
        has_one_shape=len(set(shapes)) <= 1,
        names_sides=bool(words & {"left", "right", "l", "r", "sinister", "dexter"}),
        modalities=tuple(sorted(modalities)),
    )


def _modality(case: Case, image: CaseImage) -> str:
    """Return the modality that a manifest states of a case, else that of its header; empty for a picture."""
    stated = {name.lower(): value for name, value in case.attributes}.get("modality", "")
    return stated or image.series.modality
