"""Skill of a head: what its answers are worth on one scale, 0 for knowing nothing and 1 for knowing all."""

import numpy as np
import numpy.typing as npt

from hounsfield.cases.task import LearningTask
from hounsfield.metrics.answers import median_class
from hounsfield.metrics.multiclass import macro_auroc
from hounsfield.metrics.ordinal import weighted_kappa
from hounsfield.train.several.plan import HeadPlan
from hounsfield.train.targets.way import mean_area

Values = npt.NDArray[np.float64]


def skill_of(head: HeadPlan, reference: Values, said: Values) -> float | None:
    """Return the skill of answers, over the cases that were assessed; None where it is not defined.

    Classes and labels: 2 AUROC - 1 (Gini), mean over classes or labels. Numbers: 1 less the mean absolute error over
    that of the mean of the training part. Grades: Cohen's kappa with quadratic weights. All are 0 for an answer that is
    the same for every image, so that their mean counts each head alike, whatever its unit or number of classes.

    Args:
        head: what was learned.
        reference: (case, column) targets, NaN where not assessed.
        said: (case, class) probabilities or anything that ranks them, log probabilities for grades, the number in its
            unit.
    """
    if head.task is LearningTask.MULTI_LABEL:
        has_both = [len(np.unique(column[np.isfinite(column)])) > 1 for column in reference.T]
        return 2 * mean_area(reference, said) - 1 if any(has_both) else None
    known = np.isfinite(reference[:, 0])
    wanted, answers = reference[known, 0], said[known]
    if len(np.unique(wanted)) < 2:
        return None
    if head.task is LearningTask.REGRESSION:
        error = np.abs(wanted - answers[:, 0]).mean()
        return float(1 - error / np.abs(wanted - head.centre).mean())
    labels = wanted.astype(np.int64)
    if head.task is LearningTask.ORDINAL:
        kappa = weighted_kappa(labels, median_class(np.exp(answers)), len(head.class_names))
        return kappa if np.isfinite(kappa) else 0.0
    return 2 * macro_auroc(labels, answers) - 1
