"""Packing: the package measures what it ships, is refused early when it could not be packed, and is calibrated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import ModelError, SettingsError  # noqa: E402
from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.model.predictor import Predictor, softmax  # noqa: E402
from hounsfield.train.assess import assess  # noqa: E402
from hounsfield.train.events import silent  # noqa: E402
from hounsfield.train.ledger import Ledger  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.packing import pack, rehearse  # noqa: E402
from hounsfield.train.plan import OutsidePlan  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.setup import Task, set_up  # noqa: E402
from tests.train.tiny import write_npz  # noqa: E402

SMALL = NetworkSettings("small-residual", 2, 1, 28, 28, widths=(8, 16), depths=(1, 1), strides=(2, 2))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    ledger = Ledger(tmp_path / "m.model.run")
    ledger.open()
    return set_up(write_npz(tmp_path / "data", test=30), TrainOptions(name="m", threads=1), Recipe(), ledger, silent)


def with_network(task: Task, network: NetworkSettings, outside: OutsidePlan | None = None) -> Task:
    return replace(task, plan=task.plan.model_copy(update={"network": network, "outside": outside}))


def fresh_weights(task: Task) -> dict[str, "torch.Tensor"]:
    torch.manual_seed(0)
    return build_network(task.plan.network).state_dict()


def test_figures_are_those_of_the_shipped_network(task: Task, tmp_path: Path) -> None:
    manifest, digest, (tuning, test) = pack(task, fresh_weights(task), tmp_path / "m.model")
    package = open_package(tmp_path / "m.model")
    assert package.manifest.parts["network.onnx"].sha256 == digest
    assert task.parts.test is not None
    logits = Predictor(package, threads=1).run(task.parts.test.images)["logits"]
    points = tuple(entry.predicted_class().operating_point for entry in package.manifest.classes)
    probabilities = softmax(logits, manifest.calibration.temperature).astype(np.float64)
    again = assess("test", probabilities, task.parts.test, points, task.plan.seed)
    for name, interval in test.metrics.items():
        assert again.metrics[name].value == pytest.approx(interval.value, abs=1e-6), name
    assert tuning.case_count == 48


def test_probabilities_are_calibrated_on_the_tuning_part(task: Task, tmp_path: Path) -> None:
    weights = fresh_weights(task)
    weights["dense.3.bias"] = weights["dense.3.bias"] + torch.tensor([6.0, 0.0])
    pack(task, weights, tmp_path / "m.model")
    package = open_package(tmp_path / "m.model")
    logits = Predictor(package, threads=1).run(task.parts.tuning.images)["logits"]
    mean = softmax(logits, package.manifest.calibration.temperature).mean(0)
    # half of the cases are of each class, whatever bias the weights came with
    np.testing.assert_allclose(mean, 0.5, atol=0.05)


def test_a_map_and_an_outside_score_are_packed(task: Task, tmp_path: Path) -> None:
    mapped = with_network(task, SMALL, OutsidePlan(quantile=1.0))
    rehearse(mapped)
    manifest, _, _ = pack(mapped, fresh_weights(mapped), tmp_path / "m.model")
    assert manifest.explanation.method == "cam"
    outputs = Predictor(open_package(tmp_path / "m.model"), threads=1).run(task.parts.tuning.images)
    assert set(outputs) == {"logits", "activation_maps", "outside"}
    # the border is the largest distance of the tuning cases to their own class
    own = outputs["logits"].argmax(1) == task.parts.tuning.labels
    assert float(outputs["outside"][own].max()) <= 1.001


def test_members_are_packed_as_one_network(task: Task, tmp_path: Path) -> None:
    several = with_network(task, replace(SMALL, members=3), OutsidePlan())
    rehearse(several)
    manifest, _, _ = pack(several, fresh_weights(several), tmp_path / "m.model")
    assert manifest.network.activation_maps
    assert manifest.network.outside


def test_what_a_package_cannot_take_is_refused_at_the_start(task: Task) -> None:
    huge = with_network(task, NetworkSettings("vgg11", 2, 1, 224, 224, dense_width=1400))
    with pytest.raises(ModelError) as caught:
        rehearse(huge)
    assert caught.value.code == "E512"


def test_a_recipe_a_manifest_cannot_hold_is_refused_at_the_start(task: Task) -> None:
    wrong = replace(task, recipe=Recipe.model_validate({"model": {"version": "first"}}))
    with pytest.raises(SettingsError) as caught:
        rehearse(wrong)
    assert caught.value.code == "E830"


def test_rehearsal_leaves_nothing_behind(task: Task) -> None:
    before = sorted(task.ledger.folder.rglob("*"))
    rehearse(task)
    assert sorted(task.ledger.folder.rglob("*")) == before


def test_same_weights_same_package_but_for_the_time(task: Task, tmp_path: Path) -> None:
    digests = {pack(task, fresh_weights(task), tmp_path / f"{name}.model")[1] for name in "ab"}
    assert len(digests) == 1
