"""Import cycles, those hidden inside functions and under ``TYPE_CHECKING`` included."""

from collections.abc import Collection, Mapping

import grimp


def import_graph(package: str) -> dict[str, set[str]]:
    """Return who imports whom below a package, as grimp reads it from the source without running it.

    The package itself is left out: importing any module imports it, and it names the rooms only to load them on demand.
    """
    graph = grimp.build_graph(package, cache_dir=None)
    modules = graph.modules - {package}
    return {module: graph.find_modules_directly_imported_by(module) & modules for module in modules}


def cycles(imports: Mapping[str, Collection[str]]) -> list[str]:
    """Return each group of modules that reach each other, as one line."""
    reach = {module: _reachable(imports, module) for module in imports}
    groups = {frozenset(other for other in reach[module] if module in reach.get(other, ())) for module in imports}
    return sorted(" <-> ".join(sorted(group)) for group in groups if group)


def _reachable(imports: Mapping[str, Collection[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(imports.get(module, ()))
    return seen
