"""Analytic phantoms with known answers, and writers that make proper DICOM studies of them.

Everything is drawn from formulas and fixed seeds: the same call writes the same bytes, UIDs included.
"""

from hounsfield.image.phantoms.chest import ChestPhantom, write_chest
from hounsfield.image.phantoms.ct import BodyPhantom, write_ct
from hounsfield.image.phantoms.enhanced import write_enhanced_ct, write_enhanced_mr
from hounsfield.image.phantoms.head import HeadPhantom, write_head
from hounsfield.image.phantoms.heart import HeartPhantom, write_heart
from hounsfield.image.phantoms.pet import PetPhantom, write_pet
from hounsfield.image.phantoms.picture import write_secondary_capture
from hounsfield.image.phantoms.space import Pose, pose_geometry
from hounsfield.image.phantoms.writer import PhantomIdentity

__all__ = [
    "BodyPhantom",
    "ChestPhantom",
    "HeadPhantom",
    "HeartPhantom",
    "PetPhantom",
    "PhantomIdentity",
    "Pose",
    "pose_geometry",
    "write_chest",
    "write_ct",
    "write_enhanced_ct",
    "write_enhanced_mr",
    "write_head",
    "write_heart",
    "write_pet",
    "write_secondary_capture",
]
