"""Values of a search as conditions on the index (PS3.4 section C.2.2.2).

Single value, list of UIDs, wildcard (``*`` and ``?``), range of dates and times, universal. Text is matched with its
case, names of people without it and in each of their groups, alphabetic, ideographic and phonetic.
"""

import re
import unicodedata

from sqlalchemy import ColumnElement, and_, false, or_

from hounsfield.archive.query.attributes import NUMBER_VRS, Attribute
from hounsfield.core.identifiers import has_uid_characters
from hounsfield.errors import Refused

_WILDCARD = re.compile(r"[*?]")
_UID_LIST = re.compile(r"[\\,]")
_RANGE_VALUE = {"DA": re.compile(r"\d{8}|"), "TM": re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?|")}
_AFTER_DIGITS = "~"
"""Sorts after every digit, point and colon: an end of 12 hours holds 12:59."""
MAX_VALUE_LENGTH = 4096
MAX_UIDS = 1000


def is_universal(value: str) -> bool:
    """Tell whether a value matches everything, absent values too."""
    return value.strip("*") == ""


def condition(attribute: Attribute, column: ColumnElement[str], value: str, is_sqlite: bool) -> ColumnElement[bool]:
    """Return what a column must fulfil for a value that is not universal.

    Raises:
        Refused: ``E185``, a value that an attribute of this kind cannot have.
    """
    if len(value) > MAX_VALUE_LENGTH and attribute.vr != "UI":
        raise Refused("E185", name=attribute.keyword, found=value[:64])
    if attribute.vr == "UI":
        return _in_list(attribute, column, value)
    if attribute.vr in _RANGE_VALUE:
        return _in_range(attribute, column, value)
    if attribute.vr in NUMBER_VRS:
        if not re.fullmatch(r"[+-]?\d{1,12}", value.strip(), re.ASCII):
            raise Refused("E185", name=attribute.keyword, found=value[:64])
        return column == int(value)
    if _WILDCARD.search(value):
        return like(column, value, is_sqlite)
    return column == value.strip()


def _in_list(attribute: Attribute, column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    uids = [uid.strip() for uid in _UID_LIST.split(value) if uid.strip()]
    if len(uids) > MAX_UIDS or any(not has_uid_characters(uid) for uid in uids):
        raise Refused("E185", name=attribute.keyword, found=value[:64])
    return column.in_(uids) if uids else false()


def _in_range(attribute: Attribute, column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Return a single date or time, or a range that is open at one end."""
    plain = value.strip().replace(":", "") if attribute.vr == "TM" else value.strip()
    first, dash, last = (part.strip() for part in plain.partition("-"))
    known = _RANGE_VALUE[attribute.vr]
    if not known.fullmatch(first) or not known.fullmatch(last) or not (first or last):
        raise Refused("E185", name=attribute.keyword, found=value[:64])
    if not dash:
        return column == first
    ends = [column >= first if first else column > ""]
    if last:
        ends.append(column <= last + _AFTER_DIGITS if attribute.vr == "TM" else column <= last)
    return and_(*ends)


def like(column: ColumnElement[str], pattern: str, is_sqlite: bool) -> ColumnElement[bool]:
    """Return a wildcard match with case: GLOB in SQLite, whose LIKE knows none, and LIKE elsewhere."""
    if is_sqlite:
        return column.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
    return column.like(_like_pattern(pattern), escape="\\")


def _like_pattern(pattern: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return escaped.replace("*", "%").replace("?", "_")


# ---- names of people


def name_key(name: str) -> str:
    """Return a name as it is matched: folded, without accents, each group between equals signs.

    Example:
        >>> name_key("MÜLLER^Jörg")
        '=muller^jorg='
    """
    folded = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    groups = [re.sub(r"\s+", " ", group).strip().rstrip("^ ") for group in plain.split("=")]
    return "=" + "=".join(groups) + "=" if any(groups) else ""


def name_condition(column: ColumnElement[str], value: str, is_fuzzy: bool) -> ColumnElement[bool]:
    """Return a match of a name against the key of a person's name.

    Args:
        column: the column of keys.
        value: a name, or a pattern; with groups it is matched whole, else against each group.
        is_fuzzy: each word of the value begins a word of the name (PS3.18 section 8.3.4.2 leaves the kind open).
    """
    if is_fuzzy:
        words = [word for word in re.split(r"[\s^=*?,]+", name_key(value)) if word]
        starts = ("=", "^", " ")
        each = (
            or_(*(column.like("%" + _like_pattern(start + word) + "%", escape="\\") for start in starts))
            for word in words
        )
        return and_(*each) if words else false()
    return column.like("%" + _like_pattern(name_key(value)) + "%", escape="\\")
