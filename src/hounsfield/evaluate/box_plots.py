"""The figures of an evaluation of boxes: FROC, precision against recall by class, and what is found by size."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.core.boxes import Detections, extents
from hounsfield.core.prediction import Interval
from hounsfield.evaluate.figure_block import Figure
from hounsfield.metrics.detection import ClassMatches, Reference, average_precision_of, match_class
from hounsfield.metrics.detection_candidates import by_overlap, gather_candidates
from hounsfield.metrics.froc import RATES, Candidates, froc_curve, sensitivity_at_of
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.weights import value_of
from hounsfield.report.case_figures import draw_froc, draw_shares
from hounsfield.report.figures import NamedCurve, draw_precision_recall

OVERLAP = 0.5
SIZES = ("small", "medium", "large")
"""Thirds of the objects by area; the limits of COCO are those of photographs."""


def box_figures(
    found: Sequence[Detections], references: Sequence[Reference], class_names: Sequence[str], working_score: float
) -> dict[str, Figure]:
    """Return every figure by name; what no image has is left out.

    Args:
        found: detections of each image, all scores.
        references: of each image, in the same order.
        class_names: of the labels.
        working_score: from which detections count in use.
    """
    together = gather_candidates(found, references, None, by_overlap(OVERLAP))
    if not len(together.object_images):
        return {}
    matches = [match_class(found, references, label, (OVERLAP,)) for label in range(len(class_names))]
    named = [(name, match) for name, match in zip(class_names, matches, strict=True) if match.objects.any()]
    return {
        "froc": _froc(found, references, class_names, together),
        "precision-recall": _precision_recall(named),
        "sizes": _sizes(references, together, working_score),
    }


def _froc(
    found: Sequence[Detections], references: Sequence[Reference], class_names: Sequence[str], together: Candidates
) -> Figure:
    curves = [_curve("all classes", together)]
    for label, name in enumerate(class_names):
        own = gather_candidates(found, references, label, by_overlap(OVERLAP))
        if len(class_names) > 1 and len(own.object_images):
            curves.append(_curve(name, own))
    points = np.array([value_of(sensitivity_at_of(together, rate), together.image_count) for rate in RATES])
    facts = "; ".join(f"{rate:g}: {point:.3f}" for rate, point in zip(RATES, points, strict=True))
    return Figure(draw_froc(curves, RATES, points), "froc", facts)


def _curve(name: str, candidates: Candidates) -> NamedCurve:
    curve = froc_curve(candidates)
    return NamedCurve(name, curve.false_positives, curve.sensitivity, float("nan"))


def _precision_recall(named: Sequence[tuple[str, ClassMatches]]) -> Figure:
    curves = []
    for name, match in named:
        right = match.is_right[0][match.is_counted[0]]
        found = np.cumsum(right)
        area = value_of(average_precision_of(match), len(match.objects))
        curves.append(NamedCurve(name, found / match.objects.sum(), found / np.arange(1, len(found) + 1), area))
    facts = "; ".join(f"{curve.name} {curve.area:.3f}" for curve in curves)
    return Figure(draw_precision_recall(curves), "box-precision-recall", facts)


def _sizes(references: Sequence[Reference], together: Candidates, working_score: float) -> Figure:
    """Return which share of the objects of each third by area is found at the working score."""
    areas = np.concatenate([extents(item.boxes[~item.is_ignored]) for item in references])
    is_found = np.zeros(len(areas), dtype=bool)
    hits = together.objects[(together.scores >= working_score) & (together.objects >= 0)]
    is_found[hits] = True
    shares, facts = {}, []
    for name, inside, ends in _thirds(areas):
        share = wilson(float(is_found[inside].sum()), float(inside.sum()))
        shares[f"{name}\n({ends} px, n = {int(inside.sum())})"] = share
        facts.append(f"{name} {ends} px: {_said(share)}")
    return Figure(draw_shares(shares, f"Sensitivity at score {working_score:.2f}"), "sizes", "; ".join(facts))


def _thirds(areas: npt.NDArray[np.float64]) -> list[tuple[str, npt.NDArray[np.bool_], str]]:
    """Return name, members and ends (roots of the area, in pixels) of thirds by rank; equal areas stay together."""
    low, high = np.quantile(areas, [1 / 3, 2 / 3])
    parts = (areas <= low, (areas > low) & (areas <= high), areas > high)
    known = [(name, inside) for name, inside in zip(SIZES, parts, strict=True) if inside.any()]
    roots = np.sqrt(areas)
    return [(name, inside, f"{roots[inside].min():.0f}-{roots[inside].max():.0f}") for name, inside in known]


def _said(share: Interval) -> str:
    return f"{share.value:.3f} ({share.low:.3f} – {share.high:.3f})"
