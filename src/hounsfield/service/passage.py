"""One request on its way through the service: its identifier, and whether a policy has spoken yet."""

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

_KEY = "hounsfield.passage"


@dataclass
class Passage:
    """What the edge and the routes tell each other of a request.

    Attributes:
        request_id: random identifier, in the reply, the audit log and the process's log.
        desk: set by the edge: the service.
        context: set by a route once it takes the request under its policy; without it no good reply leaves.
    """

    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    desk: object = None
    context: object = None


def passage_of(scope: MutableMapping[str, Any]) -> Passage:
    """Return the passage of an ASGI scope, begun where there is none."""
    found = scope.setdefault(_KEY, Passage())
    return found if isinstance(found, Passage) else Passage()
