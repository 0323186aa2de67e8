"""Two models on the same cases: each measure of both, the difference with its interval, and how sure it is."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hounsfield.cases.names import plain
from hounsfield.cases.table import CaseTable
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError
from hounsfield.evaluate.inference import Progress
from hounsfield.evaluate.mapping import positive_class
from hounsfield.evaluate.result import Evaluation, ScoredCase
from hounsfield.evaluate.run import EvaluateOptions, evaluate
from hounsfield.evaluate.scoring import Scored, measure, statistics_from, statistics_of
from hounsfield.metrics.delong import compare_auroc
from hounsfield.metrics.discrimination import auroc_of, average_precision_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.multiclass import macro_auroc_of, macro_average_precision_of
from hounsfield.metrics.paired import McNemar, difference_of, holm, mcnemar, permutation_p_values
from hounsfield.metrics.weights import Statistic
from hounsfield.model.package import ModelPackage

COMPARED = (
    "auroc", "average_precision", "accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1", "brier",
    "log_loss", "ece",
)  # fmt: skip
"""The measures that are compared; the p values are adjusted for their number."""

DEFAULTS = EvaluateOptions()

LEVEL = 0.05
"""Adjusted p value at or below which two models are said to differ."""


@dataclass(frozen=True)
class Difference:
    """One measure of two models on the same cases.

    Attributes:
        name: of the measure.
        first: of the first model.
        second: of the second model.
        difference: first minus second.
        p_value: two-sided, that there is no difference.
        p_adjusted: adjusted for the number of measures (Holm 1979).
        test: ``delong`` or ``permutation``.
    """

    name: str
    first: Interval
    second: Interval
    difference: Interval
    p_value: float
    p_adjusted: float
    test: str

    @property
    def is_significant(self) -> bool:
        """Whether the models differ in this measure after adjustment."""
        return self.p_adjusted <= LEVEL


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        first: evaluation of the first model alone.
        second: evaluation of the second model alone.
        cases: those that both models scored.
        first_scored: what the first said of them.
        second_scored: what the second said of them, classes in the order of the first.
        rows: one a measure.
        mcnemar: cases that only one called rightly.
        issues: what speaks against trusting the differences, beside what was said of each model alone.
    """

    first: Evaluation
    second: Evaluation
    cases: tuple[ScoredCase, ...]
    first_scored: Scored
    second_scored: Scored
    rows: tuple[Difference, ...]
    mcnemar: McNemar
    issues: tuple[QualityIssue, ...]

    @property
    def told(self) -> tuple[tuple[str, QualityIssue], ...]:
        """Every issue with whom it concerns: ``A`` the first model, ``B`` the second, or nothing for both."""
        first, second = ({issue.text(): issue for issue in side.issues} for side in (self.first, self.second))
        return (
            *(("", issue) for issue in self.issues),
            *(("" if text in second else "A", issue) for text, issue in first.items()),
            *(("B", issue) for text, issue in second.items() if text not in first),
        )

    @property
    def has_groups(self) -> bool:
        """Whether a patient has several cases, so that McNemar's test does not hold exactly."""
        groups = self.first_scored.groups
        return len(np.unique(groups)) < len(groups)


