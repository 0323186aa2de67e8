"""Admission: which volumes are a chest CT that can be searched, and why another is refused."""

import numpy as np

from hounsfield.clinical.chest_ct.lungs import Lungs
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

LEAST_SLICES = 16
THICK_MM, THICKEST_MM = 3.0, 5.0
AXIAL_COSINE = 0.9
LEAST_LUNG_ML, LEAST_HEIGHT_MM = 500.0, 100.0
"""Less is an abdomen with the bases of the lungs, or no chest at all."""


def scan_issues(volume: Volume, uid: str | None = None) -> tuple[QualityIssue, ...]:
    """Return what speaks against a volume before the lungs are looked for; nothing more is asked after a reject."""
    geometry = volume.geometry
    if volume.quantity is not Quantity.HOUNSFIELD or volume.is_colour:
        return (QualityIssue("Q210", Severity.REJECT, {"found": volume.quantity.name, "expected": "HOUNSFIELD"}, uid),)
    if geometry.shape[0] < LEAST_SLICES:
        facts = {"found": geometry.shape[0], "expected": LEAST_SLICES}
        return (QualityIssue("Q211", Severity.REJECT, facts, uid),)
    cosine = abs(float(np.asarray(geometry.direction)[2, 0]))
    if cosine < AXIAL_COSINE:
        facts = {"found": round(float(np.degrees(np.arccos(min(cosine, 1.0)))))}
        return (QualityIssue("Q212", Severity.REJECT, facts, uid),)
    size = round(geometry.slice_spacing_mm, 2)
    if size > THICKEST_MM + 1e-6:
        return (QualityIssue("Q213", Severity.REJECT, {"found": size, "expected": THICKEST_MM}, uid),)
    if size > THICK_MM + 1e-6:
        return (QualityIssue("Q214", Severity.WARN, {"found": size, "expected": THICK_MM}, uid),)
    return ()


def lung_issues(lungs: Lungs, uid: str | None = None) -> tuple[QualityIssue, ...]:
    """Return what the lungs that were found say about the input."""
    total = sum(lungs.volume_ml(lung) for lung in lungs.lungs)
    height = lungs.height_mm()
    if total < LEAST_LUNG_ML or height < LEAST_HEIGHT_MM:
        facts = {
            "found": round(total),
            "expected": round(LEAST_LUNG_ML),
            "height": round(height),
            "least": round(LEAST_HEIGHT_MM),
        }
        return (QualityIssue("Q215", Severity.REJECT, facts, uid),)
    issues = []
    if any(lung.mask[end].sum() * np.prod(lungs.spacing_mm[1:]) > 100.0 for lung in lungs.lungs for end in (0, -1)):
        issues.append(QualityIssue("Q216", Severity.WARN, {}, uid))
    if len(lungs.lungs) == 1:
        issues.append(QualityIssue("Q217", Severity.WARN, {"found": lungs.lungs[0].side.value}, uid))
    if not lungs.airways.is_assessed:
        issues.append(QualityIssue("Q218", Severity.NOTE, {}, uid))
    return tuple(issues)
