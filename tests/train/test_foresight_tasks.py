"""Every task is planned beforehand: the document is that of the run folder, with reasons in both languages."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from hounsfield.cases.task import LearningTask  # noqa: E402
from hounsfield.cli import main  # noqa: E402
from hounsfield.errors import DatasetError, HounsfieldError  # noqa: E402
from hounsfield.train import foresight as foreseeing  # noqa: E402
from hounsfield.train.foresight import foresee  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.run import train  # noqa: E402
from tests.train.discs import save_discs  # noqa: E402
from tests.train.segmentation.discs import write_pairs  # noqa: E402
from tests.train.targets import write_grades, write_labels, write_numbers  # noqa: E402


def write_objects(folder: Path) -> Path:
    """Write pictures of 9 to 12 numbered squares each."""
    for seed in range(12):
        chance = np.random.default_rng(seed)
        image, objects = chance.integers(0, 90, (48, 64)).astype(np.uint8), np.zeros((48, 64), np.uint8)
        for number in range(1, 10 + seed % 4):
            top, left = 2 + 16 * ((number - 1) // 4), 2 + 16 * ((number - 1) % 4)
            size = int(chance.integers(6, 12))
            objects[top : top + size, left : left + size] = number
        image[objects > 0] += np.uint8(120)
        for name, array in (("images", image), ("labels", objects)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / name / f"case{seed:02d}.png")
    return folder


WRITERS = {
    "segmentation": write_pairs,
    "instances": write_objects,
    "detection": save_discs,
    "multi-label": write_labels,
    "regression": write_numbers,
    "ordinal": write_grades,
}
QUICK = TrainOptions(epochs=1, threads=1, seed=3, name="m")


class AtLearning(Exception):
    """A run came as far as its first step."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tasks")
    return {task: write(root / task) for task, write in WRITERS.items()}


@pytest.fixture
def stop_at_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """End each run where it would learn: its plan is written by then."""

    def stop(*args: object, **named: object) -> None:
        raise AtLearning

    for room in ("segmentation", "detection", "targets"):
        monkeypatch.setattr(f"hounsfield.train.{room}.run.learn", stop)


def document_of_run(data: Path, output: Path, options: TrainOptions = QUICK) -> dict:
    with pytest.raises(AtLearning):
        train(data, output, options)
    return json.loads((output.with_name(output.name + ".run") / "plan.json").read_text(encoding="utf-8"))


def planned(capsysbinary: pytest.CaptureFixture[bytes], *words: str) -> dict:
    capsysbinary.readouterr()
    assert main(["plan", *words, "--json", "--quiet"]) == 0
    return json.loads(capsysbinary.readouterr().out)


