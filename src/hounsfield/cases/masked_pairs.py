"""Pairs of files: an image and its mask in two folders, beside each other, or as two arrays of one npz."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hounsfield.cases.folders import walk
from hounsfield.cases.label_maps import label_array_of, read_label_map
from hounsfield.cases.label_values import MOST_LABELS, Survey, survey
from hounsfield.cases.masked_files import FileMaskReader
from hounsfield.cases.masked_names import Place, patients_of, place_of
from hounsfield.cases.masked_table import MaskedCase, MaskTable
from hounsfield.cases.names import readable, summary
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError, HounsfieldError

_LEAST_SHARE = 0.5
"""Share of the images that have a mask from which a folder is one of pairs."""
_LOOKED_AT = 4
_FEWEST_FOLDERS = 4
_SAMPLE = 12


@dataclass
class _Pair:
    """The files that share a key, while they are gathered."""

    image: Path | None = None
    masks: list[tuple[str, Path]] = field(default_factory=list)
    place: Place | None = None
    are_objects: bool = False

    @property
    def further(self) -> tuple[Path, ...]:
        """Further masks of the image that are no other observer's: one a lesion, as in BUSI."""
        return () if any(observer for observer, _ in self.masks) else tuple(path for _, path in self.masks[1:])


def has_pairs(data: Path) -> bool:
    """Tell whether a folder holds images with masks, by their names and by a look at a few masks."""
    pairs = _gather(data)
    masks = [pair.masks[0][1] for pair in pairs.values() if pair.image and pair.masks]
    images = sum(pair.image is not None for pair in pairs.values())
    if not masks or len(masks) < _LEAST_SHARE * images:
        return False
    return any(_is_label_map(path) for path in masks[:_LOOKED_AT])


def pairs_number_objects(data: Path) -> bool:
    """Tell whether the first masks of a folder of pairs number objects, instead of naming labels."""
    held = [pair for pair in _gather(data).values() if pair.image and pair.masks]
    return any(pair.are_objects for pair in held) or survey([pair.masks[0][1] for pair in held[:_SAMPLE]]).is_instances


def read_pairs(data: Path) -> MaskTable:
    """Return the cases of a folder of images and masks; every mask is read once to see which values there are.

    Raises:
        DatasetError: ``E880`` no image has a mask, or the masks hold too many values to be labels.
    """
    pairs = _gather(data)
    held = {key: pair for key, pair in pairs.items() if pair.image is not None}
    masks = [path for pair in held.values() if pair.masks for path in (pair.masks[0][1], *pair.further)]
    if not masks:
        raise DatasetError("E880", path=data.name, found=summary(["/".join(key) for key in pairs], 3) or "0")
    seen = survey(masks)
    if any(pair.are_objects for pair in held.values()):
        seen = replace(seen, is_instances=True)
    if len(seen.values) < 2 or (len(seen.values) > MOST_LABELS + 1 and not seen.is_instances):
        raise DatasetError("E880", path=data.name, found=f"{len(seen.values)} values")
    names = _label_names(seen)
    identifiers = _identifiers(tuple(held))
    patients = patients_of(identifiers)
    are_patients = _are_patients([pair.place for pair in held.values() if pair.place])
    cases = [
        _case(data, name, pair, patient or (pair.place.folder if pair.place and are_patients else None))
        for name, patient, pair in zip(identifiers, patients, held.values(), strict=True)
    ]
    further = {
        name: pair.further
        for name, pair in zip(identifiers, held.values(), strict=True)
        if pair.further or pair.are_objects
    }
    reader = FileMaskReader(names, None if seen.is_instances else seen.values, seen.is_instances).with_further(further)
    issues = _issues(pairs, cases, seen)
    return MaskTable(readable(data.name), names, ("image",), tuple(cases), issues, "pairs", reader, seen.is_instances)


