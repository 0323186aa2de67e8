"""Names of classes and parts: which spellings mean the same, and which class means that nothing was found."""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hounsfield.errors import DatasetError

TRAINING = "training"
TUNING = "tuning"
TEST = "test"
EXCLUDED = "excluded"
"""A case set aside: a copy of it, or its patient, is in a part that the source declares to be held back."""

PARTS = (TRAINING, TUNING, TEST)

_PART_OF_WORD = {
    "train": TRAINING, "training": TRAINING, "tr": TRAINING,
    "val": TUNING, "valid": TUNING, "validation": TUNING, "tune": TUNING, "tuning": TUNING, "dev": TUNING,
    "test": TEST, "testing": TEST, "ts": TEST, "holdout": TEST, "heldout": TEST,
}  # fmt: skip

_ABSENCE = re.compile(
    r"normals?|healthy|negatives?|none|nothing|controls?|clear|unremarkable"
    r"|(no|not|non|without)(tumou?rs?|fractured?|fractures|diseased?|cancer|pneumonia|lesions?|findings?|nodules?|mass"
    r"|abnormal(ity)?|abnormalities|h(a)?emorrhage|stroke|covid|infection|opacity|present|affected)"
)


_NUMBER = re.compile(r"\+?(?P<sign>-?)0*(?P<whole>[0-9]+?)(?:\.(?P<part>[0-9]*?)0*)?")
_LONE_SURROGATES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""All but those by which Python writes a byte of a file name that is no UTF-8."""


def part_of(word: str) -> str | None:
    """Return the part (``training``, ``tuning``, ``test``) that a folder, key or column value names, or None."""
    return _PART_OF_WORD.get(re.sub(r"[^a-z]", "", word.lower()))


def plain(name: str) -> str:
    """Return a class name without case, spaces and signs, so that spellings can be compared.

    Signs that make another class stay: plus and comparison, a minus at the end or before a number, and a decimal point
    (``HER2+`` is not ``HER2-``, ``-1`` is not ``1``, ``1.5`` is not ``15``). Numbers that are equal are one name, as
    ``1`` and the ``1.0`` that a spreadsheet makes of it.

    >>> [plain(name) for name in ("No_Tumor", "notumour", "glioma_tumor", "NORMAL", "HER2 +", "HER2-", "Pneumo-nia")]
    ['notumor', 'notumor', 'glioma', 'normal', 'her2+', 'her2-', 'pneumonia']
    >>> [plain(name) for name in ("1", "1.0", "01", "+1", "-0", "1.50", "2.0 mm")]
    ['1', '1', '1', '1', '0', '1.5', '2.0mm']
    """
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", unicodedata.normalize("NFKC", name).casefold().strip())
    letters = re.sub(r"(?<!^)-(?!$)|^-(?!\d|$)|(?<!\d)\.|\.(?!\d)|[^\w+<>=≤≥.-]|_", "", text) or text
    letters = letters.replace("tumour", "tumor")
    number = _NUMBER.fullmatch(letters)
    if number is not None:
        value = number["whole"] + (f".{number['part']}" if number["part"] else "")
        return number["sign"] + value if value != "0" else value
    short = re.sub(r"tumors?$", "", letters)
    return letters if short in ("", "no", "not", "non", "without") else short


def readable(name: str) -> str:
    """Return a name that can be written as UTF-8: bytes that are none (GBK on Linux) become their numbers.

    JSON can hold halves of a surrogate pair that no file name holds: they become their numbers too.
    """
    name = _LONE_SURROGATES.sub(lambda half: f"\\u{ord(half[0]):04x}", name)
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def means_absence(name: str) -> bool:
    """Tell whether a class name says that nothing of the kind was seen (``normal``, ``notumor``, ``not_fractured``).

    >>> [means_absence(name) for name in ("NORMAL", "notumor", "not_fractured", "benign", "nodule")]
    [True, True, True, False, False]
    """
    words = re.findall(r"[a-z0-9]+", name.lower())
    if len(words) > 1 and words[0] in ("no", "not", "without"):
        return True
    return _ABSENCE.fullmatch("".join(words)) is not None


def match_names(found: Sequence[str], expected: Sequence[str], where: str) -> dict[str, int]:
    """Return the index in ``expected`` of each found class name; case, spaces and signs do not count.

    Raises:
        DatasetError: ``E806`` a found name is not among the expected ones.
    """
    index_of = {plain(name): index for index, name in enumerate(expected)}
    for name in found:
        if plain(name) not in index_of:
            raise DatasetError("E806", found=name, where=where, expected=", ".join(expected))
    return {name: index_of[plain(name)] for name in found}


@cache
def _medmnist_table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("hounsfield.cases").joinpath("data/medmnist.json").read_text("utf-8"))
    return table


def medmnist_names(path: Path, class_count: int) -> tuple[str, ...] | None:
    """Return the published class names of a MedMNIST file by its file name, or None when it is not a known one."""
    stem = path.stem.lower()
    for name, classes in _medmnist_table()["class_names"].items():
        if stem.startswith(name) and len(classes) >= class_count:
            return tuple(classes)
    return None


def published_labels(path: Path, count: int) -> tuple[str, ...]:
    """Return the published names of the labels of a MedMNIST file of several labels; none when it is not known."""
    for name, labels in _medmnist_table()["label_names"].items():
        if path.stem.lower().startswith(name) and len(labels) == count:
            return tuple(labels)
    return ()


def publishes_order(path: Path) -> bool:
    """Tell whether a MedMNIST file is published with ordered classes (its task is ordinal regression)."""
    return path.stem.lower().startswith(tuple(_medmnist_table()["ordered"]))


def summary(names: Sequence[str], limit: int = 20) -> str:
    """Return the first names joined by commas, with how many more there are."""
    more = f", … (+{len(names) - limit})" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
