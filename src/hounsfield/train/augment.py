"""Augmentation of whole batches as tensors: draw the parameters of every image, then apply them.

Images are (image, channel, row, column) in 0..1, white is bright. Every kind is a model of its settings, so a recipe
that misspells one is refused.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from hounsfield.train.artefacts.magnetic import Ghosting, Motion, RicianNoise, Spike
from hounsfield.train.artefacts.ultrasound import DepthGain, Shadow, Speckle
from hounsfield.train.artefacts.x_ray import Collimation, DoseNoise
from hounsfield.train.draws import Drawn, Kind, Probability, Range, by_image, even, happens
from hounsfield.train.elastic import Elastic
from hounsfield.train.turned import turned_grid


class BatchAugmentation(Protocol):
    """Changes a batch at random, the same way for the same drawn parameters."""

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Settle everything that depends on chance."""

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Return the changed batch; deterministic."""


@runtime_checkable
class MovesMasks(Protocol):
    """A kind that moves samples about, and so a mask with them."""

    def apply_to_masks(self, masks: Tensor, drawn: Drawn) -> Tensor:
        """Return the moved masks (image, slice, row, column), of the same type; deterministic."""


class Affine(Kind):
    """Turn, scale, stretch, shift, shear and mirror about the centre.

    Attributes:
        rotation_degrees: largest turn to either side.
        scale: range of magnification, drawn evenly in its logarithm.
        aspect: largest natural logarithm of the stretch of columns against rows.
        shift_fraction: largest shift as a share of the side.
        shear: largest shear.
        flip_probability: share of images mirrored left to right.
        upside_down_probability: share of images mirrored top to bottom.
        outside: what lies outside the image: ``zeros``, the ``border`` continued, or ``either``, drawn for each batch.
    """

    kind: Literal["affine"] = "affine"
    rotation_degrees: float = 0.0
    scale: Range = (1.0, 1.0)
    aspect: float = 0.0
    shift_fraction: float = 0.0
    shear: float = 0.0
    flip_probability: Probability = 0.0
    upside_down_probability: Probability = 0.0
    outside: Literal["zeros", "border", "either"] = "zeros"

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the matrix of each image (image, 2, 3), in the normalised coordinates of ``affine_grid``."""
        count = len(images)
        angle = even(count, -self.rotation_degrees, self.rotation_degrees, generator) * (math.pi / 180)
        size = torch.exp(even(count, math.log(self.scale[0]), math.log(self.scale[1]), generator))
        stretch = torch.exp(even(count, -self.aspect, self.aspect, generator))
        shear = even(count, -self.shear, self.shear, generator)
        shift = even(2 * count, -2 * self.shift_fraction, 2 * self.shift_fraction, generator).view(2, count)
        mirror = 1.0 - 2.0 * happens(count, self.flip_probability, generator)
        tumble = 1.0 - 2.0 * happens(count, self.upside_down_probability, generator)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        across, down = 1 / (size * stretch), stretch / size
        first = torch.stack([cosine * across * mirror, (shear - sine * across) * tumble, shift[0]], 1)
        second = torch.stack([sine * down * mirror, cosine * down * tumble, shift[1]], 1)
        return {"matrix": torch.stack([first, second], 1), "is_border": torch.rand(1, generator=generator) < 0.5}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Sample each image on its turned grid, linearly."""
        return self._sampled(images, drawn, "bilinear")

    def apply_to_masks(self, masks: Tensor, drawn: Drawn) -> Tensor:
        """Sample masks (image, slice, row, column) of integers on the same grids: each place takes its nearest label.

        What comes from outside the image is background, or the border continued, as in the image.
        """
        return self._sampled(masks.float(), drawn, "nearest").to(masks.dtype)

    def _sampled(self, images: Tensor, drawn: Drawn, method: str) -> Tensor:
        grid = turned_grid(drawn["matrix"], *images.shape[-2:])
        is_border = self.outside == "border" or (self.outside == "either" and bool(drawn["is_border"]))
        return functional.grid_sample(images, grid, method, "border" if is_border else "zeros", align_corners=False)


class Gamma(Kind):
    """Raise to a power drawn evenly in its logarithm."""

    kind: Literal["gamma"] = "gamma"
    exponent: Range = (0.7, 1.4)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the exponent of each image."""
        low, high = (math.log(value) for value in self.exponent)
        return {"exponent": torch.exp(even(len(images), low, high, generator))}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Raise the clipped samples to the exponent."""
        return images.clamp(0, 1).pow(by_image(drawn["exponent"]))


class Contrast(Kind):
    """Stretch about the mean of the image, then shift."""

    kind: Literal["contrast"] = "contrast"
    factor: Range = (0.8, 1.2)
    brightness: float = 0.0
    clip: bool = True

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw factor and shift of each image."""
        count = len(images)
        return {
            "factor": even(count, *self.factor, generator),
            "shift": even(count, -self.brightness, self.brightness, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Stretch and shift."""
        factor = by_image(drawn["factor"])
        mean = images.mean((1, 2, 3), keepdim=True)
        # one pass over the samples: the rest is a number for each image
        changed = torch.addcmul(mean * (1 - factor) + by_image(drawn["shift"]), images, factor)
        return changed.clamp_(0, 1) if self.clip else changed


class BiasField(Kind):
    """A smooth factor over the image, as uneven coils and beams make."""

    kind: Literal["bias-field"] = "bias-field"
    strength: float = 0.15
    knots: int = 3

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the knots of the logarithm of the field."""
        count = len(images)
        size = torch.rand(count, 1, 1, 1, generator=generator)
        return {"knots": torch.randn(count, 1, self.knots, self.knots, generator=generator) * size * self.strength}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Multiply by the interpolated field."""
        sides = list(images.shape[-2:])
        return images * torch.exp(functional.interpolate(drawn["knots"], sides, mode="bicubic", align_corners=True))


class Blur(Kind):
    """Gaussian blur of some images."""

    kind: Literal["blur"] = "blur"
    probability: Probability = 0.3
    sigma_pixels: Range = (0.4, 1.3)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw which images, and how much."""
        count = len(images)
        return {
            "chosen": happens(count, self.probability, generator) > 0,
            "sigma": even(count, *self.sigma_pixels, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Convolve the chosen images, each with its own kernel, rows and columns apart."""
        chosen = drawn["chosen"]
        if not bool(chosen.any()):
            return images
        picked = images[chosen]
        count, channels, rows, columns = picked.shape
        reach = min(max(2, math.ceil(2 * self.sigma_pixels[1])), rows - 1, columns - 1)
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
        kernel = torch.exp(-(offsets**2) / (2 * drawn["sigma"][chosen][:, None] ** 2))
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
        planes = functional.pad(picked.reshape(1, count * channels, rows, columns), [reach] * 4, mode="replicate")
        planes = functional.conv2d(planes, kernel[:, :, :, None], groups=count * channels)
        planes = functional.conv2d(planes, kernel[:, :, None, :], groups=count * channels)
        changed = images.clone()
        changed[chosen] = planes.view(count, channels, rows, columns)
        return changed


class LowResolution(Kind):
    """Shrink some images and enlarge them again; one resolution for the batch."""

    kind: Literal["low-resolution"] = "low-resolution"
    probability: Probability = 0.2
    fraction: Range = (0.3, 0.9)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw which images, and the share of rows and columns kept."""
        return {
            "chosen": happens(len(images), self.probability, generator) > 0,
            "fraction": even(1, *self.fraction, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Average down, then interpolate up."""
        chosen = drawn["chosen"]
        if not bool(chosen.any()):
            return images
        sides = list(images.shape[-2:])
        kept = [max(2, int(side * float(drawn["fraction"]))) for side in sides]
        small = functional.interpolate(images[chosen], kept, mode="area")
        changed = images.clone()
        changed[chosen] = functional.interpolate(small, sides, mode="bilinear", align_corners=False)
        return changed


class Noise(Kind):
    """Gaussian noise of a deviation drawn evenly from 0."""

    kind: Literal["noise"] = "noise"
    probability: Probability = 0.6
    deviation: float = 0.04
    clip: bool = True

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the noise itself."""
        count = len(images)
        size = even(count, 0.0, self.deviation, generator) * happens(count, self.probability, generator)
        return {"noise": torch.randn(images.shape, generator=generator).mul_(by_image(size))}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Add the noise."""
        changed = images + drawn["noise"]
        return changed.clamp_(0, 1) if self.clip else changed


class Erase(Kind):
    """Cover a rectangle of some images with one grey."""

    kind: Literal["erase"] = "erase"
    probability: Probability = 0.25
    fraction: Range = (0.1, 0.3)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the rectangles as shares of the sides: height, width, place, place, and their grey."""
        count = len(images)
        return {
            "chosen": happens(count, self.probability, generator) > 0,
            "sides": even(2 * count, *self.fraction, generator).view(2, count),
            "place": torch.rand(2, count, generator=generator),
            "grey": torch.rand(count, generator=generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Write the rectangles."""
        row, column = (torch.arange(count) for count in images.shape[-2:])
        inside = drawn["chosen"][:, None, None]
        for axis, index in enumerate((row[None, :, None], column[None, None, :])):
            count = images.shape[2 + axis]
            length = torch.clamp((drawn["sides"][axis] * count).long(), min=1)
            start = (drawn["place"][axis] * (count - length + 1)).long()
            inside = inside & (index >= start[:, None, None]) & (index < (start + length)[:, None, None])
        return torch.where(inside[:, None], by_image(drawn["grey"]), images)


class Background(Kind):
    """Give the black surroundings of some images another grey."""

    kind: Literal["background"] = "background"
    probability: Probability = 0.15
    level: Range = (0.0, 0.5)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw which images, and their grey."""
        count = len(images)
        return {"chosen": happens(count, self.probability, generator), "level": even(count, *self.level, generator)}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Write the grey where an image is black."""
        is_changed = (images <= 0) & (by_image(drawn["chosen"]) > 0)
        return torch.where(is_changed, by_image(drawn["level"]), images)


class Invert(Kind):
    """Exchange dark and bright in some images."""

    kind: Literal["invert"] = "invert"
    probability: Probability = 0.1

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw which images."""
        return {"chosen": happens(len(images), self.probability, generator)}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Take the chosen images from one."""
        chosen = by_image(drawn["chosen"])
        return chosen * (1 - images) + (1 - chosen) * images


Augmentation = Annotated[
    Affine | Background | BiasField | Blur | Contrast | Elastic | Erase | Gamma | Invert | LowResolution | Noise
    | Ghosting | Motion | RicianNoise | Spike | DepthGain | Shadow | Speckle | Collimation | DoseNoise,
    Field(discriminator="kind"),
]  # fmt: skip
"""Any of the kinds, told apart by ``kind``."""


@torch.no_grad()
def augment(images: Tensor, kinds: Sequence[BatchAugmentation], generator: torch.Generator) -> Tensor:
    """Return a batch changed by each kind in order; the batch given is left as it is."""
    for kind in kinds:
        images = kind.apply(images, kind.draw(images, generator))
    return images


@torch.no_grad()
def augment_with_masks(
    images: Tensor, masks: Tensor, kinds: Sequence[BatchAugmentation], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return a batch changed by each kind in order, and its masks moved along with it.

    Kinds that move samples about (those with ``apply_to_masks``) take the masks along; the others leave them.

    Args:
        images: (image, channel, slice, row, column) in 0..1; every slice of an image is changed the same way.
        masks: (image, slice, row, column) of integers.
        kinds: in order.
        generator: of all chance.
    """
    flat = images.flatten(1, 2)
    for kind in kinds:
        drawn = kind.draw(flat, generator)
        flat = kind.apply(flat, drawn)
        if isinstance(kind, MovesMasks):
            masks = kind.apply_to_masks(masks, drawn)
    return flat.view(images.shape), masks
