"""Specific Character Set: text as it was meant, and a flag where that cannot be known (PS3.5 section 6.1)."""

import re

LATIN_1 = "latin-1"

_CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": LATIN_1,
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 149": "euc_kr",
    "ISO_IR 166": "iso8859_11",
    "ISO_IR 192": "utf_8",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 58": "iso2022_cn",
    "ISO_IR 87": "iso2022_jp",
    "ISO_IR 159": "iso2022_jp_2",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
_ESCAPE = 0x1B
_HANZI_RUN = re.compile(rb"(?:[\xb0-\xf7][\xa1-\xfe]){2,}")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def _codecs(character_set: bytes) -> list[str | None]:
    """Return the codec of each declared character set, None for one that is not known."""
    terms = character_set.decode("ascii", "replace").split("\\")
    return [_CODECS.get(_term(term)) for term in terms]


def _term(term: str) -> str:
    """Bring the spellings found in files into one: ``ISO 2022 IR 100``, ``ISO-IR 100``, ``ISO_IR_100``."""
    text = term.strip("\0 ").upper().replace("ISO 2022 IR", "ISO_IR").replace("ISO-IR", "ISO_IR")
    return re.sub(r"^ISO[ _]?IR[ _]?", "ISO_IR ", text)


def decode_text(raw: bytes, character_set: bytes) -> str:
    """Return a value as text without its padding; bytes that the declared set does not hold become Latin-1.

    Latin-1 keeps different bytes different, so an identifier still tells patients apart.
    """
    stripped = raw.strip(b"\0 ")
    if stripped.isascii() and _ESCAPE not in stripped:
        return stripped.decode("ascii")
    for codec in _codecs(character_set):
        try:
            if codec:
                return stripped.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    return stripped.decode(LATIN_1)


def is_doubtful(raw: bytes, character_set: bytes) -> bool:
    """Tell whether a value cannot be read for sure in the declared character set.

    That is so for bytes above 127 where none is declared (GBK without a word is common), for bytes that the declared
    set does not hold, and for Latin-1 that reads as a run of Chinese characters instead.
    """
    text = raw.strip(b"\0 ")
    if text.isascii():
        return False
    codecs = _codecs(character_set)
    if _ESCAPE in text or len(codecs) > 1:
        return None in codecs
    codec = codecs[0]
    if codec is None:
        return True
    if codec == LATIN_1:
        return _reads_as_hanzi(text) or any(0x80 <= byte < 0xA0 for byte in text)
    try:
        text.decode(codec)
    except UnicodeDecodeError:
        return True
    return False


def _reads_as_hanzi(text: bytes) -> bool:
    """Tell whether every run of high bytes is made of two or more GB 2312 characters; accented letters stand alone."""
    runs = _HIGH_RUN.findall(text)
    return all(_HANZI_RUN.fullmatch(run) for run in runs)
