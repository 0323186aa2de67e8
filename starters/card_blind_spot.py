"""Measure the blind-spot network on images it never saw, beside the other denoising steps, and write its card.

    python starters/card_blind_spot.py ../shared/data FOLDER CARD

FOLDER holds what ``train_blind_spot.py`` wrote. Every number of the card comes from here.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from scipy import ndimage
from skimage.data import shepp_logan_phantom

sys.path.insert(0, str(Path(__file__).parent))
from blind_spot_data import NOISES, TEST, Picture, Pixels, pictures, reduced  # this folder is no package

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.metrics.fidelity import psnr_score, ssim_score
from hounsfield.model.card import DISCLAIMER
from hounsfield.prepare.blind_spot import BlindSpot
from hounsfield.prepare.blind_spot_network import read_network
from hounsfield.prepare.denoise import Gaussian, Median, NonLocalMeans
from hounsfield.prepare.sequence import apply_steps
from hounsfield.prepare.step import Step

LEVELS = (5, 10, 20, 50)
EACH = 2
LARGEST = 256
GRAIN = 0.7
"""Width in samples of the Gaussian that makes noise alike in neighbours."""

STEPS: dict[str, tuple[Step, ...]] = {
    "gaussian": tuple(Gaussian(sigma_mm=width) for width in (0.4, 0.5, 0.7, 1.0, 1.4, 2.0)),
    "median": tuple(Median(size=size) for size in (3, 5)),
    "nlm": tuple(NonLocalMeans(strength=strength) for strength in (0.6, 0.8, 1.0)),
    "blind-spot": (BlindSpot(),),
}
Scores = dict[str, list[tuple[float, float]]]


def grained(clean: Pixels, chance: np.random.Generator) -> Pixels:
    """Add noise of 1 that is alike in neighbours, as interpolation and reconstruction filters leave it."""
    noise = ndimage.gaussian_filter(chance.standard_normal(clean.shape), GRAIN, mode="wrap")
    return np.asarray(clean + noise / noise.std(), np.float32)


def shown_pictures(data: Path) -> list[Picture]:
    """Return some slices of each source of the test part, and a phantom."""
    by_source: dict[str, list[Picture]] = {}
    for picture in pictures(data, TEST):
        by_source.setdefault(f"{picture.source}", []).append(picture)
    evenly = {source: np.unique(np.linspace(0, len(found) - 1, EACH, dtype=int)) for source, found in by_source.items()}
    chosen = [by_source[source][index] for source, indices in evenly.items() for index in indices]
    phantom = reduced(shepp_logan_phantom().astype(np.float32), 2)
    return [*chosen, Picture("phantom", "scikit-image", phantom)]


def scores_of(shown: list[Picture], noise: Callable[[Pixels, np.random.Generator], Pixels], level: float) -> Scores:
    """Return PSNR and SSIM of every picture before and after each step, with its best setting for the picture."""
    found: Scores = {name: [] for name in ("noisy", *STEPS)}
    for index, picture in enumerate(shown):
        clean = picture.pixels[:LARGEST, :LARGEST]
        noisy = noise(clean * np.float32(level), np.random.default_rng([index, int(level)])) / np.float32(level)
        volume = Volume(noisy[None], VolumeGeometry((1, *clean.shape), (1.0, 1.0, 1.0)), Quantity.ARBITRARY)
        found["noisy"].append(fidelity(clean, noisy))
        for name, steps in STEPS.items():
            tried = [after(step, volume) for step in steps]
            best = np.argmax([psnr_score(clean, picture, 1.0) for picture in tried])
            found[name].append(fidelity(clean, tried[best]))
    return found


def after(step: Step, volume: Volume) -> Pixels:
    """Return the slice after a step; where the step refuses the image, the slice as it is."""
    try:
        return np.asarray(apply_steps([step], volume)[0].array[0])
    except PrepareError as error:
        if error.code != "E466":
            raise
        return np.asarray(volume.array[0])


def fidelity(clean: Pixels, picture: Pixels) -> tuple[float, float]:
    """Return PSNR and SSIM for a range of 1."""
    return psnr_score(clean, picture, 1.0), ssim_score(clean, picture, 1.0)


def table(scores: dict[tuple[str, str], Scores], first: str, second: str) -> list[str]:
    """Return the mean PSNR, gain in PSNR and SSIM of each row as Markdown."""
    names = list(STEPS)
    lines = [f"| {first} | {second} | noisy | {' | '.join(names)} |", f"|---|---|---|{'---|' * len(names)}"]
    for (one, other), found in scores.items():
        before = np.mean(found["noisy"], axis=0)
        cells = [f"{before[0]:.1f} / {before[1]:.3f}"]
        for name in names:
            mean = np.mean(found[name], axis=0)
            cells.append(f"{mean[0] - before[0]:+.2f} / {mean[1]:.3f}")
        lines.append(f"| {one} | {other} | {' | '.join(cells)} |")
    return lines


def main(data: Path, folder: Path, card: Path) -> None:
    """Measure and write."""
    shown = shown_pictures(data)
    kinds = sorted({picture.modality for picture in shown})
    by_noise, by_kind, wins = {}, {}, []
    for name, noise in {**NOISES, f"grained {GRAIN:g}": grained}.items():
        for level in LEVELS:
            found = scores_of(shown, noise, level)
            by_noise[name, str(level)] = found
            wins += [] if name.startswith("grained") else [best_of(found)]
            for kind in kinds if name == "gaussian" and level in LEVELS[:3] else ():
                at = [index for index, picture in enumerate(shown) if picture.modality == kind]
                by_kind[kind, str(level)] = {step: [values[i] for i in at] for step, values in found.items()}
            means = (f"{step} {np.mean(values, 0)[0]:.2f}" for step, values in found.items())
            sys.stderr.write(f"{name} {level} {' '.join(means)}\n")
    about, record = read_network(folder).about, json.loads((folder / "training.json").read_text(encoding="utf-8"))
    template = Path(__file__).with_name("blind_spot_card.md").read_text(encoding="utf-8")
    size = (folder / "blind-spot.onnx").stat().st_size
    facts = {
        "version": about.version, "digest": about.weights_digest, "size": size, "disclaimer": DISCLAIMER[0],
        "disclaimer_zh": DISCLAIMER[1], "lowest": f"{about.lowest_contrast_to_noise:g}",
        "highest": f"{about.highest_contrast_to_noise:g}", "pictures": len(shown), "each": EACH, **record,
        "tuning_loss": ", ".join(f"{value:.4f}" for value in record["tuning_loss"]), "grain": f"{GRAIN:g}",
        "torch": torch.__version__, "onnxruntime": onnxruntime.__version__,
        "by_noise": "\n".join(table(by_noise, "noise", "contrast to noise")),
        "by_kind": "\n".join(table(by_kind, "modality", "contrast to noise")),
        "wins": f"{sum(wins)} of {len(wins)}",
    }  # fmt: skip
    card.write_text(template.format(**facts), encoding="utf-8")


def best_of(found: Scores) -> bool:
    """Tell whether the network has the best mean PSNR."""
    means = {name: float(np.mean([score[0] for score in values])) for name, values in found.items()}
    return max(means, key=means.__getitem__) == "blind-spot"


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
