"""How robust each feature is over the regions that were measured again under small changes."""

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.image.saving import whole_file
from hounsfield.measuring.run import MeasuredRegion
from hounsfield.messages import Language
from hounsfield.radiomics import Feature
from hounsfield.repeating import LEAST_CASES, Rating, Repeatability, rating_of, repeatability_of

ENDING = ".robustness.csv"
SOURCE = "Zwanenburg 2019 (perturbations, ICC(1,1)); Koo and Li 2016 (classes, by the lower 95 % limit)"


@dataclass(frozen=True)
class FeatureRobustness:
    """One feature: as the manual names it, how well it comes out again, and the class of that."""

    feature: Feature
    repeatability: Repeatability

    @property
    def rating(self) -> Rating:
        """The class of its ICC(1,1)."""
        return rating_of(self.repeatability.one_way)


@dataclass(frozen=True)
class RegionRobustness:
    """The features of what bears one label in several cases.

    Attributes:
        label: number in the masks.
        name: of the region; empty where the masks have none.
        case_count: regions that were measured again.
        perturbations: of each.
        features: in the order of the manual.
    """

    label: int
    name: str
    case_count: int
    perturbations: int
    features: tuple[FeatureRobustness, ...]

    @property
    def issues(self) -> tuple[QualityIssue, ...]:
        """``Q710`` where there are too few cases for a correlation."""
        if self.case_count >= LEAST_CASES:
            return ()
        return (QualityIssue("Q710", Severity.NOTE, {"found": self.case_count, "expected": LEAST_CASES}),)


def robustness_of(regions: Sequence[MeasuredRegion]) -> tuple[RegionRobustness, ...]:
    """Return the robustness of features by label; regions that were not measured again are left out.

    Different labels are not taken together: that a liver is larger than its lesion would pass for robustness.
    """
    groups: dict[tuple[int, str], list[MeasuredRegion]] = {}
    for one in regions:
        if one.region is not None and one.found is not None and one.perturbed:
            groups.setdefault((one.region.label, one.region.name), []).append(one)
    return tuple(_of_group(label, name, group) for (label, name), group in groups.items())


def _of_group(label: int, name: str, group: list[MeasuredRegion]) -> RegionRobustness:
    features: dict[str, Feature] = {}
    values: dict[str, list[list[float]]] = {}
    for one in group:
        # deep features stand behind those that were measured again
        for place, feature in enumerate(one.found.features[: len(one.perturbed[0])] if one.found else ()):
            features.setdefault(feature.tag, feature)
            values.setdefault(feature.tag, []).append([row[place] for row in one.perturbed])
    found = []
    for tag, feature in features.items():
        (again,) = repeatability_of([tag], np.array(values[tag])[:, :, np.newaxis])
        found.append(FeatureRobustness(feature, again))
    return RegionRobustness(label, name, len(group), len(group[0].perturbed), tuple(found))


def robustness_json(found: Sequence[RegionRobustness], seed: int, language: Language = "en") -> list[dict[str, Any]]:
    """Return the answer of the verb; what is not defined is null."""
    return [
        {
            "label": one.label,
            "region": one.name,
            "cases": one.case_count,
            "perturbations": one.perturbations,
            "seed": seed,
            "source": SOURCE,
            "issues": [
                {"code": issue.code, "severity": issue.severity.value, "text": issue.text(language)}
                for issue in one.issues
            ],
            "features": [_feature(feature) for feature in one.features],
        }
        for one in found
    ]


def _feature(one: FeatureRobustness) -> dict[str, Any]:
    again = one.repeatability
    return {
        "tag": one.feature.tag,
        "ibsi_id": one.feature.ibsi_id,
        "family": one.feature.family,
        "cases": again.case_count,
        "icc": interval_json(again.one_way),
        "variation": finite(again.variation),
        "rating": one.rating.value,
    }


def interval_json(interval: Interval) -> dict[str, float | None]:
    """Return an interval with null for what is not defined."""
    return {name: finite(float(value)) for name, value in asdict(interval).items()}


def finite(value: float) -> float | None:
    """Return a number, or None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def robustness_path(table: Path) -> Path:
    """Return where the robustness of the features of a table stands: beside it."""
    return table.with_name(table.name[: -len(table.suffix)] + ENDING)


def write_robustness(found: Sequence[RegionRobustness], path: Path) -> Path:
    """Write a row a feature and label as CSV and return the path; it is never overwritten.

    Raises:
        SettingsError: ``E340``, something stands there.
    """
    names = ["label", "region", "tag", "ibsi_id", "family", "perturbations", "cases"]
    names += ["variation", "icc_1_1", "icc_1_1_low", "icc_1_1_high", "rating"]
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        for one in found:
            for each in one.features:
                told = _feature(each)
                icc = told.pop("icc")
                told |= {"label": one.label, "region": one.name, "perturbations": one.perturbations}
                told |= {"icc_1_1": icc["value"], "icc_1_1_low": icc["low"], "icc_1_1_high": icc["high"]}
                writer.writerow({name: "" if told[name] is None else told[name] for name in names})
    return path
