"""Trust: how good an alignment is, in figures that need no reference, and whether lesions may be carried through it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from hounsfield.clinical.change.alignment import IDENTITY, Alignment, Points
from hounsfield.clinical.change.registration import (
    DEFAULT_REGISTERING,
    Registering,
    coarsened,
    register_deformable,
    register_rigid,
)
from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import FRACTION, MILLIMETRE
from hounsfield.core.volume import Volume

RULE = "registration"
BINS = 64


@dataclass(frozen=True)
class AlignmentQuality:
    """Figures of an alignment.

    Attributes:
        similarity_before: normalised mutual information (H(A) + H(B)) / H(A, B) of the volumes as they lie; 1 is none.
        similarity_after: the same once the earlier one is resampled to the later one.
        overlap: share of the later volume that the earlier one shows.
        inverse_error_mm: 95th percentile of how far a point ends from its start when it goes to the earlier volume and
            comes back by a registration of its own, the other way round.
        folded: share of the grid where the deformation turns tissue inside out.
        least_jacobian: smallest local change of volume.
    """

    similarity_before: float
    similarity_after: float
    overlap: float
    inverse_error_mm: float
    folded: float
    least_jacobian: float

    @property
    def doubts(self) -> tuple[str, ...]:
        """Names of the limits that are not kept, as rows of the rule ``registration``; none where it may be trusted."""
        table = rule(RULE)
        kept = {
            "similarity": self.similarity_after >= self.similarity_before - table.number("similarity"),
            "overlap": self.overlap >= table.number("overlap"),
            "inverse-error": self.inverse_error_mm <= table.number("inverse-error"),
            "folding": self.folded <= table.number("folding"),
        }
        return tuple(name for name, is_kept in kept.items() if not is_kept)

    @property
    def is_trusted(self) -> bool:
        """Whether lesions may be carried through it."""
        return not self.doubts


@dataclass(frozen=True)
class Registration:
    """An alignment with its figures."""

    alignment: Alignment
    quality: AlignmentQuality

    def conclusion(self, study_date: str) -> Conclusion:
        """Return the verdict with every figure that it rests on, for the report."""
        table, quality = rule(RULE), self.quality
        key = "trusted" if quality.is_trusted else "not-trusted"
        kinds = ("deformable", "变形配准") if self.alignment.is_deformable else ("rigid", "刚性配准")
        reasons = [table.row(name) for name in quality.doubts]
        words = [
            template.format(date=study_date or "?", kind=kind, reasons="; ".join(told))
            for template, kind, told in (
                (table.row(key).en, kinds[0], [row.en for row in reasons]),
                (table.row(key).zh, kinds[1], [row.zh for row in reasons]),
            )
        ]
        inputs = (
            Fact("rotation_degrees", round(self.alignment.rotation_degrees, 2)),
            Fact("similarity_before", round(quality.similarity_before, 4)),
            Fact("similarity_after", round(quality.similarity_after, 4)),
            Fact("overlap_fraction", round(quality.overlap, 3), FRACTION),
            Fact("inverse_error_mm", round(quality.inverse_error_mm, 2), MILLIMETRE),
            Fact("folded_fraction", round(quality.folded, 5), FRACTION),
            Fact("least_jacobian", round(quality.least_jacobian, 3)),
        )
        source = table.source(key, *quality.doubts)
        return Conclusion(ConclusionKind.CHANGE, source, key, Wording(words[0], words[1]), inputs)


def align(earlier: Volume, later: Volume, how: Registering = DEFAULT_REGISTERING) -> Registration:
    """Register both ways, rigid and then deformable, and return the best alignment that may be trusted.

    The deformable one is taken where it may be trusted and is more alike than the rigid one. Where neither may be
    trusted the rigid one is returned, with its doubts.

    Raises:
        SettingsError: ``E231``, SimpleITK is not installed.
        ImageError: ``E233`` what is no volume, ``E232`` the search failed.
    """
    there, back = register_rigid(earlier, later, how), register_rigid(later, earlier, how)
    coarse = coarsened(earlier, how.spacing_mm), coarsened(later, how.spacing_mm)
    rigid = Registration(there, quality_of(*coarse, there, back))
    bent = register_deformable(earlier, later, there, how)
    bent_back = register_deformable(later, earlier, back, how)
    deformable = Registration(bent, quality_of(*coarse, bent, bent_back))
    is_better = deformable.quality.similarity_after > rigid.quality.similarity_after
    return deformable if deformable.quality.is_trusted and is_better else rigid


def quality_of(earlier: Volume, later: Volume, there: Alignment, back: Alignment) -> AlignmentQuality:
    """Return the figures of an alignment; ``back`` is the one that was found the other way round."""
    moved, inside = moved_samples(earlier, later.geometry, there)
    still, inside_before = moved_samples(earlier, later.geometry, IDENTITY)
    jacobian = there.jacobian()
    points = _body_points(later)
    home = back.to_earlier(there.to_earlier(points))
    errors = np.linalg.norm(home - points, axis=1)
    return AlignmentQuality(
        similarity_before=normalised_information(still[inside_before], later.array[inside_before]),
        similarity_after=normalised_information(moved[inside], later.array[inside]),
        overlap=float(inside.mean()),
        inverse_error_mm=float(np.percentile(errors, 95)) if len(errors) else float("inf"),
        folded=float((jacobian <= 0).mean()),
        least_jacobian=float(jacobian.min()),
    )


def landmark_errors_mm(alignment: Alignment, later_mm: Points, earlier_mm: Points) -> npt.NDArray[np.float64]:
    """Return the target registration error of each pair of landmarks (n, 3) that somebody marked in both volumes."""
    return np.asarray(np.linalg.norm(alignment.to_earlier(later_mm) - earlier_mm, axis=1))


def moved_samples(
    earlier: Volume, target: VolumeGeometry, alignment: Alignment
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Read the earlier volume at the samples of a later grid, slice by slice, linear between its own.

    Returns:
        The samples (slice, row, column), the background of the quantity where the earlier volume does not reach; and
        where it does.
    """
    samples = np.asarray(earlier.array, np.float32)
    made = np.empty(target.shape, np.float32)
    inside = np.empty(target.shape, np.bool_)
    plane = np.indices(target.shape[1:]).reshape(2, -1).T.astype(np.float64)
    last = np.asarray(earlier.geometry.shape) - 0.5
    for index in range(target.shape[0]):
        places = target.to_patient(np.column_stack([np.full(len(plane), float(index)), plane]))
        at = earlier.geometry.to_index(alignment.to_earlier(places))
        reached = np.all((at >= -0.5) & (at <= last), axis=1)
        values = map_coordinates(samples, at.T, order=1, mode="nearest")
        values[~reached] = earlier.quantity.background
        made[index], inside[index] = values.reshape(target.shape[1:]), reached.reshape(target.shape[1:])
    return made, inside


