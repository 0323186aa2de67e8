"""The loop: epochs until the schedule, the early stop or the time limit ends them, with a checkpoint after each."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hounsfield.errors import HounsfieldError
from hounsfield.metrics.calibration import log_loss
from hounsfield.metrics.multiclass import macro_auroc
from hounsfield.train.augment import augment
from hounsfield.train.chance import generator_at, stream
from hounsfield.train.checkpoint import Checkpoint, Progress, read_checkpoint, write_checkpoint
from hounsfield.train.decoys import break_some
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.history import EpochRecord
from hounsfield.train.learner import Learner, predict
from hounsfield.train.objective import Batch, mix, soft_targets
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import Plan
from hounsfield.train.schedule import Schedule

SCHEDULE, EARLY_STOP, TIME_LIMIT = "schedule", "early stop", "time limit"


@dataclass(frozen=True)
class Outcome:
    """What the loop leaves: the weights to keep by name, and how it went."""

    weights: dict[str, Tensor]
    progress: Progress


class Loop:
    """Training of one plan on one data set, resumable after every epoch."""

    def __init__(self, plan: Plan, parts: Parts, folder: Path, talk: Talk) -> None:
        """Set up the first state; nothing is read or written yet."""
        self.plan = plan
        self.folder = folder
        self.talk = talk
        self.tuning = parts.tuning
        self.images = torch.from_numpy(parts.training.images)
        self.labels = torch.from_numpy(parts.training.labels)
        self.tuning_images = torch.from_numpy(parts.tuning.images)
        self.clusters = torch.from_numpy(parts.training.clusters)
        self.class_count = len(plan.class_names)
        self.counts = parts.training.class_counts(self.class_count)
        self.learner = Learner(plan, self.counts)
        self.progress = Progress(plan.digest(), parts.digest, epochs_planned=plan.learning.epochs)
        self.kept: dict[str, Tensor] = {}

    @property
    def batches_per_epoch(self) -> int:
        """Whole batches of the training part; a remainder is left out and differs from epoch to epoch."""
        return max(1, len(self.labels) // self.plan.learning.batch_size)

    def resume(self) -> bool:
        """Take up the newest whole checkpoint of this plan and these data; tell whether there was one.

        Raises:
            HounsfieldError: ``E836``, the checkpoint belongs to another plan or other data.
        """
        found = read_checkpoint(self.folder)
        if found is None:
            return False
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
                self.kept = self.kept or _weights(self.learner)
                break
            self._conclude(epoch, measured, started)
        return Outcome(self.kept, self.progress)

    def _epoch(self, epoch: int, started: float) -> tuple[float, float, float] | None:
        """Run the batches of an epoch; return loss, accuracy and last learning rate, or None when the time was up."""
        count, size = self.batches_per_epoch, self.plan.learning.batch_size
        warm_up = round(self.plan.learning.warm_up_epochs * count)
        schedule = Schedule(self.plan.learning.learning_rate, warm_up, self.progress.epochs_planned * count)
        order = self._order(epoch)
        loss_sum, right, rate = 0.0, 0.0, 0.0
        for index in range(count):
            if self._is_time_up(started):
                return None
            batch = self._batch(order[index * size : (index + 1) * size], epoch, index)
            rate = schedule.learning_rate(epoch * count + index)
            torch.manual_seed(stream(self.plan.seed, "dropout", epoch, index))
            loss, logits = self.learner.learn(batch, rate)
            if not np.isfinite(loss):
                raise HounsfieldError("E837", epoch=epoch + 1, batch=index + 1, learning_rate=f"{rate:.2g}")
            loss_sum += loss
            right += float((logits.argmax(1) == batch.targets.argmax(1)).float().mean())
        return loss_sum / count, right / count, rate

    def _order(self, epoch: int) -> Tensor:
        """Return the cases of an epoch: each once, or drawn so that the classes come equally often."""
        chance = generator_at(self.plan.seed, "order", epoch)
        if self.plan.learning.balance == "sampling":
            _, member, counts = torch.unique(
                torch.stack([self.labels, self.clusters], 1), dim=0, return_inverse=True, return_counts=True
            )
            share = counts.double() ** -self.plan.learning.balance_power
            wanted = self.batches_per_epoch * self.plan.learning.batch_size
            return torch.multinomial(share[member], wanted, replacement=True, generator=chance)
        return torch.randperm(len(self.labels), generator=chance)

    def _batch(self, picked: Tensor, epoch: int, index: int) -> Batch:
        chance = generator_at(self.plan.seed, "batch", epoch, index)
        images, labels = self.images[picked], self.labels[picked]
        if self.plan.decoys:
            images, labels = break_some(images, labels, self.plan.decoys, self.plan.class_names, chance)
        images = augment(images, self.plan.augment, chance)
        targets = soft_targets(labels, self.class_count, self.plan.learning.label_smoothing)
        blend = self.plan.learning.mixup
        return mix(Batch(images, targets), blend.alpha, blend.probability, chance) if blend else Batch(images, targets)

    def _conclude(self, epoch: int, measured: tuple[float, float, float], started: float) -> None:
        """Measure the tuning part, decide what to keep and whether to stop, and write the checkpoint."""
        loss, accuracy, rate = measured
        logits = predict(self.learner.averaged, self.tuning_images).double()
        on_tuning = measure(logits.softmax(1).numpy(), self.tuning)
        seconds = time.monotonic() - started
        record = EpochRecord(epoch + 1, rate, loss, accuracy, *on_tuning, seconds)
        before = self.progress
        is_best = not before.history or record.score > before.history[before.best_epoch - 1].score
        if is_best or self.plan.learning.keep == "last":
            self.kept = _weights(self.learner)
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
        write_checkpoint(self.folder, Checkpoint(self.progress, self.learner.tensors() | kept))
        facts = {"epoch": epoch + 1, "loss": f"{record.tuning_loss:.4f}", "auroc": f"{record.tuning_auroc:.4f}"}
        facts |= {"accuracy": f"{record.tuning_accuracy:.4f}", "epochs": self.progress.epochs_planned}
        self.talk(TrainEvent("ui.train.epoch", facts, epoch + 1, self.progress.epochs_planned))

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
        return limit is not None and self.progress.seconds + time.monotonic() - started > limit


def measure(probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]], part: Part) -> tuple[float, float, float]:
    """Return log loss, accuracy and mean one-versus-rest AUROC of probabilities (case, class) on a part."""
    predicted = probabilities.argmax(1)
    return (
        log_loss(part.labels, probabilities),
        float((predicted == part.labels).mean()),
        macro_auroc(part.labels, probabilities),
    )


def _weights(learner: Learner) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in learner.averaged.state_dict().items()}
