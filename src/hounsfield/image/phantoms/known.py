"""Phantoms as volumes without noise: the truth that a degraded and prepared picture is compared with."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hounsfield.core.geometry import Triple
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, SliceAxis, Volume, Window
from hounsfield.image.phantoms.ct import INSERTS, BodyPhantom
from hounsfield.image.phantoms.head import HeadPhantom
from hounsfield.image.phantoms.space import Floats, patient_points, pose_geometry


@dataclass(frozen=True)
class KnownBall:
    """A ball of one material in a surrounding of another.

    Attributes:
        center_mm: in the patient, LPS.
        radius_mm: of the ball.
        around_mm: distance from the centre up to which the surrounding is of one material.
    """

    center_mm: Triple
    radius_mm: float
    around_mm: float

    def distances_mm(self, volume: Volume) -> Floats:
        """Return the distance of every sample of a volume from the centre, (slice, row, column)."""
        center = np.asarray(self.center_mm).reshape(3, 1, 1, 1)
        return np.asarray(np.sqrt(((patient_points(volume.geometry) - center) ** 2).sum(axis=0)))


@dataclass(frozen=True)
class KnownPhantom:
    """A phantom without noise, and what is known about it.

    Attributes:
        name: of the phantom.
        truth: float32 samples.
        edge: the ball whose edge is looked at.
        detail: the ball whose contrast is looked at.
    """

    name: str
    truth: Volume
    edge: KnownBall
    detail: KnownBall


def phantom_names() -> tuple[str, ...]:
    """Return the names that ``known_phantom`` takes, sorted."""
    return tuple(sorted(_MAKERS))


def known_phantom(name: str) -> KnownPhantom:
    """Return a phantom by its name.

    Raises:
        KeyError: no phantom has this name.
    """
    return _MAKERS[name]()


def _body() -> KnownPhantom:
    """Water with inserts: the edge of bone, and muscle, 50 Hounsfield units above the water around it."""
    phantom = BodyPhantom(pose_geometry((21, 140, 140), (1.2, 1.0, 1.0)))
    window = Presentation(window=Window(50.0, 500.0))
    truth = Volume(
        phantom.hounsfield().astype(np.float32), phantom.geometry, Quantity.HOUNSFIELD,
        slice_axis=SliceAxis.SPACE, presentation=window,
    )  # fmt: skip
    bone, muscle = INSERTS["bone"], INSERTS["muscle"]
    return KnownPhantom(
        "body",
        truth,
        KnownBall(bone.center_mm, bone.radius_mm, bone.radius_mm + 10.0),
        KnownBall(muscle.center_mm, muscle.radius_mm, muscle.radius_mm + 10.0),
    )


def _head() -> KnownPhantom:
    """A head with a mass in oedema, its own shading and texture: what is left of them counts as the truth."""
    radius = 16.0
    center = (30.0, -8.0, 0.0)
    phantom = HeadPhantom(
        pose_geometry((9, 200, 170), (5.0, 1.0, 1.0)), mass_radius_mm=radius, mass_center_mm=center, noise=0.0
    )
    truth = Volume(
        phantom.samples().astype(np.float32), phantom.geometry, Quantity.ARBITRARY,
        slice_axis=SliceAxis.SPACE, presentation=Presentation(window=Window(500.0, 1000.0)),
    )  # fmt: skip
    ball = KnownBall(center, radius, 1.35 * radius)
    return KnownPhantom("head", truth, ball, ball)


_MAKERS: dict[str, Callable[[], KnownPhantom]] = {"body": _body, "head": _head}
