"""Whole runs on sequences: the order of frames is learned, a run repeats and resumes, and the package is right."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.metrics import roc_auc_score  # noqa: E402

from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.core.report import Status  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError, ModelError, OutOfScope, SettingsError  # noqa: E402
from hounsfield.evaluate.sequences import evaluate_sequences  # noqa: E402
from hounsfield.model.interface import SequenceInterface  # noqa: E402
from hounsfield.model.package import open_package  # noqa: E402
from hounsfield.model.predictor import Predictor  # noqa: E402
from hounsfield.pipeline import Options, analyse  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.cases.sequenced_examples import save_frames, write_manifest  # noqa: E402
from tests.cases.test_cine_manifest import write_dicom  # noqa: E402
from tests.train.sequence.films import films, growing, reversed_films, write_arrays  # noqa: E402

QUICK = TrainOptions(epochs=7, threads=1, learning_rate=3e-3, network="article+gru", class_names=("grows", "shrinks"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    said = []
    data = write_arrays(folder / "films.npz", *films(150, 1, (5, 7)))
    return train(data, folder / "films.model", QUICK, said.append), said, folder


def area(package, shown, labels, folder):
    """Return the AUROC that an evaluation of films gives."""
    data = write_arrays(folder / "kept.npz", shown, labels)
    return evaluate_sequences(package, data).as_json()["metrics"]["auroc"]["value"]


def test_the_order_of_the_frames_is_learned(run, tmp_path):
    """No frame and no set of frames tells the class: reversed, every film is answered the other way round."""
    result, _, _ = run
    assert result.results[1].metrics["auroc"][0] > 0.95
    package = open_package(result.model)
    shown, labels = films(60, 77, (5, 7))
    assert area(package, shown, labels, tmp_path) > 0.95
    assert area(package, reversed_films(shown), labels, tmp_path) < 0.05


def test_lengths_alone_make_it_a_sequence_and_the_run_says_so(run):
    result, said, _ = run
    keys = [event.key for event in said]
    assert keys[0] == "ui.train.read.sequences"
    assert {"ui.train.task.sequence-class", "ui.train.reason.frames", "ui.train.memory"} <= set(keys)
    assert all(event.text("zh") for event in said)
    assert sum(event.key == "ui.train.epoch" for event in said) == result.epochs_run == 7


def test_the_run_folder_repeats_the_run(run):
    result, _, _ = run
    plan = json.loads((result.run_folder / "plan.json").read_text(encoding="utf-8"))["plan"]
    assert plan["sequence"]["cell"] == "gru"
    assert plan["most_frames"] == 7
    assert plan["prepare"][0] == {"step": "sample-frames", "most": 7}
    assert plan["learning"]["mixup"] is None
    seen = json.loads((result.run_folder / "images.json").read_text(encoding="utf-8"))["parts"]
    assert sum(map(len, seen.values())) == 150
    page = result.report.read_text(encoding="utf-8")
    assert "article+gru" in page
    assert "≤ 7 × 24 × 24" in page


def test_the_manifest_says_that_a_sequence_goes_in(run):
    package = open_package(run[0].model)
    manifest = package.manifest
    assert isinstance(manifest.network, SequenceInterface)
    assert (manifest.network.most_frames, manifest.task, manifest.explanation.method) == (7, "sequence", "none")
    assert manifest.input.slice_axes == ["space", "time"]
    assert "up to 7 frames of 1 × 24 × 24" in package.card
    assert "grows" in manifest.purpose.en


def test_the_predictor_takes_any_number_of_frames_up_to_the_limit(run):
    predictor = Predictor(open_package(run[0].model), threads=1)
    frames = (films(1, 5)[0][0][:, None] / 255).astype(np.float32)
    said = [predictor.run(frames[:count])["logits"] for count in range(1, 7)]
    assert all(logits.shape == (1, 2) for logits in said)
    assert predictor.run(frames[:4])["logits"].tobytes() == said[3].tobytes()
    assert not np.array_equal(said[4], said[5])
    with pytest.raises(OutOfScope, match="E905"):
        predictor.run(np.concatenate([frames, frames]))
    with pytest.raises(OutOfScope, match="E520"):
        predictor.run(frames[:, :, :20])


def test_a_run_repeats_itself_and_ends_alike_when_it_was_stopped(run, tmp_path):
    options = replace(QUICK, epochs=2, seed=5)
    data = write_arrays(tmp_path / "few.npz", *films(60, 3, (3, 6)))
    whole = train(data, tmp_path / "a.model", options)
    torn = tmp_path / "b.model"

    def stop(event):
        if event.key == "ui.train.epoch":
            raise KeyboardInterrupt

    with pytest.raises(HounsfieldError, match="E842"):
        train(data, torn, options, stop)
    resumed = train(data, torn, replace(options, resume=True))
    assert resumed.weights_digest == whole.weights_digest == train(data, tmp_path / "c.model", options).weights_digest
    with pytest.raises(HounsfieldError, match="E836"):
        train(data, torn, replace(options, resume=True, network="article+lstm"))


def test_an_evaluation_writes_its_page_by_patient(run, tmp_path):
    shown, labels = films(24, 9, (5, 7))
    patients = np.repeat([f"p{index}" for index in range(12)], 2)
    data = write_arrays(tmp_path / "kept.npz", shown, labels, patients=patients)
    evaluation = evaluate_sequences(open_package(run[0].model), data, tmp_path / "out")
    groups = [case.group for case in evaluation.cases]
    assert len(set(groups)) == 12
    assert all(groups[index] == groups[index + 1] for index in range(0, 24, 2))
    said = evaluation.scored.probabilities[:, 1]
    assert evaluation.measures["auroc"].value == pytest.approx(roc_auc_score(evaluation.scored.labels, said))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "kept" in page
    assert "Q800" not in [issue.code for issue in evaluation.issues]


def test_a_single_picture_is_refused_by_a_model_of_films(run, tmp_path):
    shown, labels = films(20, 4)
    short = [film[:1] if index < 4 else film for index, film in enumerate(shown)]
    evaluation = evaluate_sequences(open_package(run[0].model), write_arrays(tmp_path / "x.npz", short, labels))
    assert len(evaluation.refused) == 4
    assert {reason.code for _, reason in evaluation.refused} == {"Q512"}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """How much a disc grows from the first to the last frame, as an ejection fraction is a course, not a frame."""
    folder = tmp_path_factory.mktemp("numbers")
    chance = np.random.default_rng(4)
    rows = []
    for index in range(80):
        film = growing(chance, 5)
        speed = int(chance.integers(0, 5))
        save_frames(folder / "data" / f"film{index}", film[[max(0, place - 4 + speed) for place in range(5)]])
        rows.append({"path": f"film{index}", "label": f"{10.5 * speed}", "patient_id": f"p{index}"})
    data = write_manifest(folder / "data", rows)
    options = TrainOptions(task="sequence", epochs=12, threads=1, learning_rate=4e-3, network="article+lstm")
    return train(data, folder / "numbers.model", options), data, folder


def test_a_number_is_learned_and_evaluated(numbers, tmp_path):
    result, data, _ = numbers
    package = open_package(result.model)
    assert (package.manifest.answer, package.manifest.task) == ("number", "sequence")
    assert package.manifest.network.most_frames == 5
    evaluation = evaluate_sequences(package, data, tmp_path / "out")
    known = evaluation.reference[:, 0]
    guess = np.abs(known - np.median(known)).mean()
    assert evaluation.measures["mean_absolute_error"].value < 0.6 * guess
    assert "mean_absolute_error" in result.results[1].metrics
    assert (tmp_path / "out" / "predictions.csv").is_file()


def test_a_number_is_no_finding_and_classes_are_no_number(numbers, run, tmp_path):
    result, _, _ = numbers
    predictor = Predictor(open_package(result.model), threads=1)
    assert predictor.run(np.zeros((3, 1, 24, 24), np.float32))["logits"].shape == (1, 1)
    with pytest.raises(DatasetError, match="E854"):
        evaluate_sequences(open_package(result.model), write_arrays(tmp_path / "x.npz", *films(20)))


def test_an_analysis_reads_a_film_as_a_whole(run, tmp_path):
    """Forwards and backwards the same frames are answered by opposite findings, without the warning of slices."""
    shown = films(2, 5, (9, 9))[0][0]
    for name, frames, score in (("grows", shown, 1.0), ("shrinks", shown[::-1], 0.0)):
        write_dicom(tmp_path / f"{name}.dcm", np.ascontiguousarray(frames))
        options = Options(model=str(run[0].model))
        report = analyse(tmp_path / f"{name}.dcm", tmp_path / name, options).bundles[0].report
        assert report.status is Status.COMPLETE
        found = {finding.type.meaning: finding.score for finding in report.findings}
        assert abs(found["grows"] - score) < 0.5
        assert "Q953" not in [issue.code for issue in report.issues]


def test_an_analysis_refuses_what_answers_with_a_number(numbers, tmp_path):
    write_dicom(tmp_path / "film.dcm", films(1, 5, (9, 9))[0][0])
    report = analyse(tmp_path / "film.dcm", tmp_path / "out", Options(model=str(numbers[0].model))).bundles[0].report
    assert report.status is not Status.COMPLETE
    assert "E855" in [issue.code for issue in report.issues]


def test_a_run_that_does_not_fit_says_so(tmp_path, monkeypatch):
    data = write_arrays(tmp_path / "films.npz", *films(60))
    monkeypatch.setattr("hounsfield.train.setup.available_memory", lambda: 2**20)
    with pytest.raises(HounsfieldError, match="E835"):
        train(data, tmp_path / "x.model", QUICK)


def test_strict_refuses_films_that_share_frames(tmp_path):
    shown, labels = films(60)
    shown[3][2] = shown[8][1]
    data = write_arrays(tmp_path / "films.npz", shown, labels)
    with pytest.raises(DatasetError, match="E871") as refused:
        train(data, tmp_path / "x.model", replace(QUICK, strict=True))
    assert "Q900" in str(refused.value)


@pytest.mark.parametrize("network", ["article+rnn", "transformer"])
def test_unknown_networks_are_refused(tmp_path, network):
    data = write_arrays(tmp_path / "films.npz", *films(60))
    with pytest.raises(SettingsError, match="E831"):
        train(data, tmp_path / "x.model", replace(QUICK, network=network))


def test_pictures_without_sequences_are_refused(tmp_path):
    for name in ("a", "b"):
        save_frames(tmp_path / name, films(1)[0][0])
    with pytest.raises(DatasetError, match="E907"):
        train(tmp_path, tmp_path.parent / "x.model", TrainOptions(task=LearningTask.SEQUENCE.value))


def test_a_tampered_limit_of_frames_is_refused(run):
    package = open_package(run[0].model)
    network = package.manifest.network.model_copy(update={"most_frames": 4096})
    huge = package.manifest.model_copy(update={"network": network.model_copy(update={"rows": 23})})
    with pytest.raises(ModelError, match="E513"):
        Predictor(replace(package, manifest=huge), threads=1)