@pytest.mark.parametrize("task", WRITERS)
@pytest.mark.usefixtures("stop_at_learning")
def test_the_document_is_the_one_of_the_run(
    folders: dict[str, Path], tmp_path: Path, task: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    of_run = document_of_run(folders[task], tmp_path / "m.model")
    words = ("--epochs", "1", "--threads", "1", "--seed", "3", "--name", "m")
    found = planned(capsysbinary, str(folders[task]), "-o", str(tmp_path / "plan.json"), *words)
    assert found["task"] == task
    assert {key: of_run[key] for key in found["document"]} == found["document"]
    assert set(of_run) - set(found["document"]) == {"data_digest", "command"}
    assert json.loads((tmp_path / "plan.json").read_text(encoding="utf-8")) == found["document"]
    assert found["document"]["memory_estimate_bytes"]["total"] > 1e5


@pytest.mark.parametrize("task", WRITERS)
def test_choices_have_reasons_in_both_languages(folders: dict[str, Path], task: str) -> None:
    plan = foresee(folders[task], TrainOptions(threads=1)).plan
    assert len({reason.choice for reason in plan.reasons}) >= 3
    for reason in plan.reasons:
        english, chinese = reason.text("en"), reason.text("zh")
        assert english != chinese
        assert reason.key not in (english, chinese)
        assert "{" not in english + chinese


@pytest.mark.parametrize("task", WRITERS)
def test_lines_for_people_name_the_task_and_the_memory(
    folders: dict[str, Path], task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(folders[task]), "--quiet", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert f", {task})" in said.splitlines()[0]
    assert "Memory needed" in said
    assert "not a medical device" in said
    assert "{" not in said.replace("{}", "")


def test_what_is_counted_follows_the_task(folders: dict[str, Path]) -> None:
    data = {task: foresee(folder, TrainOptions(threads=1)).data for task, folder in folders.items()}
    assert data["segmentation"].counts == {"cases": 12, "foreground": 12}
    assert data["instances"].counts == {"cases": 12, "objects": 126}
    assert data["detection"].counts == {"disc": 30, "square": 30}
    assert set(data["multi-label"].counts) == {"effusion", "nodule", "mass"}
    assert sum(data["regression"].counts.values()) == 150
    assert sum(data["ordinal"].counts.values()) == 320
    rows = (folders["multi-label"] / "manifest.csv").read_text(encoding="utf-8").splitlines()
    blank = sum(row.endswith(",,,") for row in rows)
    for task, found in data.items():
        summed = {name: sum(part[name] for part in found.parts.values()) for name in found.counts}
        assert found.left_out == (blank if task == "multi-label" else 0)
        assert summed == found.counts


@pytest.mark.usefixtures("stop_at_learning")
def test_options_and_recipe_are_obeyed_alike(folders: dict[str, Path], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[learning]\nlearning_rate = 0.003\n[network]\ncentre = 0.25\nscale = 3.0\n", encoding="utf-8")
    options = TrainOptions(recipe=recipe, epochs=2, batch_size=3, threads=1, name="m")
    foresight = foresee(folders["segmentation"], options)
    of_run = document_of_run(folders["segmentation"], tmp_path / "m.model", options)
    assert foresight.plan.model_dump(mode="json") == of_run["plan"]
    assert (foresight.plan.learning.learning_rate, foresight.plan.learning.batch_size) == (0.003, 3)
    assert of_run["plan"]["network"]["centre"] == 0.25


@pytest.mark.usefixtures("stop_at_learning")
def test_a_task_that_is_asked_for_is_planned(
    folders: dict[str, Path], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked = TrainOptions(epochs=1, threads=1, seed=3, name="m", task="regression")
    of_run = document_of_run(folders["ordinal"], tmp_path / "m.model", asked)
    words = ("--epochs", "1", "--threads", "1", "--seed", "3", "--name", "m", "--task", "regression")
    found = planned(capsysbinary, str(folders["ordinal"]), *words)
    assert found["task"] == "regression"
    assert found["document"]["plan"] == of_run["plan"]
    assert found["document"]["plan"]["target_scale"] == pytest.approx(1.118, abs=0.01)  # of 0, 1, 2, 3 alike often


def test_nothing_is_written_or_refused_for_want_of_memory(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreseeing, "available_memory", lambda: 1000)
    before = {task: sorted(folder.rglob("*")) for task, folder in folders.items()}
    for folder in folders.values():
        assert not foresee(folder, TrainOptions(threads=1)).fits
    assert {task: sorted(folder.rglob("*")) for task, folder in folders.items()} == before


def test_data_that_cannot_be_learned_from_are_refused_as_by_training(tmp_path: Path) -> None:
    few = write_pairs(tmp_path / "few", count=2)
    codes = []
    for attempt in (lambda: foresee(few, QUICK), lambda: train(few, tmp_path / "m.model", QUICK)):
        with pytest.raises(HounsfieldError) as caught:
            attempt()
        codes.append(caught.value.code)
    assert codes == ["E862", "E862"]


def test_a_task_without_a_planner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseeing, "task_of", lambda data: LearningTask.ORDINAL)
    with pytest.raises(DatasetError) as caught:
        foresee(tmp_path, QUICK)
    assert caught.value.code == "E872"
