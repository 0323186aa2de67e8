"""multipart/related as it streams in (RFC 2046 and RFC 2387), in bounded memory whatever the size of the body.

``feed`` takes the body in any pieces and gives events; what it holds back never exceeds one header block and one
boundary. Every limit is a field of ``Limits``; one that is passed raises before anything larger is kept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from hounsfield.errors import BadRequest

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
"""RFC 2046 section 5.1.1: 1 to 70 characters, no space at the end."""
_PARAMETER = re.compile(r';\s*(?P<name>[!#$%&\'*+.^_`|~0-9A-Za-z-]{1,64})\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^\s;"]*)')
_TYPE = re.compile(r"\s*(?P<type>[!#$&^_.+0-9A-Za-z-]{1,127}/[!#$&^_.+*0-9A-Za-z-]{1,127})\s*(?=;|$)|\s*(?P<any>\*/\*)")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_LONGEST_VALUE = 1024
_PIECE_BYTES = 64 << 10


@dataclass(frozen=True)
class Limits:
    """What one body may hold.

    Attributes:
        header_bytes: the header block of one part.
        headers: lines in one header block.
        parts: parts in the body.
        preamble_bytes: what stands before the first boundary.
    """

    header_bytes: int = 8 << 10
    headers: int = 32
    parts: int = 50_000
    preamble_bytes: int = 8 << 10


@dataclass(frozen=True)
class PartBegins:
    """A part begins.

    Attributes:
        headers: by name in lower case; a name that comes twice is refused.
    """

    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty where none is given."""
        return media_type(self.headers.get("content-type", ""))[0]


