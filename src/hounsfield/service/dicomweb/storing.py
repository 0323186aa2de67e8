"""STOW-RS (PS3.18 section 10.5): instances that are posted go into the archive while the body still arrives.

Only a few pieces of the body are in memory at any time, whatever its size. The parts of a request are committed a
hundred at a time, and the reply is written after the last of them is durable.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from hounsfield.archive.store import Outcome, Receipt
from hounsfield.service.dicomweb.multipart import MultipartReader, PartBegins, PartData, PartEnds

DICOM = "application/dicom"
PARTS_TOGETHER = 100
_NOT_UNDERSTOOD = 0xC000
_DUPLICATE = 0x0111
_OK, _ACCEPTED, _CONFLICT = 200, 202, 409


class Receiving(Protocol):
    """Where instances go; the archive store is one."""

    def receive_many(self, objects: Iterable[Iterable[bytes]], project: str, source: str) -> tuple[Receipt, ...]:
        """Take in several objects and return once they are durable."""
        ...


class Body:
    """The parts of a body, each given once, in the order in which they arrive.

    Args:
        content_type: of the request.
        pieces: the body as it comes.

    Raises:
        BadRequest: ``E480``.
    """

    def __init__(self, content_type: str, pieces: Iterable[bytes]) -> None:
        self._reader = MultipartReader(content_type)
        self._events = self._read(pieces)
        self.other_parts = 0
        self._has_ended = False

    @property
    def has_ended(self) -> bool:
        """Whether the closing boundary has come."""
        return self._has_ended

    def some(self, count: int) -> Iterator[Iterator[bytes]]:
        """Give at most so many of the next DICOM parts; parts of other types are counted and passed over."""
        for _ in range(count):
            part = self._next_part()
            if part is None:
                return
            yield part
            # what was not read of it, because it was refused
            for _ in part:
                pass

    def _next_part(self) -> Iterator[bytes] | None:
        for event in self._events:
            if isinstance(event, PartBegins):
                if event.content_type in (DICOM, ""):
                    return self._data()
                self.other_parts += 1
        self._has_ended = True
        return None

    def _data(self) -> Iterator[bytes]:
        for event in self._events:
            if isinstance(event, PartData):
                yield event.data
            elif isinstance(event, PartEnds):
                return

    def _read(self, pieces: Iterable[bytes]) -> Iterator[PartBegins | PartData | PartEnds]:
        for piece in pieces:
            yield from self._reader.feed(piece)
        self._reader.close()


def store_parts(body: Body, store: Receiving, project: str, source: str) -> list[Receipt]:
    """Put every DICOM part of a body into the archive.

    Raises:
        BadRequest: ``E481`` to ``E483``, the body is malformed or broken off: whole parts before that place are kept.
        ArchiveError: the archive cannot take them now.
    """
    receipts: list[Receipt] = []
    while not body.has_ended:
        receipts.extend(store.receive_many(body.some(PARTS_TOGETHER), project, source))
    return receipts


def reply_of(receipts: list[Receipt], other_parts: int, base: str) -> tuple[int, dict[str, Any]]:
    """Return status and DICOM JSON of a store (PS3.18 sections 10.5.3 and I.2).

    Args:
        receipts: what became of each part.
        other_parts: parts that were no DICOM; they are failures without a UID.
        base: URL of the service, up to ``/studies``.
    """
    good = [receipt for receipt in receipts if receipt.is_kept]
    bad = [receipt for receipt in receipts if not receipt.is_kept]
    found: dict[str, Any] = {}
    studies = {receipt.study_instance_uid for receipt in good}
    if len(studies) == 1:
        found["00081190"] = _url(f"{base}/studies/{studies.pop()}")
    if good:
        found["00081199"] = {"vr": "SQ", "Value": [_kept(receipt, base) for receipt in good]}
    failures = [_failed(receipt) for receipt in bad] + [_unknown()] * other_parts
    if failures:
        found["00081198"] = {"vr": "SQ", "Value": failures}
    status = (_ACCEPTED if good else _CONFLICT) if failures or not good else _OK
    return status, found


def _kept(receipt: Receipt, base: str) -> dict[str, Any]:
    place = f"studies/{receipt.study_instance_uid}/series/{receipt.series_instance_uid}"
    return {**_names(receipt), "00081190": _url(f"{base}/{place}/instances/{receipt.sop_instance_uid}")}


def _failed(receipt: Receipt) -> dict[str, Any]:
    is_conflict = receipt.outcome is Outcome.CONFLICT
    reason = _DUPLICATE if is_conflict else _NOT_UNDERSTOOD
    return {
        **_names(receipt),
        "00081197": {"vr": "US", "Value": [reason]},
        "00000902": {"vr": "LO", "Value": [receipt.code]},
    }


def _unknown() -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [_NOT_UNDERSTOOD]}}


def _names(receipt: Receipt) -> dict[str, Any]:
    named = {"00081150": receipt.sop_class_uid, "00081155": receipt.sop_instance_uid}
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in named.items() if uid}


def _url(text: str) -> dict[str, Any]:
    return {"vr": "UR", "Value": [text]}
