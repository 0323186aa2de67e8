"""Every case through the same path as an analysis: read, checked against the contract, prepared, predicted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.cases.guard import Looks
from hounsfield.cases.table import CaseImage, CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.subgroups import Attributes, header_attributes
from hounsfield.image.display import to_display
from hounsfield.model.contract_check import check_contract
from hounsfield.model.manifest import Manifest
from hounsfield.model.outside import outside_scores
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import Predictor
from hounsfield.model.several_predictor import head_answers
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.prepare.step import Step

Progress = Callable[[int, int], None]
Reason = QualityIssue | HounsfieldError


@dataclass(frozen=True)
class RefusedCase:
    """A case that was not scored: its index in the table and why."""

    index: int
    reason: Reason


@dataclass(frozen=True)
class Outputs:
    """What the model said.

    Attributes:
        indices: (n,) index in the table of each scored case.
        probabilities: (n, class) float64, the mean over slices for a volume; the number itself (n, 1) where it is one;
            the answers of the heads one after the other where there are several.
        is_outside: (n,) whether the model's own score says that the image is of an unknown kind.
        refused: cases that were not scored.
        attributes: what the header of each scored case says that groups patients.
        looks: what the search for copies needs.
    """

    indices: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    is_outside: npt.NDArray[np.bool_]
    refused: tuple[RefusedCase, ...]
    looks: Looks
    attributes: tuple[Attributes, ...]


def start_volume(manifest: Manifest, volume: Volume) -> Volume:
    """Return a volume in the quantity that the manifest's preparing steps start from."""
    if manifest.input.quantity != "display":
        return volume
    return to_display(volume, keep_colour=manifest.network.channels == 3)


def classify(
    package: ModelPackage, table: CaseTable, indices: Sequence[int], threads: int = 0, progress: Progress | None = None
) -> Outputs:
    """Score cases of a table; one that cannot be read, or that the contract refuses, is named and left out."""
    predictor = Predictor(package, threads)
    steps = build_steps(package.manifest.prepare)
    looks = Looks(len(table), of_sequences=table.holds_sequences)
    scored: list[int] = []
    rows: list[npt.NDArray[np.float64]] = []
    outside: list[bool] = []
    refused: list[RefusedCase] = []
    attributes: list[Attributes] = []
    for done, (index, image) in enumerate(table.read_all(indices), start=1):
        answer = image if isinstance(image, HounsfieldError) else _score(predictor, steps, image)
        if isinstance(answer, tuple) and not isinstance(image, HounsfieldError):
            scored.append(index)
            rows.append(answer[0])
            outside.append(answer[1])
            attributes.append(header_attributes(image.study, image.series))
        elif not isinstance(answer, tuple):
            refused.append(RefusedCase(index, answer))
        if not isinstance(image, HounsfieldError):
            looks.add(index, image.volume)
        if progress:
            progress(done, len(indices))
    probabilities = np.stack(rows) if rows else np.zeros((0, len(package.manifest.classes)))
    return Outputs(
        np.array(scored, dtype=np.int64),
        probabilities,
        np.array(outside, dtype=bool),
        tuple(refused),
        looks,
        tuple(attributes),
    )


def _score(
    predictor: Predictor, steps: tuple[Step, ...], image: CaseImage
) -> tuple[npt.NDArray[np.float64], bool] | Reason:
    """Return what the model says (class,), and whether the image lies outside, or why it was refused."""
    manifest = predictor.package.manifest
    for issue in check_contract(manifest, image.study, image.series, image.volume):
        if issue.severity is Severity.REJECT:
            return issue
    try:
        prepared, _ = apply_steps(steps, start_volume(manifest, image.volume))
        outputs = predictor.run(predictor.images_of(prepared))
    except HounsfieldError as error:
        return error
    margin = outside_scores(manifest, outputs)
    if manifest.heads:
        said = np.concatenate([answers.mean(axis=0) for answers in head_answers(manifest, outputs)])
    else:
        said = predictor.answers(outputs[manifest.network.logits]).mean(axis=0)
    return said, margin is not None and float(np.median(margin)) > 0
