"""The pre-scan: walk every data element of a data set once, iteratively and bounded, before any parser sees it.

Each explicit length must lie inside its parent and inside the file, sequences may be nested up to a limit, and values
are read only where a fact is wanted; pixel bytes are never read. What real writers get wrong and a reader can still
follow safely is followed and noted.
"""

from dataclasses import dataclass, field

from hounsfield.archive.limits import Limits
from hounsfield.archive.scan import PixelElement, Scan, Wanted
from hounsfield.archive.tokens import (
    BYTE_VRS,
    EXPLICIT_LITTLE,
    HEADER_BYTES,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    KNOWN_VRS,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Encoding,
    Token,
    read_token,
    tag_text,
)
from hounsfield.archive.window import Window
from hounsfield.errors import Refused
from hounsfield.header_walk import sequence_tags

MAX_VALUE_BYTES = 64 * 1024
"""Longest value that is read for a fact; longer ones are cut."""

TOP_LEVEL = 0
_STRUCTURE_CODES = frozenset({"E111", "E114", "E115"})
_TRAILING_PADDING = 0xFFFCFFFC


@dataclass(slots=True)
class _Level:
    """A container on the way: a data set (the file's or an item's), a sequence of items, or fragments."""

    tag: int
    end: int
    is_open: bool
    holds_items: bool
    encoding: Encoding
    is_guess: bool = False
    start: int = 0
    fragments: int = -1
    fragment_bytes: int = 0


