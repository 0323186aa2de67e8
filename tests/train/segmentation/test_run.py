"""Whole segmentation runs: from a folder to a package that answers, the same bytes twice and after a stop."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.masked import read_masked  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, ModelError, OutOfScope  # noqa: E402
from hounsfield.evaluate.mask_cases import find_mask, match_labels  # noqa: E402
from hounsfield.evaluate.masks import evaluate_masks  # noqa: E402
from hounsfield.model.mask_predictor import MaskPredictor  # noqa: E402
from hounsfield.model.package import ModelPackage, open_package, write_package  # noqa: E402
from hounsfield.model.predictor import Predictor  # noqa: E402
from hounsfield.train.events import TrainEvent, silent  # noqa: E402
from hounsfield.train.options import TrainOptions, TrainResult  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.train.segmentation import discs  # noqa: E402

RECIPE = """
[network]
patch = [1, 32, 32]
widths = [8, 12, 16]
supervised = 1
[segmentation]
batches_per_epoch = 6
[learning]
batch_size = 4
learning_rate = 5e-3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("discs")
    discs.write_pairs(found / "data", 14)
    (found / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return found


def run(folder: Path, name: str, resume: bool = False, talk: object = silent, epochs: int = 3) -> TrainResult:
    options = TrainOptions(
        recipe=folder / "recipe.toml", epochs=epochs, threads=1, resume=resume, command="hounsfield train"
    )
    return train(folder / "data", folder / f"{name}.model", replace(options, name="discs"), talk)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(folder: Path) -> TrainResult:
    return run(folder, "first")


@pytest.fixture(scope="module")
def package(result: TrainResult) -> ModelPackage:
    return open_package(result.model)


def test_a_stopped_run_resumes_to_the_bytes_of_a_whole_one(folder: Path, result: TrainResult) -> None:
    def stop(event: TrainEvent) -> None:
        if event.key == "ui.train.epoch.segmentation" and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(HounsfieldError) as caught:
        run(folder, "torn", talk=stop)
    assert caught.value.code == "E842"
    resumed = run(folder, "torn", resume=True)
    assert resumed.weights_digest == result.weights_digest
    assert resumed.epochs_run == result.epochs_run == 3


def test_another_plan_does_not_resume(folder: Path, result: TrainResult) -> None:
    with pytest.raises(HounsfieldError) as caught:
        run(folder, "first", resume=True, epochs=4)
    assert caught.value.code == "E836"
    assert "learning.epochs" in caught.value.text()


def test_the_run_folder_tells_the_whole_run(result: TrainResult) -> None:
    plan = json.loads((result.run_folder / "plan.json").read_text(encoding="utf-8"))
    assert {reason["choice"] for reason in plan["reasons"]} >= {"network", "spacing", "prepare", "patch", "learning"}
    lines = (result.run_folder / "epochs.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "epoch,learning_rate,training_loss,tuning_loss,tuning_dice,seconds"
    assert len(lines) == 4
    page = result.report.read_text(encoding="utf-8")
    assert "Dice" in page
    assert "医疗器械" in page
    assert (result.run_folder / "learning-curve-dice.svg").exists()
    assert {part.part for part in result.results} == {"tuning", "test"}
    value, low, high = result.results[1].metrics["dice"]
    assert 0 <= low <= value <= high <= 1


def test_the_package_says_what_it_is(package: ModelPackage) -> None:
    manifest = package.manifest
    assert manifest.task == "segmentation"
    assert manifest.masks is not None
    assert [entry.name for entry in manifest.classes] == ["background", "foreground"]
    assert not manifest.classes[0].is_finding
    assert (manifest.network.rows, manifest.network.columns, manifest.network.slices) == (32, 32, None)
    assert {metric.name for metric in manifest.metrics} == {"dice"}
    assert "1 × 32 × 32" in package.card


def test_the_mask_lies_on_the_grid_of_the_image(folder: Path, package: ModelPackage) -> None:
    table = read_masked(folder / "data")
    image = table.read(table.cases[3])
    found = find_mask(MaskPredictor(package, threads=1), image.volumes)
    assert found.geometry == image.mask.geometry
    assert set(np.unique(found.array)) <= {0, 1}
    reference = image.mask.array > 0
    assert 2 * (reference & (found.array > 0)).sum() / (reference.sum() + (found.array > 0).sum()) > 0.6


def test_evaluation_writes_figures_cases_and_a_page(folder: Path, package: ModelPackage, tmp_path: Path) -> None:
    table = read_masked(folder / "data")
    found = evaluate_masks(package, table, tmp_path / "out")
    data = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert data["n"] == 14
    assert data["distance_unit"] == "samples"
    assert data["metrics"]["dice"]["value"] == pytest.approx(np.mean([case.figures["dice"] for case in found.cases]))
    assert set(data["metrics"]) == {"dice", "dice foreground", "hd95 foreground", "assd foreground"}
    lines = (tmp_path / "out" / "cases.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 15
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 8
    assert "参考标准" in page
    assert "http" not in page.replace("http-equiv", "")
    assert {"Q850"} <= {issue["code"] for issue in data["issues"]}


def test_figures_are_those_of_masks_that_are_known(folder: Path, package: ModelPackage) -> None:
    table = read_masked(folder / "data")
    found = evaluate_masks(package, table)
    predictor = MaskPredictor(package, threads=1)
    for case, measured in zip(table.cases[:3], found.cases, strict=False):
        image = table.read(case)
        called = find_mask(predictor, image.volumes).array > 0
        reference = image.mask.array > 0
        expected = 2 * (called & reference).sum() / (called.sum() + reference.sum())
        assert measured.figures["dice"] == pytest.approx(expected)


def test_other_channels_and_broken_samples_are_out_of_scope(package: ModelPackage) -> None:
    predictor = MaskPredictor(package, threads=1)
    with pytest.raises(OutOfScope) as caught:
        predictor.predict(np.zeros((2, 1, 40, 40), dtype=np.float32))
    assert caught.value.code == "E520"
    with pytest.raises(OutOfScope) as caught:
        predictor.predict(np.full((1, 1, 40, 40), np.nan, dtype=np.float32))
    assert caught.value.code == "E521"


def test_the_two_kinds_of_predictor_refuse_each_others_packages(package: ModelPackage) -> None:
    with pytest.raises(ModelError) as caught:
        Predictor(package)
    assert caught.value.code == "E861"
    plain = replace(package, manifest=package.manifest.model_copy(update={"masks": None}))
    with pytest.raises(ModelError) as caught:
        MaskPredictor(plain)
    assert caught.value.code == "E860"


@pytest.mark.parametrize(
    "change",
    [{"rows": 48}, {"slices": 8}, {"channels": 3}, {"logits": "masks"}],
)
def test_a_network_that_is_not_the_manifests_is_refused(
    package: ModelPackage, change: dict[str, object], tmp_path: Path
) -> None:
    network = package.manifest.network.model_copy(update=change)
    names = ["grey"] * network.channels
    masks = package.manifest.masks
    assert masks is not None
    wrong = {"network": network, "masks": masks.model_copy(update={"channel_names": names})}
    with pytest.raises(HounsfieldError) as caught:
        write_package(tmp_path / "x.model", package.manifest.model_copy(update=wrong), package.network)
    assert caught.value.code == "E513"


def test_labels_of_the_data_are_matched_by_name_or_by_number(package: ModelPackage) -> None:
    table = discs.table()
    assert match_labels(replace(table, label_names=("background", "FOREGROUND")), package.manifest) == {1: 1}
    assert match_labels(replace(table, label_names=("background", "label 1")), package.manifest) == {1: 1}
    with pytest.raises(DatasetError) as caught:
        match_labels(replace(table, label_names=("background", "foreground", "other")), package.manifest)
    assert caught.value.code == "E851"
    with pytest.raises(DatasetError) as caught:
        match_labels(replace(table, is_instances=True), package.manifest)
    assert caught.value.code == "E865"


def test_verbs_list_show_and_evaluate_the_package(
    result: TrainResult, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hounsfield.cli import main

    monkeypatch.setenv("HOUNSFIELD_MODELS_FOLDER", str(result.model.parent))
    for words in (["models"], ["models", "discs"], ["info"]):
        assert main(words) == 0
        assert "segmentation" in capsys.readouterr().out
    assert main(["evaluate", str(result.model), str(folder / "data"), "--json", "--quiet"]) == 0
    assert "dice foreground" in json.loads(capsys.readouterr().out)["metrics"]
