"""Cases with masks from image to figures: on the grid of the image, against SimpleITK, and those that fail."""

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskTable
from hounsfield.core.codes import concept_for
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError
from hounsfield.evaluate.mask_cases import MeasuredCase, case_figures, find_mask, measure_cases
from hounsfield.evaluate.mask_page import SHOWN, Extremes
from hounsfield.evaluate.masks import evaluate_masks
from hounsfield.evaluate.run import EvaluateOptions
from tests.model.test_mask_predictor import bands

GRID = VolumeGeometry((6, 16, 20), (2.5, 0.8, 1.1))
NAMES = ("background", "dim", "bright")


def mask_of(array: np.ndarray, geometry: VolumeGeometry = GRID) -> Mask:
    return Mask(array, geometry, {int(value): concept_for("label") for value in np.unique(array) if value})


def image_of(array: np.ndarray, samples: np.ndarray | None = None, geometry: VolumeGeometry = GRID) -> MaskedImage:
    shown = array.astype(np.float32) * 2 if samples is None else samples
    return MaskedImage((Volume(shown, geometry, Quantity.ARBITRARY),), mask_of(array, geometry))


@dataclass(frozen=True)
class Reader:
    """Gives what it was given, or raises it, by the number of the case."""

    found: tuple[MaskedImage | DatasetError, ...]

    def read(self, case: MaskedCase) -> MaskedImage:
        one = self.found[int(case.identifier)]
        if isinstance(one, DatasetError):
            raise one
        return one


def table_of(*found: MaskedImage | DatasetError, **case: object) -> MaskTable:
    cases = tuple(MaskedCase(str(index), (Path("x"),), Path("y"), **case) for index in range(len(found)))  # type: ignore[arg-type]
    return MaskTable("made", NAMES, ("grey",), cases, (), "pairs", Reader(found))


def boxes(shift: int = 0) -> np.ndarray:
    array = np.zeros(GRID.shape, dtype=np.uint8)
    array[1:5, 3 + shift : 9 + shift, 4:12], array[0:2, 12:15, 2:7] = 1, 2
    return array


def test_dice_is_simpleitks_and_known_by_hand() -> None:
    found = case_figures(mask_of(boxes(2)), image_of(boxes()), table_of(), {1: 1, 2: 2})
    measure = SimpleITK.LabelOverlapMeasuresImageFilter()
    measure.Execute(*(SimpleITK.GetImageFromArray(array) for array in (boxes(2), boxes())))
    assert found["dice dim"] == pytest.approx(measure.GetDiceCoefficient(1)) == pytest.approx(4 / 6)
    assert found["dice bright"] == 1
    assert found["dice"] == pytest.approx((4 / 6 + 1) / 2)
    assert (found["hd95 bright"], found["assd bright"]) == (0, 0)


