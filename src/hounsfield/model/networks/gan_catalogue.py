"""The networks that make images, by name, with their form: readable without torch."""

from dataclasses import dataclass

from hounsfield.errors import SettingsError

SIDES = (32, 64, 128)
START_SIDE = 4
"""Side of the map that noise is turned into."""
MOST_WIDTH = 256


@dataclass(frozen=True)
class GanSettings:
    """Everything that decides the form of a generator and its discriminator.

    Attributes:
        class_count: classes that are asked for by name.
        side: rows and columns, one of ``SIDES``.
        channels: of an image.
        latent: numbers of noise.
        width: channels of the widest map, at the full side; each halving of the sides doubles them up to 8 times.
        has_spectral_norm: whether the layers of the discriminator are divided by their largest singular value
            (Miyato 2018), which keeps its slope bounded; without it they have batch normalisation (Radford 2015).
    """

    class_count: int = 1
    side: int = 32
    channels: int = 1
    latent: int = 64
    width: int = 24
    has_spectral_norm: bool = True

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the maps from the full side down to ``START_SIDE``."""
        halvings = (self.side // START_SIDE).bit_length() - 1
        return tuple(min(self.width * 2**index, MOST_WIDTH) for index in range(halvings))

    def check(self) -> None:
        """Refuse a form that cannot be built.

        Raises:
            SettingsError: ``E924``.
        """
        is_positive = min(self.class_count, self.channels, self.latent, self.width) >= 1
        if self.side not in SIDES or not is_positive:
            found = f"side {self.side}, latent {self.latent}, width {self.width}"
            raise SettingsError("E924", found=found, expected=", ".join(map(str, SIDES)))
