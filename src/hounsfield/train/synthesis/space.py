"""The space that images are judged in: the features of a classifier, after its own preparing."""

import numpy as np
import numpy.typing as npt

from hounsfield.model.features import FeatureNetwork
from hounsfield.model.generator import picture_of
from hounsfield.model.package import ModelPackage
from hounsfield.prepare.sequence import apply_steps, build_steps

Images = npt.NDArray[np.float32]


class FeatureSpace:
    """Features of pictures, by the network of a package.

    Args:
        package: of a classifier.

    Raises:
        ModelError: it is no classifier, or has no last linear layer (``E923``).
    """

    def __init__(self, package: ModelPackage) -> None:
        self.identity = package.identity
        self._network = FeatureNetwork(package, threads=1)
        self._steps = build_steps(package.manifest.prepare)

    def of(self, images: Images) -> Images:
        """Return features (image, feature) of pictures (image, channel, row, column) in 0..1.

        Raises:
            PrepareError: a step of the package cannot be applied.
        """
        prepared = [apply_steps(self._steps, picture_of(image))[0] for image in images]
        grids = [item.array[:, 0] if item.is_colour else item.array for item in prepared]
        return self._network.of(np.stack(grids))
