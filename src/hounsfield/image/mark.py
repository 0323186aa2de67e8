"""What files keep of a volume that their format has no field for: marks of enhanced pixels, repairs, the quantity.

Without it a file written after a smoothing step would be measured tomorrow (docs/decisions/0009-enhanced-pixels.md).
Each format has its own place: DICOM the Derivation Code Sequence (PS3.3 C.7.6.1.1.3) with codes of the private scheme
of the house; NIfTI a comment extension and, for software that drops extensions, ``descrip``; NRRD a key with its value.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydicom import Dataset

from hounsfield.core.codes import PRIVATE_SCHEME, local_concept
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

KEY = "hounsfield_enhanced_by"
REPAIRED_KEY = "hounsfield_repaired_by"
QUANTITY_KEY = "hounsfield_quantity"
UNKNOWN = "unknown"
"""Stands for steps whose names cannot be read: a mark that is damaged is a mark still."""

MAXIMUM_STEPS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DESCRIPTION_CHARACTERS = 79


def mark_text(steps: tuple[str, ...]) -> str:
    """Return the names of steps as a JSON list, the value of ``KEY``."""
    return json.dumps(list(steps))


def read_mark(text: str) -> tuple[str, ...]:
    """Return the names of ``mark_text``; those that are no names of steps become ``UNKNOWN``."""
    try:
        found = json.loads(text[: MAXIMUM_STEPS * 80])
    except (ValueError, RecursionError):
        return (UNKNOWN,)
    if not isinstance(found, list):
        return (UNKNOWN,)
    return _names(found)


@dataclass(frozen=True)
class Kept:
    """What NIfTI and NRRD keep by key and text.

    Attributes:
        enhanced_by: steps that changed what samples look like.
        repaired_by: repairs made on reading.
        quantity: what a sample means; arbitrary where the file does not say it in the words of the house.
    """

    enhanced_by: tuple[str, ...] = ()
    repaired_by: tuple[str, ...] = ()
    quantity: Quantity = Quantity.ARBITRARY

    def laid_on(self, volume: Volume) -> Volume:
        """Return a volume as read with what its file keeps; colour stays for display."""
        quantity = volume.quantity if volume.is_colour else self.quantity
        return replace(volume, enhanced_by=self.enhanced_by, repaired_by=self.repaired_by, quantity=quantity)


def keep(volume: Volume) -> dict[str, str]:
    """Return what a file is to keep of a volume, by key."""
    found = {}
    if volume.enhanced_by:
        found[KEY] = mark_text(volume.enhanced_by)
    if volume.repaired_by:
        found[REPAIRED_KEY] = mark_text(volume.repaired_by)
    if volume.quantity is not Quantity.ARBITRARY and not volume.is_colour:
        found[QUANTITY_KEY] = volume.quantity.name.lower()
    return found


def read_kept(found: Mapping[str, str]) -> Kept:
    """Return what ``keep`` wrote, from all keys and texts of a file; unknown quantities are arbitrary."""
    name = found.get(QUANTITY_KEY, "").strip().upper()
    return Kept(
        enhanced_by=read_mark(found[KEY]) if KEY in found else (),
        repaired_by=read_mark(found[REPAIRED_KEY]) if REPAIRED_KEY in found else (),
        quantity=Quantity[name] if name in Quantity.__members__ else Quantity.ARBITRARY,
    )


def mark_line(steps: tuple[str, ...]) -> str:
    """Return the mark as one line of at most 79 characters; what does not fit is cut off."""
    return f"{KEY}={','.join(steps)}"[:_DESCRIPTION_CHARACTERS]


def read_line(line: str) -> tuple[str, ...]:
    """Return the names of ``mark_line``, empty for any other line."""
    key, equals, names = line.strip("\0 ").partition("=")
    return _names(names.split(",")) if equals and key == KEY else ()


def mark_codes(steps: tuple[str, ...]) -> list[Dataset]:
    """Return the items of a Derivation Code Sequence that name the steps."""
    items = []
    for step in steps:
        concept = local_concept(step)
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = concept.value, concept.scheme
        item.CodeMeaning = concept.meaning
        items.append(item)
    return items


def read_codes(items: Iterable[Dataset]) -> tuple[str, ...]:
    """Return the steps that a Derivation Code Sequence names in the scheme of the house; other codes do not count."""
    ours = [item for item in items if str(item.get("CodingSchemeDesignator") or "").strip() == PRIVATE_SCHEME]
    return _names([item.get("CodeMeaning") for item in ours])


def _names(found: Iterable[object]) -> tuple[str, ...]:
    names = [name.strip() if isinstance(name, str) else "" for name in found]
    return tuple(name if _NAME.fullmatch(name) else UNKNOWN for name in names)[:MAXIMUM_STEPS]