def _gather(data: Path) -> dict[tuple[str, ...], _Pair]:
    """Return the files of each key, in the order of the keys."""
    if not data.is_dir():
        return {}
    found = walk(data)
    files = [*found.images, *(tuple(name.split("/")) for name in found.others if name.lower().endswith(".npz"))]
    pairs: dict[tuple[str, ...], _Pair] = {}
    for parts in sorted(files):
        path, place = data.joinpath(*parts), place_of(parts)
        pair = pairs.setdefault((place.split or "", *place.key), _Pair())
        if path.suffix.lower() == ".npz" and label_array_of(path):
            pair.image, pair.place = path, place
            pair.masks.append(("", path))
        elif place.is_mask:
            pair.masks.append((place.observer, path))
        elif pair.image is None:
            pair.image, pair.place = path, place
    for pair in pairs.values():
        pair.masks.sort()
    return _with_objects(dict(sorted(pairs.items())))


def _with_objects(pairs: dict[tuple[str, ...], _Pair]) -> dict[tuple[str, ...], _Pair]:
    """Give an image with a folder of its own the masks there that have no image: one an object, as in DSB 2018."""
    images: defaultdict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    alone: defaultdict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for key, pair in pairs.items():
        (images if pair.image else alone)[key[:-1]].append(key)
    for folder, keys in alone.items():
        owners = images[folder]
        if len(folder) > 1 and len(owners) == 1 and not pairs[owners[0]].masks:
            owner = pairs[owners[0]]
            owner.masks = [("", path) for key in keys for _, path in pairs.pop(key).masks]
            owner.are_objects = True
    return pairs


def _is_label_map(path: Path) -> bool:
    """Tell whether a picture holds labels: few values for its size, 0 among them."""
    try:
        array = read_label_map(path).array
    except (HounsfieldError, OSError, ValueError, MemoryError):
        return False
    return 0 in array and len(set(array[:: max(1, len(array) // 8)].ravel().tolist())) <= max(2, array.size // 64)


def _label_names(seen: Survey) -> tuple[str, ...]:
    if seen.is_instances:
        return "background", "object"
    if len(seen.values) == 2:
        return "background", "foreground"
    return ("background", *(f"label {value}" for value in seen.values[1:]))


def _identifiers(keys: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the shortest names that are unique: the stem, or the path without the folders of images and masks."""
    stems = [key[-1] for key in keys]
    if "" not in stems and len(set(stems)) == len(stems):
        return tuple(stems)
    return tuple("/".join(part for part in key if part) for key in keys)


def _are_patients(places: Sequence[Place]) -> bool:
    """Tell whether folders are patients: each holds one image, or there are many; two or three are classes or sites."""
    folders = Counter(place.folder for place in places)
    is_one_each = all(place.key[-1] == "" for place in places)
    return is_one_each or (len(folders) >= _FEWEST_FOLDERS and max(folders.values()) <= len(places) / 2)


def _case(data: Path, name: str, pair: _Pair, patient: str | None) -> MaskedCase:
    others = tuple(
        (f"mask_{number}", readable(path.relative_to(data).as_posix()))
        for number, (_, path) in enumerate(() if pair.further else pair.masks[1:], start=2)
    )
    mask = pair.masks[0][1] if pair.masks else None
    return MaskedCase(name, (pair.image,), mask, patient, pair.place.split if pair.place else None, others)


def _issues(pairs: dict[tuple[str, ...], _Pair], cases: Sequence[MaskedCase], seen: Survey) -> tuple[QualityIssue, ...]:
    issues = []
    unknown = sum(case.patient is None for case in cases)
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(cases)}))
    without = [case.identifier for case in cases if case.mask is None]
    alone = ["/".join(filter(None, key)) for key, pair in pairs.items() if pair.image is None]
    if without or alone:
        facts = {"images": len(without), "masks": len(alone), "cases": summary([*without, *alone])}
        issues.append(QualityIssue("Q880", Severity.WARN, facts))
    several = [case.identifier for case in cases if case.attributes]
    if several:
        issues.append(QualityIssue("Q881", Severity.NOTE, {"count": len(several), "cases": summary(several)}))
    if seen.is_instances:
        issues.append(QualityIssue("Q887", Severity.NOTE, {"count": len(seen.values) - 1}))
    return tuple(issues)
