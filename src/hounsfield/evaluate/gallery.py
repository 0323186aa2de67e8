"""The cases a model was most wrong about, with their images."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hounsfield.cases.table import Case, CaseTable
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.result import Evaluation
from hounsfield.image.display import to_greyscale_pixels

MAX_CASES = 12
_SIDE = 160


@dataclass(frozen=True)
class GalleryCase:
    """A wrongly called case.

    Attributes:
        identifier: its name in the data set.
        reference: its class.
        called: the class it was called.
        reference_score: the probability the model gave its class.
        called_score: the probability of the class it was called.
        picture: PNG as a data URI, empty when it could not be read again.
    """

    identifier: str
    reference: str
    called: str
    reference_score: float
    called_score: float
    picture: str


def worst_cases(evaluation: Evaluation, table: CaseTable, limit: int = MAX_CASES) -> tuple[GalleryCase, ...]:
    """Return the wrongly called cases whose own class got the least probability, worst first."""
    scored, names = evaluation.scored, evaluation.subject.class_names
    own = scored.probabilities[np.arange(len(scored.labels)), scored.labels]
    wrong = np.flatnonzero(scored.called != scored.labels)
    by_name = {case.identifier: case for case in table.cases}
    gallery = []
    for index in wrong[np.argsort(own[wrong], kind="stable")][:limit]:
        identifier, called = evaluation.cases[index].identifier, int(scored.called[index])
        gallery.append(
            GalleryCase(
                identifier,
                names[int(scored.labels[index])],
                names[called],
                float(own[index]),
                float(scored.probabilities[index, called]),
                _picture(table, identifier, by_name),
            )
        )
    return tuple(gallery)


def _picture(table: CaseTable, identifier: str, by_name: dict[str, Case]) -> str:
    case = by_name[identifier]
    try:
        volume = table.read_volume(case)
        pixels = to_greyscale_pixels(volume, volume.geometry.shape[0] // 2)
    except HounsfieldError:
        return ""
    picture = Image.fromarray(pixels)
    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
