"""Cases of several series through the path that they were learned on: read, checked, prepared, answered together."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.cases.guard import Looks
from hounsfield.cases.several import SeveralTable
from hounsfield.cases.table import CaseImage
from hounsfield.core.quality import Severity
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.inference import Outputs, Progress, Reason, RefusedCase, start_volume
from hounsfield.evaluate.subgroups import Attributes, header_attributes
from hounsfield.model.contract_check import check_contract
from hounsfield.model.manifest import Manifest
from hounsfield.model.package import ModelPackage
from hounsfield.model.several_predictor import SeveralPredictor
from hounsfield.prepare.grid import one_slice
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.prepare.step import Step


def classify_series(
    package: ModelPackage,
    several: SeveralTable,
    indices: Sequence[int],
    threads: int = 0,
    progress: Progress | None = None,
) -> Outputs:
    """Score cases of several series; one that cannot be read, or that the contract refuses, is named and left out."""
    predictor, steps = SeveralPredictor(package, threads), build_steps(package.manifest.prepare)
    looks = Looks(len(several.table))
    scored: list[int] = []
    rows: list[npt.NDArray[np.float64]] = []
    refused: list[RefusedCase] = []
    attributes: list[Attributes] = []
    for done, index in enumerate(indices, start=1):
        try:
            images = read_series(several, index)
            given = prepare_series(package.manifest, steps, images)
            if isinstance(given, Mapping):
                answer = predictor.answer_case(given)
                rows.append(np.concatenate([head.values for head in answer.heads]))
                scored.append(index)
                first = next(iter(images.values()))
                attributes.append(header_attributes(first.study, first.series))
                looks.add(index, first.volume)
            else:
                refused.append(RefusedCase(index, given))
        except HounsfieldError as error:
            refused.append(RefusedCase(index, error))
        if progress:
            progress(done, len(indices))
    width = sum(len(head.classes) for head in package.manifest.heads)
    probabilities = np.stack(rows) if rows else np.zeros((0, width))
    is_outside = np.zeros(len(rows), dtype=bool)
    found = np.array(scored, dtype=np.int64)
    return Outputs(found, probabilities, is_outside, tuple(refused), looks, tuple(attributes))


def read_series(several: SeveralTable, index: int) -> dict[str, CaseImage]:
    """Return the image of each series that a case has, by name.

    Raises:
        HounsfieldError: one cannot be read.
    """
    cases = {view.name: view.cases[index] for view in several.views}
    return {name: several.table.read(case) for name, case in cases.items() if case is not None}


def prepare_series(
    manifest: Manifest, steps: tuple[Step, ...], images: Mapping[str, CaseImage]
) -> dict[str, npt.NDArray[np.float32]] | Reason:
    """Return the middle slice of each series on the model grid (row, column), or what the contract refuses.

    Raises:
        HounsfieldError: a step cannot be applied.
    """
    given: dict[str, npt.NDArray[np.float32]] = {}
    kinds = {entry.name: entry.modalities for entry in manifest.input.series}
    for name, image in images.items():
        contract = manifest.input.model_copy(update={"modalities": kinds[name] or manifest.input.modalities})
        own = manifest.model_copy(update={"input": contract})
        for issue in check_contract(own, image.study, image.series, image.volume):
            if issue.severity is Severity.REJECT:
                return issue
        source = start_volume(manifest, image.volume)
        prepared, _ = apply_steps(steps, one_slice(source, source.geometry.shape[0] // 2))
        given[name] = np.asarray(prepared.array[0], dtype=np.float32)
    return given
