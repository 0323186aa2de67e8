"""Which images a model has seen: their digests by part, kept in its run folder and asked for by an evaluation."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hounsfield.cases.names import PARTS

SEEN_FILE = "images.json"
"""Name of the file in the run folder; it holds digests of decoded samples and no name."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SeenImages:
    """The digests of the images of each part of a run; see ``cases.guard.Examination.digests``."""

    parts: Mapping[str, frozenset[str]]

    def of(self, part: str) -> frozenset[str]:
        """Return the digests of a part, none where the run had no such part."""
        return self.parts.get(part, frozenset())

    @property
    def every(self) -> frozenset[str]:
        """The digests of all parts."""
        return frozenset().union(*self.parts.values())


def seen_json(parts: Mapping[str, Sequence[str]]) -> bytes:
    """Return the digests of each part as the file's bytes; images that were not read are left out."""
    kept = {part: sorted({digest for digest in digests if digest}) for part, digests in parts.items()}
    return (
        json.dumps({"digest": "SHA-256 of shape, type and decoded samples", "parts": kept}, indent=0) + "\n"
    ).encode()


def read_seen(run_folder: Path) -> SeenImages | None:
    """Return what a run has seen, or None where its folder does not say so."""
    try:
        parts = json.loads((run_folder / SEEN_FILE).read_text(encoding="utf-8"))["parts"]
        found = {part: frozenset(parts[part]) for part in PARTS if part in parts}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for part in found.values() for digest in part):
        return None
    return SeenImages(found)
