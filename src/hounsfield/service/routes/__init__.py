"""The route table: every door of the HTTP service in one list.

To add routes: write ``routes/NAME.py`` (or ``NAME/routes.py`` in a package of the service) with ``ROUTES``, a tuple of
:class:`hounsfield.service.routing.Route`, and add the module here. A row names method, path, endpoint, policy and
event. An endpoint takes ``request: Request`` and asks ``context(request)`` for the principal, the projects it may touch
(``found.projects``: hand them to ``found.desk.store.view``) and the desk.
"""

from hounsfield.service.routing import Route


def route_table() -> tuple[Route, ...]:
    """Return every route of the service."""
    from hounsfield.service.routes import audit, people, session, system, tokens

    return (*system.ROUTES, *session.ROUTES, *tokens.ROUTES, *people.ROUTES, *audit.ROUTES)
