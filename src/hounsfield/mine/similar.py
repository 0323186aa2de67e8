"""Similar cases: exact nearest neighbours by what a network sees, never of the same patient, with their outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hounsfield.errors import DatasetError

Floats = npt.NDArray[np.float32]
MATCHED_FACTS = ("modality", "site")
"""Facts that must agree where both cases state them; age and sex are shown and left to the reader."""


@dataclass(frozen=True)
class IndexedCase:
    """A case of an index.

    Attributes:
        identifier: its name in its data set.
        patient: what tells patients apart; the identifier where nothing does.
        outcome: the reference outcome; empty where it is not known.
        facts: other things known of it, such as age, sex, modality and site.
    """

    identifier: str
    patient: str
    outcome: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A similar case, with the cosine of the two embeddings: 1 is the same direction."""

    case: IndexedCase
    similarity: float


@dataclass(frozen=True)
class Precision:
    """How often neighbours share the outcome of a case.

    Attributes:
        value: mean share of the k neighbours with the outcome of the case, over all cases with an outcome.
        chance: what neighbours drawn at random among the other patients would reach.
        cases: how many were asked about.
        patients: of how many patients.
        k: neighbours of each.
    """

    value: float
    chance: float
    cases: int
    patients: int
    k: int


@dataclass(frozen=True)
class SimilarIndex:
    """Cases with their embeddings.

    Attributes:
        model: name, version and digest of the network that looked.
        cases: the cases.
        embeddings: (case, feature) float32, as the network gives them.
    """

    model: tuple[str, str, str]
    cases: tuple[IndexedCase, ...]
    embeddings: Floats
    _unit: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse embeddings that do not belong to the cases; normalise them once.

        Raises:
            DatasetError: ``E292``.
        """
        shape = self.embeddings.shape
        if len(shape) != 2 or shape[0] != len(self.cases) or shape[0] < 2 or not np.isfinite(self.embeddings).all():
            raise DatasetError("E292", found=" × ".join(map(str, shape)), expected=len(self.cases))
        object.__setattr__(self, "_unit", self._normalised(self.embeddings))

    def nearest(
        self, embedding: Floats, k: int = 5, patient: str | None = None, facts: Sequence[tuple[str, str]] = ()
    ) -> tuple[Neighbour, ...]:
        """Return the k most similar cases, the most similar first; ties in the order of the index.

        Args:
            embedding: (feature,) of the case that is asked about, by the same network.
            k: how many.
            patient: whose case it is; his own cases are left out, and so is the very same image.
            facts: what is known of it; cases of another modality or site are left out.
        """
        scores = self._unit @ self._normalised(embedding[None])[0]
        known = dict(facts)
        is_asked = [
            case.patient != patient and all(_agrees(known, dict(case.facts), name) for name in MATCHED_FACTS)
            for case in self.cases
        ]
        allowed = np.array(is_asked) & ~np.all(self.embeddings == embedding, axis=1)
        order = np.argsort(-scores, kind="stable")
        chosen = [int(index) for index in order if allowed[index]][:k]
        return tuple(Neighbour(self.cases[index], float(scores[index])) for index in chosen)

    def precision(self, k: int = 5) -> Precision:
        """Return the precision at k with every patient left out of his own neighbours, beside the chance figure."""
        outcomes = np.array([case.outcome for case in self.cases])
        patients = np.array([case.patient for case in self.cases])
        scores = self._unit @ self._unit.T
        shares, chances = [], []
        for index in np.flatnonzero(outcomes != ""):
            allowed = (patients != patients[index]) & (outcomes != "")
            if not allowed.any():
                continue
            order = np.argsort(np.where(allowed, -scores[index], np.inf), kind="stable")[: min(k, int(allowed.sum()))]
            shares.append(float((outcomes[order] == outcomes[index]).mean()))
            chances.append(float((outcomes[allowed] == outcomes[index]).mean()))
        if not shares:
            raise DatasetError("E293", found=len(set(patients.tolist())))
        return Precision(float(np.mean(shares)), float(np.mean(chances)), len(shares), len(set(patients.tolist())), k)

    def _normalised(self, rows: Floats) -> Floats:
        """Return rows about the mean of the index, each feature by its spread, each row of length one."""
        spread = self.embeddings.std(axis=0)
        centred = (rows - self.embeddings.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.where(length > 0, length, 1.0), np.float32)


def _agrees(one: dict[str, str], other: dict[str, str], name: str) -> bool:
    return not one.get(name) or not other.get(name) or one[name].lower() == other[name].lower()
