"""A detector from end to end: it finds what was drawn, says what it is worth, and two runs are one."""

import json

import numpy as np
import pytest

from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.core.boxes import overlaps
from hounsfield.errors import HounsfieldError
from hounsfield.image.display import to_display
from hounsfield.model.detector import Detector
from hounsfield.model.interface import BoxInterface
from hounsfield.model.package import open_package
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.train.options import TrainOptions
from hounsfield.train.run import train
from tests.train.discs import SHAPE, save_discs

SMALL = """
[network]
widths = [8, 16, 16, 24]
pyramid_width = 16
head_depth = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("discs")
    (root / "small.toml").write_text(SMALL, encoding="utf-8")
    save_discs(root / "data")
    return root


@pytest.fixture(scope="module")
def trained(folder):
    options = TrainOptions(epochs=40, threads=1, seed=3, recipe=folder / "small.toml", learning_rate=5e-3)
    return train(folder / "data", folder / "discs.model", options)


def test_it_finds_what_was_drawn(trained):
    found = {part.part: part.metrics for part in trained.results}
    assert found["test"]["map50"][0] > 0.5
    assert set(found["test"]) == {"map50", "map", "ap50 disc", "ap50 square", "cpm"}
    value, low, high = found["test"]["map50"]
    assert low <= value <= high


def test_the_package_says_what_it_is(trained):
    package = open_package(trained.model)
    manifest = package.manifest
    assert manifest.task == "detection"
    assert isinstance(manifest.network, BoxInterface)
    assert [entry.name for entry in manifest.classes] == ["disc", "square"]
    assert manifest.prepare == [{"step": "resize", "rows": manifest.network.rows, "columns": manifest.network.columns}]
    assert {metric.name for metric in manifest.metrics} >= {"map50", "map"}
    assert manifest.data.training + manifest.data.tuning + manifest.data.test == 30


def test_an_opened_package_finds_objects_in_the_pixels_of_the_image(trained, folder):
    package = open_package(trained.model)
    detector, steps = Detector(package, threads=1), build_steps(package.manifest.prepare)
    table = read_boxed(folder / "data")
    hits = []
    for case in table.cases[:8]:
        prepared, _ = apply_steps(steps, to_display(table.read(case).volume, keep_colour=True))
        found = detector.detect(prepared, SHAPE)
        assert (np.diff(found.scores) <= 0).all()
        assert found.boxes.min(initial=0) >= 0
        assert (found.boxes[:, 2:] <= np.array(SHAPE)).all()
        if len(found):
            same = found.labels[:, None] == case.annotation.labels[None]
            hits += list(((overlaps(found.boxes, case.annotation.boxes) >= 0.5) & same).any(axis=0))
    assert np.mean(hits) > 0.5


def test_the_run_folder_tells_plan_reasons_and_curves(trained):
    document = json.loads((trained.run_folder / "plan.json").read_text(encoding="utf-8"))
    assert document["plan"]["task"] == "detection"
    assert [reason["choice"] for reason in document["reasons"]] == ["grid", "anchors", "batch_size"]
    assert all(reason["en"] and reason["zh"] for reason in document["reasons"])
    assert document["memory_estimate_bytes"]["total"] > 0
    page = trained.report.read_text(encoding="utf-8")
    assert "map50" in page
    assert "medical device" in page
    assert len((trained.run_folder / "epochs.csv").read_text(encoding="utf-8").splitlines()) == trained.epochs_run + 1


def test_two_runs_are_one_and_a_resumed_one_ends_the_same(folder):
    recipe = folder / "small.toml"
    options = TrainOptions(epochs=2, threads=1, seed=3, recipe=recipe)
    first = train(folder / "data", folder / "one.model", options)
    stopped: list[int] = []

    def stop(event):
        if event.key == "ui.train.epoch-boxes":
            stopped.append(event.done)
            raise KeyboardInterrupt

    with pytest.raises(HounsfieldError, match="E842"):
        train(folder / "data", folder / "two.model", options, stop)
    assert stopped == [1]
    again = TrainOptions(epochs=2, threads=1, seed=3, recipe=recipe, resume=True)
    second = train(folder / "data", folder / "two.model", again)
    assert first.weights_digest == second.weights_digest


def test_another_network_is_not_known(folder):
    with pytest.raises(HounsfieldError, match="E831"):
        train(folder / "data", folder / "x.model", TrainOptions(network="vgg11", threads=1))


def test_strict_refuses_spoilt_data(folder, tmp_path):
    data = save_discs(tmp_path / "data", 12)
    (data / "JPEGImages/copy.png").write_bytes((data / "JPEGImages/00.png").read_bytes())
    text = (data / "Annotations/00.xml").read_text(encoding="utf-8")
    (data / "Annotations/copy.xml").write_text(text.replace("00.png", "copy.png"), encoding="utf-8")
    with pytest.raises(HounsfieldError, match="E871"):
        train(data, tmp_path / "x.model", TrainOptions(strict=True, threads=1))
