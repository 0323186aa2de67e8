"""How far a model of targets is from the reference on each case, and the cases it is farthest from and nearest to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.cases.table import CaseTable
from hounsfield.evaluate.gallery import look_at
from hounsfield.evaluate.page import html_text
from hounsfield.evaluate.plain_page import both
from hounsfield.metrics.answers import median_class

Values = npt.NDArray[np.float64]

SHOWN = 4
"""Worst and best cases that are drawn, so many of each."""


@dataclass(frozen=True)
class TargetPicture:
    """A case drawn: its name, its error, what was known and said of each target, and a PNG as a data URI."""

    identifier: str
    error: float
    facts: str
    picture: str


def case_errors(answer: str, reference: Values, said: Values) -> Values:
    """Return how far each case (case,) is off, 0 at best.

    Args:
        answer: ``number``: the difference; ``ordered-class``: steps from the median class; ``labels``: the mean
            difference of probability and label over those that were assessed.
        reference: (case, column).
        said: (case, column).
    """
    if answer == "ordered-class":
        return np.asarray(np.abs(median_class(said) - reference[:, 0]), dtype=np.float64)
    known = np.isfinite(reference)
    gaps = np.abs(np.where(known, said - np.nan_to_num(reference), 0.0))
    return np.asarray(gaps.sum(axis=1) / np.maximum(known.sum(axis=1), 1), dtype=np.float64)


def target_pictures(
    table: CaseTable, identifiers: Sequence[str], names: Sequence[str], reference: Values, said: Values, errors: Values
) -> tuple[TargetPicture, ...]:
    """Return the worst cases, worst first, then the best, best last."""
    order = sorted(range(len(errors)), key=lambda index: (-errors[index], identifiers[index]))
    chosen = dict.fromkeys([*order[:SHOWN], *order[-SHOWN:]])
    by_name = {case.identifier: case for case in table.cases}
    return tuple(
        TargetPicture(
            identifiers[index],
            float(errors[index]),
            _facts(names, reference[index], said[index]),
            look_at(table, by_name[identifiers[index]]),
        )
        for index in chosen
    )


def cases_block(pictures: Sequence[TargetPicture]) -> str:
    """Return the cases as HTML under their heading, nothing where there are none."""
    if not pictures:
        return ""
    shown = "".join(
        f'<figure><img alt="{html_text(one.identifier)}" src="{one.picture}"><figcaption>{html_text(one.identifier)}'
        f" · {one.error:.3g}<br><small>{html_text(one.facts)}</small></figcaption></figure>"
        for one in pictures
    )
    told = f"<p>{both('evaluate-target-cases.note')}</p>"
    return f'<h2>{both("evaluate-target-cases.title")}</h2>{told}<div class="cases">{shown}</div>'


def _facts(names: Sequence[str], known: Values, said: Values) -> str:
    """Return ``name reference → model`` of what was assessed."""
    if len(known) == 1 and len(said) > 1:
        return f"{names[int(known[0])]} → {names[int(median_class(said[np.newaxis])[0])]}"
    pairs = zip(names, known.tolist(), said.tolist(), strict=True)
    return "; ".join(f"{name} {own:g} → {value:.3g}" for name, own, value in pairs if math.isfinite(own))
