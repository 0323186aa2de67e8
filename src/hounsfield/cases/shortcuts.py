"""Shortcuts: can the label be told from the files alone, without a look at what the images show?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.cases.foretell import (
    SIGNIFICANCE,
    Units,
    chance_together,
    chances_alone,
    make_units,
    score_together,
    scores_alone,
)
from hounsfield.cases.names import summary
from hounsfield.cases.table import CaseTable
from hounsfield.cases.traits import Trait, TraitKind, read_traits
from hounsfield.core.quality import QualityIssue, Severity

LEAST_SKILL = 0.1
"""Skill, the share of the way from chance to certainty, below which a trait is not worth a word."""

MORE_TOGETHER = 0.05
"""Skill by which all traits together must exceed the best of them to be worth a word of their own."""

MOST_WORDS = 12
"""Distinct numbers above which a trait is cut into ranges of equal count."""

RANGES = 8
FEWEST_GROUPS = 3
"""Groups that a value needs to stand by itself; rarer ones count as one value, ``other``."""

_SHOWN_VALUES = 4
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shortcut:
    """A trait of the files that tells the class.

    Attributes:
        trait: its name; several joined by commas for all together.
        kind: ``file``, ``content``, ``name`` or ``together``.
        score: balanced accuracy, cross-validated with whole groups held back.
        chance: what guessing reaches.
        p: how often labels dealt at random did as well, all traits considered.
        values: cases of each class for the commonest values.
        cases: names of the cases whose class the trait tells, those it tells most surely first.
    """

    trait: str
    kind: str
    score: float
    chance: float
    p: float
    values: dict[str, dict[str, int]]
    cases: tuple[str, ...]


def find_shortcuts(
    table: CaseTable, groups: Sequence[int] | _Ints, traits: Sequence[Trait] | None = None
) -> tuple[Shortcut, ...]:
    """Return the traits of the files that tell the class, the best of each topic, best first.

    Args:
        table: the data set.
        groups: group of each case: copies and cases of one patient count once and are held back together.
        traits: what is asked; by default all that the files say.
    """
    asked = read_traits(table) if traits is None else tuple(traits)
    numbers = np.asarray(groups, dtype=np.int64)
    coded = [_coded(trait, numbers) for trait in asked]
    units = make_units(table.labels, numbers, [codes for codes, _ in coded]) if coded else None
    if units is None:
        return ()
    chance = 1 / (int(units.labels.max()) + 1)
    scores = scores_alone(units, units.labels)
    is_worth = scores >= chance + LEAST_SKILL * (1 - chance)
    p = chances_alone(units, scores) if is_worth.any() else np.ones(len(scores))
    found: dict[str, Shortcut] = {}
    for place in np.argsort(-scores, kind="stable"):
        if is_worth[place] and p[place] <= SIGNIFICANCE and asked[place].topic not in found:
            told = _told(table, *coded[place])
            evidence = (round(float(scores[place]), 4), round(chance, 4), round(float(p[place]), 4))
            found[asked[place].topic] = Shortcut(asked[place].name, asked[place].kind.value, *evidence, *told)
    joint = _together(table, asked, units, scores)
    return (*found.values(), *joint)


def shortcut_issues(shortcuts: Sequence[Shortcut]) -> tuple[QualityIssue, ...]:
    """Return an issue for each shortcut; what a network cannot see, or may see rightly, is a note."""
    issues = []
    for shortcut in shortcuts:
        facts = {
            "trait": shortcut.trait,
            "score": f"{shortcut.score:.2f}",
            "chance": f"{shortcut.chance:.2f}",
            "p": shortcut.p,
            "found": "; ".join(_counted(value, counts) for value, counts in shortcut.values.items()),
            "cases": summary(shortcut.cases, 8),
        }
        if shortcut.kind == TraitKind.FILE:
            issues.append(QualityIssue("Q871", Severity.WARN, facts))
        elif shortcut.kind == TraitKind.CONTENT:
            issues.append(QualityIssue("Q872", Severity.NOTE, facts))
        elif shortcut.kind == TraitKind.NAME:
            issues.append(QualityIssue("Q873", Severity.NOTE, facts))
        else:
            issues.append(QualityIssue("Q874", Severity.WARN, facts))
    return tuple(issues)


def _counted(value: str, counts: dict[str, int]) -> str:
    return f"{value or '-'}: " + ", ".join(f"{name} {count}" for name, count in counts.items() if count)


def _together(
    table: CaseTable, asked: Sequence[Trait], units: Units, scores: npt.NDArray[np.float64]
) -> tuple[Shortcut, ...]:
    """Return all traits of the files as one shortcut where they tell clearly more than the best of them."""
    chosen = [place for place, trait in enumerate(asked) if trait.kind is TraitKind.FILE]
    if len(chosen) < 2:
        return ()
    some = Units(
        units.labels,
        units.folds,
        tuple(units.columns[place] for place in chosen),
        tuple(units.widths[place] for place in chosen),
    )
    chance = 1 / (int(units.labels.max()) + 1)
    score = score_together(some, units.labels)
    least = max(chance + LEAST_SKILL * (1 - chance), scores[chosen].max() + MORE_TOGETHER * (1 - chance))
    if score < least or (p := chance_together(some, score)) > SIGNIFICANCE:
        return ()
    best = [asked[place].name for place in chosen if scores[place] > chance]
    names = ", ".join(best or [asked[place].name for place in chosen])
    labelled = tuple(case.identifier for case in table.cases if case.label is not None)
    return (Shortcut(names, "together", round(score, 4), round(chance, 4), round(p, 4), {}, labelled),)


def _coded(trait: Trait, groups: _Ints) -> tuple[_Ints, tuple[str, ...]]:
    """Return the code (n,) of each case's value, and what each code stands for."""
    numbers = [value for value in trait.values if isinstance(value, float)]
    if trait.is_number and len(set(numbers)) > MOST_WORDS:
        return _in_ranges(trait, numbers)
    words = ["none" if value is None else _word(value) for value in trait.values]
    seen = Counter(word for word, _ in {(word, int(group)) for word, group in zip(words, groups, strict=True)})
    words = [word if seen[word] >= FEWEST_GROUPS else "other" for word in words]
    names = sorted(set(words))
    return np.array([names.index(word) for word in words], dtype=np.int64), tuple(names)


