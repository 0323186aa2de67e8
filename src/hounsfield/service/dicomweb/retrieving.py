"""WADO-RS (PS3.18 section 10.4): stored instances as they are, their metadata, frames and bulk data.

Nothing is decoded here: octets go out as they came in. Who asks for another transfer syntax is told that there is
none (406) instead of being given something else.
"""

import secrets
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from hounsfield.core.study import InstanceRef
from hounsfield.errors import BadRequest, NotFound
from hounsfield.service.dicomweb.multipart import media_type

_PIECE_BYTES = 1 << 20
_PREFIX_END = 132
_GROUP_OF_META = b"\2\0"
_NOT_ACCEPTABLE = 406
_OCTETS = "application/octet-stream"
_DICOM = "application/dicom"
_COMPRESSED_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
"""PS3.18 table 8.7.3-5: media types of frames by transfer syntax."""
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


@dataclass(frozen=True)
class Part:
    """One part of a multipart reply.

    Attributes:
        content_type: with its transfer syntax.
        location: its Content-Location, empty for none.
        pieces: its bytes.
    """

    content_type: str
    location: str
    pieces: Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Accepted:
    """What a client accepts of one kind of reply.

    Attributes:
        kinds: media types, those inside multipart/related and alone, in its order.
        syntaxes: transfer syntaxes that it names; ``*`` for any.
    """

    kinds: tuple[str, ...]
    syntaxes: frozenset[str]

    def takes(self, kind: str) -> bool:
        """Tell whether a media type will do."""
        return kind in self.kinds or "*/*" in self.kinds or f"{kind.partition('/')[0]}/*" in self.kinds

    def takes_syntax(self, uid: str) -> bool:
        """Tell whether a transfer syntax will do; who names none takes the default, uncompressed little endian."""
        return "*" in self.syntaxes or uid in self.syntaxes or (not self.syntaxes and uid in (_EXPLICIT, _IMPLICIT))


def accepted(header: str) -> Accepted:
    """Read an Accept header (PS3.18 section 8.7.5); weights are not looked at, since what is stored is all there is."""
    kinds: list[str] = []
    syntaxes: set[str] = set()
    for entry in _entries(header[:4096]):
        kind, parameters = media_type(entry)
        kinds.append(parameters.get("type", "*/*").lower() if kind == "multipart/related" else kind)
        if "transfer-syntax" in parameters:
            syntaxes.add(parameters["transfer-syntax"])
    return Accepted(tuple(filter(None, kinds)) or ("*/*",), frozenset(syntaxes))


def _entries(header: str) -> Iterator[str]:
    """Cut a header at its commas, those within quotes apart."""
    entry: list[str] = []
    is_quoted = False
    for character in header:
        is_quoted ^= character == '"'
        if character == "," and not is_quoted:
            yield "".join(entry)
            entry = []
        else:
            entry.append(character)
    yield "".join(entry)


def instance_parts(instances: Sequence[InstanceRef], wanted: Accepted) -> list[Part]:
    """Return the files of instances.

    Raises:
        BadRequest: ``E484``, the client takes no DICOM, or not in the transfer syntax that is stored.
    """
    if not wanted.takes(_DICOM):
        raise BadRequest("E484", found=", ".join(wanted.kinds)[:80], expected=_DICOM, status=_NOT_ACCEPTABLE)
    for instance in instances:
        syntax = instance.transfer_syntax_uid
        if wanted.syntaxes and not wanted.takes_syntax(syntax):
            raise BadRequest(
                "E484", uid=instance.sop_instance_uid, found=", ".join(sorted(wanted.syntaxes))[:80],
                expected=syntax, status=_NOT_ACCEPTABLE,
            )  # fmt: skip
    return [
        Part(f"{_DICOM}; transfer-syntax={instance.transfer_syntax_uid}", "", _file(instance.path))
        for instance in instances
    ]


def _file(path: Path) -> Callable[[], Iterator[bytes]]:
    return lambda: file_pieces(path)


def file_pieces(path: Path) -> Iterator[bytes]:
    """Give the octets of a stored object, with preamble and prefix before them where the sender left these out.

    Some clients post the meta information alone; a reader of PS3.10 files would refuse that.
    """
    with path.open("rb") as file:
        start = file.read(_PREFIX_END)
        if start[-4:] != b"DICM" and start.startswith(_GROUP_OF_META):
            yield bytes(_PREFIX_END - 4) + b"DICM"
        yield start
        while piece := file.read(_PIECE_BYTES):
            yield piece


