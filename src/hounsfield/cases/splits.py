"""Splits: whole groups to training, tuning and test, each class in its share, the same on every machine."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.names import EXCLUDED, PARTS, TEST, TRAINING, TUNING
from hounsfield.cases.table import CaseTable
from hounsfield.errors import DatasetError

DEFAULT_SHARES: Mapping[str, float] = {TRAINING: 0.7, TUNING: 0.15, TEST: 0.15}
_STRICTNESS = {TRAINING: 0, TUNING: 1, TEST: 2}

Groups = Sequence[int] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """One of several equal shares of the cases, each of which is held back once: its number from 1, and how many."""

    number: int
    count: int


def split_cases(
    table: CaseTable,
    groups: Groups,
    shares: Mapping[str, float] = DEFAULT_SHARES,
    seed: int = 0,
    fold: Fold | None = None,
) -> tuple[str, ...]:
    """Return the part of each case: ``training``, ``tuning``, ``test``, or ``excluded``.

    What the source declares holds. Cases without a declared part are shared out; when the source declares parts for all
    but no tuning part, one is taken from its training part. A declared test part is never touched and none is made out
    of declared cases. No group lies in two parts: where the declared parts tear one, the side that learns loses its
    cases (``excluded``). Cases without a label are excluded.

    Args:
        table: the data set.
        groups: group of each case, as ``examine`` returns them.
        shares: wanted share of each part; they sum to 1.
        seed: other seeds give other splits; the result depends on identifiers, labels, groups and seed alone.
        fold: what is the test part instead, as ``fold_cases`` draws it; the other cases are training and tuning, and
            what the source declares as its test part is kept apart, with the groups that it belongs to.

    Raises:
        DatasetError: ``E822`` impossible shares.
    """
    _check(shares)
    table = table if fold is None else _held_in_turn(table, groups, fold, seed)
    declared = [case.split for case in table.cases]
    labels = table.labels
    chosen: list[str | None] = [EXCLUDED if label < 0 else part for label, part in zip(labels, declared, strict=True)]
    _settle_torn(chosen, groups)
    open_cases = [index for index, part in enumerate(chosen) if part is None]
    wanted = dict(shares)
    if not open_cases and TUNING not in chosen and shares.get(TUNING, 0) > 0:
        open_cases = [index for index, part in enumerate(chosen) if part == TRAINING]
        wanted = {part: share for part, share in shares.items() if part != TEST}
    names = [part for part in PARTS if wanted.get(part, 0) > 0]
    sizes = np.array([wanted[part] for part in names])
    fixed = _fixed_parts(chosen, groups)
    free = [index for index in open_cases if fixed.get(int(groups[index])) is None or declared[index]]
    for index in set(open_cases) - set(free):
        chosen[index] = fixed[int(groups[index])]
    keys = [table.cases[index].identifier for index in free]
    shared_out = assign(labels[free], [int(groups[index]) for index in free], sizes / sizes.sum(), keys, seed)
    for index, part in zip(free, shared_out, strict=True):
        chosen[index] = names[part]
    return tuple(part or EXCLUDED for part in chosen)


def fold_cases(table: CaseTable, groups: Groups, folds: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the fold (n,) of each case for cross-validation: grouped, stratified, the same on every machine."""
    keys = [case.identifier for case in table.cases]
    return assign(table.labels, groups, np.full(folds, 1 / folds), keys, seed)


def folded_cases(table: CaseTable, groups: Groups) -> tuple[int, ...]:
    """Return the indices of the cases that cross-validation holds back in turn: labelled, and no copy of a test case.

    A test part that the source declares is for the end: a figure that was chosen by must not have seen it.
    """
    held = {int(group) for group, case in zip(groups, table.cases, strict=True) if case.split == TEST}
    labels = table.labels
    return tuple(index for index, group in enumerate(groups) if labels[index] >= 0 and int(group) not in held)


def _held_in_turn(table: CaseTable, groups: Groups, fold: Fold, seed: int) -> CaseTable:
    """Return the table with one fold declared as the test part and the others as the training part."""
    pool = folded_cases(table, groups)
    drawn = fold_cases(table.select(pool), [int(groups[index]) for index in pool], fold.count, seed)
    parts = {index: TEST if own == fold.number - 1 else TRAINING for index, own in zip(pool, drawn, strict=True)}
    cases = [
        replace(case, split=parts[index]) if index in parts else replace(case, split=None, label=None)
        for index, case in enumerate(table.cases)
    ]
    return replace(table, cases=tuple(cases))


def assign(
    labels: npt.NDArray[np.int64], groups: Groups, shares: npt.NDArray[np.float64], keys: Sequence[str], seed: int
) -> npt.NDArray[np.int64]:
    """Return the part (n,) of each case, whole groups at a time, so that each part nears its share of each class.

    Large groups are placed first and equally large ones in the order of a SHA-256 of seed and name, each where it
    leaves the smallest squared distance to the wanted class counts (as scikit-learn's StratifiedGroupKFold does).
    """
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    classes, index = np.unique(labels, return_inverse=True)
    counts = np.zeros((int(members.max()) + 1, len(classes)))
    np.add.at(counts, (members, index), 1)
    wanted = shares[:, np.newaxis] * counts.sum(axis=0)
    weights = 1 / np.maximum(counts.sum(axis=0), 1) ** 2
    placed = np.zeros_like(wanted)
    result = np.zeros(len(counts), dtype=np.int64)
    for group in _order(members, counts, keys, seed):
        gap = placed - wanted
        cost = (((gap + counts[group]) ** 2 - gap**2) * weights).sum(axis=1) / shares
        result[group] = int(np.argmin(np.round(cost, 12)))
        placed[result[group]] += counts[group]
    return np.asarray(result[members], dtype=np.int64)


def _order(
    members: npt.NDArray[np.int64], counts: npt.NDArray[np.float64], keys: Sequence[str], seed: int
) -> list[int]:
    names: dict[int, str] = {}
    for member, key in zip(members.tolist(), keys, strict=True):
        names[member] = min(key, names.get(member, key))
    sizes = counts.sum(axis=1)
    digests = {group: hashlib.sha256(f"{seed}:{name}".encode()).digest() for group, name in names.items()}
    return sorted(names, key=lambda group: (-sizes[group], digests[group]))


def _settle_torn(chosen: list[str | None], groups: Groups) -> None:
    """Exclude the cases of a torn group that lie in any but its most strictly held-back declared part."""
    strictest: dict[int, str] = {}
    for group, part in zip(groups, chosen, strict=True):
        if part in _STRICTNESS:
            held = strictest.setdefault(int(group), part)
            strictest[int(group)] = max(held, part, key=lambda name: _STRICTNESS[name])
    for index, (group, part) in enumerate(zip(groups, list(chosen), strict=True)):
        if part in _STRICTNESS and part != strictest[int(group)]:
            chosen[index] = EXCLUDED


def _fixed_parts(chosen: Sequence[str | None], groups: Groups) -> dict[int, str]:
    """Return the declared part of each group that has one: its undeclared cases must follow."""
    return {int(group): part for group, part in zip(groups, chosen, strict=True) if part in _STRICTNESS and part}


def _check(shares: Mapping[str, float]) -> None:
    is_known = set(shares) <= set(PARTS)
    values = list(shares.values())
    if not is_known or min(values) < 0 or abs(sum(values) - 1) > 1e-6 or shares.get(TRAINING, 0) <= 0:
        raise DatasetError("E822", found=", ".join(f"{part} {share}" for part, share in shares.items()))
