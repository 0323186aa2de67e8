"""The examination of sequences before training: what images have, and frames that two sequences share, or lack."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.duplicates import NEAR_THRESHOLD, Pairs, join, links_of
from hounsfield.cases.guard import MAX_UNREADABLE_SHARE, Examination, Looks, Progress, judge
from hounsfield.cases.names import summary
from hounsfield.cases.sequenced_reader import pictures_of
from hounsfield.cases.shortcuts import find_shortcuts, shortcut_issues
from hounsfield.cases.table import CaseTable
from hounsfield.cases.traits import Trait, TraitKind, read_traits
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError, HounsfieldError

FRAME_TRAITS = ("slices", "files of the folder", "NumberOfFrames")
"""What files say of the number of frames, which is asked of the frames themselves."""


@dataclass(frozen=True)
class SequenceExamination:
    """What was found in a data set of sequences.

    Attributes:
        found: as for images; sequences that share a frame lie in one group as well.
        frame_counts: frames of each case, 0 for one that cannot be read.
        shared: (k, 2) links between sequences that show the same frame.
    """

    found: Examination
    frame_counts: tuple[int, ...]
    shared: Pairs


def examine_sequences(
    table: CaseTable, threshold: float = NEAR_THRESHOLD, workers: int = 4, progress: Progress | None = None
) -> SequenceExamination:
    """Read every sequence once and report what would make a result untrue.

    Copies, conflicting labels, torn patients and shortcuts are looked for as among images (``guard.examine``). Besides:
    two sequences that share a frame cannot lie in two parts, a sequence of one frame has no order, a number that is
    missing among the frames of a folder is said, and so is a class that the number of frames alone tells.

    Args:
        table: the data set.
        threshold: likeness from which two sequences count as near copies.
        workers: threads that decode.
        progress: told (done, all) after each sequence.

    Raises:
        DatasetError: ``E805`` more than one sequence in ten cannot be read.
    """
    looks, frames = Looks(len(table), of_sequences=True), FrameLooks(len(table))
    unreadable = []
    for index, image in table.read_all(workers=workers):
        if isinstance(image, HounsfieldError):
            unreadable.append(index)
        else:
            looks.add(index, image.volume)
            frames.add(index, image.volume)
        if progress:
            progress(index + 1, len(table))
    if len(unreadable) > MAX_UNREADABLE_SHARE * len(table):
        names = summary([table.cases[index].identifier for index in unreadable])
        raise DatasetError("E805", count=len(unreadable), total=len(table), cases=names)
    base = judge(table, looks, tuple(unreadable), threshold)
    shared = frames.shared(base.exact_copies)
    groups = tuple(int(group) for group in join(len(table), links_of(np.array(base.groups)), shared))
    shortcuts = find_shortcuts(table, groups, _traits(table, frames.counts))
    issues = (
        *base.issues,
        *_frame_issues(table, frames, shared),
        *shortcut_issues(tuple(item for item in shortcuts if item.trait != "frames")),
        *(
            QualityIssue("Q902", Severity.NOTE, {"score": f"{item.score:.2f}", "chance": f"{item.chance:.2f}"})
            for item in shortcuts
            if item.trait == "frames"
        ),
    )
    found = replace(base, issues=issues, groups=groups, shortcuts=shortcuts)
    return SequenceExamination(found, tuple(int(count) for count in frames.counts), shared)


class FrameLooks:
    """What is kept of the frames of each sequence: their number, and the digest of each that is not of one grey."""

    def __init__(self, count: int) -> None:
        """Make room for ``count`` sequences."""
        self.counts: npt.NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        self._owners: defaultdict[bytes, list[int]] = defaultdict(list)

    def add(self, index: int, volume: Volume) -> None:
        """Keep the look of the frames of a sequence."""
        frames = np.moveaxis(volume.array, -3, 0)
        self.counts[index] = len(frames)
        for frame in frames:
            if frame.min() < frame.max():
                digest = hashlib.sha256(f"{frame.shape} {frame.dtype.str}".encode() + frame.tobytes()).digest()
                owners = self._owners[digest]
                if index not in owners[-1:]:
                    owners.append(index)

    def shared(self, exact: Pairs) -> Pairs:
        """Return links (k, 2) between sequences that show the same frame and are no exact copies of each other."""
        copy_of = {int(other): int(one) for one, other in exact}
        pairs = set()
        for owners in self._owners.values():
            firsts = sorted({copy_of.get(index, index) for index in owners})
            pairs |= {(firsts[0], other) for other in firsts[1:]}
        return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def missing_numbers(names: Sequence[str]) -> int:
    """Return how many numbers are left out between the first and the last of the names of frames.

    Counted is the last number of each name, where every name has one and no two are the same.

    >>> missing_numbers(["f1.png", "f2.png", "f5.png"]), missing_numbers(["a.png", "b.png"])
    (2, 0)
    """
    digits = [re.findall(r"\d+", name.rsplit(".", 1)[0]) for name in names]
    numbers = [int(found[-1]) for found in digits if found]
    if len(numbers) < len(names) or len(set(numbers)) < len(numbers) or not numbers:
        return 0
    steps = np.diff(np.sort(numbers))
    # counted by twos, or by any other even step, nothing is missing
    stride = int(steps.min()) if len(steps) else 1
    return int((steps // stride - 1).sum())


def _frame_issues(table: CaseTable, frames: FrameLooks, shared: Pairs) -> list[QualityIssue]:
    issues, cases = [], table.cases
    if len(shared):
        names = summary([f"{cases[one].identifier} = {cases[other].identifier}" for one, other in shared])
        facts = {"count": len(np.unique(shared)), "cases": names}
        issues.append(QualityIssue("Q900", Severity.WARN, facts))
    single = np.flatnonzero(frames.counts == 1)
    if len(single):
        facts = {"count": len(single), "total": len(table), "cases": summary([cases[i].identifier for i in single])}
        issues.append(QualityIssue("Q901", Severity.WARN, facts))
    gaps = [
        case.identifier
        for case in cases
        if case.source.path.is_dir() and missing_numbers([path.name for path in pictures_of(case.source.path)])
    ]
    if gaps:
        issues.append(QualityIssue("Q903", Severity.WARN, {"count": len(gaps), "cases": summary(gaps)}))
    return issues


def _traits(table: CaseTable, counts: npt.NDArray[np.int64]) -> list[Trait]:
    """Return what the files say, with the number of frames as it was read."""
    told = [trait for trait in read_traits(table) if trait.name not in FRAME_TRAITS]
    values = tuple(float(count) if count else None for count in counts)
    own = [Trait("frames", TraitKind.CONTENT, "frames", values)] if len(set(values)) > 1 else []
    return [*told, *own]
