"""Converting: every volume of a source into NIfTI, NRRD or a new DICOM series, with its grid and values kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.archive.entries import RefusedFile
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.local import LocalArchive, open_source
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity, issue_of
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError
from hounsfield.image.repair import Repair, repairs_named
from hounsfield.image.write import SUFFIXES, require_target, write_volume
from hounsfield.opening import Progress, assemblies


@dataclass(frozen=True)
class Converted:
    """One volume that was written.

    Attributes:
        series: where it comes from.
        geometry: its grid.
        quantity: what a sample means.
        files: what was written.
        issues: what was found out about the series and this volume.
        repaired_by: the repairs that made samples which were not acquired.
        enhanced_by: steps after which nothing may be measured, as the source says.
    """

    series: Series
    geometry: VolumeGeometry
    quantity: Quantity
    files: tuple[Path, ...]
    issues: tuple[QualityIssue, ...]
    repaired_by: tuple[str, ...] = ()
    enhanced_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversion:
    """What became of a source.

    Attributes:
        volumes: what was written.
        failed: series of which a volume could not be read or written, each with the reason.
        refused: files that could not be taken.
        issues: what concerns the source as a whole.
    """

    volumes: tuple[Converted, ...]
    failed: tuple[tuple[Series, QualityIssue], ...] = ()
    refused: tuple[RefusedFile, ...] = ()
    issues: tuple[QualityIssue, ...] = field(default=())


def convert(
    source: Path,
    target: Path,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    repair: Iterable[str] = (),
) -> Conversion:
    """Write every volume of a source in another form; nothing is resampled but what is to be repaired.

    Args:
        source: file, folder, zip or DICOMDIR.
        target: ends in ``.nii.gz``, ``.nii`` or ``.nrrd``; any other name becomes a folder with a DICOM series. Where
            the source holds several volumes, their numbers from 1 are added to the name: ``out-2.nii.gz``.
        limits: bounds on what is read.
        progress: told (series done, series).
        repair: ``tilt``, ``missing-slices``, ``spacing``: what may be repaired by interpolation, see ``Repair``.

    Raises:
        ArchiveError: nothing in the source can be used.
        SettingsError: ``E340`` when the target exists, ``E343`` for a name that is no target, ``E327`` for one that is
            no repair.

    Example:
        >>> from tempfile import mkdtemp
        >>> from pydicom.data import get_testdata_file
        >>> folder = Path(mkdtemp())
        >>> convert(Path(get_testdata_file("CT_small.dcm")), folder / "ct.nii.gz").volumes[0].files[0].name
        'ct.nii.gz'
    """
    require_target(target)
    repairs = repairs_named(repair)
    with open_source(source, limits, digests=False) as archive:
        failed: list[tuple[Series, QualityIssue]] = []
        volumes: list[Converted] = []
        waiting: tuple[Series, Volume, tuple[QualityIssue, ...]] | None = None
        for series, volume, issues in _volumes(archive, (limits, repairs), failed, progress):
            # A name has its number only where there are several, so the first volume waits for the second.
            if waiting is not None:
                _convert(waiting, _numbered(target, len(volumes) + 1), volumes, failed)
            waiting = (series, volume, issues)
        if waiting is not None:
            _convert(waiting, _numbered(target, len(volumes) + 1) if volumes else target, volumes, failed)
        return Conversion(tuple(volumes), tuple(failed), archive.refused, archive.issues)


def _volumes(
    archive: LocalArchive,
    terms: tuple[Limits, frozenset[Repair]],
    failed: list[tuple[Series, QualityIssue]],
    progress: Progress | None,
) -> Iterator[tuple[Series, Volume, tuple[QualityIssue, ...]]]:
    """Yield the volumes of each series; what cannot be read is added to ``failed``."""
    for series, found in assemblies(archive, terms[0], progress=progress, repairs=terms[1]):
        if isinstance(found, ImageError):
            failed.append((series, issue_of(found)))
            continue
        failed += [(series, issue) for issue in found.issues if _is_failure(issue)]
        for index, volume in enumerate(found.volumes):
            yield series, volume, found.issues_of(index)


def _is_failure(issue: QualityIssue) -> bool:
    return issue.severity is Severity.REJECT and issue.facts.get("volume") == 0


def _convert(
    found: tuple[Series, Volume, tuple[QualityIssue, ...]],
    target: Path,
    volumes: list[Converted],
    failed: list[tuple[Series, QualityIssue]],
) -> None:
    series, volume, issues = found
    how = f"Converted, repaired by interpolation: {', '.join(volume.repaired_by)}"
    try:
        files = write_volume(volume, target, how if volume.repaired_by else "Converted without resampling")
    except ImageError as error:
        failed.append((series, issue_of(error)))
        return
    marks = (volume.repaired_by, volume.enhanced_by)
    volumes.append(Converted(series, volume.geometry, volume.quantity, files, issues, *marks))


def _numbered(target: Path, number: int) -> Path:
    suffix = next((suffix for suffix in SUFFIXES if target.name.lower().endswith(suffix)), "")
    stem = target.name[: len(target.name) - len(suffix)]
    return target.with_name(f"{stem}-{number}{target.name[len(stem) :]}")
