"""An object on its way into the store: whether it is fit, what the index says of it, and its document.

It is walked within bounds before anything of it is parsed. Unfit is what is no DICOM, is cut or contradicts itself, is
a program or another format as well, brings no usable UIDs, or lacks what makes an object of its class.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hounsfield.archive.encoding import FileStart, read_start
from hounsfield.archive.entries import Entry, open_regular
from hounsfield.archive.header import Header
from hounsfield.archive.kinds import identify
from hounsfield.archive.limits import GIB, Limits
from hounsfield.archive.query.attributes import (
    INSTANCE_ATTRIBUTES,
    NUMBER_VRS,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
    Attribute,
)
from hounsfield.archive.query.matching import name_key
from hounsfield.archive.record import not_an_image, read_record
from hounsfield.archive.store.blobs import Incoming
from hounsfield.archive.store.document import Document, make_document
from hounsfield.archive.window import FileWindow
from hounsfield.core.identifiers import has_uid_characters
from hounsfield.core.quality import Severity
from hounsfield.errors import HounsfieldError, Refused

STORE_LIMITS = Limits(max_file_bytes=8 * GIB, max_pixel_bytes=64 * GIB)
"""What a store takes in: more than an analysis does, since nothing is decoded."""
Value = str | int | float | None

_DISGUISES = ((b"PK\x03\x04", "ZIP"), (b"PK\x05\x06", "ZIP"), (b"%PDF", "PDF"), (b"\xca\xfe\xba\xbe", "Java"))
_REQUIRED = ("sop_class_uid", "sop_instance_uid", "series_instance_uid", "study_instance_uid")


@dataclass(frozen=True)
class Arrival:
    """What is known of received bytes.

    Attributes:
        incoming: the bytes.
        uids: SOP Class, SOP Instance, Series Instance and Study Instance UID; empty where not known.
        study: values of the columns of a study.
        series: the same of a series.
        instance: the same of an instance.
        packed_json: the document, deflated.
        fault: why the object is unfit, None when it is fit.
        remarks: codes of what is doubtful about it.
    """

    incoming: Incoming
    uids: tuple[str, str, str, str] = ("", "", "", "")
    study: Mapping[str, Value] = field(default_factory=dict)
    series: Mapping[str, Value] = field(default_factory=dict)
    instance: Mapping[str, Value] = field(default_factory=dict)
    packed_json: bytes = b""
    fault: HounsfieldError | None = None
    remarks: tuple[str, ...] = ()


def charset_of(source: str, fallback_charsets: Mapping[str, str]) -> str:
    """Return the fallback character set of a source: of the longest start of its name that has one, else nothing."""
    fitting = [start for start in fallback_charsets if source.startswith(start)]
    return fallback_charsets[max(fitting, key=len)] if fitting else ""


def examine(incoming: Incoming, limits: Limits = STORE_LIMITS, fallback_charset: str = "") -> Arrival:
    """Look at received bytes; never raises for what they hold.

    Args:
        incoming: the bytes.
        limits: bounds.
        fallback_charset: Specific Character Set, such as ``GB18030``, of a source that writes text without saying in
            what; it counts where an object declares none.
    """
    arrival = Arrival(incoming)
    try:
        record = read_record(Entry("", incoming.path, sha256=incoming.sha256), limits, digests=False)
        if record.header is None:
            raise Refused("E168", found="DICOMDIR") if record.is_directory else _no_object(record.kind.media_type)
        header = record.header
        remarks = tuple(dict.fromkeys(remark.code for remark in record.remarks))
        arrival = replace(arrival, uids=_uids(header), remarks=remarks)
        _require_fit(header, incoming.path)
        for remark in record.remarks:
            if remark.severity is Severity.REJECT:
                facts: dict[str, Any] = dict(remark.facts)
                return replace(arrival, fault=Refused(remark.code, **facts))
        return _indexed(arrival, header, _document(incoming, limits, fallback_charset))
    except HounsfieldError as error:
        return replace(arrival, fault=error)
    except (RecursionError, MemoryError) as error:
        return replace(arrival, fault=Refused("E123", found=type(error).__name__))


def _no_object(media_type: str) -> Refused:
    return Refused("E168", found=media_type) if media_type else Refused("E108")


def _require_fit(header: Header, path: Path) -> None:
    """Refuse an object that lacks UIDs or looks like another format at its start.

    Raises:
        Refused: ``E173``, ``E174``.
    """
    missing = [name for name in _REQUIRED if not has_uid_characters(getattr(header, name))]
    if missing:
        raise Refused("E173", found=", ".join(missing))
    with path.open("rb") as stream:
        head = stream.read(8)
    for magic, name in _DISGUISES:
        if head.startswith(magic):
            raise Refused("E174", found=name)


def _uids(header: Header) -> tuple[str, str, str, str]:
    """Return the UIDs of a header that have the form of one."""
    found = [getattr(header, name) for name in _REQUIRED]
    sop_class, instance, series, study = (uid if has_uid_characters(uid) else "" for uid in found)
    return sop_class, instance, series, study


def _document(incoming: Incoming, limits: Limits, fallback_charset: str) -> tuple[Document, FileStart]:
    with open_regular(incoming.path) as (descriptor, size):
        window = FileWindow(descriptor, size)
        kind = identify(window)
        if not kind.media_type:
            raise not_an_image(kind)
        start = read_start(window, kind.dicom_offset, limits)
        return make_document(start, fallback_charset.encode("ascii")), start


def _indexed(arrival: Arrival, header: Header, made: tuple[Document, FileStart]) -> Arrival:
    document, start = made
    own: dict[str, Value] = {
        "sop_class_uid": header.sop_class_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "transfer_syntax_uid": start.transfer_syntax_uid,
        "number_of_frames": header.number_of_frames,
        "body_part": header.body_part_examined,
        "laterality": header.laterality,
        "view_position": header.view_position,
        "image_type": "\\".join(header.image_type),
    }
    packed = zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), 1)
    study = _values(document, STUDY_ATTRIBUTES)
    study["study_instance_uid"] = header.study_instance_uid
    study["patient_age_years"] = header.patient_age_years
    study["patient_name_key"] = name_key(str(study["patient_name"] or ""))
    return replace(
        arrival,
        study=study,
        series={**_values(document, SERIES_ATTRIBUTES), "series_instance_uid": header.series_instance_uid},
        instance={**_values(document, INSTANCE_ATTRIBUTES), **own},
        packed_json=packed,
    )


def _values(document: Document, attributes: tuple[Attribute, ...]) -> dict[str, Value]:
    return {each.column: _value(document.get(each.tag_text), each) for each in attributes if each.column}


def _value(element: object, attribute: Attribute) -> Value:
    """Return the first value of an element as its column holds it; a name with its groups, as DICOM writes it."""
    values = element.get("Value") if isinstance(element, dict) else None
    first = values[0] if values else None
    if isinstance(first, dict):
        groups = [str(first.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    if attribute.vr in NUMBER_VRS:
        is_whole = isinstance(first, int | float) and abs(first) < 1 << 53
        return int(first) if is_whole and isinstance(first, int | float) else None
    return "" if first is None else str(first)
