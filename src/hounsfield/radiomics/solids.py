"""Solids round a region: its hull, the longest line in it, ellipsoids and boxes about it (IBSI 3.1.11, 3.1.17-26)."""

import itertools
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
ELLIPSOID_ROUNDS = 2000
ANGLES, REFINED = 6, 24
"""Angles tried on each face, and the number of faces that are given the least rectangle."""
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
        """The least box by volume that lies with one side on a face of the hull.

        On every face boxes are tried at a few angles; the best faces are then given the least rectangle about them. The
        true least box may touch the hull with edges alone (O'Rourke 1985), and is then a little smaller.
        """
        from hounsfield.radiomics.solid_kernels import box_sides

        axes = self._face_axes()
        angles = np.arange(ANGLES) * (np.pi / 2 / ANGLES)
        turned = np.stack([axes[:, 1] * np.cos(angle) + axes[:, 2] * np.sin(angle) for angle in angles], 1)
        across = np.cross(axes[:, None, 0], turned)
        tried = np.stack([np.broadcast_to(axes[:, None, 0], turned.shape), turned, across], 2)
        sides = np.empty((len(axes) * ANGLES, 3))
        box_sides(np.ascontiguousarray(self.corners.T), np.ascontiguousarray(tried.reshape(-1, 3, 3)), sides)
        least = sides.prod(axis=1).reshape(-1, ANGLES).min(axis=1)
        best = self.bounding_box
        for index in least.argsort()[:REFINED]:
            flat = self.corners @ axes[index, 1:].T
            found = box(np.array([sides[index * ANGLES, 0], *_least_rectangle(flat)]))
            best = found if found.volume_mm3 < best.volume_mm3 else best
        return best

    def _face_axes(self) -> Points:
        """Return the axes (box, 3, 3) of a box on each face: normal, along its longest edge, across it."""
        normals = self._hull.equations[:, :3]
        # a flat side of the hull is many triangles, and two sides may be parallel: one of each direction is enough
        turned = normals * np.sign(normals @ (1.0, np.sqrt(2), np.pi))[:, None]
        keys = np.round(turned, 6) @ (1.0, np.e * 1e3, np.pi * 1e6)
        _, first = np.unique(keys, return_index=True)
        ends = self._hull.points[self._hull.simplices[first]]
        edges = np.roll(ends, -1, axis=1) - ends
        lengths = np.linalg.norm(edges, axis=2)
        longest = lengths.argmax(axis=1)
        rows = np.arange(len(first))
        along = edges[rows, longest] / lengths[rows, longest, None]
        across = np.cross(normals[first], along)
        return np.ascontiguousarray(np.stack([normals[first], along, across], 1))

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
    from hounsfield.radiomics.solid_kernels import weigh_corners

    count, width = points.shape
    lifted = np.column_stack([points - points.mean(0), np.ones(count)])
    weights = np.zeros(count)
    # begun with the outermost points along all diagonals of the axes of inertia: most others never matter
    axes = np.linalg.svd(lifted[:, :width], full_matrices=False)[2]
    reach = lifted[:, :width] @ axes.T @ np.array(list(itertools.product((-1, 0, 1), repeat=width))).T
    weights[np.unique(reach.argmax(axis=0))] = 1.0
    weights /= weights.sum()
    inverse = np.linalg.inv(lifted.T @ (weights[:, None] * lifted))
    weigh_corners(lifted, inverse, weights, ELLIPSOID_TOLERANCE, ELLIPSOID_ROUNDS)
    centre = weights @ points
    off = points - centre
    shape = np.linalg.inv((weights[:, None] * off).T @ off) / width
    # grown until the farthest point lies on it: the rounds stop a little short
    farthest = np.einsum("ij,jk,ik->i", off, shape, off).max()
    return np.asarray(np.sqrt(farthest / np.linalg.eigvalsh(shape)))


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
