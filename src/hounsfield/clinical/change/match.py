"""Match: which lesion of a later examination is which of an earlier one.

One-to-one, at the least sum of costs (Kuhn 1955, Hungarian method). The cost is the distance of the centres in the
frame of the later examination, with a charge for a change of size; what lies further apart than a limit that grows with
the lesions is not the same. The limits are set here and recorded with the result; no guideline gives them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from hounsfield.clinical.change.lesion import Lesion

Points = npt.NDArray[np.float64]
Transform = Callable[[Points], Points]


@dataclass(frozen=True)
class Matching:
    """How lesions are matched.

    Attributes:
        distance_mm: largest distance of the centres of two point-like lesions; what registration and breath leave over.
        radius_factor: added to it for each millimetre of the larger radius.
        size_charge_mm: cost of a change of volume by a factor of e.
    """

    distance_mm: float = 10.0
    radius_factor: float = 1.0
    size_charge_mm: float = 2.0

    def parameters(self) -> dict[str, float]:
        """Return the parameters for the record."""
        return asdict(self)


DEFAULT_MATCHING = Matching()


@dataclass(frozen=True)
class Pair:
    """An earlier lesion, a later one, or both; and how far apart their centres lie."""

    earlier: Lesion | None
    later: Lesion | None
    distance_mm: float | None = None


def match(
    earlier: tuple[Lesion, ...],
    later: tuple[Lesion, ...],
    to_later: Transform | None = None,
    how: Matching = DEFAULT_MATCHING,
) -> tuple[Pair, ...]:
    """Match the lesions of two examinations.

    Args:
        earlier: lesions of the earlier examination.
        later: lesions of the later one.
        to_later: from (n, 3) points in the earlier patient frame to the later one; None where the frames are one.
        how: limits and charges.

    Returns:
        Every lesion once: pairs in the order of the earlier lesions, then those without a partner, later ones last.
    """
    if not earlier or not later:
        return (*(Pair(item, None) for item in earlier), *(Pair(None, item) for item in later))
    moved = np.array([item.centre_mm for item in earlier], np.float64)
    moved = moved if to_later is None else to_later(moved)
    distance = np.linalg.norm(moved[:, None] - np.array([item.centre_mm for item in later])[None], axis=2)
    radius = np.maximum.outer([item.radius_mm for item in earlier], [item.radius_mm for item in later])
    sizes = [np.log([max(item.volume_mm3, 1e-6) for item in items]) for items in (earlier, later)]
    limit = how.distance_mm + how.radius_factor * radius
    cost = distance + how.size_charge_mm * np.abs(sizes[0][:, None] - sizes[1][None])
    partners = _assigned(cost, distance <= limit)
    pairs = [Pair(earlier[i], later[j], float(distance[i, j])) for i, j in sorted(partners.items())]
    pairs += [Pair(item, None) for i, item in enumerate(earlier) if i not in partners]
    taken = set(partners.values())
    return (*pairs, *(Pair(None, item) for j, item in enumerate(later) if j not in taken))


def _assigned(cost: Points, allowed: npt.NDArray[np.bool_]) -> dict[int, int]:
    """Return partners at the least cost among those that may be; as many lesions as can be are matched."""
    forbidden = 1.0 + float(cost[allowed].sum()) if allowed.any() else 1.0
    rows, columns = linear_sum_assignment(np.where(allowed, cost, forbidden))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if allowed[i, j]}
