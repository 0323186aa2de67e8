"""Many cases measured, by several processes; one that fails is an answer too, and keeps none of the others."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.core.quality import QualityIssue, Severity, issue_of
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.measuring.deep_settings import DeepSettings
from hounsfield.measuring.habitats import HabitatSettings, habitat_features, habitat_map, write_habitats
from hounsfield.measuring.perturbed import perturbed_values
from hounsfield.measuring.regions import InputDigest, NamedRegion, OpenedSource, open_regions
from hounsfield.measuring.sources import RegionSource
from hounsfield.radiomics import FeatureSet, RadiomicsSettings, extract, named_settings

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MeasuringOptions:
    """How cases are measured.

    Attributes:
        settings: of the extraction; None takes ``default``, and ``default-2d`` for images of one slice.
        workers: processes.
        threads: of each process.
        limits: bounds on what is read.
        perturbations: how often each region is measured again, changed a little; 0 measures it once.
        seed: of these changes, which are the same for every region.
        deep: whose deep features stand beside the others; None for none.
        habitats: into how many parts each region is divided, which are measured as well; None for none.
    """

    settings: RadiomicsSettings | None = None
    workers: int = 1
    threads: int = 1
    limits: Limits = field(default_factory=lambda: DEFAULT_LIMITS)
    perturbations: int = 0
    seed: int = 0
    deep: DeepSettings | None = None
    habitats: HabitatSettings | None = None

    def settings_for(self, volume: Volume) -> RadiomicsSettings:
        """Return the settings for an image."""
        if self.settings is not None:
            return self.settings
        return named_settings("default-2d" if volume.geometry.shape[0] == 1 else "default")


@dataclass(frozen=True)
class MeasuredRegion:
    """What came of one region, or of a case whose regions could not be read.

    Attributes:
        source: the case.
        region: which of its regions, None where the case failed as a whole.
        found: its features, None where it failed.
        fault: why it failed.
        inputs: digests of image and mask.
        issues: what was found out about the image.
        perturbed: values of the features under each perturbation, in their order; NaN where there were none.
    """

    source: RegionSource
    region: NamedRegion | None = None
    found: FeatureSet | None = None
    fault: QualityIssue | None = None
    inputs: tuple[InputDigest, ...] = ()
    issues: tuple[QualityIssue, ...] = ()
    perturbed: tuple[tuple[float, ...], ...] = ()


DEFAULT_OPTIONS = MeasuringOptions()


def measure(
    sources: Sequence[RegionSource], options: MeasuringOptions = DEFAULT_OPTIONS, progress: Progress | None = None
) -> tuple[MeasuredRegion, ...]:
    """Measure the regions of many cases, in their order.

    A case or region that fails is a ``MeasuredRegion`` with its fault. A process that dies takes its case with it:
    those that were waiting are measured again, each in a process of its own.

    Args:
        sources: the cases.
        options: settings, processes and bounds.
        progress: told (cases done, cases).
    """
    found: dict[int, tuple[MeasuredRegion, ...]] = {}

    def take(index: int, regions: tuple[MeasuredRegion, ...]) -> None:
        found[index] = regions
        if progress is not None:
            progress(len(found), len(sources))

    if options.workers <= 1 or len(sources) <= 1:
        for index, source in enumerate(sources):
            take(index, measure_case(source, options))
    else:
        for index, regions in _in_processes(sources, options):
            take(index, regions)
    return tuple(region for index in sorted(found) for region in found[index])


def measure_case(source: RegionSource, options: MeasuringOptions = DEFAULT_OPTIONS) -> tuple[MeasuredRegion, ...]:
    """Measure every region of a case; it raises nothing that the data can bring about."""
    try:
        opened = open_regions(source, options.limits)
    except (HounsfieldError, OSError, ValueError, MemoryError) as error:
        return (MeasuredRegion(source, fault=_fault(source, error)),)
    found: list[MeasuredRegion] = []
    try:
        found.extend(_measured(opened, options))
    except (HounsfieldError, OSError, ValueError, MemoryError) as error:
        fault = _fault(source, error)
        found.append(MeasuredRegion(source, fault=fault, inputs=opened.inputs, issues=opened.issues))
    return tuple(found)


def _measured(opened: OpenedSource, options: MeasuringOptions) -> Iterator[MeasuredRegion]:
    settings = options.settings_for(opened.volume)
    # whoever states whether samples are rounded knows what they are
    issues = tuple(issue for issue in opened.issues if issue.code != "Q970" or settings.rounds is None)
    for region, mask in opened.regions():
        common = opened.source, region
        case = opened.volume, mask, region.label
        try:
            found = extract(opened.volume, mask, settings, label=region.label, threads=options.threads)
            again = perturbed_values(case, found, options.perturbations, options.seed)
            found, inputs = _with_deep(opened, mask, region, found, options.deep)
        except (HounsfieldError, MemoryError) as error:
            yield MeasuredRegion(*common, None, _fault(opened.source, error), opened.inputs, issues)
        else:
            yield MeasuredRegion(*common, found, None, inputs, issues, again)
            if options.habitats is not None:
                yield from _habitats(opened, mask, region, settings, options.habitats)


def _with_deep(
    opened: OpenedSource, mask: Mask, region: NamedRegion, found: FeatureSet, deep: DeepSettings | None
) -> tuple[FeatureSet, tuple[InputDigest, ...]]:
    """Return features with those of a network behind them, and what was read with its digests."""
    if deep is None:
        return found, opened.inputs
    from hounsfield.measuring.deep import deep_features

    headers = opened.study, opened.series, opened.volume
    more, (name, digest) = deep_features(headers, mask.array == region.label, deep)
    return replace(found, features=(*found.features, *more)), (*opened.inputs, InputDigest("model", name, digest))


def _habitats(
    opened: OpenedSource, mask: Mask, region: NamedRegion, settings: RadiomicsSettings, wanted: HabitatSettings
) -> Iterator[MeasuredRegion]:
    """Give each habitat of a region as a region of its own."""
    try:
        habitats = habitat_map(opened.volume, mask, region.label, settings, wanted.count)
        path = wanted.path(opened.source.identifier, region.label)
        if path is not None:
            write_habitats(habitats, path)
    except HounsfieldError as error:
        whole = replace(region, habitat=1)
        yield MeasuredRegion(opened.source, whole, None, _fault(opened.source, error), opened.inputs)
        return
    for number, found in habitat_features(opened.volume, habitats, settings):
        own = replace(region, habitat=number)
        if isinstance(found, HounsfieldError):
            yield MeasuredRegion(opened.source, own, None, _fault(opened.source, found), opened.inputs)
        else:
            yield MeasuredRegion(opened.source, own, found, None, opened.inputs)


def _fault(source: RegionSource, error: Exception) -> QualityIssue:
    if not isinstance(error, HounsfieldError):
        error = DatasetError("E818", case=source.identifier, reason=type(error).__name__)
    told = issue_of(error)
    # facts cross from one process to another as words
    return QualityIssue(told.code, told.severity, {name: str(value) for name, value in told.facts.items()}, told.uid)


def _in_processes(
    sources: Sequence[RegionSource], options: MeasuringOptions
) -> Iterator[tuple[int, tuple[MeasuredRegion, ...]]]:
    lost: list[int] = []
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        waiting: dict[Future[tuple[MeasuredRegion, ...]], int] = {
            pool.submit(measure_case, source, options): index for index, source in enumerate(sources)
        }
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                index = waiting.pop(future)
                try:
                    yield index, future.result()
                except BrokenProcessPool:
                    lost.append(index)
    for index in sorted(lost):
        yield index, _alone(sources[index], options)


def _alone(source: RegionSource, options: MeasuringOptions) -> tuple[MeasuredRegion, ...]:
    """Measure a case in a process of its own, which may die without harm to others."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        try:
            return pool.submit(measure_case, source, options).result()
        except BrokenProcessPool:
            fault = QualityIssue("E973", Severity.REJECT, {"case": source.identifier})
            return (MeasuredRegion(source, fault=fault),)
