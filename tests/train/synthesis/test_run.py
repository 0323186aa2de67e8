"""A generator's run as a person meets it: package, folder, page; the same twice, and the same torn and resumed."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from hounsfield.cases.seen import read_seen  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, ModelError, SettingsError  # noqa: E402
from hounsfield.model.generator import Generator  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.memory import ALWAYS_BYTES  # noqa: E402
from hounsfield.train.synthesis.plan import SynthesisOptions  # noqa: E402
from hounsfield.train.synthesis.planner import estimate_synthesis  # noqa: E402
from hounsfield.train.synthesis.run import LEAST_HELD, synthesise  # noqa: E402
from tests.model import toys  # noqa: E402
from tests.train.synthesis.games import plan  # noqa: E402
from tests.train.tiny import write_npz  # noqa: E402


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data and a small model whose features judge, so that a run takes seconds."""
    folder = tmp_path_factory.mktemp("synthesis")
    write_npz(folder / "data", training=48, tuning=LEAST_HELD, test=24)
    prepare = [{"step": "grey"}, {"step": "resize", "rows": 32, "columns": 32}]
    toys.package(folder, toys.deep_network(), network={"rows": 32, "columns": 32}, prepare=prepare)
    return folder


@pytest.fixture(scope="module")
def options(place):
    return SynthesisOptions(epochs=2, batch_size=16, threads=1, seed=5, features=str(place / "toy.model"))


@pytest.fixture(scope="module")
def made(place, options):
    said = []
    return synthesise(place / "data", place / "one.model", replace(options, judges_by_training=True), said.append), said


def test_the_package_makes_images_of_each_class(made):
    result, _ = made
    package = open_package(result.model)
    assert package.manifest.answer == "image"
    assert package.manifest.network.kind == "generator"
    assert package.identity.weights_digest == result.weights_digest
    generator = Generator(package, 1)
    assert generator.class_names == ("0", "1")
    images = generator.draw(1, 3, 0)
    assert images.shape == (3, 1, 32, 32)
    assert float(images.std()) > 0


def test_the_card_states_figures_features_and_what_the_images_are(made):
    card = open_package(made[0].model).card
    for word in ("synthetic", "合成", "kernel_distance_of_real", "features of toy", "not Inception", "licence"):
        assert word in card
    metrics = {metric.name: metric for metric in open_package(made[0].model).manifest.metrics}
    assert {"frechet_distance", "precision", "recall", "coverage"} <= set(metrics)
    assert all("internal test part" in metric.data_set and metric.n == 24 for metric in metrics.values())
    value, low, high = made[0].results[0].metrics["kernel_distance"]
    assert (value, low, high) == pytest.approx(
        (metrics["kernel_distance"].value, metrics["kernel_distance"].low, metrics["kernel_distance"].high)
    )


