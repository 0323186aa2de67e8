"""Set-up: what is settled and said before the first step, and what is refused there."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError, HounsfieldError, SettingsError  # noqa: E402
from hounsfield.train import setup  # noqa: E402
from hounsfield.train.events import TrainEvent, silent  # noqa: E402
from hounsfield.train.ledger import Ledger, usable_cores  # noqa: E402
from hounsfield.train.options import TrainOptions  # noqa: E402
from hounsfield.train.recipe import Recipe  # noqa: E402
from hounsfield.train.setup import Task, choose_threads, set_up  # noqa: E402
from tests.train.tiny import write_folders, write_npz  # noqa: E402


def begin(data: Path, folder: Path, recipe: Recipe | None = None, talk=silent, **options: object) -> Task:
    ledger = Ledger(folder / "m.model.run")
    ledger.open()
    asked = TrainOptions(name="m", threads=1, **options)  # type: ignore[arg-type]
    return set_up(data, asked, recipe or Recipe(), ledger, talk)


def test_everything_but_the_weights_is_settled(tmp_path: Path) -> None:
    task = begin(write_npz(tmp_path / "data", test=20), tmp_path)
    assert task.plan.class_names == ("0", "1")
    assert task.plan.threads == 1
    assert (len(task.parts.training), len(task.parts.tuning)) == (96, 48)
    assert task.command.startswith("hounsfield train ")
    assert "--seed 0" in task.command
    document = json.loads((task.ledger.folder / "plan.json").read_text(encoding="utf-8"))
    assert document["data_digest"] == task.parts.digest
    assert document["plan_digest"] == task.plan.digest()


def test_same_data_same_plan_and_digest(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 60)
    first, second = (begin(data, tmp_path / name) for name in ("a", "b"))
    assert first.plan == second.plan
    assert first.parts.digest == second.parts.digest


def test_order_of_what_is_said(tmp_path: Path) -> None:
    said: list[TrainEvent] = []
    begin(write_npz(tmp_path / "data"), tmp_path, talk=said.append)
    keys = [event.key for event in said if event.done is None]
    assert keys[0] == "ui.train.read"
    assert keys[-1] == "ui.train.parts"
    assert keys.index("ui.train.memory") > keys.index("ui.train.reason.size")


def test_networks_that_do_not_standardise_are_centred_on_the_training_images(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "data")
    task = begin(data, tmp_path, Recipe(network={"standardise": False}))
    images = task.parts.training.images.astype(np.float64)
    assert task.plan.network.centre == pytest.approx(images.mean(), abs=1e-5)
    assert task.plan.network.scale == pytest.approx(1 / images.std(), rel=1e-4)
    stated = begin(data, tmp_path, Recipe(network={"standardise": False, "centre": 0.4, "scale": 3.0}))
    assert (stated.plan.network.centre, stated.plan.network.scale) == (0.4, 3.0)
    assert begin(data, tmp_path).plan.network.standardise


def test_class_names_of_options_or_recipe_name_numbered_labels(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "data")
    assert begin(data, tmp_path, class_names=("clear", "spot")).plan.class_names == ("clear", "spot")
    recipe = Recipe.model_validate({"classes": [{"name": "a"}, {"name": "b"}]})
    assert begin(data, tmp_path, recipe).plan.class_names == ("a", "b")


def test_a_fresh_run_removes_the_checkpoints_of_an_earlier_one(tmp_path: Path) -> None:
    data = write_npz(tmp_path / "data")
    task = begin(data, tmp_path)
    old = task.ledger.checkpoints / "epoch-000003.json"
    old.write_text("{}", encoding="utf-8")
    begin(data, tmp_path, resume=True)
    assert old.exists()
    begin(data, tmp_path)
    assert not old.exists()


def test_threads_are_those_asked_for_or_of_the_run_to_go_on_with(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "m.model.run")
    assert choose_threads(TrainOptions(), ledger) == usable_cores()
    assert choose_threads(TrainOptions(threads=3), ledger) == 3
    begin(write_npz(tmp_path / "data"), tmp_path)
    assert choose_threads(TrainOptions(resume=True), ledger) == 1
    assert choose_threads(TrainOptions(), ledger) == usable_cores()


def test_too_little_memory_is_refused_before_images_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "available_memory", lambda: 1000)
    said: list[TrainEvent] = []
    with pytest.raises(HounsfieldError) as caught:
        begin(write_npz(tmp_path / "data"), tmp_path, talk=said.append)
    assert caught.value.code == "E835"
    assert "ui.train.preparing" not in [event.key for event in said]


@pytest.mark.parametrize("decoys", [{"as_class": "nothing"}, {"as_class": "1", "spared": ["nobody"]}])
def test_decoys_of_classes_that_are_not_there_are_refused(tmp_path: Path, decoys: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        begin(write_npz(tmp_path / "data"), tmp_path, Recipe.model_validate({"decoys": decoys}))
    assert caught.value.code == "E830"
    assert "decoys" in caught.value.text()


def test_data_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        begin(tmp_path / "nothing", tmp_path)
    assert caught.value.code == "E800"


def test_one_class_is_refused(tmp_path: Path) -> None:
    write_folders(tmp_path / "data", 20)
    for path in (tmp_path / "data" / "blob").iterdir():
        path.unlink()
    with pytest.raises(DatasetError) as caught:
        begin(tmp_path / "data", tmp_path)
    assert caught.value.code == "E803"


def test_strict_refuses_data_whose_files_tell_the_class(tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 60)
    begin(data, tmp_path / "a", strict=True)
    for path in (data / "blob").iterdir():
        with Image.open(path) as image:
            image.resize((50, 50)).save(path)
    said: list[TrainEvent] = []
    begin(data, tmp_path / "b", talk=said.append)
    assert "Q871" in [event.key for event in said]
    with pytest.raises(DatasetError) as caught:
        begin(data, tmp_path / "c", strict=True)
    assert caught.value.code == "E871"
    assert "Q871" in caught.value.text()
    assert not (tmp_path / "c" / "m.model.run" / "plan.json").exists()
