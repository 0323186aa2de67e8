"""Targets learned: losses against torch and by hand, the promises of a way, whole runs, resumed ones, packages."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from hounsfield.cases.targets import read_targets  # noqa: E402
from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, ModelError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.model.predictor import Predictor  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.parts import Part  # noqa: E402
from hounsfield.train.plan import Learning  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from hounsfield.train.targets.objective import (  # noqa: E402
    label_loss,
    number_loss,
    ordered_log_probabilities,
    ordered_loss,
)
from hounsfield.train.targets.packing import fit_label, fit_temperature  # noqa: E402
from hounsfield.train.targets.parts import TargetPart, TargetParts  # noqa: E402
from hounsfield.train.targets.plan import TargetPlan  # noqa: E402
from hounsfield.train.targets.way import Targets, mean_area  # noqa: E402
from tests.train import ways  # noqa: E402
from tests.train.targets import LABELS, pictures, write_grades, write_labels, write_numbers  # noqa: E402

QUICK = TrainOptions(epochs=4, batch_size=16, threads=1, learning_rate=3e-3, network="article")
NAN = float("nan")


def test_blank_labels_count_for_nothing():
    logits = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    targets, is_known = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[True, False], [True, True]])
    known = functional.binary_cross_entropy_with_logits(torch.tensor([1.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, 1.0]))
    torch.testing.assert_close(label_loss(logits, targets, is_known), known)
    moved = logits.clone()
    moved[0, 1] = 40.0
    torch.testing.assert_close(label_loss(moved, targets, is_known), known)
    logits.requires_grad_()
    label_loss(logits, targets, is_known).backward()
    assert logits.grad[0, 1] == 0
    assert torch.isfinite(logits.grad).all()
    assert float(label_loss(logits.detach(), targets, is_known & False)) == 0


def test_numbers_are_huber_of_what_is_known():
    said, wanted = torch.tensor([[0.0], [5.0], [1.0]]), torch.tensor([[0.5], [1.0], [9.0]])
    loss = number_loss(said, wanted, torch.tensor([[True], [True], [False]]))
    assert float(loss) == pytest.approx((0.5 * 0.25 + (4 - 0.5)) / 2)


def test_ordered_probabilities_add_up_and_follow_their_steps():
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = ordered_log_probabilities(logits).exp()
    going = torch.sigmoid(logits)
    by_hand = torch.stack(
        [1 - going[:, 0], going[:, 0] * (1 - going[:, 1]), going[:, 0] * going[:, 1] * (1 - going[:, 2]),
         going.prod(1)], 1,
    )  # fmt: skip
    torch.testing.assert_close(found, by_hand)
    torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=torch.float64))


def test_ordered_loss_is_the_sum_of_the_binary_steps_of_corn():
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1, 2, 3, 3, 1])
    by_hand = 0.0
    for step in range(3):
        reached = labels >= step
        wanted = (labels[reached] > step).float()
        by_hand += functional.binary_cross_entropy_with_logits(logits[reached, step], wanted, reduction="sum")
    everything = torch.ones(6, 1, dtype=torch.bool)
    torch.testing.assert_close(ordered_loss(logits, labels[:, None].float(), everything), by_hand / 6)


def test_label_calibration_finds_the_slope_and_bias_that_the_labels_were_drawn_with():
    chance = np.random.default_rng(0)
    logits = chance.normal(0, 2, 4000)
    targets = (chance.random(4000) < 1 / (1 + np.exp(-(0.5 * logits + 1)))).astype(float)
    targets[:100] = NAN
    slope, bias = fit_label(logits, targets)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert bias == pytest.approx(1, abs=0.1)
    assert fit_label(logits[:12], targets[-12:] * 0) == (1.0, 0.0)


def test_temperature_of_ordered_classes_is_found():
    chance = np.random.default_rng(1)
    logits = chance.normal(0, 1.5, (4000, 3))
    true = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    labels = (true.cumsum(1) < chance.random(4000)[:, None]).sum(1).clip(0, 2)
    assert fit_temperature(2.5 * logits, labels) == pytest.approx(2.5, rel=0.1)


def test_the_mean_area_leaves_labels_of_one_outcome_out():
    scores = np.array([[0.1, 5, 1], [0.9, 6, 2], [0.8, 7, 3]])
    assert mean_area(np.array([[0, 1, NAN], [1, 1, NAN], [0, 1, NAN]]), scores) == 1
    assert mean_area(np.ones((3, 1)), scores[:, :1]) == 0.5


def small_way(task):
    images, present = pictures(48, 1)
    values = {
        LearningTask.MULTI_LABEL: np.where(np.arange(144).reshape(48, 3) % 7 == 0, NAN, present),
        LearningTask.REGRESSION: 10 + 5 * present.sum(1, keepdims=True),
        LearningTask.ORDINAL: present.sum(1, keepdims=True),
    }[task]
    names = {LearningTask.MULTI_LABEL: LABELS, LearningTask.REGRESSION: ("number",)}.get(task, ("0", "1", "2", "3"))
    outputs = 1 if task is LearningTask.REGRESSION else 3
    whole = Part(
        (images[:, None] / 255).astype(np.float32), np.zeros(48, np.int64), np.arange(48),
        tuple(map(str, range(48))), np.zeros(48, np.int64),
    )  # fmt: skip
    plan = TargetPlan(
        name="toy", class_names=names, prepare=(), task=task, network=NetworkSettings("article", outputs),
        learning=Learning(epochs=2, batch_size=16), target_centre=float(np.nanmean(values)), target_scale=5.0,
    )  # fmt: skip
    if task is not LearningTask.REGRESSION:
        plan = plan.model_copy(update={"target_centre": 0.0, "target_scale": 1.0})
    return Targets(plan, TargetParts(TargetPart(whole, values), TargetPart(whole, values), None))


@pytest.mark.parametrize("task", [LearningTask.MULTI_LABEL, LearningTask.REGRESSION, LearningTask.ORDINAL])
@pytest.mark.parametrize("promise", ways.PROMISES)
def test_promises_of_a_way(promise, task):
    promise(lambda: small_way(task))


def test_targets_are_part_of_the_digest():
    first = small_way(LearningTask.MULTI_LABEL)
    assert first.data_digest == small_way(LearningTask.MULTI_LABEL).data_digest
    assert first.data_digest != small_way(LearningTask.ORDINAL).data_digest


@pytest.fixture(scope="module")
def labels_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    said = []
    result = train(write_labels(folder / "data"), folder / "labels.model", replace(QUICK, epochs=14), said.append)
    return result, said, folder


def test_labels_end_to_end(labels_run):
    result, said, folder = labels_run
    package = open_package(result.model)
    manifest = package.manifest
    assert (manifest.task, manifest.answer) == ("multi-label", "labels")
    assert [entry.name for entry in manifest.classes] == list(LABELS)
    assert all(entry.operating_point is not None for entry in manifest.classes)
    part = result.results[-1]
    assert part.part == "test"
    value, low, high = part.metrics["auroc"]
    assert 0.85 < value <= 1
    assert low <= value <= high
    assert {f"{kind} {name}" for kind in ("auroc", "average_precision", "brier") for name in LABELS} <= set(
        part.metrics
    )
    assert any(event.key == "ui.train.task.multi-label" for event in said)
    assert any(event.issue and event.issue.code == "Q840" for event in said)
    assert all("{" not in event.text(language) for event in said for language in ("en", "zh"))
    page = result.report.read_text(encoding="utf-8")
    assert "auroc nodule" in page
    assert (folder / "labels.model.run" / "learning-curve-auroc.svg").exists()


def test_labels_do_not_exclude_each_other(labels_run):
    predictor = Predictor(open_package(labels_run[0].model), threads=1)
    images, present = pictures(60, 9)
    logits = predictor.run((images[:, None] / 255).astype(np.float32))["logits"]
    said = predictor.answers(logits)
    assert (said.sum(1) > 1.3).any()
    assert ((said > 0.5) == (present == 1)).mean() > 0.8


def test_the_same_seed_gives_the_same_package(labels_run, tmp_path):
    data = labels_run[2] / "data"
    again = train(data, tmp_path / "labels.model", replace(QUICK, epochs=14))
    assert again.weights_digest == labels_run[0].weights_digest


def test_numbers_end_to_end_and_after_an_interruption(tmp_path):
    data = write_numbers(tmp_path / "data")
    options = replace(QUICK, epochs=8)

    def stop(event):
        if event.key == "ui.train.epoch.targets" and event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(HounsfieldError) as caught:
        train(data, tmp_path / "torn.model", options, stop)
    assert caught.value.code == "E842"
    resumed = train(data, tmp_path / "torn.model", replace(options, resume=True))
    whole = train(data, tmp_path / "whole.model", options)
    assert resumed.weights_digest == whole.weights_digest
    package = open_package(whole.model)
    assert (package.manifest.answer, package.manifest.classes[0].name) == ("number", "label")
    metrics = whole.results[-1].metrics
    values = read_targets(data).values
    assert metrics["mean_absolute_error"][0] < 0.5 * np.abs(values - values.mean()).mean()
    assert metrics["rank_correlation"][0] > 0.8
    assert metrics["lower_limit_of_agreement"][0] < metrics["mean_error"][0] < metrics["upper_limit_of_agreement"][0]


def test_a_number_is_no_finding(tmp_path):
    from tests.model.toys import manifest

    document = manifest().model_dump()
    document |= {"answer": "number", "classes": document["classes"][:1], "out_of_distribution": None}
    number = type(manifest()).model_validate(document)
    predictor = Predictor.__new__(Predictor)
    predictor.package = type("Package", (), {"manifest": number, "identity": number.identity})()
    with pytest.raises(ModelError) as caught:
        predictor.predict(None, None)
    assert caught.value.code == "E855"
    np.testing.assert_array_equal(predictor.answers(np.array([[3.5]], dtype=np.float32)), [[3.5]])


def test_grades_end_to_end(tmp_path):
    result = train(write_grades(tmp_path / "data"), tmp_path / "grades.model", replace(QUICK, epochs=12))
    package = open_package(result.model)
    assert (package.manifest.answer, package.manifest.task) == ("ordered-class", "ordinal")
    metrics = result.results[-1].metrics
    assert metrics["weighted_kappa"][0] > 0.7
    assert metrics["far_off_fraction"][0] < 0.15
    assert (result.run_folder / "confusion-test.svg").exists()


def test_a_target_that_never_varies_is_refused(tmp_path):
    images, _ = pictures(80)
    from tests.train.targets import write_manifest

    data = write_manifest(tmp_path / "data", images, ("mass", "cyst"), [[index % 2, 0] for index in range(80)])
    with pytest.raises(DatasetError) as caught:
        train(data, tmp_path / "no.model", replace(QUICK, task="multi-label"))
    assert caught.value.code == "E856"
    assert "cyst" in caught.value.text()