@dataclass(frozen=True)
class PartData:
    """Bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True)
class PartEnds:
    """The part that began last is whole."""


Event = PartBegins | PartData | PartEnds


class _At(Enum):
    PREAMBLE = auto()
    AFTER_BOUNDARY = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


def media_type(value: str) -> tuple[str, Mapping[str, str]]:
    """Return the media type of a header value in lower case, and its parameters by name in lower case.

    Example:
        >>> media_type('multipart/related; type="application/dicom"; boundary=x')
        ('multipart/related', mappingproxy({'type': 'application/dicom', 'boundary': 'x'}))
    """
    text = value[:_LONGEST_VALUE]
    match = _TYPE.match(text)
    if match is None:
        return "", MappingProxyType({})
    found: dict[str, str] = {}
    for parameter in _PARAMETER.finditer(text, match.end()):
        raw = parameter["value"]
        is_quoted = raw.startswith('"')
        found.setdefault(parameter["name"].lower(), re.sub(r"\\(.)", r"\1", raw[1:-1]) if is_quoted else raw)
    return (match["type"] or match["any"]).lower(), MappingProxyType(found)


class MultipartReader:
    """Reads one body.

    Args:
        content_type: the value of the request's Content-Type.
        limits: what the body may hold.

    Raises:
        BadRequest: ``E480``, the header is not of multipart/related or names no fit boundary.
    """

    def __init__(self, content_type: str, limits: Limits | None = None) -> None:
        kind, parameters = media_type(content_type)
        boundary = parameters.get("boundary", "").encode("ascii", "backslashreplace")
        if kind != "multipart/related" or _BOUNDARY.fullmatch(boundary) is None:
            raise BadRequest("E480", found=content_type[:80] or "-", status=415)
        self._limits = limits or Limits()
        self._delimiter = b"\r\n--" + boundary
        # the first boundary may open the body without a line break before it
        self._held = b"\r\n"
        self._at = _At.PREAMBLE
        self._parts = 0
        self._preamble = 0
        self._is_fresh = False

    @property
    def is_complete(self) -> bool:
        """Whether the closing boundary has been seen."""
        return self._at is _At.EPILOGUE

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take the next piece of the body and give what it completes.

        Raises:
            BadRequest: ``E481`` a malformed body, ``E482`` more than the limits allow.
        """
        # in small pieces, so that cutting off what is done never copies much
        for start in range(0, len(data), _PIECE_BYTES):
            yield from self._take(data[start : start + _PIECE_BYTES])

    def _take(self, data: bytes) -> Iterator[Event]:
        if self._at is _At.EPILOGUE:
            return
        self._held = self._held + data
        steps = {
            _At.PREAMBLE: self._preamble_step,
            _At.AFTER_BOUNDARY: self._boundary_step,
            _At.HEADERS: self._header_step,
            _At.BODY: self._body_step,
        }
        while not self.is_complete:
            before = (self._at, len(self._held))
            yield from steps[self._at]()
            if (self._at, len(self._held)) == before:
                return

    def close(self) -> None:
        """Say that the body has ended.

        Raises:
            BadRequest: ``E483``, it ended before the closing boundary; parts that ended are whole.
        """
        if self._at is not _At.EPILOGUE:
            raise BadRequest("E483", found=self._parts)

    def _preamble_step(self) -> Iterator[Event]:
        where = self._held.find(self._delimiter)
        surplus = where if where >= 0 else max(0, len(self._held) - len(self._delimiter) + 1)
        self._preamble += surplus
        if self._preamble > self._limits.preamble_bytes:
            raise BadRequest("E482", found="preamble", limit=self._limits.preamble_bytes)
        self._held = self._held[surplus:]
        if where >= 0:
            self._held = self._held[len(self._delimiter) :]
            self._at = _At.AFTER_BOUNDARY
        yield from ()

    def _boundary_step(self) -> Iterator[Event]:
        if len(self._held) < 2:
            return
        if self._held.startswith(b"--"):
            self._at, self._held = _At.EPILOGUE, b""
            return
        line_end = self._held.find(b"\r\n")
        if line_end < 0 and len(self._held) <= self._limits.header_bytes:
            return
        # only blanks may follow a boundary on its line (RFC 2046, transport padding)
        if line_end < 0 or self._held[:line_end].strip(b" \t"):
            raise BadRequest("E481", found="boundary")
        self._parts += 1
        if self._parts > self._limits.parts:
            raise BadRequest("E482", found="parts", limit=self._limits.parts)
        # the line break stays, so that a part without headers ends its block at once
        self._held = self._held[line_end:]
        self._at = _At.HEADERS
        yield from ()

    def _header_step(self) -> Iterator[Event]:
        end = self._held.find(b"\r\n\r\n")
        if end > self._limits.header_bytes or (end < 0 and len(self._held) > self._limits.header_bytes + 4):
            raise BadRequest("E482", found="headers", limit=self._limits.header_bytes)
        if end < 0:
            return
        headers = self._parsed(self._held[2:end] if end else b"")
        # the line break before the body may be the one before the next boundary: an empty part
        self._held = self._held[end + 2 :]
        self._at = _At.BODY
        self._is_fresh = True
        yield PartBegins(headers)

    def _body_step(self) -> Iterator[Event]:
        start = 2 if self._is_fresh else 0
        where = self._held.find(self._delimiter)
        if where >= 0:
            if where > start:
                yield PartData(self._held[start:where])
            self._held = self._held[where + len(self._delimiter) :]
            self._at = _At.AFTER_BOUNDARY
            yield PartEnds()
            return
        # what could be the beginning of a delimiter is held back
        safe = self._first_possible(max(0, len(self._held) - len(self._delimiter) + 1))
        if safe > start:
            yield PartData(self._held[start:safe])
            self._held, self._is_fresh = self._held[safe:], False

    def _first_possible(self, begin: int) -> int:
        """Return where the first beginning of a delimiter may stand, at the end of what is held."""
        where = self._held.find(b"\r", begin)
        while where >= 0 and not self._delimiter.startswith(self._held[where:]):
            where = self._held.find(b"\r", where + 1)
        return len(self._held) if where < 0 else where

    def _parsed(self, block: bytes) -> Mapping[str, str]:
        lines = block.split(b"\r\n") if block else []
        if len(lines) > self._limits.headers:
            raise BadRequest("E482", found="headers", limit=self._limits.headers)
        found: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            key = name.lower().decode("latin-1")
            if not colon or _NAME.fullmatch(name) is None or key in found:
                raise BadRequest("E481", found="header")
            found[key] = value.strip(b" \t").decode("latin-1")
        return MappingProxyType(found)
