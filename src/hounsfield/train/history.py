"""What each epoch left behind: a row of the log and a point of the learning curves."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: counted from 1.
        learning_rate: of its last step.
        training_loss: mean over its batches, augmented, smoothed and mixed as they were.
        training: mean of the other figures of its batches by name, such as ``accuracy``.
        tuning_loss: of the averaged weights on the tuning part.
        tuning: their other figures by name, such as ``accuracy`` and ``auroc``.
        score: what the best epoch is best in: the first number, then the next.
        seconds: how long it took.
    """

    epoch: int
    learning_rate: float
    training_loss: float
    training: Mapping[str, float]
    tuning_loss: float
    tuning: Mapping[str, float]
    score: tuple[float, ...]
    seconds: float

    def row(self) -> dict[str, float]:
        """Return its line of the log: ``training_accuracy``, ``tuning_auroc`` and so on by column."""
        row: dict[str, float] = {"epoch": self.epoch, "learning_rate": self.learning_rate}
        row |= {"training_loss": self.training_loss}
        row |= {f"training_{name}": value for name, value in self.training.items()}
        row |= {"tuning_loss": self.tuning_loss}
        row |= {f"tuning_{name}": value for name, value in self.tuning.items()}
        return row | {"seconds": self.seconds}


def read_record(values: Mapping[str, Any]) -> EpochRecord:
    """Return a record from its JSON values.

    Raises:
        TypeError: a value is missing, or there is one too many.
    """
    return EpochRecord(**{**values, "score": tuple(values.get("score", ()))})


def history_csv(history: Sequence[EpochRecord]) -> str:
    """Return the history as CSV with a header."""
    text = io.StringIO()
    columns = list(history[0].row()) if history else ["epoch"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(record.row() for record in history)
    return text.getvalue()
