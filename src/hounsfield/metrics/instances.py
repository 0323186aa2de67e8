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
    _, first = np.unique(found, return_inverse=True)
    _, second = np.unique(drawn, return_inverse=True)
    found_numbers, drawn_numbers = np.unique(found), np.unique(drawn)
    table = np.zeros((len(found_numbers), len(drawn_numbers)), dtype=np.int64)
    np.add.at(table, (first.ravel(), second.ravel()), 1)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    is_match = table > least_overlap * union
    is_match[found_numbers == 0], is_match[:, drawn_numbers == 0] = False, False
    return ObjectCounts(int(is_match.sum()), int((found_numbers > 0).sum()), int((drawn_numbers > 0).sum()))
