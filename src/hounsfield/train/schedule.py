"""The learning rate of each step: a linear warm-up, then half a cosine down to nearly nothing."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Learning rate by step.

    Attributes:
        highest: learning rate at the end of the warm-up.
        warm_up_steps: steps of the linear rise.
        step_count: steps of the whole run.
        lowest_share: share of ``highest`` at the end.
    """

    highest: float
    warm_up_steps: int
    step_count: int
    lowest_share: float = 0.001

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warm_up_steps:
            return self.highest * (step + 1) / self.warm_up_steps
        way = min(1.0, (step - self.warm_up_steps) / max(1, self.step_count - self.warm_up_steps))
        return self.highest * (self.lowest_share + (1 - self.lowest_share) * 0.5 * (1 + math.cos(math.pi * way)))
