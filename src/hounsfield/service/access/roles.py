"""The one table of who may do what: roles by permissions."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

EVERYWHERE = "*"
"""A membership in every project, those to come included, and in what belongs to no project."""


class Permission(StrEnum):
    """What a route, a DIMSE service or a verb asks for."""

    STUDY_READ = "study.read"
    STUDY_STORE = "study.store"
    STUDY_EXPORT = "study.export"
    STUDY_DELETE = "study.delete"
    QUARANTINE_READ = "quarantine.read"
    QUARANTINE_DECIDE = "quarantine.decide"
    WORKLIST_READ = "worklist.read"
    WORKLIST_CHANGE = "worklist.change"
    JOB_READ = "job.read"
    JOB_RUN = "job.run"
    FINDING_DECIDE = "finding.decide"
    MODEL_READ = "model.read"
    MODEL_CHANGE = "model.change"
    PROJECT_READ = "project.read"
    PROJECT_MANAGE = "project.manage"
    USER_MANAGE = "user.manage"
    CONFIGURATION_READ = "configuration.read"
    CONFIGURATION_CHANGE = "configuration.change"
    METRICS_READ = "metrics.read"
    AUDIT_READ = "audit.read"
    AUDIT_EXPORT = "audit.export"


class Role(StrEnum):
    """What a member of a project is there."""

    READER = "reader"
    TECHNOLOGIST = "technologist"
    DATA_SCIENTIST = "data-scientist"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


_P = Permission
PERMISSIONS: MappingProxyType[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.READER: frozenset(
            {
                _P.STUDY_READ,
                _P.WORKLIST_READ,
                _P.WORKLIST_CHANGE,
                _P.JOB_READ,
                _P.FINDING_DECIDE,
                _P.MODEL_READ,
                _P.PROJECT_READ,
            }
        ),
        Role.TECHNOLOGIST: frozenset(
            {
                _P.STUDY_READ,
                _P.STUDY_STORE,
                _P.QUARANTINE_READ,
                _P.QUARANTINE_DECIDE,
                _P.WORKLIST_READ,
                _P.WORKLIST_CHANGE,
                _P.JOB_READ,
                _P.JOB_RUN,
                _P.PROJECT_READ,
            }
        ),
        Role.DATA_SCIENTIST: frozenset(
            {
                _P.STUDY_READ,
                _P.STUDY_EXPORT,
                _P.JOB_READ,
                _P.JOB_RUN,
                _P.MODEL_READ,
                _P.MODEL_CHANGE,
                _P.PROJECT_READ,
            }
        ),
        Role.ADMINISTRATOR: frozenset(
            {
                _P.STUDY_DELETE,
                _P.QUARANTINE_READ,
                _P.QUARANTINE_DECIDE,
                _P.JOB_READ,
                _P.MODEL_READ,
                _P.PROJECT_READ,
                _P.PROJECT_MANAGE,
                _P.USER_MANAGE,
                _P.CONFIGURATION_READ,
                _P.CONFIGURATION_CHANGE,
                _P.METRICS_READ,
            }
        ),
        Role.AUDITOR: frozenset({_P.AUDIT_READ, _P.AUDIT_EXPORT, _P.METRICS_READ, _P.PROJECT_READ}),
    }
)
"""Nobody has every permission: who changes the users does not read the log of it, unless two roles are given."""


@dataclass(frozen=True, order=True)
class Membership:
    """A role in a project, or everywhere."""

    project: str
    role: Role
