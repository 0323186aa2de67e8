"""Container: the parts of a model package in a zip file or a folder, read within bounds and checked byte by byte.

A package has exactly four parts at the top level: ``manifest.json``, ``network.onnx``, ``card.md`` and ``SHA256SUMS``
(as ``sha256sum -c`` reads it). A zip file that this module wrote also carries an archive comment with the SHA-256 of
every byte before the comment, so that one changed byte anywhere is found, in the zip's own tables too. A zip file
without a comment comes from another tool; its parts are then checked one by one.
"""

import hashlib
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from hounsfield.errors import ManifestMismatch, ModelError, WeightsMismatch

SUMS_PART = "SHA256SUMS"
PARTS = ("manifest.json", "network.onnx", "card.md", SUMS_PART)
"""Parts of a package, in the order they are written."""

PART_LIMITS: Mapping[str, int] = {
    "manifest.json": 1 << 20,
    "network.onnx": 256 << 20,
    "card.md": 1 << 20,
    SUMS_PART: 4096,
}
"""Largest size of each part in bytes."""

MAXIMUM_BYTES = 272 << 20
"""Largest size of a package file."""

MAXIMUM_INFLATION_RATIO = 100
"""Largest ratio of a part's size to its size in the archive."""

MAXIMUM_DIRECTORY_BYTES = 4096
"""Largest size of the archive's table of members; four of them take a few hundred bytes."""

_COMMENT_PREFIX = b"hounsfield-model sha256="
_COMMENT_LENGTH = len(_COMMENT_PREFIX) + 64
_END = struct.Struct("<4s4H2LH")
_LOCATOR_BYTES = 20
_TAIL_BYTES = _LOCATOR_BYTES + _END.size + _COMMENT_LENGTH
_MOMENT = (1980, 1, 1, 0, 0, 0)
_READ_MODES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_there(path: Path) -> bool:
    """Tell whether something is at a path; a name that no file system takes is nowhere."""
    try:
        return path.exists()
    except OSError:
        return False


def read_parts(path: Path) -> dict[str, bytes]:
    """Return the checked parts of a package.

    Raises:
        ModelError: ``E502``, the path is no package (wrong members, too large, a link, damaged archive).
        WeightsMismatch: ``E504``, a byte is not what it was when the package was written.
    """
    parts = _read_folder(path) if path.is_dir() else _read_zip(_read_file(path, MAXIMUM_BYTES))
    _check_sums(parts)
    return parts


