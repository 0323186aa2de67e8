"""Options of ``hounsfield radiomics`` that go beyond the features of the manual, and where its answer is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hounsfield.measuring.run import MeasuredRegion, MeasuringOptions
    from hounsfield.messages import Language

Robustness = Annotated[
    int, typer.Option("--robustness", min=0, max=1000, help="Measure each region again under so many changes.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the changes.")]
Habitats = Annotated[
    int, typer.Option("--habitats", min=0, max=9, help="Divide each region into so many parts that look alike.")
]
Deep = Annotated[str | None, typer.Option("--deep", help="Model whose last layer gives features beside the others.")]
DeepMasked = Annotated[bool, typer.Option("--deep-masked", help="Show the model nothing outside the region.")]


@dataclass(frozen=True)
class Beyond:
    """What is asked beyond the features of the manual."""

    robustness: int
    seed: int
    habitats: int
    deep: str | None
    is_masked: bool

    def options(self, output: Path | None, folders: tuple[Path, ...]) -> dict[str, Any]:
        """Return them as fields of the measuring options; a model that cannot be opened is refused here.

        Raises:
            SettingsError: ``E340``, what is written beside the table would take the place of another file.
            ModelError: there is no such model, or it gives no features.
        """
        from hounsfield.image.saving import require_free
        from hounsfield.measuring.deep_settings import DeepSettings
        from hounsfield.measuring.habitats import ENDING, HabitatSettings
        from hounsfield.measuring.robustness import robustness_path

        deep = DeepSettings(self.deep, folders, self.is_masked) if self.deep is not None else None
        if deep is not None:
            from hounsfield.measuring.deep import open_network

            open_network(deep.model, deep.folders)
        folder = output.with_name(output.name[: -len(output.suffix)] + ENDING) if output is not None else None
        if self.habitats and folder is not None:
            require_free(folder)
        if self.robustness and output is not None and output.suffix.lower() != ".json":
            require_free(robustness_path(output))
        habitats = HabitatSettings(self.habitats, folder) if self.habitats else None
        return {"perturbations": self.robustness, "seed": self.seed, "deep": deep, "habitats": habitats}


@dataclass(frozen=True)
class Targets:
    """Where the answer is written."""

    output: Path | None
    page: Path | None
    is_long: bool


def write_answer(
    regions: "tuple[MeasuredRegion, ...]", options: "MeasuringOptions", targets: Targets, language: "Language"
) -> dict[str, Any]:
    """Write table and page, and return what the answer holds beside the regions."""
    from hounsfield.measuring.page import write_page
    from hounsfield.measuring.repeat_page import robustness_views, write_robustness_page
    from hounsfield.measuring.robustness import robustness_json, robustness_of, robustness_path, write_robustness
    from hounsfield.measuring.table import write_table

    robust = robustness_of(regions)
    data = {"robustness": robustness_json(robust, options.seed, language)} if options.perturbations else {}
    if targets.output is not None:
        write_table(regions, targets.output, is_long=targets.is_long, beside=data)
        if robust and targets.output.suffix.lower() != ".json":
            write_robustness(robust, robustness_path(targets.output))
    if targets.page is not None and len({region.source for region in regions}) > 1:
        write_robustness_page(robust, options.seed, targets.page, language)
    elif targets.page is not None:
        views = robustness_views(robust, options.seed)
        write_page(regions, targets.page, language, options.limits, views)
    return data
