"""Internal or external test: whether the evaluated data come from where the model learned, as far as can be told."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hounsfield.cases.names import TEST, TRAINING, TUNING, plain, summary
from hounsfield.cases.seen import SeenImages
from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.model.statements import DataStatement

_LEAST_LETTERS = 5
"""A shorter name of a source, such as CT, is in too many other names."""


class OriginKind(StrEnum):
    """Where evaluated data come from, seen from the model."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """What the origin was told from."""

    IMAGES = "image-digests"
    FILE = "file-digest"
    NAME = "name"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Origin:
    """Where the evaluated data come from.

    Attributes:
        kind: from the model's own sources or not.
        evidence: what tells so.
        sources: names of the sources in the manifest.
        is_checked: whether the images were looked for among those of the run, which takes its run folder.
        training_copies: names of evaluated cases whose image the weights were fitted to.
        tuning_copies: names of those that choices were made on.
    """

    kind: OriginKind
    evidence: Evidence
    sources: tuple[str, ...]
    is_checked: bool
    training_copies: tuple[str, ...] = ()
    tuning_copies: tuple[str, ...] = ()

    def issues(self, total: int) -> tuple[QualityIssue, ...]:
        """Return what has to be said of ``total`` evaluated cases."""
        return tuple(
            QualityIssue(code, Severity.WARN, {"count": len(names), "total": total, "cases": summary(names)})
            for code, names in (("Q862", self.training_copies), ("Q861", self.tuning_copies))
            if names
        )


def find_origin(
    table: CaseTable, digests: Sequence[str], statement: DataStatement, seen: SeenImages | None, part: str
) -> Origin:
    """Tell where the evaluated cases come from.

    Internal: an image is among those of the run, or the data file has the digest of a source in the manifest, or the
    name of the data is that of a source. External: none of these, and the images were compared with those of the run;
    other images of the same hospital are taken for external, which only a person can know. Unknown: no images to
    compare with.

    Args:
        table: the evaluated cases.
        digests: of the image of each.
        statement: what the manifest says of the model's data.
        seen: the images of the run, None without its folder.
        part: of the data that is evaluated; copies are no news within the training or tuning part itself.
    """
    sources = tuple(source.name for source in statement.sources)
    shared = {name: _copies(table, digests, seen, name) for name in (TRAINING, TUNING, TEST)}
    evidence = Evidence.NOTHING
    if any(shared.values()):
        evidence = Evidence.IMAGES
    elif _file_digest(table) in {source.sha256 for source in statement.sources if source.sha256}:
        evidence = Evidence.FILE
    elif any(_is_named(table.name, source) for source in sources):
        evidence = Evidence.NAME
    kind = OriginKind.UNKNOWN if evidence is Evidence.NOTHING else OriginKind.INTERNAL
    if kind is OriginKind.UNKNOWN and seen is not None:
        kind, evidence = OriginKind.EXTERNAL, Evidence.IMAGES
    return Origin(
        kind,
        evidence,
        sources,
        seen is not None,
        () if part == TRAINING else shared[TRAINING],
        () if part in (TRAINING, TUNING) else shared[TUNING],
    )


def _copies(table: CaseTable, digests: Sequence[str], seen: SeenImages | None, part: str) -> tuple[str, ...]:
    known = frozenset[str]() if seen is None else seen.of(part)
    return tuple(case.identifier for case, digest in zip(table.cases, digests, strict=True) if digest in known)


def _file_digest(table: CaseTable) -> str | None:
    """Return the SHA-256 of the one file that holds every case, None for a folder of files."""
    paths = {case.source.path for case in table.cases}
    path = next(iter(paths)) if len(paths) == 1 else Path()
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_named(data: str, source: str) -> bool:
    """Tell whether the data have the name of a source, or begin with its first word, whatever the signs."""
    name, first = plain(data), plain(re.split(r"[^\w-]", source.strip(), maxsplit=1)[0])
    if name == plain(source):
        return True
    return len(first) >= _LEAST_LETTERS and name.startswith(first)
