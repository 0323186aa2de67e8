"""What a file is, by its first bytes and never by its name."""

import zlib
from dataclasses import dataclass

from hounsfield.archive.encoding import PREAMBLE_BYTES, dataset_offset
from hounsfield.archive.window import Window
from hounsfield.core.study import DICOM_MEDIA_TYPE

HEAD_BYTES = 4096
ZIP = "ZIP"
TEXT = "text"
PROGRAM = "program"
UNKNOWN = ""

_MEDIA = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"NRRD000", "application/x-nrrd"),
)
_PROGRAMS = (
    b"MZ",
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"#!",
)
_OTHERS = (
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"GIF8", "GIF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft Office"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"SQLite format 3\x00", "SQLite"),
    (b"\x93NUMPY", "NumPy"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"ObjectType = Image", "MetaImage"),
    (b"# vtk DataFile", "VTK"),
    (b"OggS", "Ogg"),
    (b"\x1aE\xdf\xa3", "Matroska"),
    (b"\xca\xfe\xba\xbe", "Java"),
)
_VIDEO_BRANDS = (b"isom", b"iso", b"mp4", b"avc", b"M4V", b"M4A", b"qt", b"dash", b"mmp4", b"MSNV", b"3gp")
_NIFTI_HEADER_BYTES = 352


@dataclass(frozen=True)
class FileKind:
    """What a file is.

    Attributes:
        media_type: its media type where Hounsfield reads it; empty otherwise.
        found: what it is where Hounsfield does not: a format's name, ``text``, ``program``, ``ZIP``, or empty.
        dicom_offset: where the first data element lies.
        has_program_preamble: a DICOM file whose preamble makes it a program as well.
    """

    media_type: str = ""
    found: str = UNKNOWN
    dicom_offset: int = 0
    has_program_preamble: bool = False


def identify(window: Window) -> FileKind:
    """Return what the bytes are."""
    head = window.at(0, HEAD_BYTES)
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM":
        return FileKind(DICOM_MEDIA_TYPE, "", PREAMBLE_BYTES + 4, head.startswith(_PROGRAMS))
    media_type = _media_type(head)
    if media_type:
        return FileKind(media_type)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return FileKind("application/x-npz") if _is_npz(head) else FileKind(found=ZIP)
    if head.startswith(_PROGRAMS):
        return FileKind(found=PROGRAM)
    found = _other(head)
    if found:
        return FileKind(found=found)
    offset = dataset_offset(window)
    if offset is not None:
        return FileKind(DICOM_MEDIA_TYPE, "", offset)
    return FileKind(found=TEXT if _is_text(head) else UNKNOWN)


def _media_type(head: bytes) -> str:
    for magic, media_type in _MEDIA:
        if head.startswith(magic):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video/avi"
    if head[4:8] == b"ftyp" and head[8:12].startswith(_VIDEO_BRANDS):
        return "video/mp4"
    return "application/x-nifti" if _is_nifti(_gunzipped(head)) else ""


def _gunzipped(head: bytes) -> bytes:
    """Return the start of a gzip stream's content, or the bytes themselves."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 2 * _NIFTI_HEADER_BYTES)
    except zlib.error:
        return head


def _is_nifti(head: bytes) -> bool:
    """Tell a single-file NIfTI-1 or NIfTI-2 by its header size and magic (the .hdr/.img pair is not taken)."""
    sizes = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    return (348 in sizes and head[344:348] == b"n+1\0") or (540 in sizes and head[4:8] == b"n+2\0")


def _is_npz(head: bytes) -> bool:
    """Tell NumPy's archive by its first member, which is an array."""
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length].endswith(b".npy")


def _other(head: bytes) -> str:
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return name
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    if head[257:262] == b"ustar":
        return "tar"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return "HEIC/AVIF"
    if head[344:348] == b"ni1\0" or head[4:8] == b"ni2\0":
        return "NIfTI .hdr/.img"
    return _markup(head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower())


def _markup(start: bytes) -> str:
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if start.startswith(b"<?xml"):
        return "HTML" if b"<html" in start else "XML"
    if start.startswith(b"{\\rtf"):
        return "RTF"
    return "JSON" if start.startswith((b'{"', b"{\n", b"{\r\n", b'[{"', b'{ "')) else ""


def _is_text(head: bytes) -> bool:
    """Tell whether the bytes are text: no control characters but white space, in UTF-8, UTF-16 or GB 18030."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return len(head) > 2
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    for codec in ("utf-8", "gb18030"):
        for cut in range(4):
            try:
                head[: len(head) - cut].decode(codec)
            except UnicodeDecodeError:
                continue
            return bool(head)
    return False
