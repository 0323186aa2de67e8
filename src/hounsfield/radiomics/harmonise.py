"""ComBat: features of several scanners or protocols brought to one scale (Johnson 2007; Fortin 2018).

Written here because the packages that offer it are not kept up: the last one is of Python 3.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.errors import DatasetError

Table = npt.NDArray[np.float64]

STEPS = 200
"""Most rounds of the estimate, which settles within a few."""
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Harmonisation:
    """What was learned of the batches.

    Attributes:
        batches: names, in the order of the rows of ``shifts`` and ``variances``.
        mean: (feature,) over the batches.
        effects: (covariate, feature) of what is to be kept.
        deviation: (feature,) within the batches; 0 where a feature never changes, which is then left as it is.
        shifts: (batch, feature) in deviations.
        variances: (batch, feature) over that of all.
    """

    batches: tuple[str, ...]
    mean: Table
    effects: Table
    deviation: Table
    shifts: Table
    variances: Table

    def apply(self, table: npt.ArrayLike, batches: Sequence[str], covariates: npt.ArrayLike | None = None) -> Table:
        """Return features with what is of their batch taken away; nothing is learned of them.

        Args:
            table: (case, feature).
            batches: of each case; learned ones.
            covariates: (case, covariate), as they were learned with.

        Raises:
            DatasetError: ``E983``, a batch was not learned; ``E984``, there is not one batch and one row of the
                learned covariates for each case.
        """
        values = np.asarray(table, dtype=np.float64)
        unknown = sorted(set(batches) - set(self.batches))
        if unknown:
            raise DatasetError("E983", found=unknown[0], expected=", ".join(self.batches))
        rows = [self.batches.index(batch) for batch in batches]
        kept = _covariates(covariates, len(values))
        if len(rows) != len(values) or kept.shape[1] != len(self.effects):
            raise DatasetError("E984", found=f"{len(values)}, {len(rows)}, {kept.shape[1]} / {len(self.effects)}")
        wanted = self.mean + kept @ self.effects
        is_still = self.deviation == 0
        scale = np.where(is_still, 1.0, self.deviation)
        plain = ((values - wanted) / scale - self.shifts[rows]) / np.sqrt(self.variances[rows])
        return np.where(is_still, values, plain * scale + wanted)


def learn_harmonisation(
    table: npt.ArrayLike, batches: Sequence[str], covariates: npt.ArrayLike | None = None
) -> Harmonisation:
    """Learn how the batches of a training part differ in mean and spread.

    Location and scale of each batch are drawn towards what is common to its features (empirical Bayes with the normal
    and the inverse gamma prior of Johnson et al. 2007, Biostatistics 8:118); a single feature has nothing in common
    with others, and its own location and scale stand.

    Args:
        table: (case, feature), all of them numbers; of the training part alone, or what is tested would be known.
        batches: of each case.
        covariates: (case, covariate) whose effect is kept, such as age or stage; None for none.

    Raises:
        DatasetError: ``E984``, a batch has fewer than two cases, a value is not a number, or batches and covariates
            cannot be told apart or are not one for each case.
    """
    values = np.asarray(table, dtype=np.float64)
    names = tuple(sorted(set(batches)))
    if not names:
        raise DatasetError("E984", found="0")
    member = np.array([[batch == name for name in names] for batch in batches], dtype=np.float64).reshape(
        -1, len(names)
    )
    if len(member) != len(values):
        raise DatasetError("E984", found=f"{len(values)}, {len(member)}")
    kept = _covariates(covariates, len(values))
    design = np.hstack([member, kept])
    counts = member.sum(axis=0)
    if counts.min() < 2 or not (np.isfinite(values).all() and np.isfinite(kept).all()):
        raise DatasetError("E984", found=f"{len(values)}, {len(names)}")
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DatasetError("E984", found="rank")
    found = np.asarray(np.linalg.lstsq(design, values, rcond=None)[0], dtype=np.float64)
    mean, effects = counts / len(values) @ found[: len(names)], found[len(names) :]
    deviation = np.asarray(np.sqrt(((values - design @ found) ** 2).mean(axis=0)), dtype=np.float64)
    deviation[deviation <= 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)] = 0.0
    plain = (values - mean - kept @ effects) / np.where(deviation == 0, 1.0, deviation)
    shifts, variances = np.zeros((len(names), values.shape[1])), np.ones((len(names), values.shape[1]))
    moving = deviation > 0
    for place in range(len(names)):
        if moving.any():
            group = plain[member[:, place] > 0][:, moving]
            shifts[place, moving], variances[place, moving] = _of_batch(group)
    return Harmonisation(names, mean, effects, deviation, shifts, variances)


def _covariates(covariates: npt.ArrayLike | None, count: int) -> Table:
    if covariates is None:
        return np.zeros((count, 0))
    found = np.asarray(covariates, dtype=np.float64)
    if found.ndim == 0 or len(found) != count:
        raise DatasetError("E984", found=f"{count}, {found.shape}")
    return found.reshape(count, -1)


def _of_batch(plain: Table) -> tuple[Table, Table]:
    """Return location and variance of the features of one batch, shrunk towards their common ones."""
    count, features = plain.shape
    shift, variance = plain.mean(axis=0), plain.var(axis=0, ddof=1)
    if features < 2 or variance.var(ddof=1) == 0 or shift.var(ddof=1) == 0:
        return shift, variance
    middle, spread = shift.mean(), shift.var(ddof=1)
    mean, width = variance.mean(), variance.var(ddof=1)
    shape, rate = 2 + mean**2 / width, mean * (1 + mean**2 / width)
    moved, scaled = shift, variance
    for _ in range(STEPS):
        before = moved, scaled
        moved = (count * spread * shift + scaled * middle) / (count * spread + scaled)
        scaled = (rate + ((plain - moved) ** 2).sum(axis=0) / 2) / (count / 2 + shape - 1)
        if max(np.abs(moved - before[0]).max(), np.abs(scaled - before[1]).max()) < TOLERANCE:
            break
    return moved, scaled
