"""What a walk over a data set is asked for and what it brings back."""

from collections.abc import Mapping
from dataclasses import dataclass

from hounsfield.archive.tokens import Encoding


@dataclass(frozen=True)
class PixelElement:
    """The pixel data element of a data set.

    Attributes:
        tag: integer, float or double float pixel data.
        length: bytes of a native value, or of all fragments together.
        fragments: number of fragments after the basic offset table; None for a native value.
    """

    tag: int
    length: int
    fragments: int | None = None


@dataclass(frozen=True)
class Wanted:
    """Which values a scan brings back.

    Attributes:
        top: tags of the data set itself.
        nested: (sequence tag, tag) pairs, the first occurrence at any depth.
        every: tags of which every occurrence at any depth is brought back.
        presence: tags of the data set itself that only need to be there.
    """

    top: frozenset[int]
    nested: frozenset[tuple[int, int]] = frozenset()
    every: frozenset[int] = frozenset()
    presence: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Scan:
    """What a walk found.

    Attributes:
        encoding: how the data set is written.
        values: raw value of each wanted tag of the data set that is there.
        nested: raw value of each wanted (sequence tag, tag).
        every: raw values of the tags wanted throughout, in order.
        pixels: the pixel data element, None when there is none.
        elements: data elements, items and fragments passed.
        end: where the data set ends.
        is_followed_by_zeros: whether what follows the data set is padding, not something else.
        oddities: deviations from the standard that were followed.
        seen: the tags of ``Wanted.presence`` that the data set has.
    """

    encoding: Encoding
    values: Mapping[int, bytes]
    nested: Mapping[tuple[int, int], bytes]
    every: tuple[bytes, ...]
    pixels: PixelElement | None
    elements: int
    end: int
    is_followed_by_zeros: bool = True
    oddities: tuple[str, ...] = ()
    seen: frozenset[int] = frozenset()
