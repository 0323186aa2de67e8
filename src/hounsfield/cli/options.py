"""From settings and flags to the arguments of the pipeline."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hounsfield.pipeline import Options
    from hounsfield.settings import Settings


def pipeline_options(settings: "Settings", task: str | None = None, model: str | None = None) -> "Options":
    """Return the pipeline's options for the resolved settings."""
    from hounsfield.archive.limits import Limits
    from hounsfield.pipeline import Options

    return Options(
        task=task,
        model=model,
        language=settings.language,
        threads=settings.threads,
        model_folders=(settings.models_folder,) if settings.models_folder else (),
        limits=Limits(
            max_files=settings.max_files,
            max_pixel_bytes=settings.max_pixel_bytes,
            max_archive_bytes=settings.max_archive_bytes,
        ),
        settings_digest=settings.digest(),
    )
