"""Trace: the ordered steps that were applied to an image, with their parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TraceStep:
    """One applied step: its name and every parameter that was settled or drawn, as JSON values."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """What was done, in order; ``prepare.invert`` undoes it, or says which step cannot be undone."""

    steps: tuple[TraceStep, ...] = ()

    def followed_by(self, name: str, parameters: Mapping[str, Any]) -> "Trace":
        """Return a trace with one more step."""
        return Trace((*self.steps, TraceStep(name, dict(parameters))))

    def to_json(self) -> str:
        """Return the trace as JSON text; ``from_json`` reads it back unchanged."""
        return json.dumps([{"name": step.name, "parameters": dict(step.parameters)} for step in self.steps])

    @classmethod
    def from_json(cls, text: str) -> "Trace":
        """Read a trace that ``to_json`` wrote."""
        return cls(tuple(TraceStep(item["name"], item["parameters"]) for item in json.loads(text)))
