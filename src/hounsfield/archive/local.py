"""Studies on this machine: a file, a folder, a zip archive or a DICOMDIR, opened for as long as they are needed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.batch import Seen
from hounsfield.archive.entries import RefusedFile
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.protocol import ALL_STUDIES, StudyQuery
from hounsfield.archive.reader import Reader, refuse_source
from hounsfield.archive.unpack import Workspace
from hounsfield.core.quality import QualityIssue
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.errors import NotFound

__all__ = ["LocalArchive", "Progress", "RefusedFile", "open_source"]

Progress = Callable[[int, int], None]
"""Called with files done and files known so far; archives inside a source add to the latter."""


@dataclass(frozen=True)
class LocalArchive:
    """The studies of a source, what was not taken, and what there is to say; satisfies ``Archive``.

    Attributes:
        studies: in the order of their first files; series in the order of their numbers.
        refused: files that were not taken, with reasons.
        issues: what is wrong or doubtful, with the UID of the series, or the study, it concerns.
    """

    studies: tuple[Study, ...]
    refused: tuple[RefusedFile, ...] = ()
    issues: tuple[QualityIssue, ...] = ()

    def search_for_studies(self, query: StudyQuery = ALL_STUDIES) -> tuple[Study, ...]:
        """Return the studies that match."""
        return tuple(study for study in self.studies if query.matches(study))

    def search_for_series(self, study_instance_uid: str) -> tuple[Series, ...]:
        """Return the series of a study, none when it is not there."""
        found = (study for study in self.studies if study.study_instance_uid == study_instance_uid)
        return tuple(series for study in found for series in study.series)

    def retrieve_study(self, study_instance_uid: str) -> Study:
        """Return a study.

        Raises:
            NotFound: ``E161``.
        """
        for study in self.studies:
            if study.study_instance_uid == study_instance_uid:
                return study
        raise NotFound("E161", uid=study_instance_uid)

    def retrieve_series(self, series_instance_uid: str) -> Series:
        """Return a series.

        Raises:
            NotFound: ``E161``.
        """
        for study in self.studies:
            for series in study.series:
                if series.series_instance_uid == series_instance_uid:
                    return series
        raise NotFound("E161", uid=series_instance_uid)

    def retrieve_instance(self, sop_instance_uid: str) -> InstanceRef:
        """Return an instance; its bytes lie in its path while the source is open.

        Raises:
            NotFound: ``E161``.
        """
        for study in self.studies:
            for series in study.series:
                for instance in series.instances:
                    if instance.sop_instance_uid == sop_instance_uid:
                        return instance
        raise NotFound("E161", uid=sop_instance_uid)


@contextmanager
def open_source(
    source: Path,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    digests: bool = True,
    seen: Seen | None = None,
) -> Iterator[LocalArchive]:
    """Open a file, a folder, a zip archive or a DICOMDIR and yield its studies.

    What a file is follows from its bytes. Every DICOM file is walked before any parser sees it: its lengths must lie
    inside the file, its nesting and sizes within the limits. Archives are unpacked into a private folder (mode 0700)
    that is removed on leaving, so paths of instances are good inside the ``with`` block alone.

    Args:
        source: what to open. A folder is searched with its subfolders, links are not followed; of a DICOMDIR only the
            files that it lists in its own folder are taken.
        limits: bounds.
        progress: called after each file with files done and files known.
        digests: take the SHA-256 of every file, for provenance; without, that of an instance is empty unless two
            files of one UID had to be compared or an identifier be derived.
        seen: told of the paths and walked headers of a source whose files were all read at once.

    Yields:
        The archive: studies, refused files and issues.

    Raises:
        NotFound: ``E100``, the path does not exist.
        Refused: nothing at all is usable: the error of a single file is raised as it is, ``E160`` stands for several,
            ``E162`` for files that are no scans and do not claim to be.

    Example:
        >>> from pathlib import Path
        >>> from pydicom.data import get_testdata_file
        >>> from hounsfield.archive.local import open_source
        >>> with open_source(Path(get_testdata_file("CT_small.dcm"))) as archive:
        ...     archive.studies[0].series[0].modality
        'CT'
    """
    workspace = Workspace()
    try:
        reader = Reader(workspace, limits, progress, digests, seen)
        found = reader.read(Path(source))
        archive = LocalArchive(found.studies, found.refused, found.issues)
        if not archive.studies:
            refuse_source(archive.refused, reader.files)
        yield archive
    finally:
        workspace.remove()
