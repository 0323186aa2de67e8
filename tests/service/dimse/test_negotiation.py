"""What is agreed, as pynetdicom reads our answer and as its own acceptor would decide."""

import pytest
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MRImageStorage,
)
from pynetdicom import build_context, build_role
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import negotiate_as_acceptor

from hounsfield.errors import BadRequest
from hounsfield.service.dimse.negotiation import STORAGE, VERIFICATION, agree, is_storage, read_proposal

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
TAKEN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit)


def numbered(contexts):
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    return contexts


def request(contexts, roles=(), largest=16382, application="1.2.840.10008.3.1.1.1"):
    primitive = A_ASSOCIATE()
    primitive.application_context_name = application
    primitive.calling_ae_title, primitive.called_ae_title = "SENDER", "HOUNSFIELD"
    primitive.presentation_context_definition_list = numbered(contexts)
    length, own = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received, own.implementation_class_uid = largest, "1.2.3"
    primitive.user_information = [length, own, *roles]
    unit = A_ASSOCIATE_RQ()
    unit.from_primitive(primitive)
    return unit.encode()[6:]


def answer_to(body, services=(VERIFICATION, STORAGE), capacity=131072):
    agreement, octets = agree(read_proposal(body), services, TAKEN, capacity)
    unit = A_ASSOCIATE_AC()
    unit.decode(octets)
    return agreement, unit.to_primitive()


CASES = {
    "verification": [build_context(VERIFICATION)],
    "storage": [build_context(CTImageStorage), build_context(MRImageStorage)],
    "first of several": [build_context(CTImageStorage, [JPEGBaseline8Bit, ImplicitVRLittleEndian])],
    "second of several": [build_context(CTImageStorage, [ExplicitVRBigEndian, ImplicitVRLittleEndian])],
    "no syntax": [build_context(CTImageStorage, [ExplicitVRBigEndian]), build_context(VERIFICATION)],
    "no service": [build_context(FIND), build_context("1.2.3.4"), build_context(CTImageStorage)],
    "a service takes no pictures": [build_context(VERIFICATION, [JPEGBaseline8Bit])],
    "the same class twice": [
        build_context(CTImageStorage, JPEGBaseline8Bit),
        build_context(CTImageStorage, ExplicitVRLittleEndian),
    ],
    "many": [build_context(f"1.2.840.10008.5.1.4.1.1.{number}") for number in range(1, 129)],
}


@pytest.mark.parametrize("contexts", CASES.values(), ids=CASES)
def test_results_are_those_of_pynetdicoms_acceptor(contexts):
    agreement, told = answer_to(request(contexts))
    abstract = {str(context.abstract_syntax) for context in contexts}
    supported = [build_context(uid, list(TAKEN)) for uid in abstract if is_storage(uid) and uid != FIND]
    supported.append(build_context(VERIFICATION, [ExplicitVRLittleEndian, ImplicitVRLittleEndian]))
    expected, _ = negotiate_as_acceptor(contexts, supported)
    found = told.presentation_context_definition_results_list
    assert [(item.context_id, item.result) for item in found] == [(item.context_id, item.result) for item in expected]
    assert sorted(agreement.contexts) == [item.context_id for item in expected if item.result == 0]
    for item in found:
        if item.result == 0:
            assert agreement.context(item.context_id).transfer_syntax == item.transfer_syntax[0]


def test_the_senders_order_of_syntaxes_counts():
    agreement, _ = answer_to(request([build_context(CTImageStorage, [JPEGBaseline8Bit, ExplicitVRLittleEndian])]))
    assert agreement.context(1).transfer_syntax == JPEGBaseline8Bit


def test_our_answer_names_us_and_what_we_take():
    _, told = answer_to(request([build_context(VERIFICATION)]), capacity=70000)
    assert told.result == 0
    assert told.maximum_length_received == 70000
    assert (told.calling_ae_title, told.called_ae_title) == ("SENDER", "HOUNSFIELD")
    assert told.implementation_class_uid


@pytest.mark.parametrize("largest", [0, 1000, 2**32 - 1])
def test_the_peers_length_is_kept(largest):
    agreement, _ = answer_to(request([build_context(VERIFICATION)], largest=largest))
    assert agreement.largest == largest


def test_a_requester_may_be_the_receiver_as_c_get_needs():
    roles = [build_role(CTImageStorage, scp_role=True), build_role(MRImageStorage, scu_role=True)]
    contexts = [build_context(CTImageStorage), build_context(MRImageStorage)]
    agreement, told = answer_to(request(contexts, roles))
    assert [agreement.context(number).is_reversed for number in (1, 3)] == [True, False]
    told_roles = [item for item in told.user_information if hasattr(item, "scp_role")]
    assert [(str(item.sop_class_uid), item.scp_role) for item in told_roles] == [(CTImageStorage, True)]


def test_nothing_but_what_is_offered_is_agreed():
    agreement, _ = answer_to(request([build_context(CTImageStorage), build_context(VERIFICATION)]), (VERIFICATION,))
    assert [context.abstract_syntax for context in agreement.contexts.values()] == [VERIFICATION]


def test_a_context_that_was_not_agreed_is_none():
    agreement, _ = answer_to(request([build_context("1.2.3")]))
    with pytest.raises(BadRequest) as caught:
        agreement.context(1)
    assert caught.value.code == "E490"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(68),
        request([build_context(VERIFICATION)])[:100],
        request([build_context(VERIFICATION)], application="1.2.840.10008.3.1.1.2"),
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 4,
    ],
    ids=["nothing", "zeros", "cut", "another application", "http"],
)
def test_what_is_no_proposal_is_refused(body):
    with pytest.raises(BadRequest) as caught:
        read_proposal(body)
    assert caught.value.code == "E490"


@pytest.mark.parametrize(
    ("uid", "truth"),
    [
        (CTImageStorage, True),
        ("1.2.840.10008.5.1.4.1.1.66.4", True),
        (FIND, False),
        (VERIFICATION, False),
        ("1.2.840.10008.5.1.4.1.1", False),
        ("1.2.3", False),
    ],
)
def test_which_classes_are_stored(uid, truth):
    assert is_storage(uid) is truth
