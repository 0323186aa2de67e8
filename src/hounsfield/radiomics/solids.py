"""Solids round a region: its hull, the longest line in it, ellipsoids and boxes about it (IBSI 3.1.11, 3.1.17-26)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.special import eval_legendre

Points = npt.NDArray[np.float64]

LEGENDRE_TERMS = 20
"""Terms of the series for the area of an ellipsoid (IBSI 3.1.20)."""
ELLIPSOID_TOLERANCE = 1e-4
ELLIPSOID_ROUNDS = 1000
_MANY = 3000
"""Corners of a hull beyond which they are compared in parts."""


@dataclass(frozen=True)
class Solid:
    """Area and volume of a solid.

    Attributes:
        area_mm2: of its surface.
        volume_mm3: in it.
    """

    area_mm2: float
    volume_mm3: float


class Hull:
    """The convex hull of points.

    Attributes:
        corners: (point, 3) in mm.
    """

    def __init__(self, points: Points) -> None:
        """Build the hull of points (point, 3) in mm that do not lie in one plane."""
        self._hull = ConvexHull(points)
        self.corners: Points = points[self._hull.vertices]

    @property
    def solid(self) -> Solid:
        """Area and volume of the hull."""
        return Solid(float(self._hull.area), float(self._hull.volume))

    @cached_property
    def diameter_mm(self) -> float:
        """Longest distance between two corners (IBSI L0JK)."""
        if len(self.corners) <= _MANY:
            return float(pdist(self.corners).max())
        parts = np.array_split(self.corners, -(-len(self.corners) // 500))
        squared = (self.corners**2).sum(1)
        longest = [((part**2).sum(1)[:, None] + squared - 2 * part @ self.corners.T).max() for part in parts]
        return float(np.sqrt(max(longest)))

    @cached_property
    def bounding_box(self) -> Solid:
        """The box along the axes of the image."""
        return box(self.corners.max(0) - self.corners.min(0))

    @cached_property
    def oriented_box(self) -> Solid:
        """The least box by volume of those that lie with one side on a face of the hull and one along an edge of it.

        The true least box may touch the hull with edges alone (O'Rourke 1985), and is then a little smaller.
        """
        best = self.bounding_box
        for normal in np.unique(np.round(self._hull.equations[:, :3], 9), axis=0):
            turned = self.corners @ _basis(normal)
            height = float(np.ptp(turned[:, 2]))
            sides = _least_rectangle(turned[:, :2])
            found = box(np.array([*sides, height]))
            best = found if found.volume_mm3 < best.volume_mm3 else best
        return best

    @cached_property
    def least_ellipsoid(self) -> Solid:
        """The least ellipsoid by volume that holds all corners (Khachiyan 1996; Todd and Yildirim 2007)."""
        return ellipsoid(least_ellipsoid_axes(self.corners))


def box(sides_mm: Points) -> Solid:
    """Return a box by its three sides."""
    one, two, three = (float(side) for side in sides_mm)
    return Solid(2 * (one * two + one * three + two * three), one * two * three)


def ellipsoid(semi_axes_mm: npt.ArrayLike) -> Solid:
    """Return an ellipsoid by its three semi-axes, with its area as the manual defines it (IBSI 3.1.20, RDD2).

    The Legendre series is taken as it is printed, because published values rest on it. It is the area of the ellipsoid
    only where the axes are nearly equal; the true one is 3 % larger for axes of 5, 3 and 2. Both are NaN where an axis
    is 0.
    """
    long, middle, short = sorted(np.asarray(semi_axes_mm, dtype=np.float64), reverse=True)
    if short <= 0:
        return Solid(float("nan"), float("nan"))
    volume = 4 / 3 * np.pi * long * middle * short
    first, second = np.sqrt(1 - (middle / long) ** 2), np.sqrt(1 - (short / long) ** 2)
    if (
        first == 0
    ):  # the series is 0 / 0 for a spheroid of equal long axes; only its first term is left where second is 0
        first = 1e-9
    if second == 0:
        return Solid(float(4 * np.pi * long**2), float(volume))
    argument = (first**2 + second**2) / (2 * first * second)
    terms = np.arange(LEGENDRE_TERMS + 1)
    series = (first * second) ** terms / (1 - 4 * terms**2) * eval_legendre(terms, argument)
    return Solid(float(4 * np.pi * long * middle * series.sum()), float(volume))


def least_ellipsoid_axes(points: Points) -> Points:
    """Return the semi-axes of the least ellipsoid by volume that holds points (point, 3)."""
    count, width = points.shape
    lifted = np.column_stack([points, np.ones(count)])
    weights = np.full(count, 1 / count)
    for _ in range(ELLIPSOID_ROUNDS):
        inverse = np.linalg.inv(lifted.T @ (weights[:, None] * lifted))
        reach = np.einsum("ij,jk,ik->i", lifted, inverse, lifted)
        far = int(reach.argmax())
        held = np.where(weights > 0, reach, np.inf)
        near = int(held.argmin())
        grow, shrink = reach[far] / (width + 1) - 1, 1 - reach[near] / (width + 1)
        if max(grow, shrink) <= ELLIPSOID_TOLERANCE:
            break
        place, value = (far, reach[far]) if grow > shrink else (near, reach[near])
        step = (value - width - 1) / ((width + 1) * (value - 1))
        if place == near:
            step = max(step, -weights[near] / (1 - weights[near]))
        weights *= 1 - step
        weights[place] += step
        weights[weights < 1e-15] = 0.0
    centre = weights @ points
    off = points - centre
    shape = np.linalg.inv((weights[:, None] * off).T @ off) / width
    # grown until the farthest point lies on it: the rounds stop a little short
    farthest = np.einsum("ij,jk,ik->i", off, shape, off).max()
    return np.asarray(np.sqrt(farthest / np.linalg.eigvalsh(shape)))


def _basis(normal: Points) -> Points:
    """Return a matrix whose last column is a unit normal, and whose others span its plane."""
    other = np.eye(3)[int(np.abs(normal).argmin())]
    first = np.cross(normal, other)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first), normal], 1)


def _least_rectangle(points: Points) -> tuple[float, float]:
    """Return the sides of the least rectangle by area about points in a plane: one lies on an edge of their hull."""
    corners = points[ConvexHull(points).vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    angles = np.unique(np.round(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2), 9))
    along = np.stack([np.cos(angles), np.sin(angles)])
    across = np.stack([-np.sin(angles), np.cos(angles)])
    lengths, widths = np.ptp(corners @ along, axis=0), np.ptp(corners @ across, axis=0)
    best = int((lengths * widths).argmin())
    return float(lengths[best]), float(widths[best])
