"""``hounsfield info``: version, models, tasks, runtimes and machine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hounsfield.cli.flags import Debug, Json, Tongue
from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.settings import Settings


def info(as_json: Json = False, language: Tongue = None, debug: Debug = False) -> int:
    """Tell what this installation is: version, models, tasks, runtimes, machine."""
    from hounsfield.settings import read_settings

    settings = read_settings({"language": language})
    talk = Talk(as_json, settings.language)
    data = _facts(settings)

    def lines() -> Iterator[str]:
        yield f"hounsfield {data['version']}"
        yield talk.label("research-only")
        for model in data["models"]:
            if "error" in model:
                yield f"  model   {model['name']}  {model['error']['code']} {model['error']['text']}"
                continue
            words = (model["name"], model["version"], model["task"], model["licence"], model["digest"][:12])
            yield "  model   " + "  ".join(words)
        for task in data["tasks"]:
            yield f"  task    {task['name']}: {task['takes_zh' if settings.language == 'zh' else 'takes']}"
        for name, version in data["runtimes"].items():
            yield f"  runtime {name} {version or '-'}"
        yield "  machine " + ", ".join(f"{key} {value}" for key, value in data["machine"].items())

    talk.answer(data, lines)
    return 0


def _facts(settings: "Settings") -> dict[str, Any]:
    from hounsfield import __version__
    from hounsfield.cli.models import model_rows
    from hounsfield.clinical.tasks import all_tasks

    return {
        "version": __version__,
        "models": model_rows(settings.models_folder, settings.language),
        "tasks": [
            {"name": task.name, "takes": task.takes("en"), "takes_zh": task.takes("zh"), "model": task.model}
            for task in all_tasks()
        ],
        "runtimes": _runtimes(),
        "machine": _machine(),
        "settings": {"digest": settings.digest(), **settings.model_dump(mode="json")},
    }


def _runtimes() -> dict[str, str | None]:
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {}
    for name in ("onnxruntime", "torch", "pydicom", "highdicom", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _machine() -> dict[str, Any]:
    import os
    import platform

    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": total,
        "python": platform.python_version(),
    }