def multipart(parts: Sequence[Part], kind: str) -> tuple[str, Iterator[bytes]]:
    """Return the Content-Type and the octets of a multipart/related reply.

    Args:
        parts: in their order.
        kind: media type of the first, for the ``type`` parameter (RFC 2387).
    """
    boundary = secrets.token_hex(16)

    def octets() -> Iterator[bytes]:
        for part in parts:
            location = f"Content-Location: {part.location}\r\n" if part.location else ""
            yield f"--{boundary}\r\nContent-Type: {part.content_type}\r\n{location}\r\n".encode()
            yield from part.pieces()
            yield b"\r\n"
        yield f"--{boundary}--\r\n".encode()

    return f'multipart/related; type="{kind}"; boundary={boundary}', octets()


def frame_parts(instance: InstanceRef, numbers: Sequence[int], wanted: Accepted, base: str) -> list[Part]:
    """Return frames as they are stored.

    Args:
        instance: with pixels.
        numbers: from 1.
        wanted: what the client takes.
        base: URL of the instance.

    Raises:
        NotFound: ``E485``, there is no such frame.
        BadRequest: ``E484``, the client does not take how the frames are stored.
    """
    syntax = instance.transfer_syntax_uid
    kind = _COMPRESSED_TYPES.get(syntax, _OCTETS)
    is_default = wanted.takes(_OCTETS) and wanted.takes_syntax(syntax)
    if not is_default and not (wanted.takes(kind) and (kind != _OCTETS or wanted.takes_syntax(syntax))):
        raise BadRequest(
            "E484", uid=instance.sop_instance_uid, found=", ".join(wanted.kinds)[:80],
            expected=f"{kind}; transfer-syntax={syntax}", status=_NOT_ACCEPTABLE,
        )  # fmt: skip
    dataset = dcmread(instance.path, force=True)
    count = instance.number_of_frames
    if "PixelData" not in dataset or not numbers or not all(1 <= number <= count for number in numbers):
        raise NotFound("E485", uid=instance.sop_instance_uid, found=count)
    frames = _frames(dataset, syntax, count)
    return [
        Part(f"{kind}; transfer-syntax={syntax}", f"{base}/frames/{number}", _whole(frames[number - 1]))
        for number in numbers
    ]


def _whole(data: bytes) -> Callable[[], tuple[bytes]]:
    return lambda: (data,)


def _frames(dataset: Dataset, syntax: str, count: int) -> Sequence[bytes]:
    if UID(syntax).is_compressed and syntax != "1.2.840.10008.1.2.1.99":
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
    size = bits // 8
    if bits % 8:
        raise NotFound("E485", found=count)
    return [dataset.PixelData[size * index : size * (index + 1)] for index in range(count)]


def bulk_value(path: Path, place: str) -> bytes:
    """Return a value that the metadata refer to, such as ``7FE00010`` or ``00081140/0/00420011``.

    Raises:
        NotFound: ``E486``, there is none.
    """
    steps = place.split("/")
    dataset = dcmread(path, force=True)
    try:
        for tag, item in zip(steps[0:-1:2], steps[1::2], strict=True):
            dataset = dataset[_tag(tag)].value[int(item)]
        element = dataset[_tag(steps[-1])]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise NotFound("E486", found=place[:60]) from error
    value = element.value
    if element.VR == "SQ" or not isinstance(value, bytes):
        raise NotFound("E486", found=place[:60])
    return value


def _tag(text: str) -> BaseTag:
    if len(text) != 8:
        raise ValueError(text)
    return Tag(int(text, 16))


def zipped(instances: Sequence[InstanceRef]) -> Iterator[bytes]:
    """Give a zip archive of instances, stored and not deflated: pixels do not deflate, and it takes the most time.

    Members are numbered, so that their names come from nothing that was received.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for number, instance in enumerate(instances, 1):
            information = zipfile.ZipInfo(f"DICOM/{number:08d}", (1980, 1, 1, 0, 0, 0))
            information.external_attr = 0o600 << 16
            with archive.open(information, "w", force_zip64=True) as member:
                for piece in file_pieces(instance.path):
                    member.write(piece)
                    yield from sink.taken()
            yield from sink.taken()
    yield from sink.taken()


class _Sink:
    """A file that cannot be gone back in, from which what was written is taken away."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> list[bytes]:
        held, self._held = self._held, []
        return held
