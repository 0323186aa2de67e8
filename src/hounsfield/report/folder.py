"""The folder a run writes: complete or not there, and never with an older run's results among the new ones."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from hounsfield.errors import ReportError

MARKER = "hounsfield-run.json"
"""Lists what a run wrote, so that the next run knows what is its own."""


@dataclass(frozen=True)
class OutputFolder:
    """Where a run writes while it is not finished, and where the results will stand.

    Attributes:
        partial: the hidden folder to write into.
        final: the folder the user named.
    """

    partial: Path
    final: Path

    def final_path(self, path: Path) -> Path:
        """Return where a file written under ``partial`` will stand in the end."""
        return self.final / path.relative_to(self.partial)


@contextmanager
def output_folder(final: Path) -> Iterator[OutputFolder]:
    """Give a folder to write into; its contents appear in ``final`` together when the block ends well.

    Results of an earlier run are moved to ``earlier-<time>`` first: kept, and not mistaken for new ones. When the block
    raises, nothing of it is left and earlier results stay as they were.

    Raises:
        ReportError: ``E680`` when a file that Hounsfield did not write stands where a result has to go.
    """
    final.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=".partial-", dir=final))
    try:
        folder = OutputFolder(partial, final)
        yield folder
        _publish(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _publish(folder: OutputFolder) -> None:
    names = sorted(entry.name for entry in folder.partial.iterdir())
    earlier = _earlier_names(folder.final)
    strangers = [name for name in names if (folder.final / name).exists() and name not in earlier]
    if strangers:
        raise ReportError("E680", found=strangers[0])
    if earlier:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        keep = folder.final / f"earlier-{stamp}"
        keep.mkdir()
        for name in (*earlier, MARKER):
            (folder.final / name).replace(keep / name)
    (folder.partial / MARKER).write_text(json.dumps({"entries": names}), encoding="utf-8")
    for name in (*names, MARKER):
        (folder.partial / name).replace(folder.final / name)


def _earlier_names(final: Path) -> tuple[str, ...]:
    """Return the entries that an earlier run wrote and that are still there; names with a path in them are ignored."""
    try:
        entries = json.loads((final / MARKER).read_text(encoding="utf-8"))["entries"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    if not isinstance(entries, list):
        return ()
    plain = [
        name for name in entries if isinstance(name, str) and name == Path(name).name and name not in {"", ".", ".."}
    ]
    return tuple(name for name in plain if (final / name).exists())
