"""Trying steps on a phantom: its truth is known, so what degrading took and what preparing gave back are figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from hounsfield.core.trace import Trace
from hounsfield.core.volume import Volume
from hounsfield.errors import SettingsError
from hounsfield.image.phantoms.known import KnownBall, KnownPhantom, known_phantom, phantom_names
from hounsfield.image.write import require_target, write_volume
from hounsfield.messages import Language
from hounsfield.metrics.contrast import contrast_to_noise_score, radial_rise_mm
from hounsfield.prepare.resample_to import resample_to
from hounsfield.prepare.step import Step
from hounsfield.preparing import Prepared, compare, describe, run_steps, write_beside
from hounsfield.report.comparison import Figure

_INSIDE, _OUTSIDE = 0.7, 1.15
"""Parts of the radius within which a ball, and beyond which its surrounding, is clear of the edge."""


@dataclass(frozen=True)
class Degradation:
    """What is done to a phantom before it is prepared: blur first, then noise, as a scanner does.

    Attributes:
        noise: standard deviation of white Gaussian noise, in the units of the phantom.
        blur_mm: standard deviation of a Gaussian along all axes, in millimetres.
        seed: of the noise.
    """

    noise: float = 0.0
    blur_mm: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no noise and no blur can be."""
        if not (0 <= self.noise < 1e6 and 0 <= self.blur_mm <= 50 and 0 <= self.seed < 2**63):
            raise SettingsError("E452", found=f"noise {self.noise}, blur {self.blur_mm} mm, seed {self.seed}")

    def applied(self, volume: Volume) -> Volume:
        """Return a volume blurred and noisy, float32; the same seed gives the same bytes."""
        widths = [self.blur_mm / spacing for spacing in volume.geometry.spacing_mm]
        array = gaussian_filter(volume.array.astype(np.float64), widths, mode="nearest")
        array += np.random.default_rng(self.seed).normal(0.0, self.noise, array.shape)
        return volume.with_array(array.astype(np.float32))


@dataclass(frozen=True)
class Trial:
    """What is tried: a phantom by its name, and how it is degraded."""

    phantom: str
    degradation: Degradation = Degradation()

    def known(self) -> KnownPhantom:
        """Return the phantom.

        Raises:
            SettingsError: ``E450``, there is none of this name.
        """
        if self.phantom not in phantom_names():
            raise SettingsError("E450", found=self.phantom[:80], expected=", ".join(phantom_names()))
        return known_phantom(self.phantom)


def try_steps(trial: Trial, output: Path | str, steps: Sequence[Step] | Trace, language: Language = "en") -> Prepared:
    """Degrade a phantom, prepare it, and write the result with its trace and a page that holds it against the truth.

    The page and ``Prepared.comparison`` have PSNR, SSIM and gradients of degraded and prepared against the truth (the
    middle slice, as shown), and of each the 10-90 % rise of a known edge in millimetres and the contrast-to-noise ratio
    of a known detail (of the whole volume, in space).

    Args:
        trial: the phantom and how it is degraded.
        output: as for ``prepare_volume``.
        steps: what to do, or a trace to replay.
        language: first language of the page.

    Raises:
        PrepareError: a step cannot be applied.
        SettingsError: ``E340``, ``E343`` for an output that cannot be written; ``E450``, ``E452`` for the trial.

    Example:
        >>> from tempfile import mkdtemp
        >>> from hounsfield.prepare.denoise import Median
        >>> tried = try_steps(Trial("body", Degradation(noise=20.0)), Path(mkdtemp()) / "out.nrrd", [Median()])
        >>> figures = tried.comparison.values()
        >>> figures["psnr"]["pair-after"] > figures["psnr"]["pair-before"]
        True
    """
    target = Path(output)
    require_target(target)
    known = trial.known()
    before = trial.degradation.applied(known.truth)
    after, trace = run_steps(steps, before)
    files = write_volume(after, target, describe(after, trace))
    reference = known.truth if after.geometry == before.geometry else resample_to(known.truth, after.geometry)
    volumes = (before, after, known.truth)
    comparison = replace(
        compare(before, after, trace, reference, known_figures(known, volumes)), origin=_told(trial, known)
    )
    return Prepared(after, trace, (*files, *write_beside(target, comparison, language)), comparison)


def known_figures(known: KnownPhantom, volumes: Sequence[Volume]) -> list[Figure]:
    """Return the rise of the known edge and the contrast of the known detail in volumes of one phantom."""
    return [
        Figure("rise", tuple(_rise_mm(volume, known.edge) for volume in volumes), 2),
        Figure("contrast", tuple(_contrast(volume, known.detail) for volume in volumes), 2),
    ]


def _rise_mm(volume: Volume, ball: KnownBall) -> float:
    if volume.is_colour:
        return float("nan")
    reach = min(ball.around_mm - ball.radius_mm, ball.radius_mm)
    return radial_rise_mm(ball.distances_mm(volume), volume.array, ball.radius_mm, reach)


def _contrast(volume: Volume, ball: KnownBall) -> float:
    if volume.is_colour:
        return float("nan")
    away = ball.distances_mm(volume)
    target = volume.array[away <= _INSIDE * ball.radius_mm]
    around = volume.array[(away >= _OUTSIDE * ball.radius_mm) & (away <= ball.around_mm)]
    return contrast_to_noise_score(target, around)


def _told(trial: Trial, known: KnownPhantom) -> dict[str, Any]:
    """Return what was tried as values for the page."""
    degradation = trial.degradation
    unit = known.truth.quantity.unit.meaning
    return {
        "phantom": trial.phantom,
        "noise": f"{degradation.noise:g} {unit}",
        "blur": f"{degradation.blur_mm:g} mm",
        "seed": degradation.seed,
    }
