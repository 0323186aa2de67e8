"""Judging: how near made images are to those wanted on held-back pairs, beside a baseline and the input itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hounsfield.core.prediction import Interval
from hounsfield.metrics.case_means import mean_of
from hounsfield.metrics.intervals import RESAMPLES, bootstrap_intervals, resample_weights
from hounsfield.model.generator import Generator, Images
from hounsfield.model.networks.translation import build_translators
from hounsfield.train.assess import Assessment
from hounsfield.train.events import silent
from hounsfield.train.loop import Loop
from hounsfield.train.translation.plan import TranslationPlan
from hounsfield.train.translation.way import PairParts, Translation, likeness, run_torch


@dataclass(frozen=True)
class TranslationJudgement:
    """What is said of a translator.

    Attributes:
        part: of the data that it is judged on: ``test``, or ``tuning`` where there is no test part.
        groups: of the pairs that hang together, so many.
        metrics: ``mae``, ``psnr`` and ``ssim`` with intervals drawn by group; those ending in ``_of_l1`` are of the
            baseline, in ``_of_input`` of the image that was given, in ``_gain`` the difference to the baseline, pair by
            pair, better above 0.
        given: (image, channel, row, column) what was made from.
        made: what the translator made.
        plain: what the baseline made.
        wanted: what was to be made.
    """

    part: str
    groups: int
    metrics: dict[str, Interval]
    given: Images
    made: Images
    plain: Images
    wanted: Images

    def assessment(self) -> Assessment:
        """Return the metrics as every run states them."""
        return Assessment(self.part, len(self.made), self.metrics)


def train_baseline(plan: TranslationPlan, parts: PairParts, epochs: int) -> Images:
    """Return what the same generator makes of the held-back images that learned by the absolute difference alone.

    It has the same plan, passes and tuning part; only the game is left out.
    """
    learning = plan.learning.model_copy(update={"epochs": max(1, epochs)})
    changes = {"learning": learning, "adversarial": False, "time_limit_seconds": None}
    plain = plan.model_copy(update=changes)
    with TemporaryDirectory() as folder:
        outcome = Loop(Translation(plain, parts), Path(folder), silent).run()
    network = build_translators(plain.network)
    network.load_state_dict(outcome.weights)
    held = parts.inputs.test or parts.inputs.tuning
    return run_torch(network.eval(), held.images)


def judge_translator(generator: Generator, plain: Images, parts: PairParts, seed: int) -> TranslationJudgement:
    """Judge a translator against the test part, or the tuning part where there is none.

    Args:
        generator: of the package.
        plain: what the baseline makes of the same images.
        parts: of the data.
        seed: of the bootstrap.
    """
    held, wanted = (parts.inputs.test or parts.inputs.tuning), (parts.targets.test or parts.targets.tuning).images
    made = generator.run(held.images)
    own, of_l1 = likeness(made, wanted), likeness(plain, wanted)
    figures = dict(own) | {f"{name}_of_l1": values for name, values in of_l1.items()}
    figures |= {f"{name}_of_input": values for name, values in likeness(held.images, wanted).items()}
    signs = {"mae": -1, "psnr": 1, "ssim": 1}
    figures |= {f"{name}_gain": sign * (own[name] - of_l1[name]) for name, sign in signs.items()}
    metrics = intervals_of(figures, held.groups, seed)
    part = "tuning" if parts.inputs.test is None else "test"
    return TranslationJudgement(part, len(np.unique(held.groups)), metrics, held.images, made, plain, wanted)


def intervals_of(
    figures: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]],
    groups: np.ndarray[tuple[int], np.dtype[np.int64]],
    seed: int,
) -> dict[str, Interval]:
    """Return the mean of each figure (case,) with its bootstrap interval, drawn by group."""
    numbered = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    weights = resample_weights(np.zeros(len(groups), dtype=np.int64), numbered, RESAMPLES, seed)
    return bootstrap_intervals({name: mean_of(values) for name, values in figures.items()}, weights, len(groups))
