"""Predictor: runs the network of a package on the processor, the same bytes every time.

Images go through the network one at a time: matrix products of different batch sizes take different paths through the
runtime and differ in the last bits, so a batch would make an answer depend on its neighbours.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime
from scipy.special import expit

from hounsfield.core.prediction import Prediction
from hounsfield.core.trace import Trace
from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import ModelError, OutOfScope
from hounsfield.model.interface import SequenceInterface
from hounsfield.model.manifest import Answer
from hounsfield.model.network_check import check_network
from hounsfield.model.outside import outside_scores
from hounsfield.model.package import ModelPackage

Images = npt.NDArray[np.float32]


def runtime_description() -> str:
    """Return what runs the networks, for provenance, such as ``onnxruntime 1.31.1 CPU``."""
    return f"onnxruntime {onnxruntime.__version__} CPU"


class Predictor:
    """A checked network, ready to run.

    Args:
        package: an opened package.
        threads: threads within one operator; 0 takes the cores of the machine.

    Attributes:
        package: the package.

    Raises:
        ModelError: ``E510`` to ``E512``, the network is not fit, or the runtime does not take it; ``E861``, the model
            answers with masks (``mask_predictor``); ``E920``, it makes images (``generator``).
        ManifestMismatch: ``E513``, the network is not the one the manifest speaks of.
    """

    def __init__(self, package: ModelPackage, threads: int = 0) -> None:
        self.package = package
        if package.manifest.masks is not None:
            raise ModelError("E861", model=package.identity.name)
        if package.manifest.answer == "image":
            raise ModelError("E920", model=package.identity.name)
        check_network(package.network, package.manifest)
        self._session = open_session(package.network, threads)

    def predict(self, prepared: Volume, trace: Trace) -> Prediction:
        """Return calibrated probabilities; every slice of the volume is one image, or all of them are one sequence.

        Args:
            prepared: the volume on the model grid.
            trace: the preparing steps that led to it.

        Returns:
            A prediction with probabilities (class,) for one slice or a sequence and (class, slice) for more, and with
            the outside margin where the manifest has a score for it.

        Raises:
            OutOfScope: ``E520``, the volume is not on the model grid; ``E521``, it holds NaN or infinite samples.
            ModelError: ``E522``, the network's output is not finite; ``E855``, the model answers with a number;
                ``E934``, it answers with several heads (``several_predictor``).
        """
        manifest = self.package.manifest
        if manifest.heads:
            raise ModelError("E934", model=self.package.identity.name, found=", ".join(h.name for h in manifest.heads))
        if manifest.answer == "number":
            raise ModelError("E855", model=self.package.identity.name, found=manifest.classes[0].name)
        outputs = self.run(self.images_of(prepared))
        probabilities = self.answers(outputs[manifest.network.logits]).T.astype(np.float32)
        margin = outside_scores(manifest, outputs)
        is_single = probabilities.shape[1] == 1
        return Prediction(
            np.ascontiguousarray(probabilities[:, 0] if is_single else probabilities),
            manifest.predicted_classes,
            prepared.geometry,
            trace,
            self.package.identity,
            margin,
        )

    def answers(self, logits: Samples) -> npt.NDArray[np.float64]:
        """Return what logits (image, class) say: calibrated probabilities (image, class), or the number (image, 1).

        Labels that do not exclude each other have probabilities of their own, which need not add up to one.
        """
        manifest = self.package.manifest
        return answers_of(manifest.answer, logits, manifest.calibration.temperature)

    def images_of(self, prepared: Volume) -> Images:
        """Return a prepared volume as network input (image, channel, row, column).

        Raises:
            OutOfScope: ``E520``, ``E521``.
        """
        network = self.package.manifest.network
        array = prepared.array if prepared.is_colour else prepared.array[None]
        expected = (network.channels, network.rows, network.columns)
        found = (array.shape[0], *array.shape[2:])
        if found != expected:
            raise OutOfScope("E520", found=found, expected=expected)
        images = np.ascontiguousarray(array.swapaxes(0, 1), dtype=np.float32)
        if not np.isfinite(images).all():
            raise OutOfScope("E521", found=int((~np.isfinite(images)).sum()))
        return images

    def run(self, images: Images) -> Mapping[str, Images]:
        """Run the network on images (image, channel, row, column) and return its outputs by name, image first.

        An image's outputs are the same bytes whichever images come with it. A network of sequences takes the images as
        the frames of one sequence, in their order, and its outputs have one row.

        Raises:
            OutOfScope: ``E520``, the images have another size than the network takes, or there are none; ``E905``, a
                sequence has more frames than the network takes.
            ModelError: ``E522``, an output is not finite.
        """
        network = self.package.manifest.network
        expected = (network.channels, network.rows, network.columns)
        if images.ndim != 4 or images.shape[1:] != expected or not len(images):
            raise OutOfScope("E520", found=images.shape, expected=expected)
        names, given = list(network.outputs), images.astype(np.float32, copy=False)
        if isinstance(network, SequenceInterface):
            if len(images) > network.most_frames:
                raise OutOfScope("E905", found=len(images), expected=network.most_frames)
            rows = [self._run_one(names, given)]
        else:
            rows = [self._run_one(names, image) for image in given]
        return {name: np.stack([row[index] for row in rows]) for index, name in enumerate(names)}

    def _run_one(self, names: list[str], image: Images) -> list[Images]:
        """Run one image, or the frames of one sequence, and return its outputs without the batch axis."""
        feed = {self.package.manifest.network.input: np.ascontiguousarray(image[None])}
        try:
            outputs = self._session.run(names, feed)
        except Exception as error:
            # the runtime's errors share no class of their own
            raise ModelError("E523", found=type(error).__name__) from error
        found = [np.asarray(output, dtype=np.float32)[0] for output in outputs]
        for name, output in zip(names, found, strict=True):
            if not np.isfinite(output).all():
                raise ModelError("E522", model=self.package.identity.name, output=name)
        return found


def answers_of(answer: Answer, logits: Samples, temperature: float) -> npt.NDArray[np.float64]:
    """Return what logits (image, class) say by the answer they belong to: probabilities, or the number (image, 1)."""
    if answer == "number":
        return logits.astype(np.float64)
    if answer == "labels":
        return np.asarray(expit(logits.astype(np.float64) / temperature), dtype=np.float64)
    return softmax(logits, temperature).astype(np.float64)


def softmax(logits: Samples, temperature: float = 1.0) -> Images:
    """Return softmax of logits (image, class) divided by a temperature, computed in float64."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def open_session(network: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return a session that gives the same bytes every time.

    Raises:
        ModelError: ``E510``, the runtime does not take the network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # the runtime's errors share no class of their own
        raise ModelError("E510", found=f"the runtime does not take it ({type(error).__name__})") from error
