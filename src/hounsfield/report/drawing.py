"""The picture of the Secondary Capture: the image, the outline of what the model looked at, and what is said about it.

No text names the patient. Words are English, in DejaVu Sans; what its letters cannot write is replaced by its code.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from hounsfield.core.finding import Presence
from hounsfield.core.report import KeyImage, Report
from hounsfield.report import narrative
from hounsfield.report.colours import BLACK, GREY, ORANGE, SKY_BLUE, WHITE, YELLOW, Colour
from hounsfield.report.document import model_line
from hounsfield.report.picture import present_on

SMALLEST_SIDE = 640
LARGEST_SIDE = 2048
MARGIN = 14
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scale:
    """Display pixels to a source pixel, along columns and along rows."""

    columns: float
    rows: float


@dataclass(frozen=True)
class Line:
    """One line of text with its colour and size; a bold line starts a paragraph."""

    text: str
    colour: Colour = WHITE
    size: int = 16
    is_bold: bool = False


def draw(report: Report, image: KeyImage, rows: int, columns: int) -> Picture:
    """Return the picture of one key image.

    Args:
        report: whose findings are written below the image.
        image: the frame to show.
        rows: rows of the source frame, in whose pixels the outlines are given.
        columns: columns of the source frame.

    Returns:
        (row, column, 3) uint8 RGB with square pixels.
    """
    shown, scale = _shown(image, rows, columns)
    _outline(shown, report, image, scale)
    width = max(shown.width, SMALLEST_SIDE)
    head = _text_block(_head_lines(), width)
    body = _text_block(_body_lines(report, image), width)
    canvas = Image.new("RGB", (width, head.height + shown.height + body.height), BLACK)
    canvas.paste(head, (0, 0))
    canvas.paste(shown, ((width - shown.width) // 2, head.height))
    canvas.paste(body, (0, head.height + shown.height))
    return np.asarray(canvas, dtype=np.uint8)


def _shown(image: KeyImage, rows: int, columns: int) -> tuple[Image.Image, Scale]:
    """Return the image with square pixels, as large as a reader can use, and how its pixels were stretched."""
    height, width = float(image.pixels.shape[0]) * image.pixel_aspect_ratio, float(image.pixels.shape[1])
    factor = max(1.0, SMALLEST_SIDE / max(height, width))
    factor = min(factor, LARGEST_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = Image.fromarray(np.ascontiguousarray(image.pixels)).convert("RGB")
    picture = picture.resize(size, Image.Resampling.BICUBIC if factor >= 1 else Image.Resampling.LANCZOS)
    return picture, Scale(size[0] / columns, size[1] / rows)


def _outline(picture: Image.Image, report: Report, image: KeyImage, scale: Scale) -> None:
    """Burn the outlines of the findings that are present: a bright line in a dark seam is seen on any grey."""
    draw_on = ImageDraw.Draw(picture)
    for finding in present_on(report, image):
        for polygon in finding.region.polygons if finding.region else ():
            points = [(float(x * scale.columns), float(y * scale.rows)) for x, y in polygon]
            if len(points) < 3:
                continue
            closed = points if points[0] == points[-1] else [*points, points[0]]
            draw_on.line(closed, fill=BLACK, width=7, joint="curve")
            draw_on.line(closed, fill=YELLOW, width=3, joint="curve")


def _head_lines() -> list[Line]:
    return [
        Line("AI RESULT   research use, not a medical device", ORANGE, 20, is_bold=True),
        Line("Needs a doctor's eyes. The image below is a copy: measure and diagnose on the original.", GREY, 14),
    ]


def _body_lines(report: Report, image: KeyImage) -> list[Line]:
    lines = []
    for finding in report.findings:
        answer = _drawable(narrative.answer(finding), finding.type.value)
        is_present = finding.presence is Presence.PRESENT
        lines.append(Line(answer, YELLOW if is_present else WHITE, 20, is_bold=True))
        if finding.score is not None:
            lines.append(Line(_drawable(narrative.score_sentence(finding), ""), WHITE, 15))
        if finding.operating_point is not None:
            lines.append(Line(_drawable(narrative.performance_sentence(finding.operating_point), ""), GREY, 14))
    if present_on(report, image):
        lines.append(
            Line("AI: the yellow outline shows where the model looked. It is not a measured border.", YELLOW, 14)
        )
    elif any(finding.presence is not Presence.NOT_ASSESSED for finding in report.findings):
        lines.append(Line("AI: no outline on this image. That rules nothing out.", SKY_BLUE, 14))
    lines += [
        Line(
            f"Model {_drawable(model_line(report), 'model')}; Hounsfield {report.provenance.software_version}", GREY, 13
        ),
        Line(
            f"Source {image.sop_instance_uid}, frame {image.frame_number}; analysed {report.provenance.ended}", GREY, 13
        ),
    ]
    return lines


def _drawable(text: str, instead: str) -> str:
    """Return a text that the font can write: Latin letters and the signs that the sentences use."""
    if all(_is_latin(letter) or letter in "–—≥≤…·×" for letter in text):
        return text
    kept = "".join(letter if _is_latin(letter) else "" for letter in text).strip(" ():,")
    return f"{instead} {kept}".strip()


def _is_latin(letter: str) -> bool:
    """Whether a letter is Latin and seen: line ends and other control characters stop the layout of a line."""
    return ord(letter) < 0x250 and letter.isprintable()


def _text_block(lines: list[Line], width: int) -> Image.Image:
    """Return lines wrapped to a width on black."""
    wrapped = [(piece, line) for line in lines for piece in _wrap(line, width - 2 * MARGIN)]
    heights = [round(line.size * 1.35) for _, line in wrapped]
    block = Image.new("RGB", (width, sum(heights) + 2 * MARGIN), BLACK)
    draw_on = ImageDraw.Draw(block)
    top = MARGIN
    for (piece, line), height in zip(wrapped, heights, strict=True):
        draw_on.text((MARGIN, top), piece, fill=line.colour, font=_font(line.size, line.is_bold))
        top += height
    return block


def _wrap(line: Line, width: int) -> list[str]:
    font = _font(line.size, line.is_bold)
    pieces: list[str] = []
    for word in line.text.split(" "):
        longer = f"{pieces[-1]} {word}" if pieces else word
        if pieces and font.getlength(longer) <= width:
            pieces[-1] = longer
        else:
            pieces += _split(word, font, width)
    return pieces


def _split(word: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Cut a word that is longer than a line, such as a UID."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


@cache
def _font(size: int, is_bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
