"""How small an object may be, and whether joined ones are cut: chosen on the tuning part after training."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hounsfield.metrics.instances import match_objects
from hounsfield.model.instances import decode_instances
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.train.segmentation.patches import PreparedCase

SHARES: Final = (0.0, 0.05, 0.1, 0.2)
"""Least sizes tried, as parts of the median size of the objects of the tuning part."""
SMOOTHINGS: Final = (0.0, 0.1, 0.2, 0.3)
"""Smoothings tried, as parts of the diameter of a disc of that size."""


@dataclass(frozen=True)
class ObjectRule:
    """How labels become objects (``model.instances.decode_instances``).

    Attributes:
        least_samples: smaller objects are dropped.
        smoothing_samples: of the depth along which joined objects are cut; 0 leaves them.
    """

    least_samples: int = 1
    smoothing_samples: float = 0.0


def choose_rule(predictor: MaskPredictor, cases: Sequence[PreparedCase]) -> ObjectRule:
    """Return the rule with the highest mean F1 of objects over cases; of equal ones the plainest.

    Args:
        predictor: of the exported network.
        cases: of the tuning part, with their objects.
    """
    learned = [(predictor.labels(case.images.astype(np.float32)), case.objects) for case in cases]
    known = [(labels, objects) for labels, objects in learned if objects is not None and objects.any()]
    if not known:
        return ObjectRule()
    sizes = np.concatenate([np.unique(objects[objects > 0], return_counts=True)[1] for _, objects in known])
    best, highest = ObjectRule(), -1.0
    for rule in _candidates(float(np.median(sizes))):
        drawn = [decode_instances(labels, rule.least_samples, rule.smoothing_samples) for labels, _ in known]
        pairs = zip(drawn, known, strict=True)
        score = float(np.mean([match_objects(found, objects).f1_score for found, (_, objects) in pairs]))
        if score > highest + 1e-9:
            best, highest = rule, score
    return best


def _candidates(median_size: float) -> tuple[ObjectRule, ...]:
    """Return the rules that are tried, the plainest first."""
    diameter = 2 * (median_size / np.pi) ** 0.5
    tried = itertools.product(SMOOTHINGS, SHARES)
    return tuple(
        ObjectRule(max(1, round(share * median_size)), round(smoothing * diameter, 2)) for smoothing, share in tried
    )
