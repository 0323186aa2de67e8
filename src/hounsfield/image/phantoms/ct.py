"""A CT body phantom: a water cylinder with inserts of known Hounsfield units, sides marked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from hounsfield.core.geometry import Triple, VolumeGeometry
from hounsfield.image.phantoms.space import ball_ml, in_ellipsoid, patient_points, pose_geometry
from hounsfield.image.phantoms.writer import PhantomIdentity, decimal, new_dataset, save, set_pixels, set_plane

AIR_HU, WATER_HU = -1000, 0
_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_INTERCEPT = -1024


@dataclass(frozen=True)
class Insert:
    """A ball of one material: centre in LPS, radius and Hounsfield units."""

    center_mm: Triple
    radius_mm: float
    hounsfield: int


INSERTS: Mapping[str, Insert] = MappingProxyType(
    {
        "fat": Insert((-35.0, 0.0, 0.0), 12.0, -100),
        "muscle": Insert((0.0, 35.0, 0.0), 12.0, 50),
        "bone": Insert((0.0, -35.0, 0.0), 12.0, 1000),
        "left": Insert((45.0, 0.0, 0.0), 8.0, 300),
        "head": Insert((0.0, 0.0, 18.0), 7.0, 200),
    }
)
"""The left marker lies at +x, the head marker at +z: a mirrored or flipped volume shows at once."""


@dataclass(frozen=True)
class BodyPhantom:
    """The phantom on a grid.

    Attributes:
        geometry: any grid, oblique ones and non-square pixels included.
        radius_mm: of the water cylinder along z, and half its height.
        inserts: balls in it.
    """

    geometry: VolumeGeometry = field(default_factory=lambda: pose_geometry((24, 96, 88), (2.5, 1.4, 1.7)))
    radius_mm: tuple[float, float] = (62.0, 40.0)
    inserts: Mapping[str, Insert] = field(default_factory=lambda: INSERTS)

    def hounsfield(self) -> npt.NDArray[np.int16]:
        """Return the samples, (slice, row, column) in Hounsfield units."""
        points = patient_points(self.geometry)
        inside = (points[0] ** 2 + points[1] ** 2 <= self.radius_mm[0] ** 2) & (np.abs(points[2]) <= self.radius_mm[1])
        array = np.where(inside, WATER_HU, AIR_HU).astype(np.int16)
        for insert in self.inserts.values():
            ball = (insert.radius_mm, insert.radius_mm, insert.radius_mm)
            array[in_ellipsoid(points, insert.center_mm, ball)] = insert.hounsfield
        return array

    def truth_ml(self) -> dict[str, float]:
        """Return the volume of each insert."""
        return {name: ball_ml(insert.radius_mm) for name, insert in self.inserts.items()}


def write_ct(
    folder: Path,
    phantom: BodyPhantom | None = None,
    identity: PhantomIdentity = PhantomIdentity("CT phantom"),  # noqa: B008 (frozen)
    samples: npt.NDArray[Any] | None = None,
) -> tuple[Path, ...]:
    """Write a CT series, one object a slice, under names in an order that says nothing.

    Args:
        folder: where the files go; made when missing.
        phantom: what is scanned.
        identity: whom.
        samples: Hounsfield units instead of the phantom's own, on its grid.
    """
    body = phantom or BodyPhantom()
    array = body.hounsfield() if samples is None else samples
    count = len(array)
    # File names and instance numbers run against the positions, so that only geometry can sort.
    return tuple(
        save(_slice(body.geometry, array[index], index, identity), folder, f"{(index * 7) % count:04d}_{index}.dcm")
        for index in range(count)
    )


def _slice(geometry: VolumeGeometry, pixels: npt.NDArray[Any], index: int, identity: PhantomIdentity) -> Dataset:
    dataset = new_dataset(identity, _CT_IMAGE, "CT", "CT body phantom", geometry.shape[0] - index)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BodyPartExamined = "WHOLEBODY"
    dataset.PatientPosition = "HFS"
    dataset.AcquisitionNumber = 1
    dataset.KVP = "120"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = decimal(_INTERCEPT), "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "40", "400"
    set_plane(dataset, geometry, index)
    set_pixels(dataset, (pixels.astype(np.int32) - _INTERCEPT).astype(np.uint16), 12)
    return dataset
