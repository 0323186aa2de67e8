"""What dciodvfy says of a file, as the findings that both of us look for, and how the two agree."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from hounsfield.image.conformance.judge import conformance_of

_MISSING = re.compile(r"^Error - (?:Missing|Empty) attribute.* Type (1|2|1C|2C) \w+ Element=<(\w+)> Module=<(\w+)>")
_VALUE = re.compile(r"^Error - Value invalid for this VR - \(0x([0-9a-f]{4}),0x([0-9a-f]{4})\)")
_ENUMERATED = re.compile(r"^Error - Unrecognized enumerated value <.*> for value \d+ of attribute <(.+)>")
_MULTIPLICITY = re.compile(r"^Error - Bad attribute Value Multiplicity .*Element=<(\w+)>")
_REPRESENTATION = re.compile(r"^Error - Invalid Value Representation \w\w \(.*Element=<(\w+)>")
CONDITIONS_ASKED = ("PixelData", "PlanarConfiguration", "PatientPosition", "PatientOrientation")
"""Conditional attributes whose condition both of us answer; which others are needed a header does not say alone."""

Found = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Agreement:
    """Findings of many files: of both, of dciodvfy alone, of us alone."""

    both: int
    missed: tuple[tuple[str, str, str], ...]
    alone: tuple[tuple[str, str, str], ...]

    @property
    def recall(self) -> float:
        return self.both / max(self.both + len(self.missed), 1)

    @property
    def false_alarm_fraction(self) -> float:
        return len(self.alone) / max(self.both + len(self.alone), 1)


def dciodvfy_findings(path: Path) -> Found:
    """Return (kind, keyword) of the error lines that speak of attributes, their values and their VR."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, timeout=20, check=False)
    found = set()
    for line in (done.stderr + done.stdout).decode("latin-1").splitlines():
        if match := _MISSING.match(line):
            kind, keyword = match[1], match[2]
            if not kind.endswith("C") or keyword in CONDITIONS_ASKED or line.startswith("Error - Empty"):
                found.add(("attribute", keyword))
        elif match := _VALUE.match(line):
            keyword = keyword_for_tag(int(match[1] + match[2], 16))
            if keyword:
                found.add(("value", keyword))
        elif match := _ENUMERATED.match(line):
            name = re.sub(r"\W", "", match[1])  # its names differ from keywords in small letters
            found.add(("enumerated", {"NumberofFrames": "NumberOfFrames"}.get(name, name)))
        elif match := _MULTIPLICITY.match(line):
            found.add(("multiplicity", match[1]))
        elif match := _REPRESENTATION.match(line):
            found.add(("representation", match[1]))
    return frozenset(found)


_KINDS = {
    "conformance-required": "attribute",
    "conformance-type-2": "attribute",
    "conformance-values": "value",
    "conformance-enumerated": "enumerated",
    "conformance-multiplicity": "multiplicity",
    "conformance-representation": "representation",
}


def own_findings(path: Path) -> Found:
    """Return ours in the same form."""
    found = set()
    for name, evidence in conformance_of(path):
        if name in _KINDS:
            keyword = re.split(r"[ /]", evidence.subject)[-1]
            assert tag_for_keyword(keyword) is not None
            found.add((_KINDS[name], keyword))
    return frozenset(found)


def compare(paths: list[Path]) -> Agreement:
    """Hold our findings against dciodvfy's, file by file."""
    both, missed, alone = 0, [], []
    for path in paths:
        theirs, ours = dciodvfy_findings(path), own_findings(path)
        both += len(theirs & ours)
        missed += [(path.name, *one) for one in sorted(theirs - ours)]
        alone += [(path.name, *one) for one in sorted(ours - theirs)]
    return Agreement(both, tuple(missed), tuple(alone))
