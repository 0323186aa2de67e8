"""The table of rights, read against what each role must never hold, and how grants narrow."""

import pytest

from hounsfield.service.access.principal import Grant, Principal, grants_of
from hounsfield.service.access.roles import EVERYWHERE, PERMISSIONS, Membership, Permission, Role

FORBIDDEN = {
    Role.READER: {"study.store", "study.export", "study.delete", "user.manage", "audit.read", "model.change"},
    Role.TECHNOLOGIST: {"study.export", "study.delete", "user.manage", "audit.read", "finding.decide", "model.change"},
    Role.DATA_SCIENTIST: {"study.delete", "user.manage", "audit.read", "finding.decide", "quarantine.decide"},
    Role.ADMINISTRATOR: {"study.read", "study.export", "audit.read", "audit.export", "finding.decide"},
    Role.AUDITOR: {"study.read", "study.export", "study.delete", "user.manage", "project.manage"},
}
"""Duties that are kept apart, by the machine names of the permissions."""
NEEDED = {
    Role.READER: {"study.read", "finding.decide", "worklist.read"},
    Role.TECHNOLOGIST: {"study.read", "study.store", "quarantine.decide", "job.run"},
    Role.DATA_SCIENTIST: {"study.read", "study.export", "model.change", "job.run"},
    Role.ADMINISTRATOR: {"user.manage", "project.manage", "configuration.change", "study.delete"},
    Role.AUDITOR: {"audit.read", "audit.export"},
}


@pytest.mark.parametrize("role", Role)
def test_duties_are_kept_apart(role):
    assert {str(permission) for permission in PERMISSIONS[role]} & FORBIDDEN[role] == set()


@pytest.mark.parametrize("role", Role)
def test_a_role_can_do_its_work(role):
    assert NEEDED[role] <= {str(permission) for permission in PERMISSIONS[role]}


def test_every_role_has_a_row_and_every_permission_somebody():
    assert set(PERMISSIONS) == set(Role)
    assert frozenset().union(*PERMISSIONS.values()) == frozenset(Permission)


def test_no_role_has_everything():
    assert all(PERMISSIONS[role] < frozenset(Permission) for role in Role)


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        PERMISSIONS[Role.READER] = frozenset(Permission)


# ---- principals


def principal(*memberships: tuple[str, Role], projects: tuple[str, ...] = ("a", "b", "c")) -> Principal:
    return Principal("ann", "session", grants_of(Membership(*pair) for pair in memberships), projects)


@pytest.mark.parametrize(
    ("memberships", "permission", "expected"),
    [
        ((), Permission.STUDY_READ, ()),
        ((("a", Role.READER),), Permission.STUDY_READ, ("a",)),
        ((("a", Role.READER), ("c", Role.TECHNOLOGIST)), Permission.STUDY_READ, ("a", "c")),
        ((("a", Role.READER), ("c", Role.TECHNOLOGIST)), Permission.STUDY_STORE, ("c",)),
        (((EVERYWHERE, Role.READER),), Permission.STUDY_READ, ("a", "b", "c")),
        (((EVERYWHERE, Role.READER), ("b", Role.AUDITOR)), Permission.AUDIT_READ, ("b",)),
        ((("gone", Role.READER),), Permission.STUDY_READ, ()),
    ],
)
def test_projects_are_those_where_a_role_gives_the_permission(memberships, permission, expected):
    assert principal(*memberships).projects_for(permission) == expected


def test_a_grant_in_a_project_is_none_on_the_site():
    member = principal(("a", Role.ADMINISTRATOR))
    assert member.may(Permission.USER_MANAGE, "a")
    assert not member.may(Permission.USER_MANAGE, EVERYWHERE)
    assert principal((EVERYWHERE, Role.ADMINISTRATOR)).may(Permission.USER_MANAGE, EVERYWHERE)


@pytest.mark.parametrize(
    ("memberships", "project", "sees"),
    [
        ((("a", Role.AUDITOR),), "a", True),
        ((("a", Role.AUDITOR),), "b", False),
        (((EVERYWHERE, Role.AUDITOR),), "b", True),
        (((EVERYWHERE, Role.AUDITOR),), "none", False),
        ((), "a", False),
        ((("a", Role.READER),), EVERYWHERE, False),
    ],
)
def test_a_project_exists_for_those_who_have_something_there(memberships, project, sees):
    assert principal(*memberships).sees(project) is sees


@pytest.mark.parametrize(
    ("permissions", "projects", "expected"),
    [
        (None, None, {"study.read *", "study.store *"}),
        ((Permission.STUDY_READ,), None, {"study.read *"}),
        (None, ("a",), {"study.read a", "study.store a"}),
        ((Permission.STUDY_READ,), ("a", "b"), {"study.read a", "study.read b"}),
        ((), None, set()),
        (None, (), set()),
        ((Permission.USER_MANAGE,), None, set()),
        ((Permission.STUDY_READ,), (EVERYWHERE,), {"study.read *"}),
    ],
)
def test_narrowing_never_widens(permissions, projects, expected):
    wide = Principal(
        "ann",
        "token",
        frozenset({Grant(Permission.STUDY_READ, EVERYWHERE), Grant(Permission.STUDY_STORE, EVERYWHERE)}),
        ("a", "b"),
    )
    narrow = wide.narrowed(permissions, projects)
    assert {f"{grant.permission} {grant.project}" for grant in narrow.grants} == expected
    assert (narrow.user, narrow.via, narrow.projects) == (wide.user, wide.via, wide.projects)


def test_narrowing_to_everywhere_gives_a_member_of_one_project_nothing_more():
    member = Principal("ann", "token", frozenset({Grant(Permission.STUDY_READ, "a")}), ("a", "b"))
    assert member.narrowed(None, (EVERYWHERE,)).grants == frozenset()
    assert member.narrowed(None, ("a", "b")).projects_for(Permission.STUDY_READ) == ("a",)