def resampled(earlier: Volume, later: Volume, alignment: Alignment) -> Volume:
    """Return the earlier volume on the grid of the later one."""
    samples, _ = moved_samples(earlier, later.geometry, alignment)
    return earlier.with_array(
        samples, geometry=later.geometry, instances=(), frame_indices=(), frame_times_seconds=(),
        enhanced_by=(*earlier.enhanced_by, "registration"),
    )  # fmt: skip


def normalised_information(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Return (H(A) + H(B)) / H(A, B) of two samples (Studholme, Pattern Recognit 1999;32:71): 1 unrelated, 2 equal.

    Fewer than two samples, or samples without spread, share nothing that could be told: 1.
    """
    if first.size < 2:
        return 1.0
    joint, _, _ = np.histogram2d(np.ravel(first), np.ravel(second), bins=BINS)
    whole = _entropy(joint)
    return (_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))) / whole if whole > 0 else 1.0


def _entropy(counts: npt.NDArray[np.float64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def _body_points(volume: Volume, most: int = 4000) -> Points:
    """Return points in the patient where the samples lie above the middle of their range, evenly chosen."""
    low, high = np.percentile(volume.array, (1, 99))
    found = np.argwhere(volume.array > (low + high) / 2)
    return volume.geometry.to_patient(found[:: max(1, len(found) // most)]) if len(found) else np.empty((0, 3))
