"""Records as DICOM audit messages, against the schema of PS3.15 A.5.1 and the codes of PS3.16 in pydicom."""

import base64
import xml.etree.ElementTree as ElementTree

import pytest
from pydicom.sr.codedict import codes

from hounsfield.service.audit.events import Event
from hounsfield.service.audit.messages import MEANINGS, audit_message
from hounsfield.service.audit.record import FIRST_PREVIOUS, Entry, Outcome, Record, utc
from tests.service.audit.a5_schema import faults

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"


def message(event: Event = Event.STUDY_READ, outcome: Outcome = Outcome.SUCCESS, **fields: object) -> str:
    entry = Entry(event, outcome, **{"actor": "ann", "via": "token", "address": "10.0.0.1", **fields})
    return audit_message(Record(1, utc(1_800_000_000), FIRST_PREVIOUS, entry))


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("event", Event)
def test_every_event_makes_a_message_of_the_schema(event, outcome):
    text = message(event, outcome, objects=(STUDY, SERIES, "thing"), project="lung", detail="E270")
    assert faults(text) == []
    assert "\n" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"address": ""},
        {"address": "::1"},
        {"address": "pacs.example"},
        {"objects": ()},
        {"objects": tuple(f"1.2.{number}" for number in range(50))},
        {"objects": ("<script>alert(1)</script>", "a&b", '"quoted"', "it's")},
        {"actor": '"/><Evil a="', "detail": "]]></EventIdentification>", "project": "a"},
        {"actor": "-"},
    ],
)
def test_whatever_an_entry_holds_the_message_keeps_to_the_schema(fields):
    assert faults(message(**fields)) == []


def planted(text: str) -> dict[str, str]:
    return {
        "no requestor": text.replace(' UserIsRequestor="true"', ""),
        "odd outcome": text.replace('EventOutcomeIndicator="0"', 'EventOutcomeIndicator="1"'),
        "odd action": text.replace('EventActionCode="R"', 'EventActionCode="X"'),
        "no time": text.replace("2027-01-15T08:00:00.000000Z", "yesterday"),
        "no source": text.replace('<AuditSourceIdentification AuditSourceID="hounsfield">', "").replace(
            "</AuditSourceIdentification>", ""
        ),
        "old code attribute": text.replace("csd-code", "code"),
        "unknown element": text.replace("RoleIDCode", "Role"),
        "no name": text.replace(f"<ParticipantObjectName>{STUDY}</ParticipantObjectName>", ""),
        "odd role": text.replace('ParticipantObjectTypeCodeRole="3"', 'ParticipantObjectTypeCodeRole="27"'),
        "no base64": text.replace(base64.b64encode(SERIES.encode()).decode(), SERIES),
        "another root": text.replace("AuditMessage>", "Message>"),
    }


@pytest.mark.parametrize("number", range(11))
def test_the_rules_find_a_planted_fault(number):
    text = message(objects=(STUDY, SERIES))
    kind, spoiled = list(planted(text).items())[number]
    assert spoiled != text, kind
    assert faults(spoiled), kind


def test_the_codes_mean_what_the_standard_says():
    dcm = {concept.value: concept.meaning for concept in codes.DCM.concepts.values()}
    assert {code: meaning for code, meaning in MEANINGS.items() if dcm.get(code, "").lower() != meaning.lower()} == {}
    used = {event.value.event_id for event in Event} | {
        event.value.event_type for event in Event if event.value.event_type
    }
    assert used <= set(MEANINGS)


def test_a_message_read_back_says_who_did_what_to_which_study():
    root = ElementTree.fromstring(message(Event.STUDY_EXPORT, Outcome.REFUSED, objects=(STUDY, SERIES), detail="E271"))
    event = root.find("EventIdentification")
    assert event.attrib == {
        "EventActionCode": "R",
        "EventDateTime": "2027-01-15T08:00:00.000000Z",
        "EventOutcomeIndicator": "4",
    }
    assert event.find("EventID").attrib["originalText"] == "Export"
    assert [code.attrib["csd-code"] for code in event.findall("EventTypeCode")] == ["study.export"]
    assert event.findtext("EventOutcomeDescription") == "E271"
    who, application = root.findall("ActiveParticipant")
    assert (who.attrib["UserID"], who.attrib["NetworkAccessPointTypeCode"]) == ("ann", "2")
    assert application.attrib["UserIsRequestor"] == "false"
    study = root.find("ParticipantObjectIdentification")
    assert study.attrib["ParticipantObjectID"] == STUDY
    assert study.find("ParticipantObjectIDTypeCode").attrib["originalText"] == "Study Instance UID"
    assert base64.b64decode(study.find("ParticipantObjectDetail").attrib["value"]).decode() == SERIES


@pytest.mark.parametrize(
    ("event", "name", "code", "kind"),
    [
        (Event.USER_CREATE, "bob", "11", "1"),
        (Event.SIGN_IN, "bob", "11", "1"),
        (Event.PROJECT_CREATE, "lung", "12", "2"),
        (Event.ACCESS_REFUSED, "thing", "12", "2"),
        (Event.JOB_START, "job7", "12", "2"),
    ],
)
def test_accounts_are_users_and_other_names_are_things(event, name, code, kind):
    found = ElementTree.fromstring(message(event, objects=(name,))).find("ParticipantObjectIdentification")
    assert found.find("ParticipantObjectIDTypeCode").attrib["csd-code"] == code
    assert found.attrib["ParticipantObjectTypeCode"] == kind


def test_use_of_the_log_names_the_log():
    found = ElementTree.fromstring(message(Event.LOG_EXPORT)).find("ParticipantObjectIdentification")
    assert found.findtext("ParticipantObjectName") == "Security Audit Log"
    assert found.attrib["ParticipantObjectTypeCodeRole"] == "13"


def test_an_act_that_begins_says_so():
    root = ElementTree.fromstring(message(Event.STUDY_DELETE, Outcome.BEGUN))
    assert root.find("EventIdentification").attrib["EventOutcomeIndicator"] == "0"
    assert root.findtext("EventIdentification/EventOutcomeDescription") == "begun"
