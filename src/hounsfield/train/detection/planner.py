"""The planner of a detector: grid, anchors, batch and schedule from the boxes that were found, each with its reason."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from hounsfield.cases.boxed import BoxTable
from hounsfield.core.boxes import sides
from hounsfield.errors import DatasetError, SettingsError
from hounsfield.model.interface import AnchorLevel
from hounsfield.model.networks.retina import STRIDES, Retina, RetinaSettings
from hounsfield.train.detection.asked import asked_augmentation, asked_grid
from hounsfield.train.detection.augment import BoxAugmentation
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.held import Saved, saved_by
from hounsfield.train.memory import FLOAT_BYTES, MemoryEstimate, any_loss, estimate_step
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Optimisation, Reason, SplitPlan
from hounsfield.train.planner import length_reasons
from hounsfield.train.recipe import Recipe, faults_of

WANTED_SIDE = 20
"""Pixels of the grid that the median box of the smallest class shall measure: 2.5 places of the finest map."""
MOST_PIXELS = 448 * 448
"""Of the grid: beyond it a batch takes too long and too much memory on a processor."""
MULTIPLE = 16
SAMPLES = 18_000
"""Images seen in a whole run, from which the number of epochs follows."""
MEASURED_AT_ONCE = 8
"""Images that a detector is measured on at once."""
LONG_RATIO = 1.6
"""Rows against columns from which boxes get anchors of several ratios."""

Facts = dict[str, str | int | float]
Shapes = np.ndarray[tuple[int, int], np.dtype[np.int64]]


def plan_detection(
    options: TrainOptions, recipe: Recipe, table: BoxTable, shapes: Shapes, threads: int
) -> DetectionPlan:
    """Return the plan of a run.

    Raises:
        DatasetError: ``E891``, no box encloses anything.
        SettingsError: ``E830``, a setting is not possible.
    """
    kept = [case.annotation.proper() for case in table.cases]
    if not any(map(len, kept)):
        raise DatasetError("E891", path=table.name)
    lengths = sides(np.concatenate([item.boxes for item in kept]))
    labels = np.concatenate([item.labels for item in kept])
    steps = recipe.prepare or ()
    grid = asked_grid(steps)
    rows, columns, scale, grid_reason = _grid(options, shapes, np.sqrt(lengths.prod(1)), labels, grid)
    ratios = _ratios(lengths)
    levels = _levels(np.sqrt(lengths.prod(1)) * scale, labels)
    learning, length = _learning(options, recipe, len(table))
    asked = {**recipe.network, **({"name": options.network} if options.network else {})}
    if asked.pop("name", "retina") != "retina":
        raise SettingsError("E831", found=str(options.network or recipe.network["name"]), expected="retina")
    anchors = ", ".join(f"{side:g} / {level.stride}" for level in levels for side in level.sides)
    augment, changes = (BoxAugmentation(), ()) if recipe.augment is None else asked_augmentation(recipe.augment)
    reasons = (
        *([grid_reason] if grid is None else []),
        Reason(choice="anchors", key="ui.train.reason.anchors", facts={"anchors": anchors}),
        *length,
    )
    network = {"class_count": len(table.class_names), "rows": rows, "columns": columns, "anchors": len(ratios), **asked}
    try:
        form = RetinaSettings.model_validate(network)
        return DetectionPlan(
            name=options.name or recipe.model.name or "model",
            class_names=table.class_names,
            seed=next(value for value in (options.seed, recipe.seed, 0) if value is not None),
            threads=threads,
            prepare=_prepare(form) if recipe.prepare is None else _with_grid(steps, form),
            augment=augment,
            changes=changes,
            network=form,
            levels=levels,
            ratios=ratios,
            learning=learning,
            split=recipe.split or SplitPlan(),
            time_limit_seconds=options.time_limit_seconds,
            reasons=reasons,
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _prepare(form: RetinaSettings) -> tuple[dict[str, str | int], ...]:
    resize: dict[str, str | int] = {"step": "resize", "rows": form.rows, "columns": form.columns}
    return (resize,) if form.channels == 3 else ({"step": "grey"}, resize)


def _with_grid(steps: Sequence[Mapping[str, Any]], form: RetinaSettings) -> tuple[dict[str, Any], ...]:
    """Return steps that were asked for, whose last resizing leads to the grid of the network."""
    resize = {"step": "resize", "rows": form.rows, "columns": form.columns}
    return (*map(dict, steps), *([] if asked_grid(steps) == (form.rows, form.columns) else [resize]))


def _grid(
    options: TrainOptions,
    shapes: Shapes,
    roots: np.ndarray[tuple[int], np.dtype[np.float64]],
    labels: Shapes,
    asked: tuple[int, int] | None,
) -> tuple[int, int, float, Reason]:
    """Return rows and columns of the grid, what boxes shrink to on it, and why."""
    rows, columns = np.median(shapes[shapes.all(axis=1)], axis=0)
    if asked is not None:
        scale = math.sqrt(asked[0] * asked[1] / (rows * columns))
        return *asked, scale, Reason(choice="grid", key="ui.train.reason.grid", facts={})
    smallest = min(float(np.median(roots[labels == label])) for label in np.unique(labels))
    wanted = options.size / max(rows, columns) if options.size else min(1.0, WANTED_SIDE / smallest)
    scale = min(wanted, math.sqrt(MOST_PIXELS / (rows * columns)))
    made = [max(32, MULTIPLE * round(side * scale / MULTIPLE)) for side in (rows, columns)]
    facts: Facts = {"rows": made[0], "columns": made[1], "side": round(smallest, 1), "left": round(smallest * scale, 1)}
    return made[0], made[1], scale, Reason(choice="grid", key="ui.train.reason.grid", facts=facts)


def _ratios(lengths: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> tuple[float, ...]:
    """Return one ratio for boxes that are about as long as wide, else the quartiles around it."""
    low, middle, high = np.quantile(lengths[:, 0] / lengths[:, 1], [0.15, 0.5, 0.85])
    if max(high, 1 / low) < LONG_RATIO:
        return (round(float(middle), 2),)
    return tuple(round(float(value), 2) for value in (low, middle, high))


def _levels(roots: np.ndarray[tuple[int], np.dtype[np.float64]], labels: Shapes) -> tuple[AnchorLevel, ...]:
    """Return one side for each level: middles of the logarithms of the sides (Lloyd 1982), each class with one voice.

    A level's side is kept within two and eight of its strides, so that its places neither skip objects nor crowd them.
    """
    values = np.log(np.maximum(roots, 1.0))
    weights = 1 / np.bincount(labels)[labels]
    centres = np.quantile(values, np.linspace(0.1, 0.9, len(STRIDES)))
    for _ in range(50):
        nearest = np.abs(values[:, None] - centres[None]).argmin(1)
        held = [
            float(np.average(values[nearest == index], weights=weights[nearest == index]))
            if (nearest == index).any()
            else float(centres[index])
            for index in range(len(centres))
        ]
        centres = np.array(held)
    found = np.sort(np.exp(centres))
    return tuple(
        AnchorLevel(stride=stride, sides=(round(float(np.clip(side, 2 * stride, 8 * stride)), 1),))
        for stride, side in zip(STRIDES, found, strict=True)
    )


def _learning(options: TrainOptions, recipe: Recipe, count: int) -> tuple[Optimisation, tuple[Reason, ...]]:
    training = max(1, round(count * SplitPlan().training))
    values: dict[str, Any] = {
        "epochs": max(12, min(150, round(SAMPLES / training))),
        "batch_size": max(1, min(8, training // 4)),
        "learning_rate": 2e-3,
        "weight_decay": 0.02,
        "warm_up_epochs": 2,
        "average_decay": 0.99,
    }
    values |= recipe.learning
    reasons = length_reasons(options, recipe, values, training)
    named = {"epochs": options.epochs, "batch_size": options.batch_size, "learning_rate": options.learning_rate}
    values |= {key: value for key, value in named.items() if value is not None}
    try:
        return Optimisation.model_validate(values), reasons
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def estimate_detection(plan: DetectionPlan, image_count: int) -> MemoryEstimate:
    """Estimate the memory of a run from the form of its network."""
    form = plan.network
    images_bytes = image_count * form.channels * form.rows * form.columns * FLOAT_BYTES
    return estimate_step(_saved(form), images_bytes, plan.learning.batch_size, MEASURED_AT_ONCE)


@cache
def _saved(form: RetinaSettings) -> Saved:
    """Return what a network of this form saves of one picture: asked for by the outline, and again by the run."""
    return saved_by(lambda: Retina(form), any_loss, (form.channels, form.rows, form.columns))
