"""Generator: makes synthetic images from the network of a package, the same bytes every time, without torch."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import ModelError, OutOfScope
from hounsfield.model.interface import GeneratorInterface
from hounsfield.model.network_check import check_network
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import open_session

Images = npt.NDArray[np.float32]


class Generator:
    """A checked generator, ready to run.

    Args:
        package: an opened package.
        threads: threads within one operator; 0 takes the cores of the machine.

    Attributes:
        package: the package.
        class_names: what it can make.

    Raises:
        ModelError: ``E921``, the model is no generator; ``E510`` to ``E512``, the network is not fit.
        ManifestMismatch: ``E513``, the network is not the one the manifest speaks of.
    """

    def __init__(self, package: ModelPackage, threads: int = 0) -> None:
        network = package.manifest.network
        if not isinstance(network, GeneratorInterface):
            raise ModelError("E921", model=package.identity.name, found=package.manifest.answer)
        self.package = package
        self.class_names = tuple(entry.name for entry in package.manifest.classes)
        self._network = network
        check_network(package.network, package.manifest)
        self._session = open_session(package.network, threads)

    @property
    def takes_images(self) -> bool:
        """Whether it turns a given image into another, instead of noise into an image."""
        return self._network.latent == 0

    def label_of(self, class_name: str) -> int:
        """Return the number of a class.

        Raises:
            OutOfScope: ``E922``, it makes no such class.
        """
        if class_name not in self.class_names:
            raise OutOfScope("E922", found=class_name, expected=", ".join(self.class_names))
        return self.class_names.index(class_name)

    def draw(self, label: int, count: int, seed: int) -> Images:
        """Return synthetic images (image, channel, row, column) of a class, samples from 0 to 1.

        Image k depends on seed, class and k alone: more images begin with the same ones.

        Raises:
            ModelError: ``E921``, the network takes images instead of noise; ``E522``, an output is not finite.
        """
        if self.takes_images:
            raise ModelError("E921", model=self.package.identity.name, found="image to image")
        return self.run(codes(label, len(self.class_names), self._network.latent, count, seed))

    def run(self, given: Images) -> Images:
        """Return the image that is made from each row of noise and class, or of each image, one at a time.

        Raises:
            OutOfScope: ``E520``, what is given has another size than the network takes, or there is none.
            ModelError: ``E522``, an output is not finite.
        """
        expected = self._network.input_shape(len(self.class_names))
        if given.shape[1:] != expected or not len(given):
            raise OutOfScope("E520", found=given.shape, expected=expected)
        rows = [self._run_one(row) for row in given.astype(np.float32, copy=False)]
        return np.stack(rows)

    def _run_one(self, row: Images) -> Images:
        feed = {self._network.input: np.ascontiguousarray(row[None])}
        image = np.asarray(self._session.run([self._network.logits], feed)[0], dtype=np.float32)[0]
        if not np.isfinite(image).all():
            raise ModelError("E522", model=self.package.identity.name, output=self._network.logits)
        return np.asarray(np.clip(image, 0, 1), dtype=np.float32)


def codes(label: int, class_count: int, latent: int, count: int, seed: int) -> Images:
    """Return what images of a class are made from (image, latent + class): noise by place, and the class."""
    noise = [np.random.default_rng([seed, label, index]).standard_normal(latent) for index in range(count)]
    wanted = np.zeros((count, class_count))
    wanted[:, label] = 1
    return np.concatenate([np.reshape(noise, (count, latent)), wanted], axis=1).astype(np.float32)


def picture_of(image: Images) -> Volume:
    """Return a picture (channel, row, column) in 0..1 as a display volume of one slice."""
    rows, columns = image.shape[1:]
    array = image if len(image) == 1 else image[:, None]
    return Volume(array, VolumeGeometry((1, rows, columns), calibration=Calibration.NONE), Quantity.DISPLAY)
