"""Judge: features of a candidate, and a small logistic model that tells nodules from vessels and walls.

Its weights were fitted to drawn chests (``benchmarks/nodules.py``), each held to the sign that a nodule calls for; its
constant was chosen on a real one. Both, with their card, are ``data/nodule_candidates.json``.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from hounsfield.clinical.chest_ct.grid import Flags, Floats, around, read_at
from hounsfield.clinical.chest_ct.lungs import Lungs
from hounsfield.clinical.chest_ct.rays import cast_rays
from hounsfield.clinical.chest_ct.search import Candidate, apart, find_candidates
from hounsfield.compiled import in_threads
from hounsfield.core.volume import Volume
from hounsfield.metrics.components import label_components

Row = npt.NDArray[np.float64]

FEATURES = (
    "log_response",
    "log_radius",
    "core_contrast",
    "shell_contrast",
    "shell_high",
    "shell_dense_share",
    "shell_outside_share",
    "middle_over_long",
    "least_over_long",
    "log_filling",
    "far_dense_share",
    "surroundings_dense_share",
    "log_reach",
    "open_share",
    "through_share",
    "walled_share",
    "reach_spread",
    "least_reach",
    "border_drop",
    "log_contrast_to_noise",
)
LUNG_HU = -850.0
CLOSELY = 800
"""Candidates that are looked at closely, the strongest first."""


@dataclass(frozen=True)
class CandidateModel:
    """A logistic model on standardised features and their squares.

    Attributes:
        version: of the weights.
        mean: (feature,) in training.
        spread: (feature,) in training.
        weights: (2 feature + 1,) of features, squares, and 1.
        threshold: score from which a candidate is told as a finding.
    """

    version: str
    mean: Row
    spread: Row
    weights: Row
    threshold: float

    def scores(self, features: Row) -> Row:
        """Return the score of each row of features."""
        return np.asarray(1.0 / (1.0 + np.exp(-(design(features, self.mean, self.spread) @ self.weights))))


def design(features: Row, mean: Row, spread: Row) -> Row:
    """Return standardised features within four spreads, their squares, and 1."""
    scaled = np.clip((features - mean) / spread, -4.0, 4.0)
    return np.hstack([scaled, scaled**2, np.ones((len(scaled), 1))])


@cache
def candidate_model() -> CandidateModel:
    """Return the model that comes with the package."""
    text = files("hounsfield.clinical.chest_ct").joinpath("data/nodule_candidates.json").read_text(encoding="utf-8")
    row = json.loads(text)
    return CandidateModel(
        row["version"], np.array(row["mean"]), np.array(row["spread"]), np.array(row["weights"]), row["threshold"]
    )


@dataclass(frozen=True)
class BallDetector:
    """The detector that comes with the package: ball filter, then the logistic model."""

    threads: int = 2

    def detect(self, volume: Volume, lungs: Lungs) -> tuple[Candidate, ...]:
        """Return candidates with their scores, the best first."""
        found = find_candidates(volume, lungs, self.threads)[:CLOSELY]
        if not found:
            return ()
        rows = in_threads(features_of, [(volume, lungs, one) for one in found], self.threads)
        scores = candidate_model().scores(np.array(rows))
        scored = [replace(one, score=float(score)) for one, score in zip(found, scores, strict=True)]
        best = sorted(scored, key=lambda one: -one.score)
        return apart(best, volume, lambda one, other: np.maximum(np.maximum(one, other), 2.5))


def features_of(volume: Volume, lungs: Lungs, candidate: Candidate) -> Row:
    """Return the features of one candidate in the order of ``FEATURES``."""
    radius = max(candidate.radius_mm, 2.0)
    step = radius / 4.0
    samples, lines = around(volume, candidate.index, 2.5 * radius + 2.0, step)
    blocks = np.stack([(line - (f - 1) / 2) / f for line, f in zip(lines, lungs.factors, strict=True)])
    allowed = read_at(lungs.closed, blocks)
    axis = (np.arange(len(samples)) - len(samples) // 2) * step
    far = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    contrast = np.clip(samples, -1000.0, 100.0) - LUNG_HU
    core = max(float(contrast[far <= 0.5 * radius].mean()), 1.0)
    dense = contrast > core / 2
    shell = np.abs(far - (1.5 * radius + 1.0)) <= 0.6 * step + 0.3
    outer = np.abs(far - (2.2 * radius + 2.0)) <= 0.6 * step + 0.3
    joined = _joined(dense & allowed & (far <= 2.0 * radius + 2.0))
    middle, least = _elongation(joined)
    ball_samples = 4 / 3 * np.pi * (radius / step) ** 3
    return np.array(
        [
            np.log(candidate.response),
            np.log(radius),
            core / 900.0,
            float(np.clip(contrast[shell & allowed], -100, 900).mean() / core) if (shell & allowed).any() else 1.0,
            float(np.percentile(contrast[shell], 90) / core),
            float(dense[shell].mean()),
            float((~allowed)[shell].mean()),
            middle,
            least,
            float(np.log((joined.sum() + 1.0) / ball_samples)),
            float(dense[outer].mean()),
            float((contrast[far <= 2.5 * radius + 2] > 250.0).mean()),
            *_reach(contrast, allowed, far, step, radius),
        ]
    )


def _reach(contrast: Floats, allowed: Flags, far: Floats, step: float, radius: float) -> tuple[float, ...]:
    """Return how rays from the middle of the tissue end."""
    core = max(float(np.median(contrast[far <= 0.5 * radius])), 1.0)
    tissue = np.argwhere((contrast > core / 2) & allowed & (far <= radius))
    start = tissue.mean(axis=0) if len(tissue) else np.full(3, len(contrast) // 2)
    rays = cast_rays(contrast, allowed, start, core, (2.2 * radius + 1.0) / step, 1.0 / step)
    length = float(np.median(rays.lengths))
    low, high = np.percentile(rays.lengths, (25, 75))
    closed = ~rays.is_open & ~rays.is_walled
    lung = contrast[allowed & (far > 1.5 * radius) & (contrast < 250.0)]
    noise = 1.4826 * float(np.median(np.abs(lung - np.median(lung)))) if len(lung) > 20 else 100.0
    return (
        float(np.log(length * step / radius)),
        float(rays.is_open.mean()),
        rays.through,
        float(rays.is_walled.mean()),
        float((high - low) / length),
        float(np.percentile(rays.lengths, 10) / length),
        float(np.median(rays.drop[closed])) if closed.any() else 0.0,
        float(np.log(core / max(noise, 5.0))),
    )


def _joined(dense: Flags) -> Flags:
    """Return the part within a sample of the middle of a cube, or else the largest."""
    found = label_components(dense, 26, threads=1)
    if not len(found.voxels):
        return dense
    middle = len(dense) // 2
    near = found.labels[middle - 1 : middle + 2, middle - 1 : middle + 2, middle - 1 : middle + 2]
    label = int(near.max()) or int(np.argmax(found.voxels)) + 1
    return np.asarray(found.labels == label)


def _elongation(inside: Flags | Floats) -> tuple[float, float]:
    """Return the lengths of the second and the shortest axis of inertia over the longest."""
    places = np.argwhere(inside)
    if len(places) < 8:
        return 1.0, 1.0
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(places.T)), 1e-6))
    return float(values[1] / values[2]), float(values[0] / values[2])
