"""The one extractor of zip archives: bounded, and with no path that comes out of the archive.

A member's name is shown, and never used as a path: its bytes go to a file named by their SHA-256 in a private folder.
"""

import hashlib
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from hounsfield.archive.entries import Entry, RefusedFile, open_regular, safe_name
from hounsfield.archive.limits import Limits
from hounsfield.errors import HounsfieldError, Refused

_COPY_BYTES = 1 << 20
_ENCRYPTED_FLAG = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_END_OF_DIRECTORY = b"PK\x05\x06"
_END_OF_DIRECTORY_64 = b"PK\x06\x06"
_TAIL_BYTES = (1 << 16) + 256
_LARGEST_ENTRY_BYTES = 1024
_ABSOLUTE = re.compile(r"[A-Za-z]:|[/\\]")
_REFUSED_TYPES = frozenset({stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK})


@dataclass
class Workspace:
    """A private folder (mode 0700) that is made when it is first needed, and removed with all that is in it."""

    _folder: Path | None = None

    def folder(self) -> Path:
        """Return the folder.

        Raises:
            Refused: ``E141`` when it cannot be made.
        """
        if self._folder is None:
            try:
                self._folder = Path(tempfile.mkdtemp(prefix="hounsfield-"))
            except OSError as error:
                raise Refused("E141") from error
        return self._folder

    def remove(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@dataclass
class Unpacker:
    """Unpacks archives into a folder and keeps count of what they take together.

    Attributes:
        workspace: gives the private folder, and removes it.
        limits: bounds.
        unpacked_bytes: bytes written so far.
        members: files written so far.
        refused: members that could not be unpacked.
    """

    workspace: "Workspace"
    limits: Limits
    unpacked_bytes: int = 0
    members: int = 0
    refused: list[RefusedFile] = field(default_factory=list)

    def unpack(self, archive: Entry) -> tuple[Entry, ...]:
        """Unpack an archive and return its files in the order of their names.

        Raises:
            Refused: for the archive as a whole, before anything is written: ``E130`` not readable, ``E131`` empty,
                ``E132`` a name that leaves it, ``E133`` a link or device, ``E134`` encrypted, ``E135`` too many
                members, ``E136`` too large, ``E137`` packed too tightly, ``E138`` nested too deep, ``E139`` members
                that overlap.
        """
        if archive.depth >= self.limits.max_archive_depth:
            raise Refused("E138", limit=self.limits.max_archive_depth)
        try:
            with open_regular(archive.path) as (descriptor, size), open(descriptor, "rb", closefd=False) as file:
                self._require_directory(file, size)
                with zipfile.ZipFile(file) as opened:
                    return self._unpack(opened, archive, size)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise Refused("E130") from error

    def _require_directory(self, file: IO[bytes], size: int) -> None:
        """Refuse a directory of too many members before it is read."""
        file.seek(max(size - _TAIL_BYTES, 0))
        tail = file.read()
        place = tail.rfind(_END_OF_DIRECTORY)
        if place < 0:
            raise Refused("E130")
        count = int.from_bytes(tail[place + 10 : place + 12], "little")
        directory_bytes = int.from_bytes(tail[place + 12 : place + 16], "little")
        large = tail.rfind(_END_OF_DIRECTORY_64)
        if large >= 0:
            count = int.from_bytes(tail[large + 32 : large + 40], "little")
            directory_bytes = int.from_bytes(tail[large + 40 : large + 48], "little")
        limit = self.limits.max_archive_members
        if count > limit or directory_bytes > limit * _LARGEST_ENTRY_BYTES:
            raise Refused("E135", limit=limit)

    def _unpack(self, opened: zipfile.ZipFile, archive: Entry, size: int) -> tuple[Entry, ...]:
        members = opened.infolist()
        if len(members) + self.members > self.limits.max_archive_members:
            raise Refused("E135", limit=self.limits.max_archive_members)
        for member in members:
            _require_harmless(member)
        files = sorted((member for member in members if not member.is_dir()), key=lambda member: member.filename)
        if not files:
            raise Refused("E131")
        self._require_size(files, size)
        _require_apart(members)
        entries = [self._write_safely(opened, member, archive) for member in files]
        return tuple(entry for entry in entries if entry is not None)

    def _require_size(self, members: Sequence[zipfile.ZipInfo], size: int) -> None:
        total = sum(member.file_size for member in members)
        if total + self.unpacked_bytes > self.limits.max_archive_bytes:
            raise Refused("E136", limit=self.limits.max_archive_bytes)
        if total > self.limits.inflation_floor_bytes and total > size * self.limits.max_inflation_ratio:
            raise Refused("E137", limit=self.limits.max_inflation_ratio)

    def _write_safely(self, opened: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Entry) -> Entry | None:
        """Unpack one member; one that is broken is reported, and the others go on."""
        prefix = f"{archive.name}/" if archive.depth or archive.name else ""
        name = safe_name(prefix + member.filename)
        try:
            path, sha256 = self._write(opened, member)
        except HounsfieldError as error:
            if error.code in ("E136", "E141"):
                raise
            self.refused.append(RefusedFile(name, error))
            return None
        self.members += 1
        return Entry(name, path, archive.depth + 1, sha256)

    def _write(self, opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[Path, str]:
        if member.compress_type not in _METHODS:
            raise Refused("E140", found=member.compress_type)
        if member.file_size > self.limits.max_file_bytes:
            raise Refused("E110", found=member.file_size, limit=self.limits.max_file_bytes)
        folder = self.workspace.folder()
        part = folder / f"part-{self.members}-{len(self.refused)}"
        digest = hashlib.sha256()
        try:
            with opened.open(member) as source, part.open("xb") as target:
                while piece := source.read(_COPY_BYTES):
                    self._count(len(piece))
                    digest.update(piece)
                    target.write(piece)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Refused("E141") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            part.unlink(missing_ok=True)
            raise Refused("E130") from error
        return part.replace(folder / digest.hexdigest()), digest.hexdigest()

    def _count(self, written: int) -> None:
        self.unpacked_bytes += written
        if self.unpacked_bytes > self.limits.max_archive_bytes:
            raise Refused("E136", limit=self.limits.max_archive_bytes)


def _require_harmless(member: zipfile.ZipInfo) -> None:
    """Refuse a member whose name leaves the archive, that is no plain file, or that is encrypted."""
    name = member.orig_filename
    if "\0" in name or _ABSOLUTE.match(name) or ".." in re.split(r"[/\\]", name):
        raise Refused("E132")
    if stat.S_IFMT(member.external_attr >> 16) in _REFUSED_TYPES:
        raise Refused("E133")
    if member.flag_bits & _ENCRYPTED_FLAG:
        raise Refused("E134")


def _require_apart(members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse members that share bytes: a bomb that no ratio of one member shows."""
    end = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < end:
            raise Refused("E139")
        end = member.header_offset + 30 + member.compress_size
