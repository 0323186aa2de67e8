"""Whole runs: from a folder to a package that predicts, the same bytes twice and after a kill; refusals with causes."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cases.layouts import read_cases  # noqa: E402
from hounsfield.cases.seen import read_seen  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, SettingsError  # noqa: E402
from hounsfield.evaluate.run import EvaluateOptions, evaluate  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.model.predictor import Predictor  # noqa: E402
from hounsfield.train.events import TrainEvent  # noqa: E402
from hounsfield.train.options import TrainOptions, TrainResult  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.train.tiny import blobs, write_folders, write_npz  # noqa: E402

LONG = os.environ.get("HOUNSFIELD_LONG") == "all"
QUICK = TrainOptions(epochs=3, batch_size=16, threads=1, learning_rate=3e-3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, list[TrainEvent], Path]:
    folder = tmp_path_factory.mktemp("run")
    said: list[TrainEvent] = []
    data = write_npz(folder / "data", test=40)
    return train(data, folder / "blob.model", QUICK, said.append), said, data


def network_bytes(path: Path) -> bytes:
    return open_package(path).network


def test_package_predicts_what_was_learned(finished: tuple[TrainResult, list[TrainEvent], Path]) -> None:
    result, _, _ = finished
    package = open_package(result.model)
    assert package.identity.weights_digest == result.weights_digest == hashlib.sha256(package.network).hexdigest()
    images, labels = blobs(40, 3)
    # the preparing steps stretch 8-bit images only a little, so the bare pictures are near enough
    logits = Predictor(package, threads=1).run(images)["logits"]
    assert float((logits.argmax(1) == labels).mean()) > 0.9
    assert package.manifest.explanation.method == "occlusion"
    assert package.manifest.data.training == 96
    assert package.manifest.data.test == 40
    assert any("external" in limit.en or "elsewhere" in limit.en for limit in package.manifest.limits)
    assert package.manifest.seed == 0


def test_results_are_of_the_tuning_and_the_test_part(finished: tuple[TrainResult, list[TrainEvent], Path]) -> None:
    result, _, _ = finished
    assert [(part.part, part.case_count) for part in result.results] == [("tuning", 48), ("test", 40)]
    value, low, high = result.results[1].metrics["auroc"]
    assert 0.9 < value <= 1
    assert low <= value <= high


def test_issues_are_said_before_the_first_epoch(finished: tuple[TrainResult, list[TrainEvent], Path]) -> None:
    _, said, _ = finished
    keys = [event.key for event in said]
    first_epoch = keys.index("ui.train.epoch")
    assert any(event.issue for event in said[:first_epoch])
    assert not any(event.issue for event in said[first_epoch:])
    for event in said:
        assert "{" not in event.text()
        assert event.text() != event.key


def test_run_folder_holds_all_that_repeats_and_explains_the_run(
    finished: tuple[TrainResult, list[TrainEvent], Path],
) -> None:
    result, _, _ = finished
    folder = result.run_folder
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["plan"]["learning"]["epochs"] == 3
    assert len(plan["data_digest"]) == 64
    assert plan["memory_estimate_bytes"]["total"] > 0
    rows = list(csv.DictReader((folder / "epochs.csv").open(encoding="utf-8")))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert environment["software"]["torch"] == torch.__version__.split("+")[0] or environment["software"]["torch"]
    assert environment["cores"] >= 1
    for name in (
        "learning-curve-loss",
        "learning-curve-accuracy",
        "learning-curve-auroc",
        "confusion-tuning",
        "confusion-test",
    ):
        assert (folder / f"{name}.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_run_folder_says_which_images_were_seen(
    finished: tuple[TrainResult, list[TrainEvent], Path], tmp_path: Path
) -> None:
    """An evaluation of the test part is internal and finds no copies; one of planted training images names them."""
    result, _, data = finished
    seen = read_seen(result.run_folder)
    assert seen is not None
    assert {name: len(seen.of(name)) for name in ("training", "tuning", "test")} == {
        "training": 96, "tuning": 48, "test": 40,
    }  # fmt: skip
    package, options = open_package(result.model), EvaluateOptions(resamples=20, run_folder=result.run_folder)
    held_back = evaluate(package, read_cases(data), options=options).subject.origin
    assert (held_back.kind.value, held_back.training_copies) == ("internal", ())
    with np.load(next(data.rglob("*.npz"))) as stored:
        images = np.concatenate([stored["test_images"], stored["train_images"][:5]])
        labels = np.concatenate([stored["test_labels"], stored["train_labels"][:5]])
    np.savez(tmp_path / "leaky.npz", test_images=images, test_labels=labels)
    leaky = evaluate(package, read_cases(tmp_path / "leaky.npz"), options=options)
    assert len(leaky.subject.origin.training_copies) == 5
    assert "Q862" in [issue.code for issue in leaky.issues]


def test_page_is_whole_by_itself_and_speaks_both_languages(
    finished: tuple[TrainResult, list[TrainEvent], Path],
) -> None:
    from html.parser import HTMLParser

    result, _, _ = finished
    text = result.report.read_text(encoding="utf-8")
    linked: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found = [value or "" for name, value in attrs if name in ("src", "href")]
            linked.extend(value for value in found if not value.startswith("#"))

    Links().feed(text)
    assert not linked
    assert "<script" not in text
    assert text.count("<svg") == 5
    assert "训练报告" in text
    assert "Training report" in text
    assert "ui.train" not in text
    assert "auroc" in text


def test_two_runs_write_the_same_network(finished: tuple[TrainResult, list[TrainEvent], Path], tmp_path: Path) -> None:
    result, _, data = finished
    train(data, tmp_path / "again.model", QUICK)
    assert network_bytes(tmp_path / "again.model") == network_bytes(result.model)


RUNNER = """
import signal
import sys
from pathlib import Path
from hounsfield.train.options import TrainOptions
from hounsfield.train.run import train
def talk(event):
    if event.key == "ui.train.epoch":
        sys.stdout.write(f"{event.done}\\n"); sys.stdout.flush()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
