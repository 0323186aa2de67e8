"""The examination before training: unreadable files, copies, conflicting labels, torn patients, shortcuts of files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.duplicates import (
    NEAR_THRESHOLD,
    SIDE,
    NearCopies,
    Pairs,
    find_near_copies,
    frames_thumbnail,
    join,
    links_of,
    pixel_digest,
    thumbnail,
)
from hounsfield.cases.names import summary
from hounsfield.cases.shortcuts import Shortcut, find_shortcuts, shortcut_issues
from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError, HounsfieldError

MAX_UNREADABLE_SHARE = 0.1
"""Share of files that may be unreadable before the data are refused."""

LARGE_GROUP_SHARE = 0.25
"""Share of all cases in one group from which a split is in doubt."""

UNEQUAL_RATIO = 4.0
"""Largest class divided by smallest from which the imbalance is said."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Examination:
    """What was found in a data set before anything learned from it.

    Attributes:
        issues: those of the table and those found here.
        groups: group of each case; cases of one patient and copies share a group, which no split may divide.
        unreadable: indices of cases whose image cannot be read.
        exact_copies: (k, 2) links between cases with the same pixels.
        near_copies: pairs that look like copies, with their likeness.
        shortcuts: what of the files alone tells the class.
        digests: SHA-256 of the decoded samples of each case, hexadecimal; empty for an image that was not read.
    """

    issues: tuple[QualityIssue, ...]
    groups: tuple[int, ...]
    unreadable: tuple[int, ...]
    exact_copies: Pairs
    near_copies: NearCopies
    shortcuts: tuple[Shortcut, ...] = ()
    digests: tuple[str, ...] = ()


def examine(
    table: CaseTable, threshold: float = NEAR_THRESHOLD, workers: int = 4, progress: Progress | None = None
) -> Examination:
    """Read every image once and report what would make a result untrue.

    Args:
        table: the data set.
        threshold: likeness from which two images count as near copies.
        workers: threads that decode.
        progress: told (done, all) after each image.

    Raises:
        DatasetError: ``E805`` more than one image in ten cannot be read.
    """
    looks = Looks(len(table))
    unreadable = []
    for index, image in table.read_all(workers=workers):
        if isinstance(image, HounsfieldError):
            unreadable.append(index)
        else:
            looks.add(index, image.volume)
        if progress:
            progress(index + 1, len(table))
    if len(unreadable) > MAX_UNREADABLE_SHARE * len(table):
        names = _names(table, unreadable)
        raise DatasetError("E805", count=len(unreadable), total=len(table), cases=names)
    found = judge(table, looks, tuple(unreadable), threshold)
    shortcuts = find_shortcuts(table, found.groups)
    return replace(found, issues=(*found.issues, *shortcut_issues(shortcuts)), shortcuts=shortcuts)


class Looks:
    """What is kept of each image for the search for copies: its pixels' digest, the number of it and a thumbnail."""

    def __init__(self, count: int, *, of_sequences: bool = False) -> None:
        """Make room for ``count`` images, none of them seen; of a sequence several frames count, not the middle one."""
        self._look = frames_thumbnail if of_sequences else thumbnail
        self.numbers = np.full(count, -1, dtype=np.int64)
        self.thumbnails = np.zeros((count, SIDE, SIDE), dtype=np.float32)
        self.digests = [""] * count
        self._known: dict[bytes, int] = {}

    def add(self, index: int, volume: Volume) -> None:
        """Keep the look of an image."""
        digest = pixel_digest(volume)
        self.digests[index] = digest.hex()
        self.numbers[index] = self._known.setdefault(digest, len(self._known))
        self.thumbnails[index] = self._look(volume)

    def select(self, indices: Sequence[int]) -> "Looks":
        """Return the looks of some of the images, in the order given."""
        chosen = Looks(0)
        chosen._look = self._look
        chosen.numbers = self.numbers[np.asarray(indices, dtype=np.int64)]
        chosen.thumbnails = self.thumbnails[np.asarray(indices, dtype=np.int64)]
        chosen.digests = [self.digests[index] for index in indices]
        return chosen


