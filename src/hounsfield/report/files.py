"""The files of a report: what kind each is, and writing one so that it is whole or not there."""

import contextlib
import os
import uuid
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
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ReportError("E600", found=path.name, reason=error.strerror or type(error).__name__) from error
    return path
