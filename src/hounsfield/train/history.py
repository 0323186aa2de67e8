"""What each epoch left behind: a row of the log and a point of the learning curves."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: counted from 1.
        learning_rate: of its last step.
        training_loss: mean over its batches, augmented, smoothed and mixed as they were.
        training_accuracy: share of its augmented images whose largest target has the largest logit.
        tuning_loss: cross entropy of the averaged weights on the tuning part.
        tuning_accuracy: their accuracy.
        tuning_auroc: their area under the curve, mean over the classes.
        seconds: how long it took.
    """

    epoch: int
    learning_rate: float
    training_loss: float
    training_accuracy: float
    tuning_loss: float
    tuning_accuracy: float
    tuning_auroc: float
    seconds: float

    @property
    def score(self) -> tuple[float, float]:
        """What the best epoch is best in: the area under the curve, then the loss."""
        return (round(self.tuning_auroc, 4), -self.tuning_loss)


def history_csv(history: Sequence[EpochRecord]) -> str:
    """Return the history as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in history)
    return text.getvalue()