def compare(
    first: ModelPackage,
    second: ModelPackage,
    table: CaseTable,
    options: EvaluateOptions = DEFAULTS,
    progress: Progress | None = None,
    run_folders: tuple[Path | None, Path | None] = (None, None),
) -> Comparison:
    """Compare two models on the cases that both score, each at its own operating point.

    Differences have percentile bootstrap intervals in which both models see the same resample, drawn by patient; p
    values come from exchanging the outputs of the two on whole patients, for the AUROC of two classes from DeLong's
    test.

    Args:
        first: a model.
        second: another one with the same classes.
        table: the data, as ``read_cases`` returns it.
        options: part, bootstrap and threads.
        progress: told (done, all) after each case of each model.
        run_folders: of the training run of each model; see ``EvaluateOptions``.

    Raises:
        DatasetError: ``E844`` the models' classes differ, ``E845`` they look for different classes, ``E846`` no case of
            two classes is scored by both; else as ``evaluate``.
    """
    _check_classes(first, second)

    def told(models_before: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(models_before * total + done, 2 * total)

    own = [replace(options, run_folder=folder) for folder in run_folders]
    of_first = evaluate(first, table, options=own[0], progress=told(0))
    of_second = evaluate(second, table, options=own[1], progress=told(1))
    return compare_evaluations(of_first, of_second, options)


def compare_evaluations(first: Evaluation, second: Evaluation, options: EvaluateOptions = DEFAULTS) -> Comparison:
    """Compare two evaluations of one data set; see ``compare``."""
    position = {case.identifier: index for index, case in enumerate(second.cases)}
    common = [
        (index, position[case.identifier]) for index, case in enumerate(first.cases) if case.identifier in position
    ]
    own, other = np.array(common, dtype=np.int64).reshape(-1, 2).T
    one = _chosen(first.scored, own, np.arange(len(first.subject.classes)))
    if len(np.unique(one.labels)) < 2:
        raise DatasetError("E846", count=len(own))
    names = [plain(name) for name in second.subject.class_names]
    order = np.array([names.index(plain(name)) for name in first.subject.class_names])
    two = replace(_chosen(second.scored, other, order), labels=one.labels, groups=one.groups, positive=one.positive)
    return Comparison(
        first=first,
        second=second,
        cases=tuple(first.cases[index] for index in own),
        first_scored=one,
        second_scored=two,
        rows=_rows(one, two, options),
        mcnemar=mcnemar(one.called == one.labels, two.called == two.labels),
        issues=_issues(first, second, len(own)),
    )


def _check_classes(first: ModelPackage, second: ModelPackage) -> None:
    classes = first.manifest.predicted_classes, second.manifest.predicted_classes
    names = [[entry.name for entry in part] for part in classes]
    if {plain(name) for name in names[0]} != {plain(name) for name in names[1]}:
        raise DatasetError("E844", found=", ".join(names[1]), expected=", ".join(names[0]))
    looked_for = [None if (index := positive_class(part)) is None else part[index].name for part in classes]
    if looked_for[0] is not None and plain(looked_for[0]) != plain(looked_for[1] or ""):
        raise DatasetError("E845", found=looked_for[1], expected=looked_for[0])


def _chosen(scored: Scored, cases: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> Scored:
    """Return some of the cases with the classes in another order."""
    rank = np.argsort(order)
    positive = None if scored.positive is None else int(rank[scored.positive])
    return Scored(
        rank[scored.labels[cases]],
        scored.probabilities[cases][:, order],
        scored.groups[cases],
        positive,
        scored.threshold,
    )


def _rows(one: Scored, two: Scored, options: EvaluateOptions) -> tuple[Difference, ...]:
    sides = [measure(scored, options.resamples, options.seed, COMPARED) for scored in (one, two)]
    statistics = statistics_of(one), statistics_of(two)
    gaps = {name: difference_of(statistics[0][name], statistics[1][name]) for name in COMPARED}
    weights = resample_weights(one.labels, one.groups, options.resamples, options.seed)
    differences = bootstrap_intervals(gaps, weights, len(one.labels))
    p_values = permutation_p_values(_both(one, two), len(one.labels), one.groups, options.resamples, options.seed)
    tests = dict.fromkeys(COMPARED, "permutation")
    if one.positive is not None:
        areas = compare_auroc(one.is_positive, one.scores, two.scores, groups=one.groups)
        if np.isfinite(areas.p_value):
            differences["auroc"], p_values["auroc"], tests["auroc"] = areas.difference, areas.p_value, "delong"
    adjusted = holm([p_values[name] for name in COMPARED])
    return tuple(
        Difference(name, sides[0][name], sides[1][name], differences[name], p_values[name], float(value), tests[name])
        for name, value in zip(COMPARED, adjusted, strict=True)
    )


def _both(one: Scored, two: Scored) -> dict[str, Statistic]:
    """Return the compared measures of the outputs of both models one after the other."""
    labels, called = np.tile(one.labels, 2), np.concatenate([one.called, two.called])
    statistics = statistics_from(labels, np.concatenate([one.probabilities, two.probabilities]), called, one.positive)
    # areas look at order alone, and the scores of two models need not have one scale (Bandos et al. 2005)
    ranks = np.concatenate([rankdata(scored.probabilities, axis=0) for scored in (one, two)])
    if one.positive is None:
        areas = {"auroc": macro_auroc_of(labels, ranks), "average_precision": macro_average_precision_of(labels, ranks)}
    else:
        is_positive, scores = labels == one.positive, ranks[:, one.positive]
        areas = {
            "auroc": auroc_of(is_positive, scores),
            "average_precision": average_precision_of(is_positive, scores),
        }
    return {name: (statistics | areas)[name] for name in COMPARED}


def _issues(first: Evaluation, second: Evaluation, common: int) -> tuple[QualityIssue, ...]:
    issues = []
    if first.subject.package_digest == second.subject.package_digest:
        issues.append(QualityIssue("Q857", Severity.WARN, {}))
    left_out = len(first.cases) + len(second.cases) - 2 * common
    if left_out:
        issues.append(QualityIssue("Q858", Severity.WARN, {"count": left_out, "total": common + left_out}))
    return tuple(issues)
