"""Features measured again: of images that were changed a little or taken twice, and how far their values agree.

It joins the rooms of radiomics and metrics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError
from hounsfield.metrics.agreement import Correlation, intraclass_correlation
from hounsfield.metrics.repeatability import variation_within
from hounsfield.radiomics import FeatureSet, RadiomicsSettings, extract
from hounsfield.radiomics.perturb import Perturbation, PerturbationSettings

LEAST_CASES = 3
"""An intraclass correlation of fewer cases says nothing."""


class Rating(StrEnum):
    """How reliable a correlation says that a measurement is (Koo and Li 2016, J Chiropr Med 15:155)."""

    EXCELLENT = "excellent"
    GOOD = "good"
    INSUFFICIENT = "moderate or poor"
    NOT_ASSESSED = "not assessed"


LEAST_EXCELLENT, LEAST_GOOD = 0.9, 0.75
"""Lower ends of the classes; signatures are built of features from the second, often from the first."""


def rating_of(correlation: Interval) -> Rating:
    """Return the class of a correlation by the lower limit of its interval, as Koo and Li ask for.

    Example:
        >>> rating_of(Interval(0.95, 0.8, 0.99)).value
        'good'
    """
    if correlation.value == 1:  # nothing differs, so there is no interval
        return Rating.EXCELLENT
    if not np.isfinite(correlation.low):
        return Rating.NOT_ASSESSED
    if correlation.low >= LEAST_EXCELLENT:
        return Rating.EXCELLENT
    return Rating.GOOD if correlation.low >= LEAST_GOOD else Rating.INSUFFICIENT


@dataclass(frozen=True)
class Repeatability:
    """How well one feature comes out again.

    Attributes:
        tag: of the feature.
        one_way: ICC(1,1), where the repetitions have no order, as perturbations have none.
        agreement: ICC(2,1), which a shift of all cases between first and second scan lowers.
        consistency: ICC(3,1), which such a shift leaves alone.
        variation: coefficient of variation within cases, a fraction.
        case_count: cases whose values are all numbers.
    """

    tag: str
    one_way: Interval
    agreement: Interval
    consistency: Interval
    variation: float
    case_count: int


def extract_perturbed(
    case: tuple[Volume, Mask],
    settings: RadiomicsSettings,
    count: int,
    seed: int,
    how: PerturbationSettings = PerturbationSettings(),  # noqa: B008 (frozen)
) -> list[FeatureSet]:
    """Return the features of an image and a mask under changes that are drawn from a seed.

    Args:
        case: image and mask on one grid; every label of the mask counts as the region.
        settings: of the extraction.
        count: of changes.
        seed: the same seed gives the same changes.
        how: how far they go.
    """
    return [extract(*one.apply(*case), settings) for one in drawn_changes(count, seed, how)]


def drawn_changes(
    count: int,
    seed: int,
    how: PerturbationSettings = PerturbationSettings(),  # noqa: B008 (frozen)
) -> list[Perturbation]:
    """Return so many changes; the same seed gives the same ones."""
    chance = np.random.default_rng(seed)
    return [Perturbation.drawn(how, chance) for _ in range(count)]


def repeatability(cases: Sequence[Sequence[FeatureSet]]) -> list[Repeatability]:
    """Return the intraclass correlations of every feature, with 95 % intervals (Shrout and Fleiss 1979).

    Cases of which a value is not a number are left out of that feature; with fewer than ``LEAST_CASES`` left its
    correlations are NaN.

    Args:
        cases: for each case its repetitions: perturbed images, or the first and the second scan.

    Raises:
        DatasetError: ``E982``, there are too few cases, or a case has another number of repetitions or other features.
    """
    counts = {len(repetitions) for repetitions in cases}
    if len(cases) < LEAST_CASES or len(counts) != 1 or counts.pop() < 2:
        found = ", ".join(str(len(repetitions)) for repetitions in cases) or "0"
        raise DatasetError("E982", found=found, expected=LEAST_CASES)
    tags = [feature.tag for feature in cases[0][0].features]
    for repetitions in cases:
        for one in repetitions:
            if [feature.tag for feature in one.features] != tags:
                raise DatasetError("E982", found=f"{len(one.features)} / {len(tags)}", expected=LEAST_CASES)
    table = np.array([[[feature.value for feature in one.features] for one in case] for case in cases])
    return repeatability_of(tags, table)


def repeatability_of(tags: Sequence[str], table: npt.NDArray[np.float64]) -> list[Repeatability]:
    """Return the same of values that are a table already; of too few cases the correlations are NaN.

    Args:
        tags: of the features.
        table: (case, repetition, feature).
    """
    return [_of(tag, table[:, :, place]) for place, tag in enumerate(tags)]


def _of(tag: str, values: npt.NDArray[np.float64]) -> Repeatability:
    kept = values[np.isfinite(values).all(axis=1)]
    variation = variation_within(kept)
    if len(kept) < LEAST_CASES:
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        return Repeatability(tag, nothing, nothing, nothing, variation, len(kept))
    forms = Correlation.ONE_WAY, Correlation.AGREEMENT, Correlation.CONSISTENCY
    one_way, agreement, consistency = (intraclass_correlation(kept, form) for form in forms)
    return Repeatability(tag, one_way, agreement, consistency, variation, len(kept))
