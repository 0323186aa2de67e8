"""The kinds of event in the audit log, with their codes in DICOM PS3.16 (CID 400 and CID 401, edition 2024e)."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class EventKind:
    """What is written of one kind of event.

    Attributes:
        name: our own stable name, a subject and what was done to it.
        event_id: code of the audit event ID, from CID 400.
        event_type: code of the audit event type, from CID 401, or an empty string.
        action: C create, R read, U update, D delete, E execute (PS3.15 A.5.2).
        is_fail_closed: the act is refused where it cannot be written down first.
    """

    name: str
    event_id: str
    event_type: str
    action: str
    is_fail_closed: bool


class Event(Enum):
    """Every kind of event: a route, a DIMSE service or a verb names one of these."""

    SERVICE_START = EventKind("service.start", "110100", "110120", "E", False)
    SERVICE_STOP = EventKind("service.stop", "110100", "110121", "E", False)
    LOG_OPEN = EventKind("audit.open", "110100", "110134", "E", False)
    LOG_READ = EventKind("audit.read", "110101", "", "R", False)
    LOG_VERIFY = EventKind("audit.verify", "110101", "", "R", False)
    LOG_EXPORT = EventKind("audit.export", "110101", "", "R", True)
    SIGN_IN = EventKind("session.start", "110114", "110122", "E", True)
    SIGN_OUT = EventKind("session.end", "110114", "110123", "E", False)
    SESSION_READ = EventKind("session.read", "110114", "", "R", False)
    SESSION_REVOKE = EventKind("session.revoke", "110113", "110137", "D", True)
    PASSWORD_CHANGE = EventKind("password.change", "110113", "110137", "U", True)
    TOKEN_CREATE = EventKind("token.create", "110113", "110137", "C", True)
    TOKEN_READ = EventKind("token.read", "110113", "110137", "R", False)
    TOKEN_REVOKE = EventKind("token.revoke", "110113", "110137", "D", True)
    USER_CREATE = EventKind("user.create", "110113", "110137", "C", True)
    USER_READ = EventKind("user.read", "110113", "110137", "R", False)
    USER_DISABLE = EventKind("user.disable", "110113", "110137", "U", True)
    USER_ENABLE = EventKind("user.enable", "110113", "110137", "U", True)
    ROLE_GRANT = EventKind("role.grant", "110113", "110136", "U", True)
    ROLE_REVOKE = EventKind("role.revoke", "110113", "110136", "U", True)
    PROJECT_CREATE = EventKind("project.create", "110113", "110135", "C", True)
    PROJECT_READ = EventKind("project.read", "110113", "110135", "R", False)
    ACCESS_REFUSED = EventKind("access.refused", "110113", "110132", "E", False)
    STUDY_SEARCH = EventKind("study.search", "110112", "", "E", False)
    STUDY_READ = EventKind("study.read", "110103", "", "R", False)
    STUDY_METADATA = EventKind("study.metadata", "110103", "", "R", False)
    STUDY_RENDER = EventKind("study.render", "110103", "", "R", False)
    STUDY_RETRIEVE = EventKind("study.retrieve", "110104", "", "R", False)
    STUDY_SEND = EventKind("study.send", "110102", "", "E", True)
    STUDY_EXPORT = EventKind("study.export", "110106", "", "R", True)
    STUDY_STORE = EventKind("study.store", "110104", "", "C", True)
    STUDY_IMPORT = EventKind("study.import", "110107", "", "C", True)
    STUDY_DELETE = EventKind("study.delete", "110105", "", "D", True)
    QUARANTINE_READ = EventKind("quarantine.read", "110103", "", "R", False)
    QUARANTINE_RELEASE = EventKind("quarantine.release", "110103", "", "U", True)
    QUARANTINE_DISCARD = EventKind("quarantine.discard", "110103", "", "D", True)
    COMMITMENT = EventKind("study.commit", "110103", "", "R", False)
    WORKLIST_READ = EventKind("worklist.read", "110111", "", "R", False)
    WORKLIST_CHANGE = EventKind("worklist.change", "110111", "", "U", True)
    ORDER_RECEIVE = EventKind("order.receive", "110109", "", "C", True)
    JOB_START = EventKind("job.start", "110100", "", "E", True)
    JOB_READ = EventKind("job.read", "110100", "", "R", False)
    JOB_CANCEL = EventKind("job.cancel", "110100", "", "D", True)
    RESULT_READ = EventKind("result.read", "110103", "", "R", False)
    FINDING_ACCEPT = EventKind("finding.accept", "110103", "", "U", True)
    FINDING_REJECT = EventKind("finding.reject", "110103", "", "U", True)
    MODEL_READ = EventKind("model.read", "110100", "", "R", False)
    MODEL_CHANGE = EventKind("model.change", "110100", "110131", "U", True)
    CONFIGURATION_READ = EventKind("configuration.read", "110100", "", "R", False)
    CONFIGURATION_CHANGE = EventKind("configuration.change", "110100", "110131", "U", True)
    PEER_CHANGE = EventKind("peer.change", "110100", "110128", "U", True)
    ASSOCIATION_OPEN = EventKind("association.open", "110108", "110124", "E", False)
    ASSOCIATION_REFUSED = EventKind("association.refused", "110113", "110126", "E", False)
    BACKUP = EventKind("store.backup", "110106", "", "R", True)
    RESTORE = EventKind("store.restore", "110107", "", "C", True)
    STORE_VERIFY = EventKind("store.verify", "110100", "", "E", False)
    KEY_ROTATE = EventKind("key.rotate", "110113", "110129", "U", True)


EVENTS = {event.value.name: event for event in Event}
"""Events by their stable name."""
