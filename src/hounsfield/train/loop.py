"""The loop: epochs until the schedule, the early stop or the time limit ends them, with a checkpoint after each."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from hounsfield.errors import HounsfieldError
from hounsfield.train.chance import stream
from hounsfield.train.checkpoint import Checkpoint, Progress, read_checkpoint, write_checkpoint
from hounsfield.train.events import Talk
from hounsfield.train.history import EpochRecord
from hounsfield.train.learner import Learner
from hounsfield.train.ranks import ALONE, Ranks
from hounsfield.train.schedule import Schedule
from hounsfield.train.way import BatchT, Measured, NetworkT, Way

SCHEDULE, EARLY_STOP, TIME_LIMIT = "schedule", "early stop", "time limit"
_NOTHING = Measured(0.0, {}, ())


@dataclass(frozen=True)
class Outcome:
    """What the loop leaves: the weights to keep by name, and how it went."""

    weights: dict[str, Tensor]
    progress: Progress


class _Epoch(NamedTuple):
    """Means over the batches of an epoch, and the learning rate of its last step."""

    loss: float
    figures: dict[str, float]
    learning_rate: float


class Loop(Generic[NetworkT, BatchT]):
    """Training of one plan on one data set, resumable after every epoch."""

    def __init__(self, way: Way[NetworkT, BatchT], folder: Path, talk: Talk, ranks: Ranks = ALONE) -> None:
        """Set up the first state; nothing is read or written yet."""
        self.way = way
        self.plan = way.plan
        self.folder = folder
        self.talk = talk
        self.ranks = ranks
        self.learner = Learner(way, ranks)
        self.progress = Progress(way.plan.digest(), way.data_digest, epochs_planned=way.plan.learning.epochs)
        self.kept: dict[str, Tensor] = {}

    def resume(self) -> bool:
        """Take up the newest whole checkpoint of this plan and these data; tell whether there was one.

        Raises:
            HounsfieldError: ``E836``, the checkpoint belongs to another plan or other data; ``E942``, this process
                does not see the checkpoint that the first one goes on from.
        """
        found = read_checkpoint(self.folder) if self.ranks.is_first else None
        epochs_done = self.ranks.told(found.progress.epochs_done if found else None)
        if epochs_done is None:
            return False
        found = found or read_checkpoint(self.folder)
        if found is None or found.progress.epochs_done != epochs_done:
            raise HounsfieldError("E942", folder=self.folder.parent.name, expected=epochs_done)
        if found.progress.plan_digest != self.progress.plan_digest:
            raise HounsfieldError("E836", folder=self.folder.parent.name, found="plan")
        if found.progress.data_digest != self.progress.data_digest:
            raise HounsfieldError("E836", folder=self.folder.parent.name, found="data")
        self.learner.restore(found.tensors)
        prefix = "kept/"
        self.kept = {name[len(prefix) :]: value for name, value in found.tensors.items() if name.startswith(prefix)}
        self.progress = found.progress
        return True

    def run(self) -> Outcome:
        """Train to the end and return the weights to keep.

        Raises:
            HounsfieldError: ``E837``, the loss is no longer a number.
        """
        while not self.progress.stopped_by:
            started = time.monotonic()
            epoch = self.progress.epochs_done
            measured = self._epoch(epoch, started)
            if measured is None:
                self.progress = replace(self.progress, stopped_by=TIME_LIMIT)
                self.kept = self.kept or _weights(self.learner.averaged)
                break
            self._conclude(epoch, measured, started)
        return Outcome(self.kept, self.progress)

    def _epoch(self, epoch: int, started: float) -> _Epoch | None:
        """Run the batches of an epoch; None when the time was up before its end."""
        count, batches = self.way.batch_count, self.way.batches(epoch)
        warm_up = round(self.plan.learning.warm_up_epochs * count)
        schedule = Schedule(self.plan.learning.learning_rate, warm_up, self.progress.epochs_planned * count)
        loss_sum, rate = 0.0, 0.0
        sums: dict[str, float] = {}
        for index in range(count):
            if self._is_time_up(started):
                return None
            batch = next(batches)
            rate = schedule.learning_rate(epoch * count + index)
            torch.manual_seed(stream(self.plan.seed, "dropout", epoch, index, *self.ranks.place))
            step = self.learner.learn(batch, rate)
            loss = float(step.loss)
            if not np.isfinite(loss):
                raise HounsfieldError("E837", epoch=epoch + 1, batch=index + 1, learning_rate=f"{rate:.2g}")
            loss_sum += loss
            for name, value in step.figures.items():
                sums[name] = sums.get(name, 0.0) + value
        return _Epoch(loss_sum / count, {name: value / count for name, value in sums.items()}, rate)

    def _conclude(self, epoch: int, done: _Epoch, started: float) -> None:
        """Measure the tuning part, decide what to keep and whether to stop, and write the checkpoint."""
        tuning, seconds = self.ranks.told(self._measured(started) if self.ranks.is_first else (_NOTHING, 0.0))
        record = EpochRecord(
            epoch + 1, done.learning_rate, done.loss, done.figures, tuning.loss, tuning.figures, tuning.score, seconds
        )
        before = self.progress
        is_best = not before.history or record.score > before.history[before.best_epoch - 1].score
        if is_best or self.plan.learning.keep == "last":
            self.kept = _weights(self.learner.averaged)
        self.progress = replace(
            before,
            epochs_done=epoch + 1,
            best_epoch=epoch + 1 if is_best else before.best_epoch,
            seconds=before.seconds + seconds,
            history=(*before.history, record),
        )
        self.progress = replace(self.progress, epochs_planned=self._epochs_in_time(), stopped_by="")
        self.progress = replace(self.progress, stopped_by=self._stop_reason())
        kept = {f"kept/{name}": tensor for name, tensor in self.kept.items()}
        if self.ranks.is_first:
            write_checkpoint(self.folder, Checkpoint(self.progress, self.learner.tensors() | kept))
        self.talk(self.way.event(record, self.progress.epochs_planned))

    def _measured(self, started: float) -> tuple[Measured, float]:
        """Return what the averaged weights are worth on the whole tuning part, and the seconds of the epoch."""
        return self.way.measure(self.learner.averaged), time.monotonic() - started

    def _epochs_in_time(self) -> int:
        """Return the epochs of the schedule; the first epoch's time shortens it once to end within the limit."""
        limit, done = self.plan.time_limit_seconds, self.progress.epochs_done
        if limit is None or done != 1:
            return self.progress.epochs_planned
        return max(1, min(self.progress.epochs_planned, int(limit / self.progress.history[0].seconds)))

    def _stop_reason(self) -> str:
        patience = self.plan.learning.patience
        if self.progress.epochs_done >= self.progress.epochs_planned:
            return SCHEDULE if self.progress.epochs_planned == self.plan.learning.epochs else TIME_LIMIT
        if patience is not None and self.progress.epochs_done - self.progress.best_epoch >= patience:
            return EARLY_STOP
        return ""

    def _is_time_up(self, started: float) -> bool:
        limit = self.plan.time_limit_seconds
        return limit is not None and self.ranks.told(self.progress.seconds + time.monotonic() - started > limit)


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