def _word(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else value


def _in_ranges(trait: Trait, numbers: Sequence[float]) -> tuple[_Ints, tuple[str, ...]]:
    edges = np.unique(np.quantile(numbers, np.arange(1, RANGES) / RANGES))
    values = np.array([value if isinstance(value, float) else np.nan for value in trait.values])
    codes = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
    names = []
    for code in range(int(codes.max()) + 1):
        inside = values[codes == code]
        is_empty = not len(inside) or bool(np.isnan(inside).all())
        names.append("none" if is_empty else f"{np.min(inside):.4g} to {np.max(inside):.4g}")
    return codes.astype(np.int64), tuple(names)


def _told(table: CaseTable, codes: _Ints, names: Sequence[str]) -> tuple[dict[str, dict[str, int]], tuple[str, ...]]:
    """Return the cases of each class for the commonest values, and the cases told rightly, the surest first."""
    labels = table.labels
    known = np.flatnonzero(labels >= 0)
    counts = np.zeros((len(names), len(table.class_names)), dtype=np.int64)
    np.add.at(counts, (codes[known], labels[known]), 1)
    rates = counts / np.maximum(counts.sum(axis=0), 1)
    guess = rates.argmax(axis=1)
    sure = rates.max(axis=1) / np.maximum(rates.sum(axis=1), 1e-12)
    right = known[guess[codes[known]] == labels[known]]
    right = right[np.argsort(-sure[codes[right]], kind="stable")]
    order = np.argsort(-counts.sum(axis=1), kind="stable")[:_SHOWN_VALUES]
    classes = table.class_names
    return (
        {names[code]: dict(zip(classes, counts[code].tolist(), strict=True)) for code in order},
        tuple(table.cases[index].identifier for index in right),
    )
