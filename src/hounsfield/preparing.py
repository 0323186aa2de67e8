"""Preparing: a source in, one of its volumes through steps, and the result out with its trace and a page of both."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.local import LocalArchive, open_source
from hounsfield.core.trace import Trace
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError, SettingsError
from hounsfield.image.display import display_window, to_display
from hounsfield.image.write import require_target, write_volume
from hounsfield.messages import Language
from hounsfield.metrics.fidelity import (
    edge_strength,
    gradient_correlation_score,
    noise_deviation,
    psnr_score,
    ssim_score,
)
from hounsfield.opening import assemblies
from hounsfield.prepare.sequence import apply_steps, replay_trace
from hounsfield.prepare.step import Step
from hounsfield.report.comparison import Comparison, Figure, write_comparison
from hounsfield.report.files import write_atomic

Shown = npt.NDArray[np.floating]


@dataclass(frozen=True)
class PreparingOptions:
    """How a volume is prepared.

    Attributes:
        volume_number: which volume of the source, from 1; None where there is one alone.
        reference: a source whose only volume is the truth, on the grid of the result, for the page.
        language: first language of the page.
        limits: bounds on what is read.
    """

    volume_number: int | None = None
    reference: Path | None = None
    language: Language = "en"
    limits: Limits = field(default_factory=lambda: DEFAULT_LIMITS)


DEFAULT_OPTIONS = PreparingOptions()


@dataclass(frozen=True)
class Prepared:
    """What came of it: the volume, what was done, the files written, and the figures of the page."""

    volume: Volume
    trace: Trace
    files: tuple[Path, ...]
    comparison: Comparison


def prepare_volume(
    source: Path | str, output: Path | str, steps: Sequence[Step] | Trace, options: PreparingOptions = DEFAULT_OPTIONS
) -> Prepared:
    """Prepare a volume of a source and write it, with ``<output>.trace.json`` and ``<output>.before-after.html``.

    Args:
        source: file, folder, zip or DICOMDIR.
        output: ``.nii.gz``, ``.nii`` or ``.nrrd``, else a folder for derived DICOM; what stands there is never
            overwritten.
        steps: what to do; a trace is replayed with its recorded parameters to the same samples.
        options: which volume, and how the page looks.

    Raises:
        ArchiveError: nothing in the source can be used.
        PrepareError: a step cannot be applied.
        SettingsError: ``E463``, there is no such volume; ``E343``, the output has no name; ``E340``, something stands
            there.
        ImageError: the volume cannot be read or written.

    Example:
        >>> from tempfile import mkdtemp
        >>> from pydicom.data import get_testdata_file
        >>> from hounsfield.prepare.sequence import build_steps
        >>> steps = build_steps([{"step": "clahe", "clip": 0.02}])
        >>> prepared = prepare_volume(get_testdata_file("CT_small.dcm"), Path(mkdtemp()) / "after.nii.gz", steps)
        >>> prepared.volume.enhanced_by
        ('clahe',)
    """
    target = Path(output)
    require_target(target)
    reference = None
    if options.reference is not None:
        with open_source(options.reference, options.limits, digests=False) as archive:
            reference = _only(archive, None, options.limits)
    with open_source(Path(source), options.limits, digests=False) as archive:
        before = _only(archive, options.volume_number, options.limits)
        after, trace = run_steps(steps, before)
        files = write_volume(after, target, describe(after, trace))
    comparison = compare(before, after, trace, reference)
    return Prepared(after, trace, (*files, *write_beside(target, comparison, options.language)), comparison)


def run_steps(steps: Sequence[Step] | Trace, volume: Volume) -> tuple[Volume, Trace]:
    """Apply steps, or replay a trace with its recorded parameters; return the result with its trace.

    Raises:
        PrepareError: a step cannot be applied.
    """
    return (replay_trace(steps, volume), steps) if isinstance(steps, Trace) else apply_steps(steps, volume)


def write_beside(target: Path, comparison: Comparison, language: Language) -> tuple[Path, Path]:
    """Write the trace and the page of a prepared volume beside it, and return their paths.

    Raises:
        ReportError: ``E600`` when a file cannot be written.
    """
    beside = target.with_name(target.name + ".trace.json")
    write_atomic(beside, comparison.trace.to_json().encode())
    page = target.with_name(target.name + ".before-after.html")
    write_comparison(comparison, page, language)
    return beside, page


def describe(volume: Volume, trace: Trace) -> str:
    """Say in one sentence what was done, and that enhanced samples are not for measuring."""
    done = ", ".join(step.name for step in trace.steps) or "nothing"
    return f"Prepared: {done}" + ("; enhanced, not for measuring" if volume.enhanced_by else "")


def compare(
    before: Volume,
    after: Volume,
    trace: Trace,
    reference: Volume | None = None,
    known: Sequence[Figure] = (),
) -> Comparison:
    """Return what the page of before and after shows: the middle slice, and figures of it.

    Args:
        before: the source.
        after: what the steps made of it.
        trace: of the steps.
        reference: the truth, on the grid of ``after``.
        known: more figures of each, in this order, from what is known about what they show.
    """
    count = after.geometry.shape[0]
    index = count // 2
    is_same_window = before.quantity is after.quantity and before.is_colour == after.is_colour
    like = before if is_same_window else None
    volumes = {"before": before, "after": after} | ({} if reference is None else {"reference": reference})
    shown = {
        name: _shown(volume, min(index * volume.geometry.shape[0] // count, volume.geometry.shape[0] - 1), like)
        for name, volume in volumes.items()
    }
    singles = [
        Figure("noise", tuple(noise_deviation(values) for values in shown.values()), 4),
        Figure("edge", tuple(edge_strength(values) for values in shown.values()), 4),
        *known,
    ]
    pairs = {"pair": ("before", "after")}
    if reference is not None:
        pairs |= {"pair-before": ("reference", "before"), "pair-after": ("reference", "after")}
    scores = [_alike(shown[one], shown[other]) for one, other in pairs.values()]
    named = zip(("psnr", "ssim", "gradient"), zip(*scores, strict=True), strict=True)
    return Comparison(
        shown=shown,
        figures=((tuple(shown), singles), (tuple(pairs), [Figure(name, values) for name, values in named])),
        trace=trace,
        slice_number=(index + 1, count),
        aspect=after.geometry.row_spacing_mm / after.geometry.column_spacing_mm,
        is_same_window=is_same_window,
        is_enhanced=bool(after.enhanced_by),
    )


def _alike(one: Shown, other: Shown) -> tuple[float, float, float]:
    if one.shape != other.shape:
        return (float("nan"),) * 3
    return psnr_score(one, other, 1.0), ssim_score(one, other, 1.0), gradient_correlation_score(one, other)


def _shown(volume: Volume, index: int, like: Volume | None) -> Shown:
    """Return a slice as display values from 0 to 1, through the window of another volume where one is given."""
    presentation = volume.presentation if like is None else like.presentation
    if not volume.is_colour and presentation.lookup_table is None and volume.array.dtype.kind != "b":
        window = display_window(volume if like is None else like)
        presentation = replace(presentation, window=window)
    part = volume.with_array(
        volume.array[..., index : index + 1, :, :],
        geometry=volume.geometry.cropped((index, 0, 0), (1, *volume.geometry.shape[1:])),
        instances=(), frame_indices=(), frame_times_seconds=(), presentation=presentation,
    )  # fmt: skip
    return np.asarray(np.clip(to_display(part).array.reshape(volume.geometry.shape[1:]), 0, 1))


def _only(archive: LocalArchive, number: int | None, limits: Limits) -> Volume:
    """Return the volume of a number, or the only one; of several, no more than that one is held at the end.

    Raises:
        ImageError: nothing in the source can be read; what lies beside a volume that can does not matter.
        SettingsError: ``E463``.
    """
    chosen: Volume | None = None
    count = 0
    failed: list[ImageError] = []
    for _, found in assemblies(archive, limits):
        if isinstance(found, ImageError):
            failed.append(found)
            continue
        for volume in found.volumes:
            count += 1
            if count == (number or 1):
                chosen = volume
        if chosen is not None and number is not None:
            return chosen
    if failed and not count:
        raise failed[0]
    if chosen is None or count > 1:
        raise SettingsError("E463", found=count, expected=number if number is not None else "?")
    return chosen
