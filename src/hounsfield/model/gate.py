"""Gate: what the model that looks first says about letting an image through to another."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Prediction
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import ManifestMismatch
from hounsfield.model.contract import Gate, InputContract


def accepted_scores(gate_prediction: Prediction, gate: Gate) -> npt.NDArray[np.float64]:
    """Return the added-up probabilities of the classes that may pass, (slice,).

    Raises:
        ManifestMismatch: ``E530``, the prediction is of another model than the gate named, or that has none of the
            classes that may pass.
    """
    names = [entry.name for entry in gate_prediction.classes]
    if gate_prediction.model.name != gate.model or not set(gate.accepts) <= set(names):
        found = f"{gate_prediction.model.name} ({', '.join(names)})"
        raise ManifestMismatch("E530", found=found, expected=f"{gate.model} ({', '.join(gate.accepts)})")
    probabilities = gate_prediction.probabilities.reshape(len(names), -1).astype(np.float64)
    return np.asarray(probabilities[[names.index(name) for name in gate.accepts]].sum(axis=0))


def gate_issues(gate_prediction: Prediction, contract: InputContract) -> tuple[QualityIssue, ...]:
    """Return rejects where the gate does not see what the contract accepts; empty lets the image through.

    The probabilities of the accepted classes are added up. Of several slices the middle one of the sums (and of the
    outside margins) counts, so the ends of a stack do not decide.

    Raises:
        ManifestMismatch: ``E530``, as ``accepted_scores``.
    """
    gate = contract.gate
    if gate is None:
        return ()
    accepted = float(np.median(accepted_scores(gate_prediction, gate)))
    issues = []
    margin = gate_prediction.outside_margin
    if margin is not None and float(np.median(margin)) > 0:
        facts = {"model": gate.model, "margin": f"{float(np.median(margin)):.3g}"}
        issues.append(QualityIssue("Q521", Severity.REJECT, facts))
    if not accepted >= gate.minimum_score:
        names = [entry.name for entry in gate_prediction.classes]
        typical = np.median(gate_prediction.probabilities.reshape(len(names), -1).astype(np.float64), axis=1)
        facts = {
            "found": names[int(typical.argmax())],
            "score": f"{float(typical.max()):.3g}",
            "expected": " / ".join(gate.accepts),
            "accepted_score": f"{accepted:.3g}",
            "minimum": f"{gate.minimum_score:.3g}",
        }
        issues.append(QualityIssue("Q520", Severity.REJECT, facts))
    return tuple(issues)
