"""The plan explained beforehand is the plan that training obeys, and says what the machine has to hold."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.train import foresight as foreseeing  # noqa: E402
from hounsfield.train.foresight import foresee  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.train.tiny import write_folders, write_npz  # noqa: E402


def planned(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> tuple[int, dict]:
    code = main(["plan", *words, "--json", "--quiet"])
    return code, json.loads(capsysbinary.readouterr().out)


def recipe_of(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("recipe", ["", "[network]\nstandardise = false\n"], ids=["plain", "centred on the images"])
@pytest.mark.parametrize("write", [write_npz, write_folders])
def test_it_is_the_plan_of_the_run_folder(tmp_path: Path, write, recipe: str) -> None:
    data = write(tmp_path / "data")
    options = TrainOptions(recipe=recipe_of(tmp_path, recipe) if recipe else None, epochs=1, threads=1, name="m")
    foresight = foresee(data, options)
    result = train(data, tmp_path / "m.model", options)
    document = json.loads((result.run_folder / "plan.json").read_text(encoding="utf-8"))
    assert foresight.plan.model_dump(mode="json") == document["plan"]
    assert foresight.plan.digest() == document["plan_digest"]
    assert foresight.memory.total_bytes == document["memory_estimate_bytes"]["total"]


def test_the_verb_writes_the_same_document(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    data = write_npz(tmp_path / "data", test=20)
    words = ("--epochs", "1", "--threads", "1", "--seed", "3", "--name", "m")
    code, found = planned(capsysbinary, str(data), "-o", str(tmp_path / "plan.json"), *words)
    assert code == 0
    assert main(["train", str(data), "-o", str(tmp_path / "m.model"), "--quiet", *words]) == 0
    of_run = json.loads((tmp_path / "m.model.run" / "plan.json").read_text(encoding="utf-8"))
    written = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert written == found["document"]
    assert {key: of_run[key] for key in written} == written
    assert found["parts"] == {"training": {"0": 48, "1": 48}, "tuning": {"0": 24, "1": 24}, "test": {"0": 10, "1": 10}}
    assert found["left_out"] == 0
    assert found["fingerprint"]["class_counts"] == [82, 82]
    assert not list(tmp_path.glob("plan*.run"))


def test_each_choice_has_its_reason_in_both_languages(tmp_path: Path) -> None:
    plan = foresee(write_folders(tmp_path / "data"), TrainOptions(threads=1)).plan
    assert {"network", "prepare", "epochs", "batch_size"} <= {reason.choice for reason in plan.reasons}
    for reason in plan.reasons:
        assert "?" not in reason.text("en") + reason.text("zh")
        assert reason.text("en") != reason.text("zh") != reason.key


def test_what_was_asked_for_needs_no_reason(tmp_path: Path) -> None:
    plan = foresee(write_npz(tmp_path / "data"), TrainOptions(threads=1, epochs=3, batch_size=8)).plan
    assert not {"epochs", "batch_size"} & {reason.choice for reason in plan.reasons}
    assert (plan.learning.epochs, plan.learning.batch_size) == (3, 8)


def test_a_run_that_is_too_large_is_said_and_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(foreseeing, "available_memory", lambda: 1000)
    data = write_npz(tmp_path / "data")
    assert not foresee(data, TrainOptions(threads=1)).fits
    assert main(["plan", str(data), "--threads", "1", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "E835" in said
    assert "not a medical device" in said
    monkeypatch.setattr(foreseeing, "available_memory", lambda: None)
    assert foresee(data, TrainOptions(threads=1)).fits


def test_the_lines_speak_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(write_npz(tmp_path / "data")), "--quiet", "--language", "zh"]) == 0
    said = capsys.readouterr().out
    assert "理由 (network)" in said
    assert "内存" in said


def test_copies_of_the_test_part_are_counted_as_left_out(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "data", test=20) / "blobs.npz"
    arrays = dict(np.load(path))
    arrays["train_images"][:4] = arrays["test_images"][:4]
    np.savez(path, **arrays)
    assert foresee(path, TrainOptions(threads=1)).data.left_out == 4


def test_faults_are_typed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        foresee(tmp_path / "nothing")
    assert caught.value.code == "E800"
    with pytest.raises(SettingsError):
        foresee(write_npz(tmp_path / "data"), TrainOptions(network="nothing"))
