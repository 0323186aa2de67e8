"""Promises of a way of learning, run over every one: ``pytest.mark.parametrize("promise", ways.PROMISES)``."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hounsfield.train.chance import settled
from hounsfield.train.events import TrainEvent, silent
from hounsfield.train.learner import Learner
from hounsfield.train.loop import Loop, Outcome
from hounsfield.train.way import Way

AnyWay = Way[Any, Any]
Maker = Callable[[], AnyWay]
"""Returns a fresh way of at least two epochs, over the same small data each time."""
Promise = Callable[[Maker], None]


def same_place_same_batch(make: Maker) -> None:
    """Batches depend on the epoch alone, not on what was drawn before them; epochs differ."""
    first, second = make(), make()
    list(second.batches(0))
    drawn, again = list(first.batches(1)), list(second.batches(1))
    assert len(drawn) == len(again) == first.batch_count
    assert is_same(drawn, again)
    assert not is_same(drawn, list(first.batches(0)))


def measuring_changes_nothing(make: Maker) -> None:
    """Measuring twice gives the same, and leaves weights and mode of the network as they were."""
    way = make()
    network = Learner(way).averaged
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    first = way.measure(network)
    assert first == way.measure(network)
    assert not network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def two_runs_are_one(make: Maker) -> None:
    """The same seed gives the same weights."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first, second = run(make(), Path(one)), run(make(), Path(other))
    assert is_same(first.weights, second.weights)


def a_torn_run_ends_like_a_whole_one(make: Maker) -> None:
    """Stopped after its first epoch and resumed, a run keeps the same weights and says the same of itself."""

    def stop(event: TrainEvent) -> None:
        raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole = run(make(), Path(one))
        with pytest.raises(KeyboardInterrupt):
            run(make(), Path(other), stop)
        resumed = run(make(), Path(other), is_resumed=True)
    assert is_same(whole.weights, resumed.weights)
    assert [row.score for row in whole.progress.history] == [row.score for row in resumed.progress.history]
    assert len(whole.progress.history) > 1


def epochs_are_told_in_both_languages(make: Maker) -> None:
    """Each epoch has its sentence, with the number of the epoch."""
    said: list[TrainEvent] = []
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(make(), Path(folder), said.append)
    assert [event.done for event in said] == [row.epoch for row in outcome.progress.history]
    assert all(str(event.done) in event.text(language) for event in said for language in ("en", "zh"))


PROMISES = (
    same_place_same_batch,
    measuring_changes_nothing,
    two_runs_are_one,
    a_torn_run_ends_like_a_whole_one,
    epochs_are_told_in_both_languages,
)


def run(way: AnyWay, folder: Path, talk: Callable[[TrainEvent], None] = silent, is_resumed: bool = False) -> Outcome:
    """Train a way to its end in a folder of checkpoints."""
    with settled(1):
        loop = Loop(way, folder, talk)
        assert loop.resume() == is_resumed
        return loop.run()


def is_same(one: object, other: object) -> bool:
    """Tell whether two batches or sets of weights hold the same tensors."""
    first, second = list(tensors_of(one)), list(tensors_of(other))
    return len(first) == len(second) > 0 and all(map(torch.equal, first, second))


def tensors_of(value: object) -> Iterator[Tensor]:
    """Give every tensor in nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from tensors_of(value[name])
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_of(item)
