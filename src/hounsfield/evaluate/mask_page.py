"""The page of an evaluation of masks: figures a label, and the best and worst cases with their contours."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from hounsfield.cases.masked_table import MaskedImage
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.core.volume import Mask
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.figure_block import Figures, figures_block
from hounsfield.evaluate.mask_cases import MeasuredCase
from hounsfield.evaluate.page import html_text, interval_text
from hounsfield.evaluate.plain_page import both, issue_items, opening, plain_page, spoken
from hounsfield.image.display import to_greyscale_pixels

SHOWN = 4
"""Best and worst cases that are drawn, so many of each."""

SIDE = 384
REFERENCE_COLOUR, FOUND_COLOUR, BOTH_COLOUR = (0, 200, 255), (255, 120, 0), (255, 255, 255)
"""Blue and orange are told apart by colour-blind readers too (Okabe and Ito 2008); where both run it is white."""


@dataclass(frozen=True)
class CasePicture:
    """A case drawn: its name, what it is ordered by, and a PNG as a data URI."""

    identifier: str
    rank: float
    picture: str

    @property
    def place(self) -> tuple[float, str]:
        """What pictures are ordered by."""
        return self.rank, self.identifier


@dataclass(frozen=True)
class MaskStory:
    """All that the page tells.

    Attributes:
        model: name and version.
        data_name: of the data set.
        part: of it.
        measures: mean of each figure with its interval.
        case_count: measured cases.
        distance_unit: ``mm`` or ``samples``.
        issues: what speaks against trusting the figures.
        refused: identifier and reason of each case that was not answered.
        pictures: worst cases, then best.
        limits: what the model does not know: ``en`` and ``zh`` of each sentence.
        figures: by name.
    """

    model: str
    data_name: str
    part: str
    measures: Mapping[str, Interval]
    case_count: int
    distance_unit: str
    issues: Sequence[QualityIssue]
    refused: Sequence[tuple[str, HounsfieldError]]
    pictures: Sequence[CasePicture]
    limits: Sequence[Mapping[str, str]]
    figures: Figures = field(default_factory=dict)


class Extremes:
    """The worst and the best cases of those that were noted, drawn as they come: none is answered again."""

    def __init__(self) -> None:
        self._worst: list[CasePicture] = []
        self._best: list[CasePicture] = []

    def note(self, case: MeasuredCase, image: MaskedImage, found: Mask) -> None:
        """Draw a case that is among the worst or the best up to now."""
        place = (case.rank, case.identifier)
        is_bad = len(self._worst) < SHOWN or place < self._worst[-1].place
        is_good = len(self._best) < SHOWN or place > self._best[0].place
        if is_bad or is_good:
            drawn = CasePicture(case.identifier, case.rank, _data_uri(contour_picture(image, found.array)))
            self._worst = sorted([*self._worst, drawn], key=lambda item: item.place)[:SHOWN]
            self._best = sorted([*self._best, drawn], key=lambda item: item.place)[-SHOWN:]

    def pictures(self) -> tuple[CasePicture, ...]:
        """Return the worst cases, worst first, then the best, best last; none twice."""
        return tuple({item.place: item for item in (*self._worst, *self._best)}.values())


def contour_picture(image: MaskedImage, found: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint8]:
    """Return the slice with most of the reference (row, column, 3) with the contours of reference and answer.

    Contours are the outermost samples within each label.
    """
    reference = np.asarray(image.mask.array)
    index = int((reference > 0).sum((1, 2)).argmax())
    volume = next(volume for volume in image.volumes if volume is not None)
    grey = to_greyscale_pixels(volume, index)
    scale = max(1, SIDE // max(grey.shape))
    picture = np.repeat(np.kron(grey, np.ones((scale, scale), dtype=np.uint8))[..., None], 3, axis=2)
    drawn = [
        _edge(np.kron(plane, np.ones((scale, scale), dtype=np.int32))) for plane in (reference[index], found[index])
    ]
    picture[drawn[0]] = REFERENCE_COLOUR
    picture[drawn[1]] = FOUND_COLOUR
    picture[drawn[0] & drawn[1]] = BOTH_COLOUR
    return picture


def mask_page(story: MaskStory) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere."""
    rows = "".join(
        f"<tr><th>{html_text(name)}{_unit(name, story.distance_unit)}</th><td>{interval_text(value)}</td></tr>"
        for name, value in story.measures.items()
    )
    figures = "".join(
        f'<figure><img alt="{html_text(item.identifier)}" src="{item.picture}">'
        f"<figcaption>{html_text(item.identifier)} · {item.rank:.3f}</figcaption></figure>"
        for item in story.pictures
    )
    issues = issue_items(story.issues)
    refused = "".join(
        f"<li>{html_text(name)}: {spoken(reason.text('en'), reason.text('zh'))}</li>" for name, reason in story.refused
    )
    limits = "".join(f"<li>{spoken(limit['en'], limit['zh'])}</li>" for limit in story.limits)
    blocks = [
        opening(story.model),
        f"<p>{html_text(story.data_name)} · {both(f'evaluate-part-{story.part}')} · n = {story.case_count}</p>",
        f"<h2>{both('evaluate-mask.figures')}</h2><table>{rows}</table><p>{both('evaluate-mask.note')}</p>",
        figures_block(story.figures),
        f"<h2>{both('evaluate-mask.cases')}</h2><p>{both('evaluate-mask.colours')}</p>",
        f'<div class="cases">{figures}</div>',
        f"<h2>{both('evaluate-mask.issues')}</h2><ul>{issues}{refused}</ul>" if issues or refused else "",
        f"<h2>{both('evaluate-mask.limits')}</h2><ul>{limits}</ul>" if limits else "",
    ]
    return plain_page(story.model, blocks)


def _edge(labels: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    lowest = ndimage.minimum_filter(labels, 3, mode="nearest")
    highest = ndimage.maximum_filter(labels, 3, mode="nearest")
    return np.asarray((labels > 0) & ((lowest != labels) | (highest != labels)))


def _data_uri(picture: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    shown = Image.fromarray(picture)
    shown.thumbnail((2 * SIDE, 2 * SIDE))
    shown.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _unit(name: str, unit: str) -> str:
    return f" ({html_text(unit)})" if name.startswith(("hd95", "assd")) else ""
