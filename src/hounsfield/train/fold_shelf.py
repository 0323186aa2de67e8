"""Shelf of a cross-validation: the folder in which its folds stand, and from which an interrupted one goes on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hounsfield.cases.splits import Fold
from hounsfield.errors import HounsfieldError
from hounsfield.train.checkpoint import write_synced
from hounsfield.train.fold_ground import Ground
from hounsfield.train.judged import HELD_FILE, Judged, read_judged


@dataclass(frozen=True)
class FoldDone:
    """A fold that came to its end: its number, the SHA-256 of its network, and the seconds that it took."""

    number: int
    weights_digest: str
    seconds: float


@dataclass(frozen=True)
class Shelf:
    """The folder: ``fold-1.model`` with ``fold-1.model.run`` and so on, ``folds.json``, and in the end the results."""

    folder: Path

    @property
    def record(self) -> Path:
        """The file that says what is cross-validated, and which folds are done."""
        return self.folder / "folds.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "cross-validation.html"

    @property
    def document(self) -> Path:
        """The results as JSON."""
        return self.folder / "cross-validation.json"

    @property
    def cases(self) -> Path:
        """What was said of each case, as a table."""
        return self.folder / "cross-validation.csv"

    def model(self, fold: Fold) -> Path:
        """Return the model package of a fold."""
        return self.folder / f"fold-{fold.number}.model"

    def run_folder(self, fold: Fold) -> Path:
        """Return the run folder of a fold."""
        return self.folder / f"fold-{fold.number}.model.run"

    def threads(self) -> int | None:
        """Return the threads of the cross-validation that stands here, or None: with others it would be another."""
        found = self._read().get("threads")
        return found if isinstance(found, int) and found > 0 else None

    def enter(self, ground: Ground, folds: int, *, is_resumed: bool) -> None:
        """Begin afresh, or make sure that what stands here is the same cross-validation.

        Raises:
            HounsfieldError: ``E612``, it is another one; ``E841``, the folder cannot be written to.
        """
        earlier = self._read()
        if is_resumed and earlier:
            if earlier.get("digest") != ground.digest:
                raise HounsfieldError("E612", folder=self.folder.name)
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for number in range(1, folds + 1):
                (self.run_folder(Fold(number, folds)) / HELD_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise HounsfieldError("E841", found=self.folder.name, reason=error.strerror or "") from error
        values = {"digest": ground.digest, "threads": ground.plan.threads, "folds": folds, "done": []}
        self.write(self.record, _json(values))

    def done(self, fold: Fold) -> FoldDone | None:
        """Return the record of a fold that came to its end and still stands here whole, else None."""
        for values in self._read().get("done", ()):
            if values.get("number") == fold.number and self.model(fold).is_file() and self.judged(fold) is not None:
                return FoldDone(**values)
        return None

    def note(self, done: FoldDone) -> None:
        """Record that a fold came to its end."""
        values = self._read()
        rest = [item for item in values["done"] if item["number"] != done.number]
        self.write(self.record, _json({**values, "done": [*rest, asdict(done)]}))

    def judged(self, fold: Fold) -> Judged | None:
        """Return what a fold's model said of the cases held back, or None."""
        return read_judged(self.run_folder(fold))

    def write(self, path: Path, raw: bytes) -> None:
        """Write a file of the folder.

        Raises:
            HounsfieldError: ``E841``.
        """
        try:
            write_synced(path, raw)
        except OSError as error:
            raise HounsfieldError("E841", found=path.name, reason=error.strerror or "") from error

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()
