"""The figures of an evaluation of masks: the Dice of every case by label, or the F1 of objects."""

from collections.abc import Sequence

import numpy as np

from hounsfield.evaluate.figure_block import Figure
from hounsfield.evaluate.mask_cases import MeasuredCase
from hounsfield.report.case_figures import draw_strip

MOST_COLUMNS = 12
"""More labels than these are not told apart in a figure; the table has all."""


def mask_figures(cases: Sequence[MeasuredCase]) -> dict[str, Figure]:
    """Return the figures by name: one column for the mean over labels, and one for each label."""
    columns = {name: np.array([case.figures.get(name, np.nan) for case in cases]) for name in _names(cases)}
    shown = {name.removeprefix("dice "): values for name, values in columns.items()}
    if "f1_50" in shown:
        shown = {"Dice": shown["dice"], "F1 of objects": shown["f1_50"]}
    elif "dice" in shown:
        shown = {("mean" if name == "dice" else name): values for name, values in shown.items()}
    known = {name: values for name, values in shown.items() if np.isfinite(values).any()}
    if not known:
        return {}
    facts = "; ".join(f"{name} {_quartiles(values)}" for name, values in known.items())
    quantity = "Dice and F1 of each case" if "F1 of objects" in known else "Dice of each case"
    return {"cases": Figure(draw_strip(known, quantity), "strip", facts)}


def _names(cases: Sequence[MeasuredCase]) -> list[str]:
    every = dict.fromkeys(name for case in cases for name in case.figures)
    wanted = [name for name in every if name in ("dice", "f1_50") or name.startswith("dice ")]
    # the mean over one label says what the label says
    kept = [name for name in wanted if name != "dice" or len(wanted) != 2 or "f1_50" in wanted]
    return kept[:MOST_COLUMNS]


def _quartiles(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    low, middle, high = np.quantile(values[np.isfinite(values)], [0.25, 0.5, 0.75])
    return f"{middle:.3f} ({low:.3f} – {high:.3f})"
