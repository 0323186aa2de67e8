"""A translator's run as a person meets it: pairs in, package and page out; then images in, marked images out."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from hounsfield.cases.seen import read_seen  # noqa: E402
from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, ImageError, ModelError, SettingsError  # noqa: E402
from hounsfield.generating import generate, generate_from  # noqa: E402
from hounsfield.image.synthetic import says_synthetic  # noqa: E402
from hounsfield.model.generator import Generator  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.train.memory import ALWAYS_BYTES  # noqa: E402
from hounsfield.train.synthesis.plan import SynthesisOptions  # noqa: E402
from hounsfield.train.synthesis.run import synthesise  # noqa: E402
from hounsfield.train.translation.plan import estimate_translation  # noqa: E402
from tests.cases.pair_examples import given, paired_folders  # noqa: E402
from tests.train.translation.pairs import plan  # noqa: E402

COUNT = 24
OPTIONS = SynthesisOptions(epochs=2, threads=1, seed=5, size=32, batch_size=4, licence="CC0-1.0")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation")
    paired_folders(folder / "films", COUNT)
    return folder


@pytest.fixture(scope="module")
def made(place):
    said = []
    return synthesise(place / "films", place / "one.model", OPTIONS, said.append), said


def test_the_package_turns_images_into_images(made):
    result, said = made
    package = open_package(result.model)
    assert (package.manifest.answer, package.manifest.task) == ("image", "synthesis")
    generator = Generator(package, 1)
    assert generator.takes_images
    images = np.random.default_rng(0).random((2, 1, 32, 32)).astype(np.float32)
    made_of = generator.run(images)
    assert made_of.shape == images.shape
    np.testing.assert_array_equal(generator.run(images[1:]), made_of[1:])
    assert "ui.translation.baseline" in [event.key for event in said]


def test_the_card_states_figures_beside_the_baseline_and_what_the_images_are(made):
    package = open_package(made[0].model)
    metrics = {metric.name: metric for metric in package.manifest.metrics}
    wanted = {f"{name}{end}" for name in ("mae", "psnr", "ssim") for end in ("", "_of_l1", "_of_input", "_gain")}
    assert set(metrics) == wanted
    for word in ("synthetic", "合成", "invent", "凭空", "CC0-1.0", "psnr_of_l1"):
        assert word in package.card
    assert all(metric.low <= metric.value <= metric.high for metric in metrics.values())
    gain = metrics["mae_of_l1"].value - metrics["mae"].value
    assert metrics["mae_gain"].value == pytest.approx(gain, abs=1e-6)


def test_the_run_folder_tells_the_whole_story(made):
    folder = made[0].run_folder
    document = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    data = open_package(made[0].model).manifest.data
    assert (document["part"], document["n"]) == ("test", data.test)
    assert data.training + data.tuning + data.test == COUNT
    assert document["metrics"]["ssim"]["value"] == pytest.approx(made[0].results[0].metrics["ssim"][0])
    assert says_synthetic((folder / "examples.png").read_bytes())
    written = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert written["plan"]["network"]["side"] == 32
    assert {reason["choice"] for reason in written["reasons"]} == {"size", "game", "epochs"}
    assert len(read_seen(folder).of("training")) == data.training
    assert "与基线之差" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_same_twice_and_the_same_torn_and_resumed(place, made):
    class Torn(Exception):
        pass

    def tear(event):
        if event.key == "ui.train.epoch.translation":
            raise Torn

    with pytest.raises(Torn):
        synthesise(place / "films", place / "two.model", OPTIONS, tear)
    resumed = synthesise(place / "films", place / "two.model", replace(OPTIONS, resume=True))
    assert resumed.weights_digest == made[0].weights_digest
    with pytest.raises(HounsfieldError) as caught:
        synthesise(place / "films", place / "two.model", replace(OPTIONS, resume=True, seed=6))
    assert caught.value.code == "E836"


@pytest.mark.parametrize("size", [48, 512])
def test_sides_that_cannot_be_halved_are_refused(place, size, tmp_path):
    with pytest.raises(SettingsError) as caught:
        synthesise(place / "films", tmp_path / "x.model", replace(OPTIONS, size=size))
    assert caught.value.code == "E924"


def test_too_few_pairs_are_refused(tmp_path):
    with pytest.raises(DatasetError) as caught:
        synthesise(paired_folders(tmp_path / "few", 3), tmp_path / "x.model", OPTIONS)
    assert caught.value.code == "E839"


def test_strict_refuses_images_without_a_partner(tmp_path):
    data = paired_folders(tmp_path / "films", COUNT)
    (data / "target/03.png").unlink()
    with pytest.raises(DatasetError) as caught:
        synthesise(data, tmp_path / "x.model", replace(OPTIONS, strict=True))
    assert (caught.value.code, "Q624" in caught.value.facts["found"]) == ("E871", True)


def test_the_memory_grows_with_batch_and_side():
    small, wide = plan(), plan(learning={"batch_size": 8})
    doubled, once = (estimate_translation(item, 10).batch_bytes - ALWAYS_BYTES for item in (wide, small))
    assert doubled == pytest.approx(2 * once, rel=1e-3)
    assert estimate_translation(small, 20).images_bytes == 2 * estimate_translation(small, 10).images_bytes
    assert estimate_translation(small, 10).images_bytes == 2 * 10 * 32 * 32 * 4


def test_images_are_made_from_images_and_marked(place, made, tmp_path):
    package = open_package(made[0].model)
    written = generate_from(package, place / "films/input", tmp_path / "out")
    rows = list(csv.DictReader(written.manifest.read_text(encoding="utf-8").splitlines()))
    assert written.counts == {"image": COUNT}
    assert [row["source"] for row in rows] == [f"{number:02d}.png" for number in range(COUNT)]
    assert {(row["synthetic"], row["split"], row["weights_digest"]) for row in rows} == {
        ("yes", "training", package.identity.weights_digest)
    }
    generator = Generator(package, 1)
    for number in (0, 7):
        raw = (tmp_path / "out" / rows[number]["path"]).read_bytes()
        assert says_synthetic(raw)
        pixels = np.asarray(Image.open(tmp_path / "out" / rows[number]["path"]))
        expected = generator.run((given(number) / 255.0)[None, None].astype(np.float32))[0, 0]
        np.testing.assert_allclose(pixels, 255 * expected, atol=1.0)


def test_one_file_gives_one_image_and_the_same_bytes_each_time(place, made, tmp_path):
    package, source = open_package(made[0].model), place / "films/input/03.png"
    for name in ("one", "two"):
        generate_from(package, source, tmp_path / name)
    files = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("one", "two")]
    assert files[0] == files[1] == ["manifest.csv", "synthetic-000001.png"]
    raw = [(tmp_path / name / files[0][1]).read_bytes() for name in ("one", "two")]
    assert raw[0] == raw[1]


def test_what_does_not_fit_a_generator_is_refused(place, made, tmp_path):
    package = open_package(made[0].model)
    with pytest.raises(ModelError) as caught:
        generate(package, tmp_path / "a", 1)
    assert caught.value.code == "E623"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError) as caught:
        generate_from(package, tmp_path / "empty", tmp_path / "b")
    assert caught.value.code == "E624"
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_verbs_take_pairs_and_images(place, made, tmp_path, capfd, language):
    words = ["generate", str(place / "one.model"), "-o", str(tmp_path / "out"), "--input", str(place / "films/input")]
    assert main([*words, "--language", language]) == 0
    said = capfd.readouterr().out
    assert f"image: {COUNT}" in said
    assert ("show no patient" in said.lower()) or ("患者" in said)
    assert main(["generate", str(place / "one.model"), "-o", str(tmp_path / "more"), "--json"]) != 0
    assert "E623" in capfd.readouterr().err


def test_the_verb_synthesise_learns_from_pairs(place, tmp_path, capfd):
    words = ["synthesise", str(place / "films"), "-o", str(tmp_path / "g.model"), "--epochs", "1", "--size", "32"]
    assert main([*words, "--threads", "1", "--quiet", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert "ssim_of_l1" in answer["results"]["test"]["metrics"]
