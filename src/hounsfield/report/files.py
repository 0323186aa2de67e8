"""The files of a report: what kind each is, and writing one so that it is whole or not there."""

import os
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hounsfield.errors import ReportError


class FileKind(StrEnum):
    """What a written file is."""

    PAGE = "page"
    JSON = "json"
    STRUCTURED = "structured report"
    PRESENTATION = "secondary capture"


@dataclass(frozen=True)
class WrittenFile:
    """A file that belongs to a report."""

    kind: FileKind
    path: Path


def write_atomic(path: Path, content: bytes) -> Path:
    """Write a file through a temporary one in the same folder, so that a reader never sees half of it.

    Raises:
        ReportError: ``E600`` when the folder or the disk does not let us.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files for the owner alone; a report is as open as its folder lets it be.
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ReportError("E600", found=path.name, reason=error.strerror or type(error).__name__) from error
    return path


def _umask() -> int:
    """Read the process's mask; the system only tells it when it is set."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
