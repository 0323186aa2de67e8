"""Conformance suite of the Step protocol: ``check_step`` holds for every step, built in or installed."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hounsfield.core.volume import Volume
from hounsfield.errors import EnhancedPixels, NotInvertible
from hounsfield.prepare.sequence import apply_steps, invert_trace, replay_trace
from hounsfield.prepare.step import Step


def check_step(make: Callable[..., Step], volume: Volume) -> None:
    """Check a step made by ``make(**settings)`` on a volume it takes.

    Args:
        make: returns a fresh step; given the settings of another, an equal one.
        volume: a volume with room for the step to do its work.
    """
    step = make()
    check_settings(step, make)
    check_draw(step, volume)
    check_apply(step, volume)
    check_invert(step, volume)
    check_mark(step, volume)


def check_settings(step: Step, make: Callable[..., Step]) -> None:
    """Settings are JSON, and the constructor takes them."""
    assert isinstance(step, Step)
    assert step.name == type(step).name
    assert isinstance(step.is_geometric, bool)
    assert isinstance(step.changes_appearance, bool)
    stored = json.loads(json.dumps(step.settings(), allow_nan=False))
    assert stored == step.settings()
    assert type(step)(**stored).settings() == step.settings()
    assert make().settings() == step.settings()


def check_draw(step: Step, volume: Volume) -> None:
    """Drawing is JSON, repeatable with the same generator, and changes nothing."""
    before = volume.array.tobytes()
    first = step.draw(volume, np.random.default_rng(7))
    second = step.draw(volume, np.random.default_rng(7))
    assert json.loads(json.dumps(first, allow_nan=False)) == dict(first) == dict(second)
    assert volume.array.tobytes() == before


def check_apply(step: Step, volume: Volume) -> None:
    """Applying depends on the volume and the drawn values alone, and changes no input."""
    drawn = json.loads(json.dumps(dict(step.draw(volume, np.random.default_rng(7)))))
    before = volume.array.tobytes()
    first, second = step.apply(volume, drawn), type(step)(**step.settings()).apply(volume, drawn)
    assert first.array.tobytes() == second.array.tobytes()
    assert first.geometry == second.geometry
    assert first.array.shape[-3:] == first.geometry.shape
    assert volume.array.tobytes() == before
    if not step.is_geometric:
        assert first.geometry == volume.geometry
    assert set(first.instances) <= set(volume.instances)
    if not step.is_geometric:
        assert first.instances == volume.instances


def check_invert(step: Step, volume: Volume) -> None:
    """Going back gives the source grid, or says that it cannot; a step that moves samples always can."""
    drawn = step.draw(volume, np.random.default_rng(7))
    after = step.apply(volume, drawn)
    try:
        back = step.invert(after, drawn)
    except NotInvertible:
        assert not step.is_geometric
        return
    assert back.geometry == volume.geometry
    assert back.array.shape == volume.array.shape
    assert back.quantity is volume.quantity or step.is_geometric


def check_mark(step: Step, volume: Volume) -> None:
    """A sequence marks what the step made of the samples, forwards, replayed and backwards, and keeps older marks."""
    marks = ("older",) + ((step.name,) if step.changes_appearance else ())
    older = replace(volume, enhanced_by=("older",))
    after, trace = apply_steps([step], older, np.random.default_rng(7))
    assert after.enhanced_by == replay_trace(trace, older).enhanced_by == marks
    with pytest.raises(EnhancedPixels):
        after.require_measurable()
    if step.is_geometric:
        assert invert_trace(trace, after).enhanced_by == marks
