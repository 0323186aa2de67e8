"""Opening: a source of scans in, its volumes with their issues out, and nothing asked of a model."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.archive.entries import RefusedFile
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.local import LocalArchive, open_source
from hounsfield.core.quality import QualityIssue, issue_of
from hounsfield.core.study import Series
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError
from hounsfield.image.ahead import ReadAhead
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.limits import PixelLimits
from hounsfield.image.repair import NO_REPAIRS, Repair, repairs_named

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Opened:
    """What became of a source.

    Attributes:
        volumes: every volume of every series, with the series it comes from.
        issues: what was found out on the way; those that are rejects stand for volumes that could not be made.
        refused: files that could not be taken.
    """

    volumes: tuple[Volume, ...]
    series: tuple[Series, ...]
    issues: tuple[QualityIssue, ...] = field(default=())
    refused: tuple[RefusedFile, ...] = field(default=())


def read_volumes(
    source: Path | str, as_float: bool = False, limits: Limits = DEFAULT_LIMITS, repair: Iterable[str] = ()
) -> Opened:
    """Read every volume of a file, a folder, a zip archive or a DICOMDIR.

    All checks of structure, identity and geometry are made. Files are not digested: what is concluded from a volume
    that is to be traced to its bytes goes through ``analyse``.

    Args:
        source: what to read.
        as_float: give float32 samples where whole numbers would do.
        limits: bounds; with ``isolated`` compressed pixels are decoded in a process of their own.
        repair: ``tilt``, ``missing-slices``, ``spacing``: what may be repaired by interpolation, see ``Repair``.

    Raises:
        SettingsError: ``E327``, there is no such repair.
        NotFound: ``E100``, the path does not exist.
        Refused: nothing in the source can be used.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> from hounsfield.opening import read_volumes
        >>> read_volumes(get_testdata_file("CT_small.dcm")).volumes[0].geometry.shape
        (1, 128, 128)
    """
    volumes: list[Volume] = []
    origins: list[Series] = []
    repairs = repairs_named(repair)
    with (
        closing(ReadAhead(pixel_limits(limits), as_float)) as ahead,
        open_source(Path(source), limits, digests=False, seen=ahead.see) as archive,
    ):
        issues = list(archive.issues)
        for series, found in assemblies(archive, limits, as_float, repairs=repairs, ahead=ahead):
            if isinstance(found, ImageError):
                issues.append(issue_of(found))
                continue
            volumes += found.volumes
            origins += [series] * len(found.volumes)
            issues += found.issues
        return Opened(tuple(volumes), tuple(origins), tuple(issues), archive.refused)


def pixel_limits(limits: Limits) -> PixelLimits:
    """Return what the bounds on a source mean for its pixels."""
    return PixelLimits(max_pixel_bytes=limits.max_pixel_bytes, isolated=limits.isolated)


def assemblies(
    archive: LocalArchive,
    limits: Limits,
    as_float: bool = False,
    progress: Progress | None = None,
    repairs: frozenset[Repair] = NO_REPAIRS,
    ahead: ReadAhead | None = None,
) -> Iterator[tuple[Series, Assembly | ImageError]]:
    """Assemble the image series of an open source, one after the other; what cannot be read yields its reason."""
    every = [series for study in archive.studies for series in study.series]
    with_pixels = [series for series in every if any(instance.number_of_frames for instance in series.instances)]
    wanted = with_pixels or every  # a source without any image says what it is
    for done, series in enumerate(wanted):
        if progress:
            progress(done, len(wanted))
        try:
            yield series, assemble(series, pixel_limits(limits), as_float, repairs, ahead)
        except ImageError as error:
            yield series, error
    if progress:
        progress(len(wanted), len(wanted))