def judge(
    table: CaseTable, looks: Looks, unreadable: tuple[int, ...] = (), threshold: float = NEAR_THRESHOLD
) -> Examination:
    """Report what the looks of a table's images show, without reading them again."""
    exact = links_of(looks.numbers)
    patients = _numbers([case.patient for case in table.cases])
    unique = np.setdiff1d(np.flatnonzero(looks.numbers >= 0), exact[:, 1])
    near = find_near_copies(looks.thumbnails[unique], patients[unique], threshold)
    near = NearCopies(unique[near.pairs], near.likeness)
    groups = join(len(table), exact, near.pairs, links_of(patients))
    issues = (
        *table.issues,
        *_class_issues(table),
        *_copy_issues(table, exact, near, threshold),
        *_side_issues(table, join(len(table), exact, near.pairs), patients),
        *_unreadable_issue(table, unreadable),
        *_group_issue(groups),
    )
    numbered = tuple(int(group) for group in groups)
    return Examination(issues, numbered, unreadable, exact, near, digests=tuple(looks.digests))


def _numbers(values: Sequence[str | None]) -> npt.NDArray[np.int64]:
    known: dict[str, int] = {}
    return np.array([-1 if value is None else known.setdefault(value, len(known)) for value in values], dtype=np.int64)


def _names(table: CaseTable, indices: Sequence[int]) -> str:
    return summary([table.cases[index].identifier for index in indices])


def _pair_names(table: CaseTable, pairs: Pairs) -> str:
    cases = table.cases
    return summary([f"{cases[first].identifier} = {cases[second].identifier}" for first, second in pairs])


def _class_issues(table: CaseTable) -> list[QualityIssue]:
    counts = {name: count for name, count in table.counts().items() if count}
    if not counts or max(counts.values()) <= UNEQUAL_RATIO * min(counts.values()):
        return []
    found = ", ".join(f"{name} {count}" for name, count in counts.items())
    largest = max(counts, key=lambda name: counts[name])
    share = round(100 * counts[largest] / sum(counts.values()))
    return [QualityIssue("Q812", Severity.NOTE, {"found": found, "largest": largest, "share": share})]


def _copy_issues(table: CaseTable, exact: Pairs, near: NearCopies, threshold: float) -> list[QualityIssue]:
    issues = []
    if len(exact):
        facts = {
            "count": len(np.unique(exact)),
            "groups": len(np.unique(exact[:, 0])),
            "cases": _pair_names(table, exact),
        }
        issues.append(QualityIssue("Q801", Severity.WARN, facts))
    if len(near.pairs):
        likest = near.pairs[np.argsort(-near.likeness, kind="stable")]
        facts = {
            "count": len(np.unique(near.pairs)),
            "pairs": len(near.pairs),
            "threshold": threshold,
            "cases": _pair_names(table, likest),
        }
        issues.append(QualityIssue("Q802", Severity.WARN, facts))
    pairs = np.concatenate([exact, near.pairs])
    labels = table.labels
    one, other = labels[pairs[:, 0]], labels[pairs[:, 1]]
    conflicts = pairs[(one != other) & (one >= 0) & (other >= 0)]
    if len(conflicts):
        facts = {
            "count": len(np.unique(conflicts)),
            "groups": len(conflicts),
            "cases": _pair_names(table, conflicts),
        }
        issues.append(QualityIssue("Q804", Severity.WARN, facts))
    return issues


def _side_issues(
    table: CaseTable, copies: npt.NDArray[np.int64], patients: npt.NDArray[np.int64]
) -> list[QualityIssue]:
    issues = []
    for code, keys in (("Q803", copies), ("Q808", patients)):
        sides: dict[int, set[str]] = {}
        for key, case in zip(keys, table.cases, strict=True):
            if key >= 0 and case.split:
                sides.setdefault(int(key), set()).add(case.split)
        torn = {key for key, parts in sides.items() if len(parts) > 1}
        if not torn:
            continue
        indices = [index for index, key in enumerate(keys) if int(key) in torn and table.cases[index].split]
        parts = ", ".join(sorted({part for key in torn for part in sides[key]}))
        count = len(indices) if code == "Q803" else len(torn)
        facts = {"count": count, "parts": parts, "cases": _names(table, indices)}
        issues.append(QualityIssue(code, Severity.WARN, facts))
    return issues


def _unreadable_issue(table: CaseTable, unreadable: Sequence[int]) -> list[QualityIssue]:
    if not unreadable:
        return []
    return [QualityIssue("Q805", Severity.WARN, {"count": len(unreadable), "cases": _names(table, unreadable)})]


def _group_issue(groups: npt.NDArray[np.int64]) -> list[QualityIssue]:
    largest = int(np.bincount(groups).max())
    if largest <= max(1, LARGE_GROUP_SHARE * len(groups)):
        return []
    return [QualityIssue("Q810", Severity.WARN, {"count": largest, "total": len(groups)})]
