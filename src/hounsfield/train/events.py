"""What a training run says while it works: typed events that only the command line prints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hounsfield.core.quality import QualityIssue
from hounsfield.messages import Language, sentence


@dataclass(frozen=True)
class TrainEvent:
    """One thing said.

    Attributes:
        key: key of the catalogue (``ui.train.epoch``), or the code of the issue.
        facts: what its sentence names.
        done: steps done of the current stage, None for events that are not progress.
        total: steps of the current stage.
        issue: the issue of the data, for events that report one.
    """

    key: str
    facts: Mapping[str, object] = field(default_factory=dict)
    done: int | None = None
    total: int | None = None
    issue: QualityIssue | None = None

    def text(self, language: Language = "en") -> str:
        """Return the sentence in a language."""
        return self.issue.text(language) if self.issue else sentence(self.key, self.facts, language)


Talk = Callable[[TrainEvent], None]
"""Takes each event as it happens; it must not raise, except KeyboardInterrupt."""


def silent(event: TrainEvent) -> None:
    """Say nothing."""


def issue_event(issue: QualityIssue) -> TrainEvent:
    """Return the event that reports an issue of the data."""
    return TrainEvent(issue.code, issue.facts, issue=issue)
