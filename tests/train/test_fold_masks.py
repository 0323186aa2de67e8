"""Cross-validation of masks: patients stay whole, the Dice of every case is by its own sum, plans and parts agree."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.guard import examine  # noqa: E402
from hounsfield.cases.layouts import read_cases  # noqa: E402
from hounsfield.cases.masked import read_masked  # noqa: E402
from hounsfield.cases.splits import Fold  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, SettingsError  # noqa: E402
from hounsfield.evaluate.mask_cases import find_mask  # noqa: E402
from hounsfield.model.mask_predictor import MaskPredictor  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.fold_ground import survey  # noqa: E402
from hounsfield.train.folded import CrossValidation, FoldOptions  # noqa: E402
from hounsfield.train.folding import cross_validate  # noqa: E402
from hounsfield.train.gather import choose_parts  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.plan import SplitPlan  # noqa: E402
from hounsfield.train.pretrain.run import choose_images  # noqa: E402
from hounsfield.train.recipe import recipe_of_options  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from hounsfield.train.segmentation.gather import choose_masked_parts  # noqa: E402
from tests.train.discs import save_discs  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402
from tests.train.tiny import write_folders  # noqa: E402

RECIPE = """
[network]
patch = [1, 32, 32]
widths = [8, 12]
depth = 1
supervised = 1

[segmentation]
batches_per_epoch = 4
overlap_fraction = 0.0
"""
FOLDS = 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return discs.write_pairs(folder / "data", 10)


def options_of(data: Path) -> TrainOptions:
    return TrainOptions(epochs=1, batch_size=2, threads=1, recipe=data.parent / "recipe.toml")


@pytest.fixture(scope="module")
def finished(data: Path) -> CrossValidation:
    return cross_validate(data, data.parent / "folds", FoldOptions(options_of(data), FOLDS))


def rows_of(result: CrossValidation) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.cases.read_text(encoding="utf-8"))))


def test_every_mask_is_held_back_once(finished: CrossValidation, data: Path) -> None:
    rows = rows_of(finished)
    assert sorted(row["case"] for row in rows) == sorted(case.identifier for case in read_masked(data).cases)
    assert {row["fold"] for row in rows} == {"1", "2"}
    assert finished.case_count == len(rows) == 10


def test_the_pooled_dice_is_the_mean_of_the_cases(finished: CrossValidation) -> None:
    scores = np.array([float(row["dice"]) for row in rows_of(finished)])
    pooled = finished.pooled["dice"]
    assert pooled.value == pytest.approx(scores.mean(), abs=1e-6)
    assert scores.min() - 1e-6 <= pooled.low <= pooled.value <= pooled.high <= scores.max() + 1e-6
    for fold in finished.folds:
        own = [float(row["dice"]) for row in rows_of(finished) if row["fold"] == str(fold.number)]
        assert fold.metrics["dice"].value == pytest.approx(np.mean(own), abs=1e-6)


def test_a_case_has_the_dice_that_the_model_of_its_fold_gives_it(finished: CrossValidation, data: Path) -> None:
    """Predicted anew and summed by hand; a run holds images in half precision, so a sample may turn."""
    table = read_masked(data)
    rows = {row["case"]: row for row in rows_of(finished)}
    predictors = {str(fold.number): MaskPredictor(open_package(fold.model), threads=1) for fold in finished.folds}
    for index, image in table.read_all(range(0, 10, 3)):
        assert not isinstance(image, HounsfieldError)
        row = rows[table.cases[index].identifier]
        found = find_mask(predictors[row["fold"]], image.volumes).array == 1
        reference = image.mask.array == 1
        dice = 2 * np.count_nonzero(found & reference) / max(1, np.count_nonzero(found) + np.count_nonzero(reference))
        assert float(row["dice"]) == pytest.approx(dice, abs=0.01)


def test_the_document_names_the_groups_and_the_folds(finished: CrossValidation) -> None:
    told = json.loads(finished.document.read_text(encoding="utf-8"))
    assert told["cases"] == 10
    assert told["groups"] == 10
    assert [fold["cases"] for fold in told["folds"]] == [5, 5]
    assert told["seconds"] == pytest.approx(sum(fold["seconds"] for fold in told["folds"]), abs=0.11)


def test_what_is_done_is_not_trained_again(finished: CrossValidation, data: Path) -> None:
    before = [fold.model.stat().st_mtime_ns for fold in finished.folds]
    again = cross_validate(data, data.parent / "folds", FoldOptions(replace(options_of(data), resume=True), FOLDS))
    assert [fold.model.stat().st_mtime_ns for fold in again.folds] == before
    assert again.pooled == finished.pooled


def test_two_frames_of_a_patient_are_held_back_together() -> None:
    table = discs.table(16)
    groups = [index // 2 for index in range(16)]
    for number in range(1, 5):
        chosen = choose_masked_parts(table, groups, SplitPlan().of_fold(Fold(number, 4)))
        sides = [{groups[index] for index in cases} for cases in chosen.values()]
        assert not sides[0] & sides[1]
        assert not (sides[0] | sides[1]) & sides[2]
        assert len(chosen["test"]) == 4


def test_more_folds_than_images_are_refused(data: Path) -> None:
    asked = replace(options_of(data), fold=Fold(1, 12), name="t")
    with pytest.raises(DatasetError) as caught:
        survey(data, asked, recipe_of_options(asked), 12, lambda event: None)
    assert caught.value.code == "E610"
    assert caught.value.facts["found"] == 10
    assert caught.value.facts["expected"] == 12


def test_boxes_are_refused_by_name_but_one_fold_of_them_can_be_trained(tmp_path: Path) -> None:
    save_discs(tmp_path / "data", 36)
    asked = TrainOptions(epochs=1, threads=1, fold=Fold(1, 2), name="t")
    with pytest.raises(SettingsError) as caught:
        survey(tmp_path / "data", asked, recipe_of_options(asked), 2, lambda event: None)
    assert caught.value.code == "E611"
    assert "detection" in str(caught.value)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[network]\nwidths = [8, 8, 12, 12]\npyramid_width = 8\nhead_depth = 1\n", encoding="utf-8")
    result = train(tmp_path / "data", tmp_path / "m.model", replace(asked, recipe=recipe))
    manifest = open_package(result.model).manifest
    assert manifest.data.test == 18
    assert manifest.data.split.startswith("fold 1 of 2")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_pretraining_of_a_fold_leaves_its_test_part_alone(tmp_path: Path, number: int) -> None:
    table = read_cases(write_folders(tmp_path / "classes", 60))
    examination = examine(table)
    split = SplitPlan().of_fold(Fold(number, 3))
    test = set(choose_parts(table, examination, split)["test"])
    seen = choose_images(table, examination, split)
    assert len(test) == 20
    assert not test & {*seen["training"], *seen["tuning"]}
    assert len(seen["training"]) + len(seen["tuning"]) == 40
