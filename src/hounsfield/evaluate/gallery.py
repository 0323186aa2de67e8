"""The cases a model was most wrong about, and most surely right, with their images and what the model looked at."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import binary_erosion

from hounsfield.cases.table import Case, CaseTable
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.result import Evaluation
from hounsfield.image.display import to_greyscale_pixels

Explain = Callable[[Volume, int], npt.NDArray[np.floating]]
"""Takes the image of a case and a class, returns what speaks for it in the middle slice: (row, column) in 0..1."""

MAX_CASES = 12
MAX_EXPLAINED = 6
"""Cases of a gallery that are explained: an explanation runs the network many times."""

OUTLINED = 0.5
"""Part of the greatest value from which a map is outlined."""

_SIDE = 160
_ORANGE = (230, 159, 0)


@dataclass(frozen=True)
class GalleryCase:
    """A case of the gallery.

    Attributes:
        identifier: its name in the data set.
        reference: its class.
        called: the class it was called.
        reference_score: the probability the model gave its class.
        called_score: the probability of the class it was called.
        picture: PNG as a data URI, empty when it could not be read again.
        is_explained: whether the picture outlines what speaks for the called class.
    """

    identifier: str
    reference: str
    called: str
    reference_score: float
    called_score: float
    picture: str
    is_explained: bool = False


def worst_cases(
    evaluation: Evaluation, table: CaseTable, limit: int = MAX_CASES, explain: Explain | None = None
) -> tuple[GalleryCase, ...]:
    """Return the wrongly called cases whose own class got the least probability, worst first."""
    scored = evaluation.scored
    own = scored.probabilities[np.arange(len(scored.labels)), scored.labels]
    wrong = np.flatnonzero(scored.called != scored.labels)
    return _gallery(evaluation, table, wrong[np.argsort(own[wrong], kind="stable")][:limit], explain)


def best_cases(
    evaluation: Evaluation, table: CaseTable, limit: int = MAX_CASES, explain: Explain | None = None
) -> tuple[GalleryCase, ...]:
    """Return the rightly called cases whose class got the most probability, as many of each class, class by class."""
    scored = evaluation.scored
    own = scored.probabilities[np.arange(len(scored.labels)), scored.labels]
    present = np.unique(scored.labels)
    chosen: list[int] = []
    for label in present:
        right = np.flatnonzero((scored.called == scored.labels) & (scored.labels == label))
        chosen += right[np.argsort(-own[right], kind="stable")][: max(1, limit // len(present))].tolist()
    return _gallery(evaluation, table, chosen[:limit], explain)


def _gallery(
    evaluation: Evaluation, table: CaseTable, indices: Sequence[int] | npt.NDArray[np.intp], explain: Explain | None
) -> tuple[GalleryCase, ...]:
    scored, names = evaluation.scored, evaluation.subject.class_names
    by_name = {case.identifier: case for case in table.cases}
    step = max(1, -(-len(indices) // MAX_EXPLAINED))
    gallery = []
    for position, index in enumerate(indices):
        identifier, called = evaluation.cases[index].identifier, int(scored.called[index])
        label = int(scored.labels[index])
        asked = explain if position % step == 0 else None
        scores = (float(scored.probabilities[index, label]), float(scored.probabilities[index, called]))
        look = _look(table, by_name[identifier], asked, called)
        gallery.append(GalleryCase(identifier, names[label], names[called], *scores, *look))
    return tuple(gallery)


def look_at(table: CaseTable, case: Case) -> str:
    """Return the picture of a case as a data URI, empty where it cannot be read again."""
    return _look(table, case, None, 0)[0]


def _look(table: CaseTable, case: Case, explain: Explain | None, class_index: int) -> tuple[str, bool]:
    """Return the picture of a case and whether it outlines what speaks for the class."""
    try:
        volume = table.read_volume(case)
        pixels = to_greyscale_pixels(volume, volume.geometry.shape[0] // 2)
    except HounsfieldError:
        return "", False
    shown = Image.fromarray(pixels)
    scale = _SIDE / max(shown.size)
    size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
    shown = shown.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)
    heat = _heat(explain, volume, class_index)
    has_outline = heat is not None and heat.shape == pixels.shape and bool((heat >= OUTLINED).any())
    if heat is not None and has_outline:
        large = Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        inside = np.asarray(large) >= OUTLINED
        colours = np.array(shown.convert("RGB"))
        colours[inside & ~binary_erosion(inside, iterations=2)] = _ORANGE
        shown = Image.fromarray(colours)
    buffer = io.BytesIO()
    shown.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), has_outline


def _heat(explain: Explain | None, volume: Volume, class_index: int) -> npt.NDArray[np.floating] | None:
    """Return what speaks for a class, None for a model that makes no maps or steps that cannot be undone."""
    if explain is None:
        return None
    try:
        return explain(volume, class_index)
    except HounsfieldError:
        return None
