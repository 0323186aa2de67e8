"""Outside scores: how far an image lies from the kinds of image a network learned."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Samples
from hounsfield.model.manifest import Manifest


def outside_scores(manifest: Manifest, outputs: Mapping[str, npt.NDArray[np.float32]]) -> Samples | None:
    """Return the outside margin of each image, (image,) float32: above 0 lies outside, None without a score.

    The margin is the score less its threshold, with the sign turned where low scores lie outside. Score and threshold
    are those of the most probable class where there is one for each class.
    """
    entry = manifest.out_of_distribution
    if entry is None:
        return None
    logits = outputs[manifest.network.logits]
    best = logits.argmax(axis=1)
    if entry.score == "output" and manifest.network.outside:
        values = outputs[manifest.network.outside].reshape(len(logits), -1).astype(np.float64)
        scores = values[np.arange(len(values)), best if values.shape[1] > 1 else 0]
    else:
        scores = _from_logits(entry.score, logits, manifest.calibration.temperature)
    cuts = np.array([entry.class_thresholds.get(known.name, entry.threshold) for known in manifest.classes])
    margin = scores - cuts[best]
    return np.asarray(margin if entry.outside_is == "above" else -margin, dtype=np.float32)


def _from_logits(score: str, logits: Samples, temperature: float) -> npt.NDArray[np.float64]:
    if score == "max-logit":
        return np.asarray(logits.max(axis=1), dtype=np.float64)
    scaled = logits.astype(np.float64) / (temperature if score == "max-probability" else 1.0)
    top = scaled.max(axis=1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return np.asarray(-log_sum if score == "energy" else np.exp(top - log_sum), dtype=np.float64)
