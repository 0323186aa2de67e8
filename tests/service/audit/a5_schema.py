"""The audit message schema of DICOM PS3.15 A.5.1.1 (RELAX NG), as rules: attributes, values, order of children."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

TOKEN = r"\S(?:.*\S)?"
TEXT = r".*"
BOOLEAN = r"true|false|0|1"
BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
DATE_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?"


@dataclass(frozen=True)
class Rule:
    """What an element must and may carry; children as a pattern over ``<name>`` in order."""

    required: dict[str, str]
    optional: dict[str, str]
    children: str = ""
    text: str = r"\s*"


CODED = Rule({"csd-code": TOKEN, "codeSystemName": TOKEN, "originalText": TOKEN}, {"displayName": TOKEN})
RULES: dict[str, Rule] = {
    "AuditMessage": Rule(
        {},
        {},
        r"<EventIdentification>(<ActiveParticipant>)+<AuditSourceIdentification>(<ParticipantObjectIdentification>)*",
    ),
    "EventIdentification": Rule(
        {"EventDateTime": DATE_TIME, "EventOutcomeIndicator": "0|4|8|12"},
        {"EventActionCode": "[CRUDE]"},
        r"<EventID>(<EventTypeCode>)*(<EventOutcomeDescription>)?",
    ),
    "EventID": CODED,
    "EventTypeCode": CODED,
    "EventOutcomeDescription": Rule({}, {}, "", TEXT),
    "ActiveParticipant": Rule(
        {"UserID": TEXT, "UserIsRequestor": BOOLEAN},
        {
            "AlternativeUserID": TEXT,
            "UserName": TEXT,
            "NetworkAccessPointID": TOKEN,
            "NetworkAccessPointTypeCode": "[1-5]",
        },
        r"(<RoleIDCode>)*(<MediaIdentifier>)?",
    ),
    "RoleIDCode": CODED,
    "AuditSourceIdentification": Rule(
        {"AuditSourceID": TOKEN}, {"AuditEnterpriseSiteID": TOKEN}, r"(<AuditSourceTypeCode>)*"
    ),
    "AuditSourceTypeCode": Rule({"csd-code": "[1-9]"}, {"codeSystemName": TOKEN, "originalText": TOKEN}),
    "ParticipantObjectIdentification": Rule(
        {"ParticipantObjectID": TOKEN},
        {
            "ParticipantObjectTypeCode": "[1-4]",
            "ParticipantObjectTypeCodeRole": "[1-9]|1[0-9]|2[0-6]",
            "ParticipantObjectDataLifeCycle": "[1-9]|1[0-5]",
            "ParticipantObjectSensitivity": TOKEN,
        },
        r"<ParticipantObjectIDTypeCode>(<ParticipantObjectName>|<ParticipantObjectQuery>)"
        r"(<ParticipantObjectDetail>)*(<ParticipantObjectDescription>)*",
    ),
    "ParticipantObjectIDTypeCode": CODED,
    "ParticipantObjectName": Rule({}, {}, "", TOKEN),
    "ParticipantObjectQuery": Rule({}, {}, "", BASE64),
    "ParticipantObjectDetail": Rule({"type": TOKEN, "value": BASE64}, {}),
}


def faults(message: str) -> list[str]:
    """Return where a message departs from the schema."""
    root = ElementTree.fromstring(message)
    found = [] if root.tag == "AuditMessage" else [f"the root is {root.tag}"]
    for element in root.iter():
        rule = RULES.get(element.tag)
        if rule is None:
            found.append(f"no element {element.tag}")
            continue
        known = rule.required | rule.optional
        found += [f"{element.tag} lacks {name}" for name in rule.required if name not in element.attrib]
        found += [
            f"{element.tag}/{name} is {value!r}"
            for name, value in element.attrib.items()
            if name not in known or not re.fullmatch(known[name], value)
        ]
        order = "".join(f"<{child.tag}>" for child in element)
        if not re.fullmatch(rule.children, order):
            found.append(f"{element.tag} holds {order}")
        if not re.fullmatch(rule.text, element.text or ""):
            found.append(f"{element.tag} says {element.text!r}")
    return found