options = TrainOptions(epochs=12, batch_size=8, threads=1, resume=len(sys.argv) > 3)
train(Path(sys.argv[1]), Path(sys.argv[2]), options, talk)
"""


def start(data: Path, output: Path, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", RUNNER, str(data), str(output), *more]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_a_killed_run_resumes_to_the_bytes_of_an_uninterrupted_one(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "data")
    whole = start(data, tmp_path / "whole.model")
    torn = start(data, tmp_path / "torn.model")
    chance = np.random.default_rng()
    kills = 0
    for attempt in range(2):
        assert torn.stdout is not None
        torn.stdout.readline()
        # at any moment: while learning, measuring or writing a checkpoint
        time.sleep(float(chance.random()) * 0.4)
        if torn.poll() is not None:
            break
        torn.send_signal(signal.SIGKILL)
        torn.wait()
        kills += 1
        assert not (tmp_path / "torn.model").exists() or attempt > 0
        torn = start(data, tmp_path / "torn.model", "--resume")
    for process in (whole, torn):
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    assert kills >= 1
    assert network_bytes(tmp_path / "torn.model") == network_bytes(tmp_path / "whole.model")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_leaves_a_run_to_go_on_with(tmp_path: Path, number: signal.Signals) -> None:
    data = write_npz(tmp_path / "data")
    process = start(data, tmp_path / "m.model")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=100)
    assert "E842" in errors
    assert "--resume" in errors
    assert not (tmp_path / "m.model").exists()
    result = train(data, tmp_path / "m.model", TrainOptions(epochs=12, batch_size=8, threads=1, resume=True))
    assert result.epochs_run == 12


def test_resuming_with_other_options_or_other_data_is_refused(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "data")
    options = TrainOptions(epochs=1, threads=1)
    train(data, tmp_path / "m.model", options)
    with pytest.raises(HounsfieldError) as caught:
        train(data, tmp_path / "m.model", TrainOptions(epochs=2, threads=1, resume=True))
    assert (caught.value.code, caught.value.facts["found"]) == ("E836", "learning.epochs")
    write_npz(tmp_path / "data", strength=0.3)
    with pytest.raises(HounsfieldError) as caught:
        train(data, tmp_path / "m.model", TrainOptions(epochs=1, threads=1, resume=True))
    assert (caught.value.code, caught.value.facts["found"]) == ("E836", "data")


def test_resuming_nothing_starts_at_the_beginning(tmp_path: Path) -> None:
    said: list[TrainEvent] = []
    data = write_npz(tmp_path / "data")
    result = train(data, tmp_path / "m.model", TrainOptions(epochs=1, threads=1, resume=True), said.append)
    assert result.epochs_run == 1
    assert "ui.train.no-checkpoint" in [event.key for event in said]


def test_folders_of_pictures_are_split_prepared_and_explained_by_a_map(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "pictures", 90)
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        '[network]\nname = "small-residual"\nsize = 32\nwidths = [8, 16]\ndepths = [1, 1]\nstrides = [2, 2]\n'
        '[outside]\n[[classes]]\nname = "normal"\n[[classes]]\nname = "blob"\nconcept = "nodule"\n'
        '[model]\nname = "spots"\n',
        encoding="utf-8",
    )
    result = train(data, tmp_path / "m.model", TrainOptions(recipe=recipe, epochs=3, threads=1))
    manifest = open_package(result.model).manifest
    assert manifest.name == "spots"
    assert [entry.name for entry in manifest.classes] == ["normal", "blob"]
    assert [entry.is_finding for entry in manifest.classes] == [False, True]
    assert manifest.predicted_classes[1].concept.meaning == "Nodule"
    assert manifest.explanation.method == "cam"
    assert manifest.network.outside == "outside"
    assert manifest.data.training + manifest.data.tuning + manifest.data.test == 90
    assert manifest.data.test >= 15
    assert [part.part for part in result.results] == ["tuning", "test"]


def test_a_bad_recipe_is_refused_before_training(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "data")
    recipe = tmp_path / "r.toml"
    lines = ["[[classes]]", 'name = "0"', 'concept = "no such concept"', "[[classes]]", 'name = "1"']
    recipe.write_text("\n".join(lines), encoding="utf-8")
    said: list[TrainEvent] = []
    with pytest.raises(SettingsError) as caught:
        train(data, tmp_path / "m.model", TrainOptions(recipe=recipe, epochs=1, threads=1), said.append)
    assert caught.value.code == "E830"
    assert "ui.train.epoch" not in [event.key for event in said]


def test_steps_that_miss_the_size_of_the_network_are_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('[[prepare]]\nstep = "resize"\nrows = 30\ncolumns = 28\n', encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        train(write_npz(tmp_path / "data"), tmp_path / "m.model", TrainOptions(recipe=recipe, threads=1))
    assert caught.value.code == "E840"


def test_too_few_cases_of_a_class_are_refused_with_counts(tmp_path: Path) -> None:
    data = tmp_path / "few"
    write_folders(data, 40)
    for path in sorted((data / "blob").iterdir())[2:]:
        path.unlink()
    with pytest.raises(DatasetError) as caught:
        train(data, tmp_path / "m.model", TrainOptions(epochs=1, threads=1))
    assert caught.value.code in {"E804", "E839"}
    assert "blob" in caught.value.text()


def test_an_output_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(HounsfieldError) as caught:
        train(tmp_path, tmp_path / "file" / "m.model", TrainOptions(threads=1))
    assert caught.value.code == "E841"


def test_training_leaves_torch_as_it_was(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    handler = signal.getsignal(signal.SIGTERM)
    train(write_npz(tmp_path / "data"), tmp_path / "m.model", TrainOptions(epochs=1, threads=1))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_threads_that_wait_are_told_to_sleep_unless_someone_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    from hounsfield.settings import calm_threads

    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    calm_threads()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    calm_threads()
    assert os.environ["GOMP_SPINCOUNT"] == "2000"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("epochs", "auroc", "accuracy"),
    [
        (4, 0.97, 0.9),
        pytest.param(14, 0.99, 0.93, marks=pytest.mark.skipif(not LONG, reason="minutes: HOUNSFIELD_LONG=all")),
    ],
)
def test_pneumonia_is_learned_on_the_given_part(
    shared_data: Path, tmp_path: Path, epochs: int, auroc: float, accuracy: float
) -> None:
    """Through the command line, which lets waiting threads sleep."""
    arguments = ["train", str(shared_data / "chest_xray_pneumonia"), "-o", str(tmp_path / "pneumonia.model")]
    arguments += ["--epochs", str(epochs), "--seed", "0", "--json", "--quiet"]
    command = [sys.executable, "-m", "hounsfield", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    tuning = json.loads(done.stdout)["results"]["tuning"]
    assert tuning["n"] == 516
    assert tuning["metrics"]["auroc"]["value"] >= auroc
    assert tuning["metrics"]["accuracy"]["value"] >= accuracy
