"""Artefacts of magnetic resonance: ghosts, a spike in k-space, motion between lines, and noise of magnitudes."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from hounsfield.train.draws import Drawn, Kind, Probability, Range, by_image, either_sign, even, happens

Late = Annotated[float, Field(ge=0.5, le=1)]


class Ghosting(Kind):
    """Weak copies along one axis, as a periodic change between the lines of k-space makes them.

    The line of spatial frequency f is multiplied by 1 + strength * cos(2 pi f d + phase): two copies, d pixels to
    either side, half as strong as ``strength``. The magnitude is taken.

    Attributes:
        probability: share of images with ghosts.
        strength: range of the strength.
        shift_fraction: range of the distance of the ghosts as a share of the side.
    """

    kind: Literal["ghosting"] = "ghosting"
    probability: Probability = 0.2
    strength: Range = (0.1, 0.4)
    shift_fraction: Range = (0.1, 0.5)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw strength, distance, phase and axis for each image."""
        count = len(images)
        return {
            "strength": even(count, *self.strength, generator) * happens(count, self.probability, generator),
            "shift": even(count, *self.shift_fraction, generator),
            "phase": even(count, -math.pi, math.pi, generator),
            "is_across": happens(count, 0.5, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Multiply the lines of k-space, along rows for some images and along columns for the others."""
        changed = images.clone()
        for axis, of_axis in ((-2, drawn["is_across"] < 0.5), (-1, drawn["is_across"] > 0.5)):
            touched = of_axis & (drawn["strength"] > 0)
            if not bool(touched.any()):
                continue
            picked, side = images[touched], images.shape[axis]
            frequency = torch.fft.fftfreq(side).view((-1, 1) if axis == -2 else (1, -1))
            strength, shift, phase = (by_image(drawn[name][touched]) for name in ("strength", "shift", "phase"))
            factor = 1 + strength * torch.cos(2 * math.pi * frequency * shift * side + phase)
            changed[touched] = torch.fft.ifft(torch.fft.fft(picked, dim=axis) * factor, dim=axis).abs()
        return changed.clamp(0, 1)


class Spike(Kind):
    """Stripes over the whole image: one point of k-space is far too large, as a spark in the scanner room makes it.

    Attributes:
        probability: share of images with a spike.
        amplitude: range of the amplitude of the stripes.
        frequency: range of the frequency along each axis, in periods a pixel; 0.5 is the highest there is.
    """

    kind: Literal["spike"] = "spike"
    probability: Probability = 0.1
    amplitude: Range = (0.03, 0.15)
    frequency: Range = (0.05, 0.45)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw amplitude, whole periods down and across, and phase of each image."""
        count = len(images)
        periods = [
            torch.round(even(count, *self.frequency, generator) * side).clamp(min=1) * either_sign(count, generator)
            for side in images.shape[-2:]
        ]
        return {
            "amplitude": even(count, *self.amplitude, generator) * happens(count, self.probability, generator),
            "down": periods[0],
            "across": periods[1],
            "phase": even(count, -math.pi, math.pi, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Add the wave that the point stands for."""
        rows, columns = (torch.arange(side) / side for side in images.shape[-2:])
        turns = by_image(drawn["down"]) * rows[:, None] + by_image(drawn["across"]) * columns
        wave = by_image(drawn["amplitude"]) * torch.cos(2 * math.pi * turns + by_image(drawn["phase"]))
        return (images + wave).clamp(0, 1)


class Motion(Kind):
    """The patient moves once while the lines of k-space are read, after the middle one: what was seen stays in place.

    Attributes:
        probability: share of images with motion.
        shift_fraction: largest shift along each axis as a share of the side.
        start: range of the share of the lines that were read before.
    """

    kind: Literal["motion"] = "motion"
    probability: Probability = 0.2
    shift_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    start: tuple[Late, Late] = (0.55, 0.8)

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw who moves, how far and when; lines are rows of k-space for some images, columns for the others."""
        count = len(images)
        shift = even(2 * count, -self.shift_fraction, self.shift_fraction, generator).view(2, count)
        return {
            "shift": shift * happens(count, self.probability, generator),
            "start": even(count, *self.start, generator),
            "is_across": happens(count, 0.5, generator),
        }

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Take the late lines from the moved image and return the magnitude."""
        moves = drawn["shift"].any(0)
        if not bool(moves.any()):
            return images
        picked, shift = images[moves], drawn["shift"][:, moves]
        sides = picked.shape[-2:]
        down, across = torch.fft.fftfreq(sides[0])[:, None], torch.fft.fftfreq(sides[1])
        turns = by_image(shift[0] * sides[0]) * down + by_image(shift[1] * sides[1]) * across
        moved = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
        # lines are read from the lowest frequency to the highest, 0.5 periods a pixel
        line = torch.where(by_image(drawn["is_across"][moves]) > 0.5, across, down) + 0.5
        is_late = line > by_image(drawn["start"][moves])
        space = torch.fft.fft2(picked)
        changed = images.clone()
        changed[moves] = torch.fft.ifft2(torch.where(is_late, space * moved, space)).abs()
        return changed.clamp(0, 1)


class RicianNoise(Kind):
    """Noise of a magnitude image: both parts of the signal carry Gaussian noise (Gudbjartsson 1995).

    Attributes:
        probability: share of images with noise.
        deviation: largest deviation of each part; it is drawn evenly from 0.
    """

    kind: Literal["rician-noise"] = "rician-noise"
    probability: Probability = 0.6
    deviation: Annotated[float, Field(ge=0)] = 0.04

    def draw(self, images: Tensor, generator: torch.Generator) -> Drawn:
        """Draw the noise of the real and of the imaginary part."""
        size = even(len(images), 0.0, self.deviation, generator) * happens(len(images), self.probability, generator)
        real, imaginary = (torch.randn(images.shape, generator=generator) * by_image(size) for _ in range(2))
        return {"real": real, "imaginary": imaginary, "size": size}

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Return the magnitude of the noisy signal; images without noise stay as they are."""
        noisy = torch.hypot(images + drawn["real"], drawn["imaginary"]).clamp(0, 1)
        return torch.where(by_image(drawn["size"]) > 0, noisy, images)
