"""A record as a DICOM audit message (PS3.15 A.5.1, edition 2024e): XML that hospitals' audit repositories take."""

import base64
import re
from types import MappingProxyType
from xml.sax.saxutils import quoteattr

from hounsfield.core.identifiers import has_uid_characters
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.record import Entry, Outcome, Record

MEANINGS = MappingProxyType(
    {
        "110100": "Application Activity",
        "110101": "Audit Log Used",
        "110102": "Begin Transferring DICOM Instances",
        "110103": "DICOM Instances Accessed",
        "110104": "DICOM Instances Transferred",
        "110105": "DICOM Study Deleted",
        "110106": "Export",
        "110107": "Import",
        "110108": "Network Entry",
        "110109": "Order Record",
        "110111": "Procedure Record",
        "110112": "Query",
        "110113": "Security Alert",
        "110114": "User Authentication",
        "110120": "Application Start",
        "110121": "Application Stop",
        "110122": "Login",
        "110123": "Logout",
        "110124": "Attach",
        "110126": "Node Authentication",
        "110128": "Network Configuration",
        "110129": "Security Configuration",
        "110131": "Software Configuration",
        "110132": "Use of Restricted Function",
        "110134": "Audit Recording Started",
        "110135": "Object Security Attributes Changed",
        "110136": "Security Roles Changed",
        "110137": "User Security Attributes Changed",
        "110150": "Application",
        "110180": "Study Instance UID",
    }
)
"""Code meanings of PS3.16 CID 400, 401, 402 and 404."""
SOURCE = "hounsfield"
_IP = re.compile(r"[0-9a-fA-F.:]{2,45}")
_LOG_ID = "110101"
_ABOUT_ACCOUNTS = ("110113", "110114")
_NOT_ABOUT_ACCOUNTS = (Event.ACCESS_REFUSED, Event.PROJECT_CREATE, Event.PROJECT_READ, Event.ASSOCIATION_REFUSED)
_USER = ("11", "RFC-3881", "User Identifier")
_URI = ("12", "RFC-3881", "URI")


def audit_message(record: Record) -> str:
    """Return the message of a record, one line of XML without declaration."""
    entry = record.entry
    return "".join(
        (
            "<AuditMessage>",
            _event(record),
            _participants(entry),
            f"<AuditSourceIdentification{_attributes(AuditSourceID=SOURCE)}>",
            f"<AuditSourceTypeCode{_attributes(csd_code='4')}/></AuditSourceIdentification>",
            _objects(entry),
            "</AuditMessage>",
        )
    )


def _event(record: Record) -> str:
    entry, kind = record.entry, record.entry.event.value
    attributes = _attributes(
        EventActionCode=kind.action,
        EventDateTime=record.time,
        EventOutcomeIndicator=str(max(int(entry.outcome), 0)),
    )
    types = _coded("EventTypeCode", kind.event_type, "DCM", MEANINGS[kind.event_type]) if kind.event_type else ""
    said = "begun" if entry.outcome is Outcome.BEGUN else entry.detail
    own = _coded("EventTypeCode", kind.name, SOURCE, kind.name)
    return (
        f"<EventIdentification{attributes}>"
        f"{_coded('EventID', kind.event_id, 'DCM', MEANINGS[kind.event_id])}{types}{own}"
        f"{f'<EventOutcomeDescription>{_text(said)}</EventOutcomeDescription>' if said else ''}"
        "</EventIdentification>"
    )


def _participants(entry: Entry) -> str:
    who = {"UserID": entry.actor, "UserIsRequestor": "true"}
    if entry.address:
        who["NetworkAccessPointID"] = entry.address
        who["NetworkAccessPointTypeCode"] = "2" if _IP.fullmatch(entry.address) else "1"
    return (
        f"<ActiveParticipant{_attributes(**who)}/>"
        f"<ActiveParticipant{_attributes(UserID=SOURCE, UserIsRequestor='false')}>"
        f"{_coded('RoleIDCode', '110150', 'DCM', MEANINGS['110150'])}</ActiveParticipant>"
    )


def _objects(entry: Entry) -> str:
    """Return the objects: the log itself, the study with the UIDs within it, accounts and other things by name."""
    parts = []
    if entry.event.value.event_id == _LOG_ID:
        parts.append(_object("audit.db", _URI, "2", "13", "Security Audit Log"))
    uids = [name for name in entry.objects if has_uid_characters(name)]
    if uids:
        parts.append(_object(uids[0], ("110180", "DCM", MEANINGS["110180"]), "2", "3", uids[0], tuple(uids[1:])))
    is_account = entry.event.value.event_id in _ABOUT_ACCOUNTS and entry.event not in _NOT_ABOUT_ACCOUNTS
    for name in entry.objects:
        if name not in uids:
            kind = (_USER, "1", "11") if is_account else (_URI, "2", "13")
            parts.append(_object(name, *kind, name))
    if entry.project:
        parts.append(_object(entry.project, _URI, "3", "12", f"project {entry.project}"))
    return "".join(parts)


def _object(
    identifier: str, code: tuple[str, str, str], kind: str, role: str, name: str, details: tuple[str, ...] = ()
) -> str:
    attributes = _attributes(
        ParticipantObjectID=identifier, ParticipantObjectTypeCode=kind, ParticipantObjectTypeCodeRole=role
    )
    values = "".join(
        f"<ParticipantObjectDetail{_attributes(type='UID', value=base64.b64encode(uid.encode()).decode())}/>"
        for uid in details
    )
    return (
        f"<ParticipantObjectIdentification{attributes}>{_coded('ParticipantObjectIDTypeCode', *code)}"
        f"<ParticipantObjectName>{_text(name)}</ParticipantObjectName>{values}</ParticipantObjectIdentification>"
    )


def _coded(element: str, code: str, system: str, meaning: str) -> str:
    return f"<{element}{_attributes(csd_code=code, codeSystemName=system, originalText=meaning)}/>"


def _attributes(**values: str) -> str:
    return "".join(f" {name.replace('_', '-')}={quoteattr(value)}" for name, value in values.items())


def _text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
