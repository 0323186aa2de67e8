"""The page of an evaluation of boxes: figures with intervals, and the worst and best images with boxes drawn."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image, ImageDraw

from hounsfield.cases.boxed import BoxTable
from hounsfield.core.boxes import Detections
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.figure_block import Figures, figures_block
from hounsfield.evaluate.page import html_text, interval_text
from hounsfield.evaluate.plain_page import both, issue_items, opening, plain_page
from hounsfield.image.display import to_greyscale_pixels
from hounsfield.metrics.detection import Reference

REFERENCE_COLOUR, FOUND_COLOUR = (0, 200, 255), (255, 120, 0)
"""Blue and orange are told apart by colour-blind readers too (Okabe and Ito 2008)."""
LONGEST_SIDE = 480


@dataclass(frozen=True)
class BoxPicture:
    """An image with its reference boxes and what was found; F1 at the working score; PNG as a data URI."""

    identifier: str
    f1: float
    picture: str


def draw_boxes(
    table: BoxTable, index: int, found: Detections, reference: Reference, judged: tuple[float, float]
) -> BoxPicture:
    """Draw reference boxes blue and detections orange, from the working score on; ``judged`` is F1 and that score."""
    case, (f1, score) = table.cases[index], judged
    try:
        volume = table.read(case).volume
        picture = Image.fromarray(to_greyscale_pixels(volume, 0)).convert("RGB")
    except HounsfieldError:
        return BoxPicture(case.identifier, f1, "")
    scale = min(1.0, LONGEST_SIDE / max(picture.size))
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    pencil = ImageDraw.Draw(picture)
    shown = found.select(found.scores >= score)
    for boxes, colour in ((reference.boxes, REFERENCE_COLOUR), (shown.boxes, FOUND_COLOUR)):
        for top, left, bottom, right in (boxes * scale).tolist():
            pencil.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=2)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return BoxPicture(case.identifier, f1, "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())


def box_page(
    title: str,
    count: int,
    measures: Mapping[str, Interval],
    issues: Sequence[QualityIssue],
    pictures: Sequence[BoxPicture],
    figures: Figures = MappingProxyType({}),
) -> str:
    """Return the page as HTML; it loads nothing from elsewhere, and what comes from files is escaped."""
    rows = "".join(
        f"<tr><th>{html_text(name)}</th><td>{interval_text(value)}</td></tr>" for name, value in measures.items()
    )
    told = issue_items(issues)
    shown = "".join(
        f'<figure><img alt="{html_text(one.identifier)}: F1 {one.f1:.2f}" src="{one.picture}">'
        f"<figcaption>{html_text(one.identifier)}: F1 {one.f1:.2f}</figcaption></figure>"
        for one in pictures
    )
    blocks = [
        opening(title),
        f"<p>n = {count}</p>",
        f"<h2>{both('evaluate-issues')}</h2><ul>{told}</ul>" if told else "",
        f"<h2>{both('evaluate-metrics')}</h2><table>{rows}</table>",
        figures_block(figures),
        f'<h2>{both("evaluate-mask.cases")}</h2><p>{both("evaluate-boxes-drawn")}</p><div class="cases">{shown}</div>',
    ]
    return plain_page(title, blocks)
