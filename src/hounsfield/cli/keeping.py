"""``hounsfield verify``, ``backup`` and ``restore``: a store that can be trusted next year too."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.serve import Store
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.archive.store.backup import Copied

_FAULTS = 3


def verify(
    store: Store = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take in bytes without a row and set foreign files aside; removes nothing.")
    ] = False,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Read every object of the store again and hold it against what was received.

    Exit codes: 0 all is whole, 3 something is wrong.
    """
    from hounsfield.archive.store import open_store
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings({"language": language, "store_folder": store})
    talk = Talk(as_json, settings.language, quiet)
    with open_store(existing(store_folder(settings))) as opened, talk.progress(talk.label("store-verify")) as progress:
        verdict = opened.verify(progress, repair)
    faults = [
        {
            "kind": fault.kind.value,
            "found": fault.found,
            "sop_instance_uid": fault.sop_instance_uid,
            "mended": fault.is_mended,
        }
        for fault in verdict.faults
    ]
    data = {"blobs": verdict.blobs, "rows": verdict.rows, "whole": verdict.is_whole, "faults": faults}

    def lines() -> Iterator[str]:
        yield f"{talk.label('store-whole' if verdict.is_whole else 'store-faults')}: {verdict.blobs}"
        for fault in verdict.faults:
            mended = f" ({talk.label('store-mended')})" if fault.is_mended else ""
            kind = talk.label(f"store-{fault.kind.value}")
            yield f"  {kind}: {fault.found} {fault.sop_instance_uid}".rstrip() + mended

    talk.answer(data, lines)
    return 0 if verdict.is_whole else _FAULTS


def backup(
    target: Annotated[Path, typer.Argument(help="Folder for the copy; it must be empty or not be there.")],
    store: Store = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Copy the store into a folder, while it goes on receiving.

    Exit codes: 0 all is copied, 4 some objects of the store are missing or damaged.
    """
    from hounsfield.archive.store.backup import backup as run
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings({"language": language, "store_folder": store})
    talk = Talk(as_json, settings.language, quiet)
    with talk.progress(talk.label("store-backup")) as progress:
        copied = run(store_folder(settings), target, progress)
    return _answer(copied, target, talk)


def restore(
    source: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    store: Store = None,
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Make a store of a backup, comparing each object with its digest; the folder of the store must be empty."""
    from hounsfield.archive.store.backup import restore as run
    from hounsfield.settings import read_settings, store_folder

    settings = read_settings({"language": language, "store_folder": store})
    talk = Talk(as_json, settings.language, quiet)
    folder = store_folder(settings)
    with talk.progress(talk.label("store-restore")) as progress:
        copied = run(source, folder, progress)
    return _answer(copied, folder, talk)


def _answer(copied: "Copied", folder: Path, talk: Talk) -> int:
    data = {
        "folder": str(folder),
        "blobs": copied.blobs,
        "size_bytes": copied.size_bytes,
        "missing": list(copied.missing),
    }

    def lines() -> Iterator[str]:
        yield f"{talk.label('written')}: {folder}"
        yield f"{talk.label('store-objects')}: {copied.blobs}"
        for sha256 in copied.missing:
            yield f"  {talk.label('store-missing')}: {sha256}"

    talk.answer(data, lines)
    return 4 if copied.missing else 0


def existing(folder: Path) -> Path:
    """Return a folder that holds a store.

    Raises:
        NotFound: ``E100``; a verb that looks must not make a store.
    """
    from hounsfield.archive.store.database import FILE_NAME
    from hounsfield.errors import NotFound

    if not (folder / FILE_NAME).is_file():
        raise NotFound("E100")
    return folder
