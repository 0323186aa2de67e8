"""Class folders of sequences: a folder of numbered pictures is one case, and so is a film or a volume."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.cases.folders import distinct, place_of, walk
from hounsfield.cases.media import ImageKind
from hounsfield.cases.names import match_names, part_of, plain, readable, summary
from hounsfield.cases.patients import patient_pseudonym
from hounsfield.cases.sequenced_reader import ARRAY_SUFFIXES, SequenceReader
from hounsfield.cases.sequenced_signs import is_film
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

_Parts = tuple[str, ...]


def read_sequence_folders(data: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the sequences of a folder that holds one folder a class.

    A folder of pictures, or of single DICOM images, is one sequence; so is each film (AVI, MP4), multi-frame DICOM
    file, volume (NIfTI, NRRD) or stored array. A level train/val/test is understood. Where folders stand between the
    class and the sequence, the first of them is the patient; the same name under two classes is the same patient.

    Raises:
        DatasetError: ``E907`` no sequences, ``E806`` a folder outside the class names.
    """
    found = sequences_in(data)
    rows = {parts: place_of([readable(part) for part in parts]) for parts in found}
    folders = sorted({place[1] for place in rows.values() if place}, key=lambda name: (plain(name), name))
    if not folders:
        raise DatasetError("E907", path=data.name, found=summary(["/".join(parts) for parts in rows], 3) or "0")
    names = tuple(class_names) if class_names else distinct(folders)
    index_of = match_names(folders, names, data.name)
    cases = tuple(
        Case(
            readable("/".join(parts)),
            index_of[place[1]],
            patient_of(data.joinpath(*parts)) or place[2],
            place[0],
            Source(data.joinpath(*parts)),
        )
        for parts, place in sorted(rows.items())
        if place
    )
    unknown = sum(case.patient is None for case in cases)
    facts = {"count": unknown, "total": len(cases)}
    issues = (QualityIssue("Q800", Severity.NOTE, facts),) if unknown else ()
    return CaseTable(
        readable(data.name), names, cases, issues, "sequence-folders", SequenceReader(), holds_sequences=True
    )


def sequences_in(data: Path) -> list[_Parts]:
    """Return the relative path of each sequence of a folder: of a file, or of the folder of its frames.

    Raises:
        DatasetError: ``E907``, pictures lie right in the folder of a class, so that nothing says which belong together.
    """
    content = walk(data)
    found: set[_Parts] = set()
    frames: defaultdict[_Parts, list[str]] = defaultdict(list)
    for parts, kind in content.images.items():
        is_whole = kind is ImageKind.VOLUME or (kind is ImageKind.DICOM and _is_multiframe(data.joinpath(*parts)))
        if is_whole:
            found.add(parts)
        else:
            frames[parts[:-1]].append(parts[-1])
    found |= {parts for parts in (_film(data, name) for name in content.others) if parts}
    loose = [folder for folder in frames if _is_loose(folder)]
    if loose:
        names = [f"{'/'.join(folder)}/{frames[folder][0]}" for folder in sorted(loose)]
        raise DatasetError("E907", path=data.name, found=summary(names, 3))
    return sorted(found | set(frames))


def _is_loose(folder: _Parts) -> bool:
    """Tell whether a folder with pictures is a class, or a part, instead of a sequence."""
    place = place_of(folder)
    return place is None or part_of(place[1]) is not None


def _film(data: Path, name: str) -> _Parts | None:
    """Return the parts of a relative path that is a film or a stored array."""
    path = data / name
    is_sequence = path.suffix.lower() in ARRAY_SUFFIXES or is_film(path)
    return tuple(name.split("/")) if is_sequence else None


def patient_of(path: Path) -> str | None:
    """Return the pseudonym of the patient that a DICOM file, or the first file of a folder, states."""
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
        return patient_pseudonym(files[0]) if files else None
    return patient_pseudonym(path)


def _is_multiframe(path: Path) -> bool:
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=["NumberOfFrames"])
        return int(dataset.get("NumberOfFrames") or 1) > 1
    except (InvalidDicomError, OSError, ValueError, TypeError):
        return False
