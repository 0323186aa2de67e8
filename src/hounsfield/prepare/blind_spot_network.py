"""The blind-spot network of the step ``blind-spot``: data of this room, checked by digest before a runtime sees it.

For each sample the network tells from the neighbours alone, in units of the noise, the mean and the standard deviation
of what the sample may be without noise (Laine, Karras, Lehtinen and Aila 2019, arXiv:1901.10277). It is made again by
``make blind-spot``; ``data/blind-spot.md`` is its card.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from hounsfield.errors import PrepareError, WeightsMismatch
from hounsfield.prepare.step import STRICT

Plane = npt.NDArray[np.float32]

NETWORK, ABOUT = "blind-spot.onnx", "blind-spot.json"
LARGEST_BYTES = 200_000
TILE = 256
"""Side of the part of a slice that is worked on at a time; with margins, about 40 MB of features."""


@checked(frozen=True, config=STRICT)
class About:
    """What is recorded of a network.

    Attributes:
        name: of the network.
        version: of its weights.
        weights_digest: SHA-256 of the ONNX file, in hexadecimal.
        margin: rows and columns that its output lacks at each border.
        period: samples at a distance of a multiple of this, in both directions, do not count for each other.
        lowest_contrast_to_noise: least ratio of contrast to noise that it was trained with.
        highest_contrast_to_noise: largest of them.
    """

    name: str
    version: str
    weights_digest: str
    margin: int
    period: int
    lowest_contrast_to_noise: float
    highest_contrast_to_noise: float


@dataclass(frozen=True)
class BlindSpotNetwork:
    """A network that is ready to run.

    Attributes:
        about: what is recorded of it.
        session: the runtime's session.
    """

    about: About
    session: Any

    def told_of(self, noisy: Plane) -> tuple[Plane, Plane]:
        """Return mean and standard deviation of what each sample may be, told from the others.

        Args:
            noisy: (row, column) in units of the noise, at least ``smallest_side`` each way.
        """
        rows, columns = noisy.shape
        mean, deviation = np.empty_like(noisy), np.empty_like(noisy)
        for row in range(0, rows, TILE):
            for column in range(0, columns, TILE):
                part = slice(row, min(row + TILE, rows)), slice(column, min(column + TILE, columns))
                taken = [
                    mirrored_in_period(side.start, side.stop, size, self.about.margin, self.about.period)
                    for side, size in zip(part, noisy.shape, strict=True)
                ]
                told = self.session.run(["mean", "deviation"], {"noisy": noisy[np.ix_(*taken)][None, None]})
                mean[part], deviation[part] = (np.asarray(values)[0, 0] for values in told)
        return mean, deviation

    @property
    def smallest_side(self) -> int:
        """Fewest rows or columns that can be mirrored at both borders."""
        return self.about.margin + self.about.period


def denoised(network: BlindSpotNetwork, noisy: Plane) -> Plane:
    """Return the expected samples, given those measured and their neighbours, in units of the noise.

    The mean of a normal prior (``told_of``) with a measurement of variance 1 (Laine 2019, section 3.2): a sample that
    its neighbours do not explain keeps its own value.
    """
    mean, deviation = network.told_of(noisy)
    variance = deviation * deviation
    return np.asarray(mean + (noisy - mean) * (variance / (variance + 1)), dtype=np.float32)


def mirrored_in_period(start: int, stop: int, size: int, margin: int, period: int) -> npt.NDArray[np.intp]:
    """Return indices into ``range(size)`` for a run with a margin on both sides, mirrored where it leaves the range.

    A plain mirror would put a copy of a sample near itself, where the network would see it. These copies stand at
    distances that are multiples of the period, where it does not.

    Example:
        >>> mirrored_in_period(0, 2, 20, 3, 3).tolist()
        [3, 1, 2, 0, 1, 2, 3, 4]
    """
    at = np.arange(start - margin, stop + margin)
    beyond = np.maximum(np.maximum(-at, at - size + 1), 0)
    inward = (2 * beyond + period // 2) // period * period - beyond
    return np.where(at < 0, inward, np.where(at >= size, size - 1 - inward, at))


@cache
def built_in_network() -> BlindSpotNetwork:
    """Return the network that came with the package, made once.

    Raises:
        WeightsMismatch: ``E470``.
        PrepareError: ``E471``.
    """
    return read_network(Path(str(files("hounsfield.prepare").joinpath("data"))))


def read_network(folder: Path) -> BlindSpotNetwork:
    """Read the network of a folder; the runtime gets only bytes whose digest is the recorded one.

    Raises:
        WeightsMismatch: ``E470``, the network is not the one recorded.
        PrepareError: ``E471``, it is missing, too large, or not taken by the runtime.
    """
    try:
        about = TypeAdapter(About).validate_json((folder / ABOUT).read_bytes())
        if (folder / NETWORK).stat().st_size > LARGEST_BYTES:
            raise PrepareError("E471", found=f"{NETWORK}: more than {LARGEST_BYTES} bytes")
        raw = (folder / NETWORK).read_bytes()
    except (OSError, ValueError, ValidationError, RecursionError) as error:
        raise PrepareError("E471", found=f"{type(error).__name__} in {ABOUT} or {NETWORK}") from error
    digest = hashlib.sha256(raw).hexdigest()
    if digest != about.weights_digest:
        raise WeightsMismatch("E470", found=digest, expected=about.weights_digest)
    return BlindSpotNetwork(about, _session(raw))


def _session(raw: bytes) -> Any:
    """Start the runtime on one thread, so that the same samples give the same bytes; slices share the cores."""
    import onnxruntime  # a quarter of a second, for this step alone

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # the runtime's errors share no class of their own
        raise PrepareError("E471", found=type(error).__name__) from error
