"""A body drawn from formulas and read at moved places: no sample is interpolated, so the motion is known exactly."""

import numpy as np

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

GENERATOR = np.random.default_rng(11)
CENTRES = GENERATOR.uniform(-60, 60, (30, 3))
WIDTHS = GENERATOR.uniform(6, 14, 30)
DENSITIES = GENERATOR.choice([-250.0, 250.0], 30) * GENERATOR.uniform(0.6, 1.4, 30)
GRID = VolumeGeometry((40, 48, 48), (4.0, 4.0, 4.0), (-94.0, -94.0, -78.0))


def body(points):
    """Hounsfield units at (n, 3) points: an ellipsoid of soft tissue with organs in it, air about it."""
    depth = 1 - np.sqrt(((points / (80.0, 65.0, 75.0)) ** 2).sum(axis=1))
    value = -1000 + 1040 / (1 + np.exp(-depth * 25))
    for centre, width, density in zip(CENTRES, WIDTHS, DENSITIES, strict=True):
        value += density * np.exp(-((points - centre) ** 2).sum(axis=1) / (2 * width**2)) * (depth > 0.08)
    return value


def places(geometry):
    return geometry.to_patient(np.indices(geometry.shape).reshape(3, -1).T)


def drawn(geometry=GRID, motion=None, noise=10.0, seed=0, drawing=body):
    """The body where each point of the grid lies after a motion (later to earlier); None draws the earlier one."""
    points = places(geometry)
    values = drawing(points if motion is None else motion(points))
    values = values + np.random.default_rng(seed).normal(0, noise, len(values))
    return Volume(values.reshape(geometry.shape).astype(np.float32), geometry, Quantity.HOUNSFIELD)


def turn(degrees, axis):
    """Rotation matrix about an axis by Rodrigues' formula."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def rigid(degrees, axis, shift):
    matrix = turn(degrees, axis)
    return lambda points: points @ matrix.T + np.asarray(shift, float)


def breath(points, depth=6.0):
    """A smooth deformation: the lower part goes down, and the front goes forward."""
    x, y, z = points.T
    bell = np.exp(-((x / 70) ** 2) - (y / 70) ** 2)
    return points + depth * np.stack([0 * x, 0.5 * bell * np.sin(z / 40), bell * np.cos((z + 10) / 50)], axis=1)


def inside(geometry=GRID, step=5):
    points = places(geometry)[::step]
    return points[((points / (70.0, 55.0, 65.0)) ** 2).sum(axis=1) < 1]
