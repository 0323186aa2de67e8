"""Objects found against objects drawn: matched by overlap, then counted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Objects = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ObjectCounts:
    """Matches of one case at one overlap.

    Attributes:
        matched: objects found that overlap an object drawn by at least so much.
        found: objects found.
        drawn: objects drawn.
    """

    matched: int
    found: int
    drawn: int

    @property
    def f1_score(self) -> float:
        """2 TP / (2 TP + FP + FN), 1 where there is nothing to find and nothing was found."""
        total = self.found + self.drawn
        return 2 * self.matched / total if total else 1.0


def match_objects(found: Objects, drawn: Objects, least_overlap: float = 0.5) -> ObjectCounts:
    """Match objects whose intersection over union is above a threshold (Caicedo 2019, Nature Methods 16:1247).

    From 0.5 on no object can match two others (Kirillov 2019, section 4.1), so no assignment has to be chosen.

    Args:
        found: (slice, row, column) or (row, column), 0 background, each other number an object.
        drawn: the reference, of the same shape.
        least_overlap: intersection over union that has to be exceeded, 0.5 or more.

    >>> one = np.array([[1, 1, 0, 2]])
    >>> match_objects(one, np.array([[3, 3, 0, 0]])).f1_score
    0.6666666666666666
    """
    found_numbers, first, found_sizes = np.unique(found, return_inverse=True, return_counts=True)
    drawn_numbers, second, drawn_sizes = np.unique(drawn, return_inverse=True, return_counts=True)
    # only pairs that meet are counted: a table of all pairs of thousands of objects would not fit the memory
    pairs, common = np.unique(first.ravel() * len(drawn_numbers) + second.ravel(), return_counts=True)
    one, other = np.divmod(pairs, len(drawn_numbers))
    is_match = common > least_overlap * (found_sizes[one] + drawn_sizes[other] - common)
    is_match &= (found_numbers[one] != 0) & (drawn_numbers[other] != 0)
    return ObjectCounts(int(is_match.sum()), int((found_numbers > 0).sum()), int((drawn_numbers > 0).sum()))
