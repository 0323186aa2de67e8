"""DICOMDIR: which files of its own folder it lists (PS3.10 section 8, PS3.3 annex F)."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.archive.encoding import read_start
from hounsfield.archive.entries import Entry, RefusedFile, open_regular, safe_name
from hounsfield.archive.header import REFERENCED_FILE_ID
from hounsfield.archive.kinds import identify
from hounsfield.archive.limits import Limits
from hounsfield.archive.scan import Wanted
from hounsfield.archive.walker import Walker
from hounsfield.archive.window import FileWindow
from hounsfield.errors import NotFound, Refused

_FILE_IDS = Wanted(frozenset(), every=frozenset({REFERENCED_FILE_ID}))
_MAX_COMPONENTS = 64


@dataclass(frozen=True)
class Directory:
    """What a DICOMDIR lists.

    Attributes:
        references: file IDs as tuples of their components, each once, in order.
        is_cut_short: whether the list ended early.
    """

    references: tuple[tuple[str, ...], ...]
    is_cut_short: bool = False


@dataclass(frozen=True)
class Resolved:
    """The files of a listing that a DICOMDIR names, and the references that name none."""

    entries: tuple[Entry, ...]
    refused: tuple[RefusedFile, ...]


def read_directory(entry: Entry, limits: Limits) -> Directory:
    """Return the references of a DICOMDIR; one that was cut short gives what it still lists.

    Raises:
        NotFound: ``E100``.
        Refused: when the file cannot be read or is no DICOM.
    """
    with open_regular(entry.path) as (descriptor, size):
        window = FileWindow(descriptor, size)
        start = read_start(window, identify(window).dicom_offset, limits)
        walker = Walker(start.window, start.encoding, _FILE_IDS, limits)
        is_cut_short = False
        try:
            walker.walk(start.offset)
        except Refused as error:
            is_cut_short = error.code == "E111"
            if not is_cut_short:
                raise
    return Directory(tuple(dict.fromkeys(_components(raw) for raw in walker.every)), is_cut_short)


def _components(raw: bytes) -> tuple[str, ...]:
    parts = raw.decode("latin-1").split("\\")[:_MAX_COMPONENTS]
    return tuple(part.strip("\0 ") for part in parts)


def resolve(directory: Directory, folder: str, entries: Sequence[Entry]) -> Resolved:
    """Look the references up among the files found under the folder of the DICOMDIR.

    A reference is compared with names that were listed and never joined to a path, so none can lead out of the folder.
    Case, a version (``;1``) and a final dot do not matter, as discs copied by other systems change them.

    Args:
        directory: the references.
        folder: name of the DICOMDIR's folder inside the source, empty for the source itself.
        entries: files of the source.
    """
    known = {_key(tuple(entry.name.split("/"))): entry for entry in entries}
    base = tuple(part for part in folder.split("/") if part)
    found: list[Entry] = []
    refused: list[RefusedFile] = []
    for reference in directory.references:
        entry = known.get(_key(base + reference))
        if entry is not None:
            found.append(entry)
        elif any(part in ("", ".", "..") or "/" in part or ":" in part for part in reference):
            refused.append(RefusedFile(safe_name("\\".join(reference)), Refused("E152")))
        else:
            refused.append(RefusedFile(safe_name("/".join(reference)), NotFound("E151")))
    return Resolved(tuple(found), tuple(refused))


def _key(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold().removesuffix(";1").removesuffix(".") for part in parts)
