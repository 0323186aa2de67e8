"""The reading app's files, where it is installed: only names that its folder holds, each looked up and none joined."""

import mimetypes
from functools import cache
from pathlib import Path

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hounsfield.errors import NotFound
from hounsfield.service.access.policy import PUBLIC
from hounsfield.service.routing import Route, context

START_PAGE = "index.html"
_HASHED = "assets/"
_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".css": "text/css"}
"""By our own table, because the machine's may call JavaScript text/plain, which nosniff then forbids to run."""


@cache
def files_of(folder: Path) -> dict[str, Path]:
    """Return the files of an app by their name in addresses; links are left out."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path for path in found}


async def app_file(request: Request, path: str) -> Response:
    """Return a file of the reading app; a page of the app itself, which has no file, is its start page."""
    folder = context(request).desk.app_folder
    files = files_of(folder) if folder is not None else {}
    name = path if path in files or Path(path).suffix else START_PAGE
    file = files.get(name)
    if file is None:
        raise NotFound("E272")
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    cached = {"Cache-Control": _FOR_EVER if name.startswith(_HASHED) else "no-cache"}
    return Response(await run_in_threadpool(file.read_bytes), media_type=kind, headers=cached)


ROUTES = (Route("GET", "/app/{path:path}", app_file, PUBLIC, None),)
