"""Sequences of steps: build them from a specification, apply, replay and undo them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from hounsfield.core.trace import Trace, TraceStep
from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.registry import step_class
from hounsfield.prepare.step import Parameters, Step

MAXIMUM_STEPS = 32


def build_steps(specification: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return the steps of a specification such as ``[{"step": "resize", "rows": 28, "columns": 28}]``.

    Raises:
        PrepareError: ``E401`` for an unknown step, ``E402`` for an unknown, missing or unfit setting.
    """
    if isinstance(specification, (str, bytes, Mapping)) or len(specification) > MAXIMUM_STEPS:
        raise PrepareError("E402", step="?", found=f"{type(specification).__name__}, {len(specification)}")
    return tuple(_build(item) for item in specification)


def specification_of(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return the specification that ``build_steps`` makes the same steps from."""
    return [{"step": step.name, **step.settings()} for step in steps]


def apply_steps(
    steps: Sequence[Step], volume: Volume, generator: np.random.Generator | None = None
) -> tuple[Volume, Trace]:
    """Apply steps in order and return the volume with the trace of what was done.

    Without a generator, steps that leave something to chance draw from one seeded with 0: the same input gives the
    same result.

    Example:
        >>> steps = build_steps([{"step": "grey"}, {"step": "resize", "rows": 28, "columns": 28}])
        >>> prepared, trace = apply_steps(steps, volume)  # doctest: +SKIP
    """
    chance = np.random.default_rng(0) if generator is None else generator
    trace = Trace()
    for step in steps:
        drawn = step.draw(volume, chance)
        volume = _applied(step, volume, drawn)
        trace = trace.followed_by(step.name, {"settings": step.settings(), "drawn": dict(drawn)})
    return volume, trace


def replay_trace(trace: Trace, volume: Volume) -> Volume:
    """Apply recorded steps with their recorded parameters; the same volume gives the same bytes.

    Raises:
        PrepareError: ``E401``, ``E402`` or ``E410``, the trace does not fit the steps that are installed.
    """
    for recorded in trace.steps:
        step, drawn = _recorded(recorded)
        volume = _applied(step, volume, drawn)
    return volume


def invert_trace(trace: Trace, volume: Volume, geometry_only: bool = False) -> Volume:
    """Take a volume on the model grid back to the source grid.

    Args:
        trace: what led to the model grid.
        volume: on the model grid.
        geometry_only: skip the steps that change values; for maps such as a heat map. What a crop cut off is 0.

    Raises:
        NotInvertible: ``E403``, naming the step.
    """
    for recorded in reversed(trace.steps):
        step, drawn = _recorded(recorded)
        if step.is_geometric or not geometry_only:
            volume = replace(step.invert(volume, drawn), enhanced_by=volume.enhanced_by)
    return volume


def _applied(step: Step, volume: Volume, drawn: Parameters) -> Volume:
    """Apply one step and mark the volume here, whatever the step made of the mark, so that none can forget it."""
    marks = (*volume.enhanced_by, step.name) if step.changes_appearance else volume.enhanced_by
    return replace(step.apply(volume, drawn), enhanced_by=marks)


def _build(item: object) -> Step:
    if not isinstance(item, Mapping) or not isinstance(item.get("step"), str):
        raise PrepareError("E402", step="?", found=repr(item)[:200])
    settings = {key: value for key, value in item.items() if key != "step"}
    maker = step_class(item["step"])
    try:
        return maker(**settings)
    except (TypeError, ValueError) as error:
        raise PrepareError("E402", step=item["step"], found=f"{_reason(error)}{_taken(maker)}") from error


def _taken(maker: Any) -> str:
    """Return the settings that a step takes, where its class tells them."""
    if not is_dataclass(maker):
        return ""
    return f" (it takes: {', '.join(item.name for item in fields(maker)) or '-'})"


def _reason(error: Exception) -> str:
    """Return one line of what is wrong with the settings."""
    details = getattr(error, "errors", None)
    if not callable(details):
        return str(error)[:200]
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in details())[:200]


def _recorded(recorded: TraceStep) -> tuple[Step, Parameters]:
    settings, drawn = recorded.parameters.get("settings"), recorded.parameters.get("drawn")
    if not isinstance(settings, Mapping) or not isinstance(drawn, Mapping):
        raise PrepareError("E410", step=recorded.name)
    return _build({"step": recorded.name, **settings}), drawn
