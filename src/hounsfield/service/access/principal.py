"""Who asks: an account, how it is known, and what it may do in which projects."""

from collections.abc import Iterable
from dataclasses import dataclass

from hounsfield.service.access.roles import EVERYWHERE, PERMISSIONS, Membership, Permission


@dataclass(frozen=True)
class Grant:
    """A permission in a project, or everywhere."""

    permission: Permission
    project: str


@dataclass(frozen=True)
class Principal:
    """An account that has shown who it is.

    Attributes:
        user: its name.
        via: session, token, oidc, terminal or ae.
        grants: what it may do where; a grant everywhere also counts for each project.
        projects: every project there is, for grants everywhere.
        credential: identifier of the session or token, never its secret.
    """

    user: str
    via: str
    grants: frozenset[Grant]
    projects: tuple[str, ...] = ()
    credential: str = ""

    def may(self, permission: Permission, project: str) -> bool:
        """Say whether it may do something in a project, or with :data:`EVERYWHERE` in what belongs to none."""
        return Grant(permission, EVERYWHERE) in self.grants or Grant(permission, project) in self.grants

    def projects_for(self, permission: Permission) -> tuple[str, ...]:
        """Return the projects in which it may do something, in order."""
        return tuple(sorted(project for project in self.projects if self.may(permission, project)))

    def sees(self, project: str) -> bool:
        """Say whether a project exists for it: it has some grant there."""
        return project in self.projects and any(grant.project in (EVERYWHERE, project) for grant in self.grants)

    def narrowed(self, permissions: Iterable[Permission] | None, projects: Iterable[str] | None) -> "Principal":
        """Return the principal with no more than these permissions in these projects; None narrows nothing."""
        grants = self.grants
        if permissions is not None:
            allowed = frozenset(permissions)
            grants = frozenset(grant for grant in grants if grant.permission in allowed)
        if projects is not None:
            named = tuple(projects)
            grants = frozenset(
                Grant(grant.permission, project)
                for grant in grants
                for project in named
                if grant.project in (EVERYWHERE, project)
            )
        return Principal(self.user, self.via, grants, self.projects, self.credential)


def grants_of(memberships: Iterable[Membership]) -> frozenset[Grant]:
    """Return what the table gives to the roles of these memberships."""
    return frozenset(
        Grant(permission, membership.project)
        for membership in memberships
        for permission in PERMISSIONS[membership.role]
    )
