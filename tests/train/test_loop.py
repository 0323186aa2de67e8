"""The loop: it learns, ends when it should, and goes on from any checkpoint to the same bytes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.train.augment import Affine, Noise  # noqa: E402
from hounsfield.train.chance import settled  # noqa: E402
from hounsfield.train.checkpoint import read_checkpoint  # noqa: E402
from hounsfield.train.classification import Classification  # noqa: E402
from hounsfield.train.events import TrainEvent, silent  # noqa: E402
from hounsfield.train.loop import EARLY_STOP, SCHEDULE, TIME_LIMIT, Loop, Outcome  # noqa: E402
from hounsfield.train.parts import Parts  # noqa: E402
from hounsfield.train.plan import Learning, Mixup, Plan  # noqa: E402
from hounsfield.train.ranks import Ranks  # noqa: E402
from tests.train.tiny import parts  # noqa: E402


def plan(epochs: int = 4, **learning: object) -> Plan:
    values = {"batch_size": 16, "learning_rate": 3e-3, "mixup": Mixup(), "label_smoothing": 0.05, **learning}
    return Plan(
        name="tiny",
        class_names=("normal", "blob"),
        prepare=(),
        network=NetworkSettings("article", 2, 1, 28, 28),
        augment=(Affine(rotation_degrees=5, flip_probability=0.1), Noise()),
        learning=Learning(epochs=epochs, **values),  # type: ignore[arg-type]
    )


def run(
    wanted: Plan, data: Parts, folder: Path, talk: Callable[[TrainEvent], None] = silent, is_resumed: bool = False
) -> Outcome:
    with settled(1):
        loop = Loop(Classification(wanted, data), folder, talk)
        if is_resumed:
            assert loop.resume()
        return loop.run()


def is_same(one: Outcome, other: Outcome) -> bool:
    return set(one.weights) == set(other.weights) and all(
        torch.equal(one.weights[name], other.weights[name]) for name in one.weights
    )


def test_learns_the_blobs_and_logs_every_epoch(tmp_path: Path) -> None:
    said: list[TrainEvent] = []
    outcome = run(plan(6), parts(), tmp_path, said.append)
    history = outcome.progress.history
    assert [row.epoch for row in history] == [1, 2, 3, 4, 5, 6]
    assert max(row.tuning["auroc"] for row in history) > 0.95
    assert outcome.progress.stopped_by == SCHEDULE
    assert [event.done for event in said] == [1, 2, 3, 4, 5, 6]
    assert all("AUROC" in event.text() and "损失" in event.text("zh") for event in said)


def test_two_runs_give_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first = run(plan(2), parts(), tmp_path / "a")
    assert is_same(first, run(plan(2), parts(), tmp_path / "b"))
    assert not is_same(first, run(plan(2).model_copy(update={"seed": 1}), parts(), tmp_path / "c"))


@pytest.mark.parametrize("balance", ["none", "loss", "sampling"])
def test_an_interrupted_run_ends_in_the_same_weights(tmp_path: Path, balance: str) -> None:
    wanted = plan(4, balance=balance)
    whole = run(wanted, parts(), tmp_path / "whole")

    def stop(event: TrainEvent) -> None:
        if event.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(wanted, parts(), tmp_path / "torn", stop)
    resumed = run(wanted, parts(), tmp_path / "torn", is_resumed=True)
    assert is_same(whole, resumed)
    assert [row.epoch for row in resumed.progress.history] == [1, 2, 3, 4]
    assert whole.progress.best_epoch == resumed.progress.best_epoch


def test_a_finished_run_resumes_to_itself_without_training(tmp_path: Path) -> None:
    first = run(plan(2), parts(), tmp_path)
    said: list[TrainEvent] = []
    assert is_same(first, run(plan(2), parts(), tmp_path, said.append, is_resumed=True))
    assert not said


@pytest.mark.parametrize("what", ["plan", "data"])
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, what: str) -> None:
    run(plan(2), parts(), tmp_path / "checkpoints")
    wanted = plan(3) if what == "plan" else plan(2)
    data = parts(tuning=40) if what == "data" else parts()
    with pytest.raises(HounsfieldError) as caught:
        Loop(Classification(wanted, data), tmp_path / "checkpoints", silent).resume()
    assert caught.value.code == "E836"
    assert caught.value.facts["found"] == what


def test_early_stop_keeps_the_best_epoch(tmp_path: Path) -> None:
    outcome = run(plan(60, patience=3), parts(strength=0.0), tmp_path)
    progress = outcome.progress
    assert progress.stopped_by == EARLY_STOP
    assert progress.epochs_done == progress.best_epoch + 3
    best = max(progress.history, key=lambda row: row.score)
    assert best.epoch == progress.best_epoch
    found = read_checkpoint(tmp_path)
    assert found is not None
    kept = {name.removeprefix("kept/"): value for name, value in found.tensors.items() if name.startswith("kept/")}
    assert all(torch.equal(kept[name], outcome.weights[name]) for name in outcome.weights)


def test_keeping_the_last_epoch_keeps_the_average(tmp_path: Path) -> None:
    outcome = run(plan(3, keep="last"), parts(), tmp_path)
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert all(torch.equal(found.tensors[f"average/{name}"], value) for name, value in outcome.weights.items())


def test_time_limit_shortens_the_schedule_and_is_kept(tmp_path: Path) -> None:
    wanted = plan(10_000).model_copy(update={"time_limit_seconds": 1.5})
    outcome = run(wanted, parts(), tmp_path)
    assert outcome.progress.stopped_by == TIME_LIMIT
    assert 1 <= outcome.progress.epochs_done < 10_000
    assert outcome.progress.seconds < 3
    assert outcome.weights


def test_time_limit_within_the_first_epoch_still_gives_weights(tmp_path: Path) -> None:
    wanted = plan(5).model_copy(update={"time_limit_seconds": 1e-6})
    outcome = run(wanted, parts(), tmp_path)
    assert outcome.progress.stopped_by == TIME_LIMIT
    assert outcome.progress.epochs_done == 0
    assert outcome.weights


def test_a_loss_that_is_no_number_ends_the_run_with_a_cause(tmp_path: Path) -> None:
    data = parts()
    images = data.training.images.copy()
    images[:] = np.nan
    broken = Parts(replace(data.training, images=images), data.tuning, None)
    with pytest.raises(HounsfieldError) as caught:
        run(plan(1), broken, tmp_path)
    assert caught.value.code == "E837"
    assert "--learning-rate" in caught.value.next_step()


class _Deaf:
    """Stands for the connection of a process that does not see the folder of the first one."""

    def broadcast(self, value: object, src: int) -> object:
        return 3


def test_a_process_that_does_not_see_the_checkpoint_is_refused(tmp_path: Path) -> None:
    with settled(1):
        loop = Loop(Classification(plan(), parts()), tmp_path, silent, Ranks(1, 2, _Deaf()))
        with pytest.raises(HounsfieldError, match="E942") as caught:
            loop.resume()
    assert caught.value.facts["expected"] == 3
