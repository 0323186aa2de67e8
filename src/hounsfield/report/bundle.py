"""What a reader is shown together: a report with its files, and inputs that never became one."""

from dataclasses import dataclass
from typing import Protocol

from hounsfield.core.report import Report
from hounsfield.errors import HounsfieldError
from hounsfield.report.files import WrittenFile


@dataclass(frozen=True)
class Bundle:
    """A report and the files that were written for it.

    Attributes:
        report: what was found; its key images may be left out once the files are written.
        files: what was written.
        thumbnail: small picture of the first key image as a data address, for the index; may be empty.
    """

    report: Report
    files: tuple[WrittenFile, ...] = ()
    thumbnail: str = ""


class RefusedInput(Protocol):
    """A file that was not taken at all, as the archive tells of it."""

    @property
    def name(self) -> str:
        """Relative name of the file."""

    @property
    def error(self) -> HounsfieldError:
        """Why it was not taken."""


@dataclass(frozen=True)
class Analysis:
    """What an analysis of a source found and wrote.

    Attributes:
        bundles: a report with its files for each volume.
        refused: files that never became a study.
    """

    bundles: tuple[Bundle, ...]
    refused: tuple[RefusedInput, ...] = ()
