"""Evaluate a model of sequences: each film, stack or folder of frames is one case of a data set."""

from pathlib import Path

from hounsfield.cases.sequenced import read_sequences
from hounsfield.cases.target_columns import columns_named
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError
from hounsfield.evaluate.inference import Progress
from hounsfield.evaluate.result import Evaluation
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.evaluate.targets import TargetEvaluation, evaluate_targets
from hounsfield.model.package import ModelPackage

_DEFAULTS = EvaluateOptions()


def evaluate_sequences(
    package: ModelPackage,
    data: Path,
    output: Path | None = None,
    options: EvaluateOptions = _DEFAULTS,
    progress: Progress | None = None,
) -> Evaluation | TargetEvaluation:
    """Evaluate a model of sequences, as its answer asks for: classes, or a number.

    Cases are examined for copies as sequences, and intervals are drawn by patient and copies.

    Args:
        package: the model.
        data: any layout of sequences that ``train`` takes.
        output: folder for metrics.json, predictions.csv, plots and report.html; None writes nothing.
        options: part, bootstrap and threads.
        progress: told (done, all) after each sequence.

    Raises:
        DatasetError: as ``read_sequences``, ``evaluate`` and ``evaluate_targets``; ``E854``, the model answers with a
            number and the data hold none.
    """
    names = tuple(entry.name for entry in package.manifest.classes)
    if package.manifest.answer != "number":
        return evaluate(package, read_sequences(data).table, output, options, progress)
    targets = read_sequences(data, columns=columns_named(data, names)).targets
    if targets is None:
        raise DatasetError("E854", data=data.name, task=LearningTask.REGRESSION, found="0")
    return evaluate_targets(package, targets, output, options, progress)
