"""BIDS: images under ``sub-*/anat``, masks under ``derivatives`` with the suffix dseg or mask.

Source: Brain Imaging Data Structure 1.10, "Magnetic Resonance Imaging" and "Imaging data types derivatives".
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hounsfield.cases.label_values import MOST_LABELS, survey
from hounsfield.cases.masked_files import FileMaskReader
from hounsfield.cases.masked_table import MaskedCase, MaskTable
from hounsfield.cases.names import readable, summary
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

_IMAGE = re.compile(r"(?P<entities>sub-[A-Za-z0-9]+(?:_[a-z]+-[A-Za-z0-9]+)*)_(?P<suffix>[A-Za-z0-9]+)\.nii(?:\.gz)?")
_MASK_SUFFIXES = ("dseg", "mask", "roi")
_CHANNEL_ORDER = ("T1w", "T1", "T1ce", "T2w", "T2", "FLAIR")
_NO_REFERENCE = re.compile(r"brain|head|skull", re.IGNORECASE)
_MAX_TABLE_BYTES = 2**20


@dataclass(frozen=True)
class _File:
    """A file of BIDS: its subject and session, its other entities and its suffix."""

    path: Path
    owner: tuple[str, str]
    entities: str
    suffix: str


def is_bids(data: Path) -> bool:
    """Tell whether a folder holds ``sub-*`` folders and derivatives with masks of them."""
    return any(data.glob("sub-*")) and bool(_masks(data))


def read_bids(data: Path) -> MaskTable:
    """Return one case a subject and session; its channels are the anatomical images, by suffix.

    A channel on another grid than the mask, as a FLAIR that is not registered, counts as missing. Where several masks
    are of one session, dseg comes before mask and the description that most sessions have before others; masks of the
    brain or the head are taken only where there are no others.

    Raises:
        DatasetError: ``E880`` no image has a mask, or the masks hold too many values.
    """
    images = [file for file in _files(data, "sub-*") if file.suffix not in _MASK_SUFFIXES]
    masks = _ranked(_masks(data))
    owners = sorted({file.owner for file in images})
    references = {owner: [file for file in masks if file.owner == owner] for owner in owners}
    chosen = [found[0].path for found in references.values() if found]
    if not chosen:
        raise DatasetError("E880", path=data.name, found=summary([file.path.name for file in images], 3) or "0")
    seen = survey(chosen)
    if not 2 <= len(seen.values) <= MOST_LABELS + 1:
        raise DatasetError("E880", path=data.name, found=f"{len(seen.values)} values")
    channels = _channel_names(images)
    cases = tuple(_case(data, owner, channels, images, references[owner]) for owner in owners)
    values, names = _label_names(data, seen.values)
    reader = FileMaskReader(names, values, drops_other_grids=True)
    return MaskTable(readable(data.name), names, channels, cases, _issues(cases), "bids", reader)


def _files(root: Path, pattern: str) -> list[_File]:
    found = []
    for path in sorted(root.glob(f"{pattern}/**/anat/sub-*.nii*")):
        match = _IMAGE.fullmatch(path.name)
        if match and not path.is_symlink():
            pairs = dict(part.split("-", 1) for part in match["entities"].split("_"))
            owner = pairs.pop("sub"), pairs.pop("ses", "")
            found.append(_File(path, owner, "_".join(f"{key}-{text}" for key, text in pairs.items()), match["suffix"]))
    return found


def _masks(data: Path) -> list[_File]:
    return [file for file in _files(data / "derivatives", "*") if file.suffix in _MASK_SUFFIXES]


def _ranked(masks: Sequence[_File]) -> list[_File]:
    """Return masks with the better reference first: not of the brain as a whole, dseg before mask, common first."""
    kinds = Counter((file.suffix, file.entities) for file in masks)
    return sorted(
        masks,
        key=lambda file: (
            _NO_REFERENCE.search(file.entities) is not None,
            _MASK_SUFFIXES.index(file.suffix),
            -kinds[file.suffix, file.entities],
            str(file.path),
        ),
    )


def _channel_names(images: Sequence[_File]) -> tuple[str, ...]:
    found = {file.suffix for file in images}
    first = [suffix for suffix in _CHANNEL_ORDER if suffix in found]
    return (*first, *sorted(found - set(first)))


def _case(
    data: Path, owner: tuple[str, str], channels: Sequence[str], images: Sequence[_File], masks: Sequence[_File]
) -> MaskedCase:
    own = {file.suffix: file.path for file in reversed(images) if file.owner == owner}
    name = f"sub-{owner[0]}" + (f"_ses-{owner[1]}" if owner[1] else "")
    others = tuple(
        (f"mask_{number}", readable(file.path.relative_to(data).as_posix()))
        for number, file in enumerate(masks[1:], start=2)
    )
    paths = tuple(own.get(channel) for channel in channels)
    return MaskedCase(name, paths, masks[0].path if masks else None, f"sub-{owner[0]}", None, others)


def _label_names(data: Path, values: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return values and their names: from the table of a dseg where there is one, else by number."""
    named = _label_table(data)
    every = tuple(sorted({*values, *named}))
    single = "lesion" if len(every) == 2 else None
    names = [named.get(value, single or f"label {value}") for value in every]
    names[0] = "background"
    unique = tuple(
        name if names.count(name) == 1 else f"{name} {value}" for name, value in zip(names, every, strict=True)
    )
    return every, unique


def _label_table(data: Path) -> dict[int, str]:
    named: dict[int, str] = {}
    for path in sorted([*data.glob("*dseg.tsv"), *data.glob("derivatives/*/*dseg.tsv")])[:1]:
        if path.stat().st_size > _MAX_TABLE_BYTES:
            continue
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                index, name = row.get("index") or "", row.get("name") or ""
                if re.fullmatch(r"\d{1,5}", index) and name:
                    named[int(index)] = name
    return named if 1 < len(named) <= MOST_LABELS + 1 else {}


def _issues(cases: Sequence[MaskedCase]) -> tuple[QualityIssue, ...]:
    issues = []
    without = [case.identifier for case in cases if case.mask is None]
    if without:
        facts = {"images": len(without), "masks": 0, "cases": summary(without)}
        issues.append(QualityIssue("Q880", Severity.WARN, facts))
    several = [case.identifier for case in cases if case.attributes]
    if several:
        issues.append(QualityIssue("Q881", Severity.NOTE, {"count": len(several), "cases": summary(several)}))
    return tuple(issues)
