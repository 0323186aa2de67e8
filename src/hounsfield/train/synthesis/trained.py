"""Trained: what a classifier is worth on real images that learned from synthetic ones, and one that learned from real.

Train on synthetic, test on real (Esteban 2017, section 4.2): both classifiers have the same plan, the same tuning part
to choose their epoch on and the same real part to be tested on; only what they learn from differs.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from hounsfield.core.prediction import Interval
from hounsfield.model.generator import Generator
from hounsfield.model.networks.build import build_network
from hounsfield.train.assess import Assessment, assess, fit_calibration, probabilities_of, set_operating_points
from hounsfield.train.classification import Classification, predict
from hounsfield.train.events import silent
from hounsfield.train.loop import Loop
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import Plan
from hounsfield.train.synthesis.judging import draw_like

EPOCHS = 10
"""Of each classifier, at most; the better tuning epoch is kept."""


def trained_on_each(parts: Parts, generator: Generator, plan: Plan, seed: int) -> Mapping[str, Mapping[str, Interval]]:
    """Return the metrics on the held-back part of classifiers that learned from ``synthetic`` and ``real`` images.

    As many synthetic images are made as there are real ones, of the same classes.

    Args:
        parts: of real images; tested on is the test part, or the tuning part where there is none.
        generator: of the classes of the parts.
        plan: of a classifier of these images.
        seed: of the synthetic images.
    """
    made = replace(parts.training, images=draw_like(generator, parts.training.labels, seed))
    epochs = min(EPOCHS, plan.learning.epochs)
    learning = plan.learning.model_copy(update={"epochs": epochs, "keep": "best"})
    short = plan.model_copy(update={"learning": learning, "time_limit_seconds": None})
    return {
        name: trained(replace(parts, training=training), short).metrics
        for name, training in (("synthetic", made), ("real", parts.training))
    }


def trained(parts: Parts, plan: Plan) -> Assessment:
    """Return what a classifier is worth that learned from the training part, calibrated on the tuning part."""
    with TemporaryDirectory() as folder:
        outcome = Loop(Classification(plan, parts), Path(folder), silent).run()
    network = build_network(plan.network)
    network.load_state_dict(outcome.weights)
    network.eval()

    def logits(part: Part) -> torch.Tensor:
        return predict(network, torch.from_numpy(part.images))

    temperature, bias = fit_calibration(logits(parts.tuning).numpy(), parts.tuning.labels)
    on_tuning = probabilities_of(logits(parts.tuning).numpy() + bias.astype("float32"), temperature)
    are_findings = (True,) * len(plan.class_names)
    points = set_operating_points(on_tuning, parts.tuning, are_findings, plan.cut, "tuning part")
    held = parts.tuning if parts.test is None else parts.test
    probabilities = probabilities_of(logits(held).numpy() + bias.astype("float32"), temperature)
    return assess("tuning" if parts.test is None else "test", probabilities, held, points, plan.seed)
