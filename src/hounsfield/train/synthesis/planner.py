"""The planner of a generator: from options and the outline of the data to a plan, each choice with its reason."""

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from hounsfield.core.prediction import ModelIdentity
from hounsfield.errors import SettingsError
from hounsfield.model.networks.gan import Adversaries
from hounsfield.model.networks.gan_catalogue import SIDES, GanSettings
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.memory import ALWAYS_BYTES, MemoryEstimate, estimate_of
from hounsfield.train.outline import Outline
from hounsfield.train.plan import Reason
from hounsfield.train.recipe import faults_of
from hounsfield.train.synthesis.plan import GameLearning, SynthesisOptions, SynthesisPlan

_STEPS = 12_000
"""Steps of a whole run, from which the number of epochs follows."""
_BATCH = 32
_DISCRIMINATOR_RUNS = 2
"""Activations are held of the real batch and twice of the one that is made; together about two of the whole chain."""
Facts = dict[str, str | int | float]


def side_of(options: SynthesisOptions, found: Fingerprint) -> int:
    """Return the side of the images: the one asked for, or the smallest that holds most of the data's, at most 64."""
    if options.size is not None:
        return options.size
    return next((side for side in SIDES[:-1] if found.side <= side), SIDES[1])


def plan_synthesis(options: SynthesisOptions, outline: Outline, side: int, judge: ModelIdentity) -> SynthesisPlan:
    """Return the plan of a run.

    Args:
        options: what a person asks for.
        outline: of the data, with the preparing steps that lead to ``side``.
        side: rows and columns of the images.
        judge: the model whose features judge.

    Raises:
        SettingsError: ``E924``, the size is not possible; ``E830``, a setting is not.
    """
    names = outline.plan.class_names
    form = GanSettings(class_count=len(names), side=side, width=24 if side == SIDES[0] else 16)
    form.check()
    count = len(outline.chosen["training"])
    batch_size = options.batch_size or max(4, min(_BATCH, count // 4))
    epochs = options.epochs or max(20, min(2000, _STEPS // max(1, count // batch_size)))
    learning: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": options.learning_rate or 4e-4,
        "weight_decay": 0.0,
        "warm_up_epochs": 0.0,
        "average_decay": 0.995,
        "gradient_limit": 1e6,
    }
    plan: dict[str, Any] = {
        "name": options.name or "generator",
        "seed": outline.plan.seed,
        "threads": outline.plan.threads,
        "split": outline.plan.split,
        "time_limit_seconds": options.time_limit_seconds,
        "class_names": names,
        "prepare": outline.plan.prepare,
        "network": form,
        "game": options.game,
        "features": (judge.name, judge.weights_digest),
        "reasons": _reasons(outline, side, epochs, options),
    }
    try:
        return SynthesisPlan.model_validate({**plan, "learning": GameLearning.model_validate(learning)})
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _reasons(outline: Outline, side: int, epochs: int, options: SynthesisOptions) -> tuple[Reason, ...]:
    counts = outline.fingerprint.class_counts
    balance: Facts = {"least": min(counts), "most": max(counts)}
    reasons = [
        Reason(choice="size", key="ui.synthesis.reason.size", facts={"side": side, "found": outline.fingerprint.side}),
        Reason(choice="game", key="ui.synthesis.reason.game", facts={"game": options.game}),
        Reason(choice="balance", key="ui.synthesis.reason.balance", facts=balance),
    ]
    if options.epochs is None:
        reasons.append(Reason(choice="epochs", key="ui.synthesis.reason.epochs", facts={"epochs": epochs}))
    return tuple(reasons)


def estimate_synthesis(plan: SynthesisPlan, case_count: int) -> MemoryEstimate:
    """Estimate what a run holds, from the shapes alone.

    Args:
        plan: of the run.
        case_count: images of all parts.
    """
    # the spectral norm has no weights and no activations of its own, and takes seconds on the meta device
    form = replace(plan.network, has_spectral_norm=False)
    images = case_count * form.channels * form.side**2 * 4
    sides = (form.latent + form.class_count,)
    one = estimate_of(lambda: Adversaries(form), sides, images, plan.learning.batch_size)
    batch = _DISCRIMINATOR_RUNS * (one.batch_bytes - ALWAYS_BYTES) + ALWAYS_BYTES
    return MemoryEstimate(one.images_bytes, one.weights_bytes, batch)