def test_the_folder_can_be_followed_and_looked_at(made, place):
    folder = made[0].run_folder
    plan_document = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan_document["plan"]["game"] == "minimax"
    assert {reason["choice"] for reason in plan_document["reasons"]} == {"size", "game", "balance"}
    rows = (folder / "epochs.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3
    assert "training_told_apart" in rows[0]
    for name in ("synthetic", "real", "pairs-samples", "pairs-features"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.text["Synthetic"] == "yes"
            assert min(picture.size) > 60
    figures = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    assert figures["copying"]["samples"]["expected_share"] == pytest.approx(48 / 72)
    seen = read_seen(folder)
    assert [len(seen.of(part)) for part in ("training", "tuning", "test")] == [48, LEAST_HELD, 24]


def test_the_page_speaks_both_languages_and_loads_nothing(made):
    page = made[0].report.read_text(encoding="utf-8")
    for word in ("not of Inception", "no patient", "合成图像", "not a medical device", "Copying"):
        assert word.lower() in page.lower()
    assert page.count("data:image/png;base64,") == 4
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_classifiers_of_both_kinds_are_tested_on_the_same_real_images(made):
    figures = json.loads((made[0].run_folder / "synthesis.json").read_text(encoding="utf-8"))["trained_on"]
    assert set(figures) == {"synthetic", "real"}
    assert set(figures["synthetic"]) == set(figures["real"]) >= {"auroc", "accuracy"}
    for name in ("auroc", "accuracy"):
        assert all(own[name]["low"] <= own[name]["value"] <= own[name]["high"] for own in figures.values())
    assert 0 <= figures["real"]["auroc"]["value"] <= 1
    page = made[0].report.read_text(encoding="utf-8")
    assert page.count("A classifier trained on") == 2


def test_every_epoch_and_reason_is_told(made):
    keys = [event.key for event in made[1]]
    assert keys.count("ui.train.epoch.synthesis") == 2
    assert {"ui.synthesis.reason.size", "ui.synthesis.reason.game", "ui.train.memory", "ui.train.parts"} <= set(keys)
    assert not [key for key in keys if key.startswith("ui.train.reason")]


def test_two_runs_are_one(made, place, options):
    again = synthesise(place / "data", place / "two.model", replace(options, name="one"))
    assert again.weights_digest == made[0].weights_digest


def test_a_torn_run_ends_like_a_whole_one(made, place, options):
    def tear(event):
        if event.key == "ui.train.epoch.synthesis":
            raise KeyboardInterrupt

    torn = replace(options, name="one")
    with pytest.raises(HounsfieldError, match="E842"):
        synthesise(place / "data", place / "torn.model", torn, tear)
    resumed = synthesise(place / "data", place / "torn.model", replace(torn, resume=True))
    assert resumed.weights_digest == made[0].weights_digest
    assert resumed.epochs_run == 2
    with pytest.raises(HounsfieldError, match="E836") as caught:
        synthesise(place / "data", place / "torn.model", replace(torn, resume=True, game="hinge"))
    assert "game" in str(caught.value.facts["found"])


def test_what_cannot_be_is_refused_before_learning(place, options, tmp_path):
    with pytest.raises(SettingsError, match="E924"):
        synthesise(place / "data", tmp_path / "g.model", replace(options, size=40))
    with pytest.raises(SettingsError, match="E830"):
        synthesise(place / "data", tmp_path / "g.model", replace(options, learning_rate=-1.0))
    with pytest.raises(ModelError, match="E501"):
        synthesise(place / "data", tmp_path / "g.model", replace(options, features="no-such-model"))
    with pytest.raises(ModelError, match="E920"):
        synthesise(place / "data", tmp_path / "g.model", replace(options, features=str(place / "one.model")))
    few = write_npz(tmp_path / "few", training=48, tuning=LEAST_HELD - 1, test=24)
    with pytest.raises(DatasetError, match="E925"):
        synthesise(few, tmp_path / "g.model", options)


def test_the_time_limit_ends_a_run_that_is_still_packed(place, options, tmp_path):
    result = synthesise(place / "data", tmp_path / "g.model", replace(options, epochs=500, time_limit_seconds=1.0))
    assert result.stopped_by == "time limit"
    assert open_package(result.model).manifest.answer == "image"


def test_the_memory_estimate_grows_with_images_batch_and_side():
    small = estimate_synthesis(plan(), 100)
    assert estimate_synthesis(plan(), 200).images_bytes == 2 * small.images_bytes == 2 * 100 * 32 * 32 * 4
    doubled = estimate_synthesis(plan(learning={"batch_size": 32}), 100).batch_bytes - ALWAYS_BYTES
    assert doubled == pytest.approx(2 * (small.batch_bytes - ALWAYS_BYTES), rel=1e-3)
    larger = estimate_synthesis(plan(network=replace(plan().network, side=64)), 100)
    assert larger.batch_bytes - ALWAYS_BYTES > 2 * (small.batch_bytes - ALWAYS_BYTES)
    assert np.isfinite(larger.total_bytes)
