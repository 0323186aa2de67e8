"""What an association agrees on (PS3.8 section 7.1, PS3.7 annex D): contexts, roles and lengths.

The items of A-ASSOCIATE are read and written by pynetdicom; what is accepted is decided here.
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext

from hounsfield.errors import BadRequest

IMPLEMENTATION_CLASS_UID = "1.2.826.0.1.3680043.10.1766.1"
IMPLEMENTATION_VERSION = "HOUNSFIELD"
VERIFICATION = "1.2.840.10008.1.1"
STORAGE = "storage"
"""Stands among the services for every SOP class of storage."""
_UNCOMPRESSED = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_NOT_SUPPORTED, _NO_TRANSFER_SYNTAX = 3, 4
_MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    AssertionError,
    struct.error,
)
"""What pynetdicom raises on octets that are no A-ASSOCIATE-RQ."""


@dataclass(frozen=True)
class Proposal:
    """What a peer asks for.

    Attributes:
        calling: its AE title.
        called: the AE title it believes to speak to.
        contexts: of the presentation, as proposed.
        roles: SOP classes whose SCP the requester offers to be, as C-GET needs.
        largest: longest P-DATA-TF it takes, 0 for any.
    """

    calling: str
    called: str
    contexts: tuple[PresentationContext, ...]
    roles: frozenset[str] = frozenset()
    largest: int = 0


@dataclass(frozen=True)
class Context:
    """An accepted presentation context.

    Attributes:
        context_id: odd number.
        abstract_syntax: SOP class or service.
        transfer_syntax: of its data sets.
        is_reversed: the requester is the SCP: we may send C-STORE over it.
    """

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    is_reversed: bool = False


@dataclass(frozen=True)
class Agreement:
    """What holds for an association.

    Attributes:
        proposal: what was asked.
        contexts: accepted, by number.
        largest: longest P-DATA-TF the peer takes, 0 for any.
    """

    proposal: Proposal
    contexts: Mapping[int, Context]
    largest: int

    def context(self, context_id: int) -> Context:
        """Return an accepted context.

        Raises:
            BadRequest: ``E490``, it was not accepted.
        """
        if context_id not in self.contexts:
            raise BadRequest("E490", found="presentation context")
        return self.contexts[context_id]


def is_storage(abstract_syntax: str) -> bool:
    """Tell whether a SOP class is one of storage (PS3.4 annex B.5), private ones of that root included."""
    return abstract_syntax.startswith(_STORAGE)


def read_proposal(body: bytes) -> Proposal:
    """Read an A-ASSOCIATE-RQ.

    Args:
        body: the unit after its header.

    Raises:
        BadRequest: ``E490``, it is not one.
    """
    request = A_ASSOCIATE_RQ()
    try:
        request.decode(b"\1\0" + struct.pack(">L", len(body)) + body)
        primitive = request.to_primitive()
        contexts = tuple(primitive.presentation_context_definition_list)
        calling, called = str(primitive.calling_ae_title).strip(), str(primitive.called_ae_title).strip()
        largest = primitive.maximum_length_received or 0
        is_of_dicom = primitive.application_context_name == _APPLICATION_CONTEXT
        roles = frozenset(
            str(item.sop_class_uid)
            for item in primitive.user_information
            if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.scp_role
        )
        is_whole = all(item.context_id and item.abstract_syntax and item.transfer_syntax for item in contexts)
    except _MALFORMED as error:
        raise BadRequest("E490", found="A-ASSOCIATE-RQ") from error
    if not is_of_dicom or not is_whole:
        raise BadRequest("E490", found="A-ASSOCIATE-RQ")
    return Proposal(calling, called, contexts, roles, largest)


def agree(
    proposal: Proposal, services: Collection[str], transfer_syntaxes: Collection[str], capacity: int
) -> tuple[Agreement, bytes]:
    """Decide on a proposal.

    Args:
        proposal: what is asked.
        services: SOP classes of services that are offered; ``STORAGE`` stands for all of storage.
        transfer_syntaxes: of stored data sets; services take the two uncompressed ones.
        capacity: longest P-DATA-TF that we take.

    Returns:
        What holds, and the A-ASSOCIATE-AC that says so.
    """
    accepted: dict[int, Context] = {}
    results = []
    for proposed in proposal.contexts:
        abstract = str(proposed.abstract_syntax)
        number = int(proposed.context_id or 0)
        offered = [str(uid) for uid in proposed.transfer_syntax]
        reason = 0
        chosen = offered[0]
        if abstract in services:
            chosen = next((uid for uid in offered if uid in _UNCOMPRESSED), "")
        elif is_storage(abstract) and STORAGE in services:
            chosen = next((uid for uid in offered if uid in transfer_syntaxes), "")
        else:
            reason = _NOT_SUPPORTED
        if not chosen:
            chosen, reason = offered[0], _NO_TRANSFER_SYNTAX
        if not reason:
            accepted[number] = Context(number, abstract, chosen, abstract in proposal.roles)
        results.append(_result(number, abstract, chosen, reason))
    agreement = Agreement(proposal, MappingProxyType(accepted), proposal.largest)
    return agreement, _acceptance(agreement, results, capacity)


def _result(number: int, abstract: str, transfer: str, reason: int) -> PresentationContext:
    context = PresentationContext()
    context.context_id = number
    context.abstract_syntax = abstract
    context.transfer_syntax = [transfer]
    context.result = reason
    return context


def _acceptance(agreement: Agreement, results: list[PresentationContext], capacity: int) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = _APPLICATION_CONTEXT
    primitive.calling_ae_title = agreement.proposal.calling
    primitive.called_ae_title = agreement.proposal.called
    primitive.result, primitive.result_source = 0, 1
    primitive.presentation_context_definition_results_list = results
    length = MaximumLengthNotification()
    length.maximum_length_received = capacity
    own = ImplementationClassUIDNotification()
    own.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION
    taken = {context.abstract_syntax for context in agreement.contexts.values() if context.is_reversed}
    roles = []
    for abstract in sorted(taken):
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid = abstract
        role.scu_role, role.scp_role = True, True
        roles.append(role)
    primitive.user_information = [length, own, version, *roles]
    unit = A_ASSOCIATE_AC()
    unit.from_primitive(primitive)
    return bytes(unit.encode())
