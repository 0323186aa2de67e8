"""Slices: which part of a stack shows what a task is about."""

from collections.abc import Sequence

import numpy as np

from hounsfield.core.prediction import Prediction
from hounsfield.core.volume import Volume
from hounsfield.model.contract import Gate
from hounsfield.model.gate import accepted_scores

BRIDGED_SLICES = 2
"""Refused slices between accepted ones that do not end a run: one noisy slice does not cut a stack in two."""


def accepted_run(seen: Prediction, gate: Gate) -> range:
    """Return the longest run of slices that the gate lets through, all slices where it lets none through.

    Args:
        seen: the gate's prediction, probabilities (class,) or (class, slice).
        gate: which classes may pass, and with what score.

    Raises:
        ManifestMismatch: ``E530``, the prediction is not of this gate.
    """
    scores = accepted_scores(seen, gate)
    is_accepted = scores >= gate.minimum_score
    if seen.outside_margin is not None:
        is_accepted &= np.asarray(seen.outside_margin) <= 0
    return _longest_run(np.flatnonzero(is_accepted).tolist()) or range(len(scores))


def _longest_run(accepted: Sequence[int]) -> range:
    longest, start = range(0), 0
    for position, index in enumerate(accepted):
        is_last = position + 1 == len(accepted)
        if is_last or accepted[position + 1] - index > BRIDGED_SLICES + 1:
            run = range(accepted[start], index + 1)
            longest = max(longest, run, key=len)
            start = position + 1
    return longest


def prediction_of(seen: Prediction, slices: range) -> Prediction:
    """Return a prediction over some of its slices."""
    count = len(seen.classes)
    margin = seen.outside_margin
    return Prediction(
        seen.probabilities.reshape(count, -1)[:, slices.start : slices.stop],
        seen.classes,
        seen.geometry,
        seen.trace,
        seen.model,
        None if margin is None else margin[slices.start : slices.stop],
    )


def volume_of(volume: Volume, slices: range) -> Volume:
    """Return some of the slices of a volume, each still with its source."""
    count, rows, columns = volume.geometry.shape
    if len(slices) == count:
        return volume
    sources = [volume.source_of(index) for index in slices]
    instances = tuple(source[0] for source in sources if source is not None)
    is_one_object = len(volume.instances) == 1
    return volume.with_array(
        volume.array[..., slices.start : slices.stop, :, :],
        geometry=volume.geometry.cropped((slices.start, 0, 0), (len(slices), rows, columns)),
        instances=volume.instances if is_one_object else instances,
        frame_indices=tuple(source[1] for source in sources if source is not None),
        frame_times_seconds=volume.frame_times_seconds[slices.start : slices.stop],
    )
