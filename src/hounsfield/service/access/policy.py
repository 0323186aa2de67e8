"""What a door asks for before it opens; each route and each DIMSE service names one policy, and none is the default."""

from dataclasses import dataclass
from enum import Enum

from hounsfield.errors import Forbidden, NotFound, Unauthenticated
from hounsfield.service.access.principal import Principal
from hounsfield.service.access.roles import EVERYWHERE, Permission


class Scope(Enum):
    """Where the permission must be held."""

    PUBLIC = "nobody need be known"
    SELF = "any account, for what is its own"
    VIEW = "in at least one project; what is seen is that of those projects"
    PROJECT = "in the project that the path names"
    SITE = "everywhere: what is asked for belongs to no project"


@dataclass(frozen=True)
class Policy:
    """A permission and where it must be held."""

    scope: Scope
    permission: Permission | None = None

    def admit(self, principal: Principal | None, project: str = "") -> tuple[str, ...]:
        """Return the projects that the request may touch.

        Args:
            principal: who asks, None where nobody is known.
            project: the project named by the path.

        Raises:
            Unauthenticated: ``E270``, nobody is known.
            NotFound: ``E272``, the project is not there for this account.
            Forbidden: ``E271``, its roles do not allow it.
        """
        if self.scope is Scope.PUBLIC:
            return ()
        if principal is None:
            raise Unauthenticated("E270")
        if self.scope is Scope.SELF:
            return ()
        if self.permission is None:
            raise Forbidden("E271", found="-")
        if self.scope is Scope.PROJECT:
            return self._admit_to(principal, project, self.permission)
        if self.scope is Scope.SITE:
            if not principal.may(self.permission, EVERYWHERE):
                raise Forbidden("E271", found=self.permission)
            return principal.projects
        projects = principal.projects_for(self.permission)
        if not projects:
            raise Forbidden("E271", found=self.permission)
        return projects

    @staticmethod
    def _admit_to(principal: Principal, project: str, permission: Permission) -> tuple[str, ...]:
        if not principal.sees(project):
            raise NotFound("E272")
        if not principal.may(permission, project):
            raise Forbidden("E271", found=permission)
        return (project,)


PUBLIC = Policy(Scope.PUBLIC)
OWN = Policy(Scope.SELF)


def in_view(permission: Permission) -> Policy:
    """Return the policy of what is found among all projects where a permission is held."""
    return Policy(Scope.VIEW, permission)


def in_project(permission: Permission) -> Policy:
    """Return the policy of a path with ``{project}``."""
    return Policy(Scope.PROJECT, permission)


def on_site(permission: Permission) -> Policy:
    """Return the policy of what belongs to no project."""
    return Policy(Scope.SITE, permission)
