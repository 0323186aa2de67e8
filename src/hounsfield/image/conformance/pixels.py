"""Whether the description of the pixels agrees with itself, with the pixels and with the identifiers around it."""

from collections.abc import Iterator

from hounsfield.core.quality import Evidence
from hounsfield.image.conformance.element import Header

_PIXELS = "PS3.3 C.7.6.3"
_THREE_SAMPLES = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB")
_HALVED = {"YBR_FULL_422": 2, "YBR_PARTIAL_420": 1.5}
"""Samples a pixel takes where chrominance is stored for several pixels at once (PS3.3 C.7.6.3.1.2)."""
_IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


def wrong_pixels(header: Header) -> Iterator[Evidence]:
    """Give what contradicts itself in the Image Pixel module (PS3.3 C.7.6.3, PS3.5 section 8.1.1)."""
    allocated, stored, high = (header.number(name) for name in ("BitsAllocated", "BitsStored", "HighBit"))
    if allocated is not None and allocated != 1 and (allocated < 1 or allocated % 8):
        yield _wrong("BitsAllocated", allocated, "1, 8 n", "PS3.5 8.1.1")
    if allocated is not None and stored is not None and not 1 <= stored <= allocated:
        yield _wrong("BitsStored", stored, f"1-{allocated}", "PS3.5 8.1.1")
    if stored is not None and high is not None and high != stored - 1:
        yield _wrong("HighBit", high, stored - 1, "PS3.5 8.1.1")
    for name in ("Rows", "Columns", "NumberOfFrames"):
        number = header.number(name)
        if number is not None and number < 1:
            yield _wrong(name, number, ">= 1", _PIXELS)
    samples, photometric = header.number("SamplesPerPixel"), "".join(header.texts("PhotometricInterpretation")[:1])
    expected = 3 if photometric in _THREE_SAMPLES else 1
    if samples is not None and photometric and samples != expected:
        yield _wrong("SamplesPerPixel", samples, f"{expected} ({photometric[:16]})", f"{_PIXELS}.1.2")
    if samples == 1 and "PlanarConfiguration" in header.by_keyword:
        yield Evidence("PlanarConfiguration", "superfluous", {}, f"{_PIXELS}.1.3")
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        if any(_is_zero(text) for text in header.texts(name)):
            yield _wrong(name, 0, "> 0", "PS3.3 10.7.1")
    yield from _wrong_length(header)


def _wrong_length(header: Header) -> Iterator[Evidence]:
    """Compare the bytes of native pixels with what the description asks for, padded to an even count."""
    element = header.by_keyword.get("PixelData")
    sizes = [header.number(name) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")]
    if element is None or element.length < 0 or None in sizes:
        return
    rows, columns, samples, allocated = (size or 0 for size in sizes)
    photometric = "".join(header.texts("PhotometricInterpretation")[:1])
    per_pixel = _HALVED.get(photometric, samples) if samples == 3 else samples
    frames = header.number("NumberOfFrames") or 1
    length = int(rows * columns * per_pixel * frames * allocated + 7) // 8
    if element.length != length + length % 2:
        yield _wrong("PixelData", element.length, length + length % 2, "PS3.5 8.1.1")
    if element.is_explicit and element.vr == "OB" and allocated > 8:
        yield _wrong("PixelData", "OB", f"OW ({allocated} bit)", "PS3.5 A.2")


def wrong_identifiers(header: Header, meta: Header) -> Iterator[Evidence]:
    """Give identifiers that stand for two things, and file meta information that names another object.

    PS3.5 section 9: a UID identifies one thing alone; PS3.10 section 7.1: the meta information repeats class and UID.
    """
    seen: dict[str, str] = {}
    for name in _IDENTIFIERS:
        for uid in header.texts(name)[:1]:
            if uid in seen:
                yield Evidence(name, "shared", {"other": seen[uid]}, "PS3.5 9")
            seen.setdefault(uid, name)
    for outer, inner in (("MediaStorageSOPClassUID", "SOPClassUID"), ("MediaStorageSOPInstanceUID", "SOPInstanceUID")):
        stated, own = meta.texts(outer)[:1], header.texts(inner)[:1]
        if stated and own and stated != own:
            yield Evidence(outer, "differs", {"other": inner}, "PS3.10 7.1")


def _wrong(name: str, found: object, expected: object, source: str) -> Evidence:
    return Evidence(name, "pixels", {"found": found, "expected": expected}, source)


def _is_zero(text: str) -> bool:
    try:
        return float(text) <= 0
    except ValueError:
        return False
