"""Identity of an algorithm that is no trained model: its name, version, and a digest of its parameters."""

import hashlib
import json
from collections.abc import Mapping

from hounsfield import __version__
from hounsfield.core.prediction import ModelIdentity


def algorithm_identity(name: str, task: str, parameters: Mapping[str, object]) -> ModelIdentity:
    """Return who speaks for a measurement that rests on written steps.

    Args:
        name: name of the algorithm, such as ``lung-nodule-search``.
        task: the task it serves.
        parameters: everything that its answer depends on beside the image; JSON values. Their SHA-256 stands where a
            model has the digest of its weights.
    """
    text = json.dumps({"name": name, "parameters": dict(parameters)}, sort_keys=True, allow_nan=False)
    return ModelIdentity(name, __version__, task, hashlib.sha256(text.encode()).hexdigest())