def read_manifest_part(path: Path) -> bytes:
    """Return the manifest alone, checked against the package's sums: quick, and enough for a listing.

    Raises:
        ModelError: ``E502``.
        WeightsMismatch: ``E504``, the manifest is not what its sum says.
    """
    names = ("manifest.json", SUMS_PART)
    if path.is_dir():
        parts = {name: _read_file(path / name, PART_LIMITS[name]) for name in names}
    else:
        _check_end(_read_tail(path))
        try:
            with zipfile.ZipFile(path) as archive:
                _check_members(archive.infolist())
                parts = {name: _read_member(archive, name) for name in names}
        except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, EOFError) as error:
            raise ModelError("E502", found=_reason(error)) from error
    _check_sum("manifest.json", parts["manifest.json"], _sums(parts[SUMS_PART]))
    return parts["manifest.json"]


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return the zip file of the parts (without sums): the same parts give the same bytes."""
    whole = {**parts, SUMS_PART: sums_of(parts)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in PARTS:
            info = zipfile.ZipInfo(name, _MOMENT)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, whole[name])
        archive.comment = b"\0" * _COMMENT_LENGTH
    body = buffer.getvalue()[:-_COMMENT_LENGTH]
    return body + _comment(body)


def sums_of(parts: Mapping[str, bytes]) -> bytes:
    """Return the text of ``SHA256SUMS`` for the other parts."""
    lines = [f"{hashlib.sha256(parts[name]).hexdigest()}  {name}\n" for name in PARTS if name != SUMS_PART]
    return "".join(lines).encode()


def _comment(body: bytes) -> bytes:
    return _COMMENT_PREFIX + hashlib.sha256(body).hexdigest().encode()


def _read_folder(path: Path) -> dict[str, bytes]:
    found = sorted(item.name for item in path.iterdir())
    if found != sorted(PARTS):
        raise ModelError("E502", found=_shown(found))
    return {name: _read_file(path / name, PART_LIMITS[name]) for name in PARTS}


def _read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of bounded size; links, devices and pipes are not opened."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise ModelError("E502", found=f"{path.name}: {status.st_size} bytes, mode {stat.filemode(status.st_mode)}")
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise ModelError("E502", found=_reason(error)) from error
    if len(raw) > limit:
        raise ModelError("E502", found=f"{path.name}: more than {limit} bytes")
    return raw


def _read_zip(raw: bytes) -> dict[str, bytes]:
    _check_envelope(raw)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_members(archive.infolist())
            return {name: _read_member(archive, name) for name in PARTS}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError("E502", found=_reason(error)) from error


def _check_envelope(raw: bytes) -> None:
    """Demand that nothing stands before or after the archive, and that its comment is ours or there is none.

    The end record lies at one of two places: last without a comment, or before a comment of our length. Zip readers
    search for it, so anything else could be read in two ways.
    """
    if raw[:4] != b"PK\x03\x04":
        raise ModelError("E502", found="not a zip file" if raw[:2] != b"PK" else "an empty or split zip file")
    if not _check_end(raw[-_TAIL_BYTES:]):
        return
    body, comment = raw[:-_COMMENT_LENGTH], raw[-_COMMENT_LENGTH:]
    if comment != _comment(body):
        found, expected = _comment(body)[-64:].decode(), comment[-64:].decode("ascii", "replace")
        raise WeightsMismatch("E504", part="the whole file", found=found, expected=expected)


def _check_end(tail: bytes) -> bool:
    """Check the end record and return whether our comment follows it.

    The record must speak of as many members as a package has, and of a small directory: a directory of millions of
    entries takes far more memory than the file. A zip64 record would overrule this one.
    """
    has_comment = tail[-_END.size :][:4] != b"PK\x05\x06" or _END.unpack(tail[-_END.size :])[-1] != 0
    record = tail[:-_COMMENT_LENGTH] if has_comment else tail
    end, before = record[-_END.size :], record[: -_END.size]
    is_end = len(end) == _END.size and end[:4] == b"PK\x05\x06"
    if not is_end or _END.unpack(end)[-1] != (_COMMENT_LENGTH if has_comment else 0):
        raise WeightsMismatch("E504", part="the archive's end", found="damaged", expected="as written")
    _, _, _, here, entries, directory_bytes, _, _ = _END.unpack(end)
    is_small = here == entries == len(PARTS) and directory_bytes <= MAXIMUM_DIRECTORY_BYTES
    if not is_small or before[-_LOCATOR_BYTES:].startswith(b"PK\x06\x07"):
        raise ModelError("E502", found=f"{entries} members, a directory of {directory_bytes} bytes")
    return has_comment


def _read_tail(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL_BYTES))
            return stream.read(_TAIL_BYTES)
    except OSError as error:
        raise ModelError("E502", found=_reason(error)) from error


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    names = sorted(member.filename for member in members)
    if names != sorted(PARTS):
        raise ModelError("E502", found=_shown(names))
    for member in members:
        is_link = member.create_system == 3 and stat.S_ISLNK(member.external_attr >> 16)
        is_bomb = member.file_size > 4096 and member.file_size > MAXIMUM_INFLATION_RATIO * max(member.compress_size, 1)
        if is_link or is_bomb or member.flag_bits & 0x1 or member.compress_type not in _READ_MODES:
            raise ModelError("E502", found=f"{member.filename}: link, encrypted or oddly compressed")
        if member.file_size > PART_LIMITS[member.filename]:
            raise ModelError("E502", found=f"{member.filename}: {member.file_size} bytes")


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member up to its limit, whatever its header says."""
    with archive.open(name) as stream:
        raw = stream.read(PART_LIMITS[name] + 1)
    if len(raw) > PART_LIMITS[name]:
        raise ModelError("E502", found=f"{name}: more than {PART_LIMITS[name]} bytes")
    return raw


def _check_sums(parts: Mapping[str, bytes]) -> None:
    sums = _sums(parts[SUMS_PART])
    for name in PARTS:
        if name != SUMS_PART:
            _check_sum(name, parts[name], sums)


def _check_sum(name: str, raw: bytes, sums: Mapping[str, str]) -> None:
    found = hashlib.sha256(raw).hexdigest()
    if found != sums[name]:
        raise WeightsMismatch("E504", part=name, found=found, expected=sums[name])


def _sums(raw: bytes) -> dict[str, str]:
    """Read the sums: one line for each other part, in order, nothing else."""
    pattern = "".join(rf"([0-9a-f]{{64}})  {re.escape(name)}\n" for name in PARTS if name != SUMS_PART)
    found = re.fullmatch(pattern.encode(), raw)
    if found is None:
        raise ManifestMismatch("E503", found=f"{SUMS_PART} is not one line for each part")
    names = [name for name in PARTS if name != SUMS_PART]
    return {name: value.decode() for name, value in zip(names, found.groups(), strict=True)}


def _shown(names: list[str]) -> str:
    """Return names fit for a sentence: few, short, printable."""
    shown = [re.sub(r"[^\x20-\x7e]", "?", name)[:60] for name in names[:8]]
    return ", ".join(shown) + (", ..." if len(names) > 8 else "") if names else "nothing"


def _reason(error: Exception) -> str:
    """Return the kind of an operating system or zip error without its path."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)[:200]