@dataclass
class Walker:
    """The walk over one data set."""

    window: Window
    encoding: Encoding
    wanted: Wanted
    limits: Limits
    values: dict[int, bytes] = field(default_factory=dict)
    nested: dict[tuple[int, int], bytes] = field(default_factory=dict)
    every: list[bytes] = field(default_factory=list)
    pixels: PixelElement | None = None
    elements: int = 0
    oddities: set[str] = field(default_factory=set)
    is_followed_by_zeros: bool = True
    _tail: int | None = None
    _tail_oddities: set[str] = field(default_factory=set)
    _seen: set[int] = field(default_factory=set)
    _levels: list[_Level] = field(default_factory=list)

    def walk(self, start: int) -> Scan:
        """Walk the data set from an offset to the end of the bytes.

        Raises:
            Refused: ``E111`` cut short, ``E112`` nested too deep, ``E113`` too many elements, ``E114`` not a data
                element, ``E115`` longer than its parent.
        """
        size = self.window.size
        self._levels = [_Level(TOP_LEVEL, size, False, False, self.encoding)]
        position = start
        while self._levels:
            try:
                position = self._step(position)
            except Refused as error:
                if self._tail is None or error.code not in _STRUCTURE_CODES:
                    raise
                self._levels.clear()
            self.elements += 1
            if self.elements > self.limits.max_elements:
                raise Refused("E113", limit=self.limits.max_elements)
        if self._tail is not None:
            self.oddities = self._tail_oddities
            position = self._trail(self._tail)
        return Scan(
            self.encoding,
            self.values,
            self.nested,
            tuple(self.every),
            self.pixels,
            self.elements,
            position,
            self.is_followed_by_zeros,
            tuple(sorted(self.oddities)),
            frozenset(self._seen),
        )

    def _step(self, position: int) -> int:
        level = self._levels[-1]
        if position >= level.end:
            return self._leave(level, position)
        if level.holds_items:
            return self._item(level, position)
        return self._element(level, position)

    def _leave(self, level: _Level, position: int) -> int:
        """Close a container whose end is reached."""
        if level.is_open and level.end == self.window.size and not self._is_in_guess():
            raise Refused("E111", tag=tag_text(level.tag), offset=position, declared="undefined", available=0)
        if level.is_open:
            self.oddities.add("unclosed sequence")
        self._close(level)
        return max(position, level.end)

    def _close(self, level: _Level) -> None:
        self._levels.pop()
        if level.fragments >= 0 and len(self._levels) == 1 and level.tag in PIXEL_DATA_TAGS:
            self.pixels = PixelElement(level.tag, level.fragment_bytes, max(level.fragments - 1, 0))

    def _element(self, level: _Level, position: int) -> int:
        raw = self.window.at(position, min(HEADER_BYTES, level.end - position))
        token = read_token(raw, level.encoding)
        if self.pixels and level.tag == TOP_LEVEL and self._tail is None and not _is_after_pixels(level, token):
            self._tail, self._tail_oddities = position, set(self.oddities)
        if token is None:
            return self._no_element(level, position, "")
        if token.tag >> 16 == 0xFFFE:
            return self._delimiter(level, token, position)
        if token.tag == 0:
            return self._no_element(level, position, tag_text(0))
        if level.encoding.is_explicit and not token.vr:
            self.oddities.add("implicit element")
        if level.tag == TOP_LEVEL and token.tag in self.wanted.presence:
            self._seen.add(token.tag)
        value = position + token.header_bytes
        if token.length == UNDEFINED_LENGTH:
            return self._open(level, token, value)
        end = value + token.length
        if end > level.end:
            return self._overrun(level, token, position, value)
        if self._is_sequence(token, value, end):
            return self._push_sequence(level, token, value, end)
        self._keep(level, token, value)
        return end

    def _is_sequence(self, token: Token, value: int, end: int) -> bool:
        """Tell whether a value of known length holds items: by its VR, else by the dictionary and a first item."""
        if token.vr == b"SQ":
            return True
        if token.vr not in (b"", b"UN") or token.tag not in sequence_tags() or end - value < 8:
            return False
        return self.window.at(value, 4) in (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")

    def _push_sequence(self, level: _Level, token: Token, value: int, end: int) -> int:
        if end > value:
            self._push(_Level(token.tag, end, False, True, self._content_encoding(level, token), token.vr == b"UN"))
        return value

    def _content_encoding(self, level: _Level, token: Token) -> Encoding:
        """Return the encoding of the items: a sequence written as UN is implicit little endian (PS3.5 6.2.2)."""
        return IMPLICIT_LITTLE if token.vr == b"UN" else level.encoding

    def _open(self, level: _Level, token: Token, value: int) -> int:
        """Enter a value of undefined length: fragments, or a sequence."""
        is_bytes = token.vr in BYTE_VRS - {b"UN"} or token.tag in PIXEL_DATA_TAGS
        if is_bytes:
            self._push(_Level(token.tag, level.end, True, True, level.encoding, fragments=0))
        elif token.vr in (b"SQ", b"UN", b""):
            self._push(_Level(token.tag, level.end, True, True, self._content_encoding(level, token)))
        else:
            return self._no_element(level, value - token.header_bytes, tag_text(token.tag))
        return value

    def _push(self, level: _Level) -> None:
        """Enter a container; a sequence and its item count as one step of depth."""
        depth = sum(1 for each in self._levels if each.holds_items) + level.holds_items
        if depth > self.limits.max_sequence_depth:
            raise Refused("E112", limit=self.limits.max_sequence_depth)
        self._levels.append(level)

    def _item(self, level: _Level, position: int) -> int:
        """Pass an item header inside a sequence, or a fragment."""
        token = read_token(self.window.at(position, min(8, level.end - position)), level.encoding)
        if token is not None and token.tag == SEQUENCE_DELIMITER:
            self._close(level)
            return position + 8 if level.is_open else level.end
        if token is None or token.tag != ITEM:
            return self._no_item(level, token, position)
        value = position + 8
        if level.fragments >= 0:
            return self._fragment(level, token, value)
        if token.length == UNDEFINED_LENGTH:
            self._push(_Level(level.tag, level.end, True, False, self._item_encoding(level, value)))
        elif value + token.length > level.end:
            return self._overrun(level, token, position, value)
        elif token.length:
            encoding = self._item_encoding(level, value)
            self._push(_Level(level.tag, value + token.length, False, False, encoding))
        return value

    def _item_encoding(self, level: _Level, value: int) -> Encoding:
        """Return the encoding of an item, which some writers change against their own transfer syntax."""
        vr = self.window.at(value + 4, 2)
        if level.encoding is IMPLICIT_LITTLE and vr in KNOWN_VRS:
            self.oddities.add("explicit item")
            return EXPLICIT_LITTLE
        return level.encoding

    def _fragment(self, level: _Level, token: Token, value: int) -> int:
        if token.length == UNDEFINED_LENGTH or value + token.length > level.end:
            return self._overrun(level, Token(level.tag, b"", token.length, 8), value - 8, value)
        level.fragments += 1
        if level.fragments > 1:
            level.fragment_bytes += token.length
        return value + token.length

    def _delimiter(self, level: _Level, token: Token, position: int) -> int:
        """Pass a delimiter among elements: the end of an open item, or one too many."""
        if token.tag == ITEM_DELIMITER and level.is_open:
            self._close(level)
            return position + 8
        if token.tag in (ITEM_DELIMITER, SEQUENCE_DELIMITER) and token.length == 0:
            self.oddities.add("stray delimiter")
            if token.tag == SEQUENCE_DELIMITER and level.is_open:
                self._close(level)
                return position
            return position + 8
        return self._no_element(level, position, tag_text(token.tag))

    def _keep(self, level: _Level, token: Token, value: int) -> None:
        """Bring back the value of a wanted tag."""
        if level.tag == TOP_LEVEL:
            if token.tag in PIXEL_DATA_TAGS:
                self.pixels = PixelElement(token.tag, token.length)
            elif token.tag in self.wanted.top and token.tag not in self.values:
                self.values[token.tag] = self._value(token, value)
        elif (level.tag, token.tag) in self.wanted.nested:
            self.nested.setdefault((level.tag, token.tag), self._value(token, value))
        if token.tag in self.wanted.every:
            self.every.append(self._value(token, value))

    def _value(self, token: Token, value: int) -> bytes:
        return self.window.at(value, min(token.length, MAX_VALUE_BYTES))

    # ---- what is wrong

    def _is_in_guess(self) -> bool:
        return any(level.is_guess for level in self._levels)

    def _abandon_guess(self) -> int:
        """Step over a value that looked like a sequence and is not one."""
        while not self._levels[-1].is_guess:
            self._levels.pop()
        self.oddities.add("unreadable UN value")
        return self._levels.pop().end

    def _no_item(self, level: _Level, token: Token | None, position: int) -> int:
        if self._is_in_guess():
            return self._abandon_guess()
        if token is None:
            raise Refused("E111", tag=tag_text(level.tag), offset=position, declared=8, available=level.end - position)
        raise Refused("E114", offset=position, found=tag_text(token.tag))

    def _overrun(self, level: _Level, token: Token, position: int, value: int) -> int:
        """Judge an element that is longer than what is left for it."""
        if self._is_in_guess():
            return self._abandon_guess()
        if level.end < self.window.size or token.length == UNDEFINED_LENGTH:
            raise Refused("E115", tag=tag_text(token.tag), offset=position, declared=token.length)
        if level.encoding.is_explicit and not token.vr and token.tag != ITEM and token.tag not in PIXEL_DATA_TAGS:
            raise Refused("E114", offset=position, found=tag_text(token.tag))
        available = self.window.size - value
        raise Refused(
            "E111", tag=tag_text(token.tag), offset=position, declared=token.length, available=max(available, 0)
        )

    def _no_element(self, level: _Level, position: int, found: str) -> int:
        """Judge bytes where an element should be: padding at the end is passed over."""
        if self._is_in_guess():
            return self._abandon_guess()
        if len(self._levels) == 1 and self._is_padding(position):
            return self._trail(position)
        if found:
            raise Refused("E114", offset=position, found=found)
        if level.end < self.window.size:
            raise Refused("E115", tag=tag_text(level.tag), offset=position, declared=8)
        available = level.end - position
        raise Refused("E111", tag=tag_text(level.tag), offset=position, declared=8, available=available)

    def _is_padding(self, position: int) -> bool:
        tail = self.window.at(position, MAX_VALUE_BYTES)
        return not tail.strip(b"\0")

    def _trail(self, position: int) -> int:
        """End the walk before bytes that follow the data set."""
        self.is_followed_by_zeros = self._is_padding(position)
        self.oddities.add("trailing bytes")
        self._levels.clear()
        return position


def _is_after_pixels(level: _Level, token: Token | None) -> bool:
    """Tell an element that follows pixel data from foreign bytes: it is (FFFC,FFFC), or has a VR."""
    if token is None:
        return False
    return token.tag == _TRAILING_PADDING or (level.encoding.is_explicit and token.vr in KNOWN_VRS)
