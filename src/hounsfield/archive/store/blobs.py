"""Bytes on the disk, named by what they are: ``sha256[:2]/sha256[2:4]/sha256``, never by anything that was sent.

Bytes are hashed while they are written into a file of ``incoming``, which is made durable before it is renamed into its
place; the folder is made durable after. So a file in its place is whole, whatever happened. No file can be executed
and no folder is open to others.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.store.faults import told
from hounsfield.errors import Refused

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Incoming:
    """Bytes that are written, and have no place yet."""

    path: Path
    sha256: str
    size_bytes: int


class Blobs:
    """The files of a store."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "blobs"
        self.incoming = folder / "incoming"

    def prepare(self) -> None:
        """Make the folders where they are not there yet."""
        for folder in (self.root, self.incoming):
            folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the bytes of a digest lie, or would lie."""
        return self.root / sha256[:2] / sha256[2:4] / sha256

    def take_in(self, chunks: Iterable[bytes], limit_bytes: int) -> Incoming:
        """Write and hash bytes as they come; what breaks off leaves nothing. They are durable once they are placed.

        Raises:
            Refused: ``E110``, more bytes than the limit.
            ArchiveError: ``E172``, ``E176``.
        """
        path = self.incoming / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        with told():
            descriptor = os.open(path, _FLAGS, _FILE_MODE)
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise Refused("E110", found=size, limit=limit_bytes)
                digest.update(chunk)
                with told():
                    _write(descriptor, chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return Incoming(path, digest.hexdigest(), size)

    def place(self, incoming: Incoming) -> Path:
        """Make bytes durable, move them into their place, and return once that is durable too.

        Raises:
            ArchiveError: ``E172``, ``E176``; the bytes are gone then.
        """
        path = self.path(incoming.sha256)
        try:
            with told():
                sync(incoming.path)
                changed = self._make_folder(path.parent)
                incoming.path.replace(path)
                for folder in changed:
                    sync(folder)
        except BaseException:
            incoming.path.unlink(missing_ok=True)
            raise
        return path

    def _make_folder(self, folder: Path) -> list[Path]:
        """Make a folder for a blob, and return the folders whose names have changed once the blob is in it."""
        if folder.is_dir():
            return [folder]
        changed = [folder, folder.parent]
        if not folder.parent.is_dir():
            folder.parent.mkdir(_FOLDER_MODE, exist_ok=True)
            changed.append(self.root)
        folder.mkdir(_FOLDER_MODE, exist_ok=True)
        return changed

    def clear_incoming(self) -> int:
        """Remove what broke off before it had a place, and return how many there were."""
        found = [path for path in self.incoming.iterdir() if path.is_file() and not path.is_symlink()]
        for path in found:
            path.unlink()
        return len(found)

    def digests(self) -> Iterator[str]:
        """Yield the digests of all bytes that lie in their places."""
        yield from (Path(path).name for path, is_placed in self.files() if is_placed)

    def files(self) -> Iterator[tuple[str, bool]]:
        """Yield the path of every file under the root, and whether it is where a blob belongs."""
        pending, root = [str(self.root)], str(self.root)
        while pending:
            with os.scandir(pending.pop()) as listing:
                for item in listing:
                    if item.is_dir(follow_symlinks=False):
                        pending.append(item.path)
                        continue
                    name = item.name
                    place = f"{root}/{name[:2]}/{name[2:4]}/{name}"
                    is_file = item.is_file(follow_symlinks=False)
                    yield item.path, is_file and item.path == place and bool(_DIGEST.fullmatch(name))


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, chunk: bytes) -> None:
    """Write all of a chunk: the system may take a part."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