@pytest.mark.parametrize("spacing_mm", [(2.5, 0.8, 1.1), (0.7, 3.0, 0.4)])
def test_a_mask_lies_on_the_grid_of_its_image_after_preparation(
    monkeypatch: pytest.MonkeyPatch, spacing_mm: tuple[float, float, float]
) -> None:
    direction = ((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
    geometry = VolumeGeometry(GRID.shape, spacing_mm, (7.0, -3.0, 50.0), direction)
    predictor = bands()
    prepare = [{"step": "orient", "to": "LPS"}, {"step": "resample", "spacing_mm": min(spacing_mm) * 0.9}]
    manifest = predictor.package.manifest.model_copy(update={"prepare": prepare})
    predictor.package = replace(predictor.package, manifest=manifest)
    seen: list[tuple[int, ...]] = []
    predict = predictor.predict
    monkeypatch.setattr(predictor, "predict", lambda images: seen.append(images.shape) or predict(images))
    found = find_mask(predictor, image_of(boxes(), None, geometry).volumes)
    # the network sees other axes than the scan has, and finer samples along each
    finer = [round(count * old / (min(spacing_mm) * 0.9)) for count, old in zip(GRID.shape, spacing_mm, strict=True)]
    assert sorted(seen[0][1:]) == sorted(finer)
    assert seen[0][1:] != tuple(finer)
    assert found.geometry == geometry
    # linear reading between 0 and 4 passes the band of label 1, so a rim of the bright box may be called dim
    assert set(found.labels) == {1, 2}
    assert ((found.array > 0) == (boxes() > 0)).mean() > 0.97
    assert (found.array == boxes()).mean() > 0.95


def test_what_fails_is_told_apart_and_the_others_are_measured() -> None:
    broken = DatasetError("E818", case="1", reason="ValueError")
    without = replace(image_of(boxes()), volumes=(None,))
    table = table_of(image_of(boxes()), broken, without, image_of(boxes()))
    told: list[tuple[int, int]] = []
    measured, refused = measure_cases(bands(), table, range(4), lambda done, total: told.append((done, total)))
    assert [case.identifier for case in measured] == ["0", "3"]
    assert [(case.identifier, case.reason.code) for case in refused] == [("1", "E818"), ("2", "E408")]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert measured[0].figures["dice"] == 1
    assert measured[0].is_calibrated


def test_an_evaluation_names_refused_cases_in_its_rows_and_its_issues() -> None:
    shifted = image_of(boxes(), boxes(2).astype(np.float32) * 2)
    table = table_of(image_of(boxes()), shifted, DatasetError("E818", case="2", reason="x"), split="test")
    found = evaluate_masks(bands().package, table, options=EvaluateOptions(resamples=200, threads=1))
    dice = found.measures["dice"]
    assert dice.value == pytest.approx((1 + 5 / 6) / 2)
    # the draws of two cases are one of them twice, or both
    assert (dice.low, dice.high) == pytest.approx((5 / 6, 1))
    assert {issue.code for issue in found.issues} == {"Q852"}
    assert found.distance_unit == "mm"
    rows = list(csv.DictReader(io.StringIO(found.as_csv())))
    assert [(row["identifier"], row["refused"]) for row in rows] == [("0", ""), ("1", ""), ("2", "E818")]
    assert float(rows[1]["dice dim"]) == pytest.approx(4 / 6, abs=1e-6)
    assert rows[2]["dice"] == ""


def test_one_patient_is_drawn_as_one() -> None:
    """All cases of one patient: no draw can differ from another, so the interval has no width."""
    pair = image_of(boxes()), image_of(boxes(), boxes(2).astype(np.float32) * 2)
    options = EvaluateOptions(resamples=100, threads=1)
    one = evaluate_masks(bands().package, table_of(*pair, patient="p"), options=options).measures["dice"]
    assert one.low == pytest.approx(one.value) == pytest.approx(one.high)
    two = evaluate_masks(bands().package, table_of(*pair), options=options).measures["dice"]
    assert two.low < two.value == pytest.approx(one.value)


def test_mostly_refused_or_undeclared_parts_give_no_figures() -> None:
    broken = DatasetError("E818", case="1", reason="x")
    with pytest.raises(DatasetError) as caught:
        evaluate_masks(bands().package, table_of(image_of(boxes()), broken, broken))
    assert caught.value.code == "E853"
    with pytest.raises(DatasetError) as caught:
        evaluate_masks(bands().package, table_of(image_of(boxes())), options=EvaluateOptions(part="tuning"))
    assert caught.value.code == "E852"


@pytest.mark.parametrize("count", [3, 8, 20])
def test_the_worst_and_best_cases_are_those_of_the_whole_order(count: int) -> None:
    chance = np.random.default_rng(count)
    scores = chance.random(count).round(1).tolist()
    cases = [MeasuredCase(f"{index:02d}", None, {"dice": score}, True) for index, score in enumerate(scores)]
    extremes = Extremes()
    for case in cases:
        extremes.note(case, image_of(boxes()), mask_of(boxes(1)))
    order = sorted((case.rank, case.identifier) for case in cases)
    expected = order if count <= 2 * SHOWN else [*order[:SHOWN], *order[-SHOWN:]]
    assert [picture.place for picture in extremes.pictures()] == expected


def test_cases_are_noted_with_their_image_and_mask_in_order() -> None:
    table = table_of(*(image_of(boxes(shift), boxes().astype(np.float32)) for shift in (0, 1, 2)), DatasetError("E818"))
    noted = []
    measured, refused = measure_cases(bands(), table, range(4), None, lambda *told: noted.append(told))
    assert [case.identifier for case, _, _ in noted] == [case.identifier for case in measured] == ["0", "1", "2"]
    for index, (_, image, found) in enumerate(noted):
        np.testing.assert_array_equal(image.mask.array, boxes(index))
        assert found.geometry == GRID
    assert [item.identifier for item in refused] == ["3"]
