"""From settings and flags to the arguments of the pipeline, and from what came of it to the exit code."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from hounsfield.pipeline import Options
    from hounsfield.settings import Settings


def pipeline_options(
    settings: "Settings",
    task: str | None = None,
    model: str | None = None,
    facts: "Path | None" = None,
    prompts: "Path | None" = None,
) -> "Options":
    """Return the pipeline's options for the resolved settings, with the patient facts and the lesions of files.

    Raises:
        SettingsError: ``E260``, ``E261``, the file of facts cannot be used; ``E246``, that of lesions.
    """
    from hounsfield.archive.limits import Limits
    from hounsfield.clinical.facts import NO_FACTS, read_facts
    from hounsfield.clinical.tumour.lesion_file import read_lesions
    from hounsfield.pipeline import Options

    return Options(
        task=task,
        model=model,
        language=settings.language,
        threads=settings.threads,
        facts=read_facts(facts) if facts else NO_FACTS,
        lesions=read_lesions(prompts) if prompts else None,
        model_folders=(settings.models_folder,) if settings.models_folder else (),
        limits=Limits(
            max_files=settings.max_files,
            max_pixel_bytes=settings.max_pixel_bytes,
            max_archive_bytes=settings.max_archive_bytes,
            isolated=settings.isolated,
        ),
        settings_digest=settings.digest(),
    )


def exit_code(is_good: Sequence[bool], data: Mapping[str, Any]) -> int:
    """Return 0 when everything went well, 1 when a fault was ours alone, 3 when all was refused, 4 when some was."""
    has_failed = any(entry.get("status") == "failed" for entry in data["studies"])
    if is_good and all(is_good) and not data["refused"]:
        return 0
    if any(is_good):
        return 4
    return 1 if has_failed else 3
