"""The figures of an evaluation of targets: curves a label, agreement of a number, confusion of ordered classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.evaluate.figure_block import Figure
from hounsfield.evaluate.plots import reliability_points
from hounsfield.metrics.agreement import limits_of_agreement
from hounsfield.metrics.answers import median_class
from hounsfield.metrics.confusion import confusion_matrix
from hounsfield.metrics.discrimination import auroc, average_precision, precision_recall_curve, roc_curve
from hounsfield.report.case_figures import draw_agreement, draw_differences
from hounsfield.report.figures import NamedCurve, draw_confusion, draw_precision_recall, draw_reliability, draw_roc

Values = npt.NDArray[np.float64]

MOST_LABELS = 8
"""More labels than these are not told apart in one figure; the table has all."""


def label_figures(names: Sequence[str], reference: Values, said: Values) -> dict[str, Figure]:
    """Return curves and calibration of the labels that have both outcomes, the commonest first.

    Args:
        names: of the labels.
        reference: (case, label) 0, 1, or NaN where it was not assessed.
        said: (case, label) probabilities.
    """
    both = [index for index in range(len(names)) if {0.0, 1.0} <= set(reference[:, index].tolist())]
    chosen = sorted(both, key=lambda index: -np.nansum(reference[:, index]))[:MOST_LABELS]
    roc, recall, figures = [], [], {}
    for index in chosen:
        known = np.isfinite(reference[:, index])
        is_present, scores = reference[known, index] == 1, said[known, index]
        curve, area = roc_curve(is_present, scores), auroc(is_present, scores)
        roc.append(NamedCurve(names[index], curve.x, curve.y, area))
        curve, area = precision_recall_curve(is_present, scores), average_precision(is_present, scores)
        recall.append(NamedCurve(names[index], curve.x, curve.y, area))
        points = reliability_points(is_present, scores)
        drawing = draw_reliability(points, scores, f"probability of {names[index]}")
        facts = f"{names[index]}: " + "; ".join(f"{point.predicted:.2f} {point.observed:.2f}" for point in points)
        figures[f"reliability-{index + 1}"] = Figure(drawing, "label-reliability", facts)
    if not chosen:
        return {}
    return {
        "roc": Figure(draw_roc(roc), "label-roc", _areas(roc)),
        "precision-recall": Figure(draw_precision_recall(recall), "label-precision-recall", _areas(recall)),
        **figures,
    }


def number_figures(
    quantity: str, reference: Values, said: Values, groups: npt.NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Figure]:
    """Return agreement, and differences with bias and limits (Bland and Altman), of a number (case,)."""
    if len(reference) < 2:
        return {}
    found = limits_of_agreement(reference, said, groups, resamples=resamples, seed=seed)
    lines = {"bias": found.bias, "lower limit": found.lower, "upper limit": found.upper}
    facts = "; ".join(f"{name} {line.value:.4g} ({line.low:.4g} – {line.high:.4g})" for name, line in lines.items())
    ends = f"n = {len(reference)}; {reference.min():.4g} – {reference.max():.4g}"
    return {
        "agreement": Figure(draw_agreement(reference, said, quantity), "agreement", ends),
        "differences": Figure(draw_differences(reference, said, lines, quantity), "differences", facts),
    }


def ordered_figures(names: Sequence[str], reference: npt.NDArray[np.int64], said: Values) -> dict[str, Figure]:
    """Return the confusion of ordered classes (case,), each case called its median class."""
    matrix = confusion_matrix(reference, median_class(said), len(names))
    facts = "; ".join(
        f"{name}: {', '.join(str(int(count)) for count in row)}" for name, row in zip(names, matrix, strict=True)
    )
    return {"confusion": Figure(draw_confusion(matrix, names), "confusion", facts)}


def _areas(curves: Sequence[NamedCurve]) -> str:
    return "; ".join(f"{curve.name} {curve.area:.3f}" for curve in curves)
