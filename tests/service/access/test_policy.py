"""Policies by themselves: every scope × who asks, against the rule written out a second time."""

import itertools

import pytest

from hounsfield.errors import Forbidden, HounsfieldError, NotFound, Unauthenticated
from hounsfield.service.access.policy import OWN, PUBLIC, Policy, Scope, in_project, in_view, on_site
from hounsfield.service.access.principal import Principal, grants_of
from hounsfield.service.access.roles import EVERYWHERE, PERMISSIONS, Membership, Permission, Role

PROJECTS = ("a", "b")
PEOPLE = [
    Principal(f"{role}@{place}", "session", grants_of([Membership(place, role)]), PROJECTS)
    for role in Role
    for place in (*PROJECTS, EVERYWHERE)
]
NOBODY = Principal("nobody", "session", frozenset(), PROJECTS)


def admitted(policy: Policy, principal: Principal | None, project: str = "") -> tuple[str, ...] | str:
    """Return the projects admitted to, or the code of the refusal."""
    try:
        return policy.admit(principal, project)
    except HounsfieldError as error:
        return error.code


def rule(scope: Scope, permission: Permission, principal: Principal, project: str) -> tuple[str, ...] | str:
    """Return what must come of it, by the name of the person alone."""
    role, _, place = principal.user.partition("@")
    has_role = permission in PERMISSIONS[Role(role)]
    if scope is Scope.SITE:
        return PROJECTS if has_role and place == EVERYWHERE else "E271"
    if scope is Scope.VIEW:
        held = PROJECTS if place == EVERYWHERE else (place,)
        return held if has_role else "E271"
    if project not in PROJECTS or place not in (EVERYWHERE, project):
        return "E272"
    return (project,) if has_role else "E271"


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("scope", [Scope.SITE, Scope.VIEW, Scope.PROJECT])
def test_every_role_everywhere_is_admitted_as_the_rule_says(scope, permission):
    policy = Policy(scope, permission)
    for principal, project in itertools.product(PEOPLE, ("a", "b", "none", EVERYWHERE, "")):
        assert admitted(policy, principal, project) == rule(scope, permission, principal, project), principal.user


@pytest.mark.parametrize("permission", Permission)
def test_who_has_nothing_is_admitted_to_nothing(permission):
    assert admitted(in_view(permission), NOBODY) == "E271"
    assert admitted(on_site(permission), NOBODY) == "E271"
    assert admitted(in_project(permission), NOBODY, "a") == "E272"


@pytest.mark.parametrize("policy", [OWN, *(make(Permission.STUDY_READ) for make in (in_view, in_project, on_site))])
def test_who_is_not_known_is_asked_to_sign_in(policy):
    with pytest.raises(Unauthenticated, match="E270"):
        policy.admit(None, "a")


def test_public_and_own_give_no_project():
    assert PUBLIC.admit(None) == PUBLIC.admit(NOBODY) == OWN.admit(NOBODY) == ()
    assert all(OWN.admit(principal) == () for principal in PEOPLE)


@pytest.mark.parametrize("scope", [Scope.SITE, Scope.VIEW, Scope.PROJECT])
def test_a_scope_without_a_permission_admits_nobody(scope):
    for principal in PEOPLE:
        with pytest.raises(Forbidden, match="E271"):
            Policy(scope).admit(principal, "a")


def test_a_project_that_was_taken_away_is_not_there():
    gone = Principal("ann", "session", grants_of([Membership("old", Role.READER)]), PROJECTS)
    with pytest.raises(NotFound, match="E272"):
        in_project(Permission.STUDY_READ).admit(gone, "old")
    assert admitted(in_view(Permission.STUDY_READ), gone) == "E271"
