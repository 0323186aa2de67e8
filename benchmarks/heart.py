"""Ejection fraction of the heart task against two experts: patients that no model saw, with a Bland-Altman plot.

``python -m benchmarks.heart ../shared/data/cardiac_mri`` reads the internal test part of the starter, 9 patients, as
the task reads them: two looks, repairs, ends of the beat. ``--folds FOLDER`` reads every patient with the model that
did not see it, from ``hounsfield crossvalidate ../shared/data/cardiac_mri -o FOLDER --recipe
starters/cardiac-mri.toml``. ``--model FILE`` takes another model of the same split. The answer says which of the two
was run. Target: 4 points or fewer.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.masked import read_masked
from hounsfield.cases.masked_guard import examine_masked
from hounsfield.cases.masked_table import MaskTable
from hounsfield.clinical.heart.chambers import LEFT, Chambers
from hounsfield.clinical.heart.cycle import cycle_of
from hounsfield.clinical.heart.segment import segment_phases
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError
from hounsfield.metrics.agreement import limits_of_agreement
from hounsfield.metrics.masks import pair_masks
from hounsfield.metrics.overlap import dice_score
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.model.package import open_package
from hounsfield.model.registry import find_model
from hounsfield.report.case_figures import draw_differences
from hounsfield.train.plan import SplitPlan
from hounsfield.train.segmentation.gather import choose_masked_parts

TARGET_POINTS = 4.0
NAMES = {1: "right ventricle", 2: "myocardium", 3: "left ventricle"}


@dataclass(frozen=True)
class Patient:
    """Ejection fraction in percent by the experts and by the task, and mean Dice of each chamber over both frames."""

    name: str
    reference: float
    found: float
    dice: tuple[float, float, float]


def measure(name: str, predictor: MaskPredictor, frames: Sequence[tuple[Volume, Chambers]]) -> Patient:
    """Return what the task says of a patient, beside the experts' masks of the same frames.

    The experts name the earlier frame end-diastole; the task takes the larger cavity.
    """
    found = cycle_of(tuple(segment_phases(predictor, [volume for volume, _ in frames])))
    experts = [reference for _, reference in frames]
    early, late = experts[0].voxels(LEFT), experts[-1].voxels(LEFT)
    dice = [
        [dice_score(pair_masks(one.labels == label, two.labels == label)) for label in NAMES]
        for one, two in zip(found.phases, experts, strict=True)
    ]
    share = found.ejection_percent(LEFT)
    right, muscle, left = np.mean(dice, axis=0).tolist()
    mine = 0.0 if share is None else share
    return Patient(name, 100.0 * (early - late) / early, mine, (right, muscle, left))


def frames_of(table: MaskTable, indices: Sequence[int]) -> dict[str, list[tuple[Volume, Chambers]]]:
    """Return volume and experts' labels of each patient with two frames, earlier frame first."""
    cases: dict[str, dict[int, tuple[Volume, Chambers]]] = {}
    for index, image in table.read_all(indices):
        if isinstance(image, HounsfieldError):
            raise image
        patient, frame = table.cases[index].identifier.split("_frame")
        volume = image.volumes[0]
        if volume is not None:
            reference = Chambers(image.mask.array.astype(np.uint8), volume.geometry)
            cases.setdefault(patient, {})[int(frame)] = (volume, reference)
    return {name: [both[key] for key in sorted(both)] for name, both in sorted(cases.items()) if len(both) == 2}


def held_back(table: MaskTable, model: Path | None) -> Iterator[Patient]:
    """Give the patients of the internal test part."""
    package = open_package(model) if model else find_model("cardiac-mri")
    examination = examine_masked(table)
    chosen = choose_masked_parts(table, examination.groups, SplitPlan(), examination.unusable)
    predictor = MaskPredictor(package, threads=1)
    for name, frames in frames_of(table, chosen["test"]).items():
        yield measure(name, predictor, frames)


def cross_validated(table: MaskTable, folder: Path) -> Iterator[Patient]:
    """Give every patient, read by the model of the fold in which it was held back."""
    with (folder / "cross-validation.csv").open(encoding="utf-8", newline="") as file:
        fold_of = {row["case"]: int(row["fold"]) for row in csv.DictReader(file)}
    for fold in sorted(set(fold_of.values())):
        predictor = MaskPredictor(open_package(folder / f"fold-{fold}.model"), threads=1)
        indices = [index for index, case in enumerate(table.cases) if fold_of.get(case.identifier) == fold]
        for name, frames in frames_of(table, indices).items():
            yield measure(name, predictor, frames)


def summary(patients: Sequence[Patient], way: str) -> dict[str, object]:
    """Return the error of the ejection fraction in points, its agreement, and Dice."""
    reference = np.array([patient.reference for patient in patients])
    found = np.array([patient.found for patient in patients])
    agreement = limits_of_agreement(reference, found)
    error = float(np.abs(found - reference).mean())
    dice = np.mean([patient.dice for patient in patients], axis=0)
    return {
        "way": way,
        "patients": len(patients),
        "mean_absolute_error_points": round(error, 2),
        "target_points": TARGET_POINTS,
        "is_reached": error <= TARGET_POINTS,
        "bias_points": round(agreement.bias.value, 2),
        "limits_points": [round(agreement.lower.value, 2), round(agreement.upper.value, 2)],
        "dice": {name: round(float(value), 3) for name, value in zip(NAMES.values(), dice, strict=True)},
        "mean_dice": round(float(dice.mean()), 4),
    }


def draw(patients: Sequence[Patient], path: Path) -> None:
    """Write the Bland-Altman plot as SVG."""
    reference = np.array([patient.reference for patient in patients])
    found = np.array([patient.found for patient in patients])
    agreement = limits_of_agreement(reference, found)
    lines: Mapping[str, object] = {
        "bias": agreement.bias,
        "lower limit": agreement.lower,
        "upper limit": agreement.upper,
    }
    drawing = draw_differences(reference, found, lines, "ejection fraction [points]")  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drawing.svg(), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--plot", type=Path, default=Path("build/heart-bland-altman.svg"))
    given = parser.parse_args(arguments)
    table = read_masked(given.data)
    read = cross_validated(table, given.folds) if given.folds else held_back(table, given.model)
    patients = []
    for patient in read:
        patients.append(patient)
        sys.stdout.write(f"{patient.name}: experts {patient.reference:.1f} %, task {patient.found:.1f} %\n")
    way = "cross-validation" if given.folds else "internal test part of the starter, never learned from"
    sys.stdout.write(json.dumps(summary(patients, way), indent=1) + "\n")
    draw(patients, given.plot)
    sys.stdout.write(f"{given.plot}\n")


if __name__ == "__main__":
    main()
