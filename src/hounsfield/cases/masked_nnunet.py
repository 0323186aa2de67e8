"""Folders with a ``dataset.json``: nnU-Net version 1 and 2, and the Medical Segmentation Decathlon.

nnU-Net keeps one file a channel (``case_0000.nii.gz``), the Decathlon one file a case whose fourth axis is the channel.
Sources: nnU-Net, documentation/dataset_format.md; Antonelli et al., Nature Communications 13:4128 (2022).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hounsfield.cases.masked_files import FileMaskReader
from hounsfield.cases.masked_names import patients_of
from hounsfield.cases.masked_table import MaskedCase, MaskTable
from hounsfield.cases.names import PARTS, TEST, TRAINING, readable, summary
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

DECLARATION = "dataset.json"
_MAX_BYTES = 64 * 2**20
_MOST_LABELS = 65535
_COLOURS = 3
_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".png", ".tif", ".tiff")


@dataclass(frozen=True)
class _Declared:
    """What ``dataset.json`` says.

    Attributes:
        labels: name of each value, background 0.
        channels: name of each channel.
        training: relative paths of image and label, empty where the folders say it.
        patients: patient of each case, an addition of this house that nnU-Net passes over.
        parts: declared part of each case, as ``patients``; empty for a case that the source gave none.
        has_special: labels that nnU-Net treats otherwise: regions, and ``ignore``.
    """

    labels: dict[int, str]
    channels: tuple[str, ...]
    training: tuple[tuple[str, str], ...]
    patients: Mapping[str, str]
    parts: Mapping[str, str]
    has_special: bool


def is_declared(data: Path) -> bool:
    """Tell whether a folder has a ``dataset.json`` of labels and channels beside a folder of images."""
    if not (data / DECLARATION).is_file() or not (data / "imagesTr").is_dir():
        return False
    try:
        _read_declaration(data)
    except DatasetError:
        # A folder that looks like one is read as one, so that what is wrong with it is said.
        return (data / "labelsTr").is_dir()
    return True


def read_declared(data: Path) -> MaskTable:
    """Return the cases of an nnU-Net or Decathlon folder; cases of ``imagesTs`` are the part ``test``.

    Raises:
        DatasetError: ``E884`` a ``dataset.json`` that is not valid, or does not fit the folder.
    """
    declared = _read_declaration(data)
    found = _files_of(data / "imagesTr")
    is_decathlon = not any(_CHANNEL.fullmatch(stem) for stem in found)
    cases = _cases(data, "Tr", declared, is_decathlon)
    if not cases:
        raise _invalid(data, f"imagesTr: {summary(sorted(found), 3) or '0'}")
    channels = declared.channels
    if len(channels) == _COLOURS and all(case.images[1:] == (None, None) for case in cases):
        # RGB pictures are the one exception to a file a channel
        channels = ("image",)
    listed = {_stem(image) for image, _ in declared.training}
    missing = sorted(listed - {case.identifier for case in cases})
    cases += _cases(data, "Ts", declared, is_decathlon)
    patients = patients_of([case.identifier for case in cases])
    cases = [_with_patient(case, patient, declared) for case, patient in zip(cases, patients, strict=True)]
    cases = [replace(case, images=case.images[: len(channels)]) for case in cases]
    values = tuple(sorted(declared.labels))
    names = tuple(declared.labels[value] for value in values)
    layout = "decathlon" if is_decathlon else "nnunet"
    issues = _issues(cases, missing, declared)
    return MaskTable(readable(data.name), names, channels, tuple(cases), issues, layout, FileMaskReader(names, values))


def _cases(data: Path, part: str, declared: _Declared, is_decathlon: bool) -> list[MaskedCase]:
    images: dict[str, dict[int, Path]] = {}
    for stem, path in _files_of(data / f"images{part}").items():
        found = None if is_decathlon else _CHANNEL.fullmatch(stem)
        if is_decathlon:
            images[stem] = dict.fromkeys(range(len(declared.channels)), path)
        elif found:
            images.setdefault(found["case"], {})[int(found["channel"])] = path
    masks = _files_of(data / f"labels{part}")
    split = TEST if part == "Ts" else TRAINING if _files_of(data / "imagesTs") else None
    cases = []
    for name, channels in sorted(images.items()):
        if max(channels) >= len(declared.channels):
            raise _invalid(data, f"{readable(name)}: channel {max(channels)} of {len(declared.channels)}")
        paths = tuple(channels.get(index) for index in range(len(declared.channels)))
        cases.append(MaskedCase(readable(name), paths, masks.get(name), None, split))
    return cases


def _with_patient(case: MaskedCase, patient: str | None, declared: _Declared) -> MaskedCase:
    said = declared.parts.get(case.identifier, case.split)
    part = said if said in PARTS else None
    return replace(case, patient=declared.patients.get(case.identifier, patient), split=part)


def _issues(cases: list[MaskedCase], missing: list[str], declared: _Declared) -> tuple[QualityIssue, ...]:
    issues = []
    unknown = sum(case.patient is None for case in cases)
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(cases)}))
    without = [case.identifier for case in cases if case.mask is None and case.split != TEST]
    if without:
        facts = {"images": len(without), "masks": 0, "cases": summary(without)}
        issues.append(QualityIssue("Q880", Severity.WARN, facts))
    if missing:
        issues.append(QualityIssue("Q805", Severity.WARN, {"count": len(missing), "cases": summary(missing)}))
    if declared.has_special:
        issues.append(QualityIssue("Q889", Severity.WARN))
    return tuple(issues)


def _files_of(folder: Path) -> dict[str, Path]:
    """Return the image files of a folder by their name without its ending; hidden ones are passed over."""
    if not folder.is_dir():
        return {}
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".") and not path.is_symlink()]
    return {_stem(path.name): path for path in paths if path.name.lower().endswith(_ENDINGS)}


def _stem(name: str) -> str:
    name = name.rsplit("/", 1)[-1]
    ending = next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def _read_declaration(data: Path) -> _Declared:
    path = data / DECLARATION
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _invalid(data, f"{path.stat().st_size} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _invalid(data, type(error).__name__) from error
    if not isinstance(content, dict):
        raise _invalid(data, type(content).__name__)
    channels = content.get("channel_names", content.get("modality"))
    labels = content.get("labels")
    if not (isinstance(channels, dict) and isinstance(labels, dict) and channels and labels):
        raise _invalid(data, f"keys {summary(sorted(map(str, content)), 8)}")
    if sorted(channels) != sorted(map(str, range(len(channels)))):
        raise _invalid(data, f"channels {summary(sorted(channels), 8)}")
    names, has_special = _label_names(data, labels)
    return _Declared(
        names,
        tuple(str(channels[str(index)]) for index in range(len(channels))),
        _training(content.get("training")),
        _texts(content.get("patients")),
        _texts(content.get("parts")),
        has_special,
    )


def _label_names(data: Path, labels: Mapping[str, Any]) -> tuple[dict[int, str], bool]:
    """Return the name of each value: version 1 maps values to names, version 2 names to values or lists of them."""
    names: dict[int, str] = {}
    has_special = "ignore" in labels
    for key, value in labels.items():
        values: list[Any]
        if isinstance(value, str) and re.fullmatch(r"\d{1,5}", key):
            values, name = [int(key)], value
        else:
            values, name = value if isinstance(value, list) else [value], key
            has_special = has_special or len(values) > 1
        for number in values:
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST_LABELS:
                raise _invalid(data, f"labels {key}: {value!r}"[:80])
            name = readable(name)
            if len(values) == 1 or number not in names:
                names[number] = name if len(values) == 1 else f"label {number}"
    names[0] = names.get(0, "background")
    if len(names) < 2 or len(set(names.values())) < len(names):
        raise _invalid(data, f"labels {summary([*names.values()], 8)}")
    return names, has_special


def _training(entries: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(entries, list):
        return ()
    pairs = [entry for entry in entries if isinstance(entry, dict)]
    return tuple((str(pair.get("image", "")), str(pair.get("label", ""))) for pair in pairs)


def _texts(content: object) -> dict[str, str]:
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)}


def _invalid(data: Path, found: str) -> DatasetError:
    return DatasetError("E884", path=f"{data.name}/{DECLARATION}", found=found)
