"""``hounsfield index``: the headers of a folder of DICOM files in a table that can be asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hounsfield.cli.flags import Debug, Json, Quiet, Tongue
from hounsfield.cli.talk import Talk


def index(
    folder: Annotated[Path, typer.Argument(help="Folder of DICOM files, searched with its subfolders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="SQLite file; brought up to date if it is there.")] = Path(
        "index.sqlite"
    ),
    as_json: Json = False,
    language: Tongue = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Read the headers of a folder into a table; files that did not change are not read again.

    Exit codes: 0 ok, 3 no DICOM file, 4 some files refused.
    """
    from hounsfield.archive.index import index_tree
    from hounsfield.archive.index_store import list_series
    from hounsfield.settings import read_settings

    talk = Talk(as_json, read_settings({"language": language}).language, quiet)
    with talk.progress(talk.label("indexing")) as progress:
        made = index_tree(folder, out, progress=progress)
    data = {
        "database": str(made.database),
        "files": made.files,
        "refused": made.refused,
        "read": made.read,
        "unchanged": made.unchanged,
        "removed": made.removed,
        "series": [series._asdict() for series in list_series(out)],
    }
    talk.answer(data, lambda: _lines(data))
    if not made.files:
        return 3
    return 4 if made.refused else 0


def _lines(data: dict[str, Any]) -> Iterator[str]:
    for series in data["series"]:
        yield f"{series['files']:>6} {series['modality'] or '':<4} {series['series_instance_uid'] or ''}"
    names = ("files", "refused", "read", "unchanged", "removed")
    yield f"{data['database']}: " + ", ".join(f"{name} {data[name]}" for name in names)
