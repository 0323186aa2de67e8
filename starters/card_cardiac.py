"""Measure the ejection fraction of the cardiac starter on patients it never saw, and write it into its card.

    python starters/card_cardiac.py ../shared/data/cardiac_mri MODEL

The frames are read as the task ``heart`` reads them: a look at the whole, a second about the ventricle, repairs. The
volume of the left ventricle is its voxels in end-diastole and in end-systole (the method of discs); the spacing is not
stored, and cancels in the ratio. The earlier frame is end-diastole. Every number comes from here.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.masked import read_masked
from hounsfield.cases.masked_guard import examine_masked
from hounsfield.cases.masked_table import MaskTable
from hounsfield.clinical.heart.segment import segment_phases
from hounsfield.core.prediction import Interval
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import HounsfieldError
from hounsfield.metrics.agreement import limits_of_agreement
from hounsfield.metrics.case_means import mean_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.model.manifest import Manifest
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.model.package import open_package, write_package
from hounsfield.model.statements import Metric
from hounsfield.train.plan import SplitPlan
from hounsfield.train.segmentation.gather import choose_masked_parts

LEFT_VENTRICLE = 3
PART = "cardiac_mri, internal test part"


@dataclass(frozen=True)
class Heart:
    """Ejection fraction of a patient in percent, by the reference contours and by the model."""

    patient: str
    reference: float
    predicted: float


def find_mask(predictor: MaskPredictor, volumes: Sequence[Volume | None]) -> Mask:
    """Return the chambers of a frame as the heart task reads them."""
    present = [volume for volume in volumes if volume is not None]
    (found,) = segment_phases(predictor, present)
    return Mask(found.labels, found.geometry, {})


def ejection_percent(diastole_voxels: int, systole_voxels: int) -> float:
    """Return the ejection fraction in percent of volumes in end-diastole and end-systole."""
    return 100 * (diastole_voxels - systole_voxels) / diastole_voxels


def hearts_of(table: MaskTable, indices: list[int], predictor: MaskPredictor) -> list[Heart]:
    """Return the ejection fractions of the patients of whom both frames are among the cases."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for index, image in table.read_all(indices):
        if isinstance(image, HounsfieldError):
            raise image
        found = find_mask(predictor, image.volumes)
        patient, frame = table.cases[index].identifier.split("_frame")
        voxels = [int(np.count_nonzero(mask.array == LEFT_VENTRICLE)) for mask in (image.mask, found)]
        counts.setdefault(patient, {})[frame] = (voxels[0], voxels[1])
    hearts = []
    for patient, frames in sorted(counts.items()):
        if len(frames) == 2:
            early, late = (frames[frame] for frame in sorted(frames, key=int))
            own = [ejection_percent(early[side], late[side]) for side in (0, 1)]
            hearts.append(Heart(patient, own[0], own[1]))
    return hearts


def metrics_of(hearts: list[Heart], groups: list[int]) -> list[Metric]:
    """Return the mean absolute error, the bias and the limits of agreement (Bland and Altman 1986), in points."""
    reference = np.array([heart.reference for heart in hearts])
    predicted = np.array([heart.predicted for heart in hearts])
    together = np.array(groups, dtype=np.int64)
    name = "absolute error"
    weights = resample_weights(np.zeros(len(hearts), dtype=np.int64), together)
    absolute = bootstrap_intervals({name: mean_of(np.abs(predicted - reference))}, weights, len(hearts))[name]
    agreement = limits_of_agreement(reference, predicted, together)
    found = {
        "ejection fraction, mean absolute error (points)": absolute,
        "ejection fraction, bias (points)": agreement.bias,
        "ejection fraction, lower limit of agreement (points)": agreement.lower,
        "ejection fraction, upper limit of agreement (points)": agreement.upper,
    }
    return [entry(name, interval, len(hearts)) for name, interval in found.items()]


def entry(name: str, interval: Interval, count: int) -> Metric:
    """Return an interval as a manifest states it."""
    values = {"value": interval.value, "low": interval.low, "high": interval.high}
    return Metric(name=name, **{key: round(value, 4) for key, value in values.items()}, data_set=PART, n=count)


def with_metrics(manifest: Manifest, metrics: list[Metric]) -> Manifest:
    """Return the manifest with metrics in place of those of the same names."""
    names = {item.name for item in metrics}
    kept = [item for item in manifest.metrics if item.name not in names]
    return manifest.model_copy(update={"metrics": [*kept, *metrics]})


def main(data: Path, path: Path) -> None:
    """Measure a model and write it again with what was measured; its network stays as it is."""
    table = read_masked(data)
    examination = examine_masked(table)
    chosen = choose_masked_parts(table, examination.groups, SplitPlan(), examination.unusable)
    package = open_package(path)
    hearts = hearts_of(table, list(chosen["test"]), MaskPredictor(package, threads=1))
    places = {
        case.identifier.split("_frame")[0]: group for case, group in zip(table.cases, examination.groups, strict=True)
    }
    metrics = metrics_of(hearts, [places[heart.patient] for heart in hearts])
    for heart in hearts:
        sys.stdout.write(f"{heart.patient}: reference {heart.reference:.1f} %, model {heart.predicted:.1f} %\n")
    for item in metrics:
        sys.stdout.write(f"{item.name}: {item.value} [{item.low}, {item.high}], {item.n} patients\n")
    write_package(path, with_metrics(package.manifest, metrics), package.network)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
