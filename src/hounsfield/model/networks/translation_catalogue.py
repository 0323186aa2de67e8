"""The networks that turn one image into another, with their form: readable without torch (Isola 2017, pix2pix)."""

from dataclasses import dataclass

from hounsfield.errors import SettingsError

SIDES = (32, 64, 128, 256)


@dataclass(frozen=True)
class TranslationSettings:
    """Everything that decides the form of a generator of images from images and of its discriminator.

    Attributes:
        side: rows and columns, one of ``SIDES``.
        channels: of the image that is given and of the one that is made.
        widths: channels of each stage of the U-Net.
        judge_width: channels of the first layer of the discriminator.
        judge_strides: layers of the discriminator that halve the sides: 2 judge patches of 34 pixels, 3 of 70.
    """

    side: int = 64
    channels: int = 1
    widths: tuple[int, ...] = (16, 32, 64, 128)
    judge_width: int = 32
    judge_strides: int = 2

    @property
    def rows(self) -> int:
        """Rows of an image."""
        return self.side

    @property
    def columns(self) -> int:
        """Columns of an image."""
        return self.side

    def check(self) -> None:
        """Refuse a form that cannot be built.

        Raises:
            SettingsError: ``E924``.
        """
        is_positive = min(self.channels, self.judge_width, *self.widths) >= 1 and 1 <= self.judge_strides <= 4
        if self.side not in SIDES or not is_positive:
            raise SettingsError("E924", found=f"side {self.side}", expected=", ".join(map(str, SIDES)))
