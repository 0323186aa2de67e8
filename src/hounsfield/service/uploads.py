"""Files that people drop on the page: one DICOM file or zip archive a request, spooled, unpacked within bounds, stored.

The body goes to a private folder first, so that memory stays small; a name inside an archive is never used as a path.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from hounsfield.archive.entries import Entry
from hounsfield.archive.limits import Limits
from hounsfield.archive.store.examine import STORE_LIMITS
from hounsfield.archive.unpack import Unpacker, Workspace
from hounsfield.errors import BadRequest, HounsfieldError, Refused
from hounsfield.service.routing import in_thread

if TYPE_CHECKING:
    from hounsfield.archive.store import Receipt, Store

_ZIP = b"PK\x03\x04"
_PIECE_BYTES = 1 << 20
_NO_SPACE = 507

Refusals = list[dict[str, Any]]


async def receive_upload(
    request: Request, store: "Store", project: str, source: str, limits: Limits = STORE_LIMITS
) -> tuple[tuple["Receipt", ...], Refusals]:
    """Take in the body of a request.

    Args:
        request: its body is a DICOM file or a zip archive, whatever its Content-Type says.
        store: takes the files in.
        project: whose they will be.
        source: who sends them.
        limits: bounds of the body and of what an archive unpacks to.

    Returns:
        What became of each file, and the members of the archive that could not be unpacked.

    Raises:
        BadRequest: ``E276``, the body is too large.
        Refused: ``E141``, no space for it, or the archive as a whole is not taken (``Unpacker.unpack``).
    """
    workspace = Workspace()
    try:
        path = workspace.folder() / "upload"
        await _spool(request, path, limits.max_archive_bytes)
        received: tuple[tuple[Receipt, ...], Refusals] = await in_thread(
            _store, path, workspace, store, (project, source), limits
        )
        return received
    finally:
        workspace.remove()


async def _spool(request: Request, path: Path, limit: int) -> None:
    size = 0
    with path.open("xb") as file:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise BadRequest("E276", found=size, limit=limit)
            try:
                file.write(piece)
            except OSError as error:
                raise Refused("E141", status=_NO_SPACE) from error


def _store(
    path: Path, workspace: Workspace, store: "Store", whose: tuple[str, str], limits: Limits
) -> tuple[tuple["Receipt", ...], Refusals]:
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    if not is_zip:
        return (store.receive(_pieces(path), *whose, limits),), []
    unpacker = Unpacker(workspace, limits)
    entries = unpacker.unpack(Entry("", path))
    refused = [_refusal(entry.error) for entry in unpacker.refused]
    receipts: list[Receipt] = []
    for entry in entries:
        try:
            receipts.append(store.receive(_pieces(entry.path), *whose, limits))
        except HounsfieldError as error:
            if error.exit_code == 1:
                raise
            refused.append(_refusal(error))
    return tuple(receipts), refused


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _refusal(error: HounsfieldError) -> dict[str, Any]:
    """Return why a file was refused; its name may be a patient's and is not repeated."""
    return {"code": error.code, "text": error.text(), "text_zh": error.text("zh"), "next": error.next_step()}
