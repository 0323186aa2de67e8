"""The route table: every door of the HTTP service in one list.

To add routes: write ``routes/NAME.py`` (or ``NAME/routes.py`` in a package of the service) with ``ROUTES``, a tuple of
:class:`hounsfield.service.routing.Route`, and add the module here. A row names method, path, endpoint, policy and
event. An endpoint takes ``request: Request`` and asks ``context(request)`` for the principal, the projects it may touch
(``studies.view_of(found)`` is the store limited to them) and the desk.
"""

from hounsfield.service.routing import Route


def route_table() -> tuple[Route, ...]:
    """Return every route of the service."""
    from hounsfield.service.dicomweb import routes as dicomweb
    from hounsfield.service.routes import app_files, audit, people, session, studies, system, tokens

    modules = (system, session, tokens, people, audit, studies, app_files, dicomweb)
    return tuple(row for module in modules for row in module.ROUTES)
