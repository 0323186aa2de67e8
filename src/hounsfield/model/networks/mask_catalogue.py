"""The networks that give a mask, by name, with their form: readable without torch.

The form follows nnU-Net (Isensee 2021): two convolutions with instance normalisation and leaky ReLU a stage, strided
convolutions down, transposed ones up, and logits of the lower stages while training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from hounsfield.errors import DatasetError, SettingsError

Triple = tuple[int, int, int]

MOST_STAGES = 7
LEAST_SIDE = 4
"""Fewest rows and columns that the lowest stage may see: instance normalisation needs several samples."""


@dataclass(frozen=True)
class MaskNetworkFacts:
    """What a network is.

    Attributes:
        name: the name that recipes and the command line use.
        is_residual: whether the stages down have short cuts.
        source: where the form comes from.
    """

    name: str
    is_residual: bool
    source: str


MASK_NETWORKS: Mapping[str, MaskNetworkFacts] = MappingProxyType(
    {
        row.name: row
        for row in (
            MaskNetworkFacts("unet", False, "Ronneberger 2015 with the blocks of nnU-Net (Isensee 2021)"),
            MaskNetworkFacts("residual-unet", True, "nnU-Net's residual encoder (Isensee 2024, arXiv:2404.09556)"),
        )
    }
)
"""Every network by name; each works on slices or on volumes, as its patch has one slice or more."""


@dataclass(frozen=True)
class UNetSettings:
    """Everything that decides the form of a U-Net.

    Attributes:
        name: one of ``MASK_NETWORKS``.
        label_count: logits of a sample, the background included.
        channels: channels of an image.
        patch: (slice, row, column) of what it sees at once; one slice makes a network of two dimensions.
        widths: channels of each stage from the top; one stage more halves the sides once more.
        slice_strides: whether the slices are halved too on entering each stage after the first (1 or 2 each); empty
            for a network of two dimensions.
        depth: convolutions (or residual blocks) of each stage down.
        supervised: stages with logits of their own while training, the full size first (deep supervision; Lee 2015).
        centre: subtracted from every sample before the first layer.
        scale: factor on the centred samples.
    """

    name: str
    label_count: int
    channels: int
    patch: Triple
    widths: tuple[int, ...] = (16, 32, 64, 128)
    slice_strides: tuple[int, ...] = ()
    depth: int = 2
    supervised: int = 1
    centre: float = 0.0
    scale: float = 1.0

    @property
    def is_planar(self) -> bool:
        """Whether the network works slice by slice."""
        return self.patch[0] == 1

    @property
    def strides(self) -> tuple[Triple, ...]:
        """Stride on entering each stage after the first."""
        slices = self.slice_strides or (1,) * (len(self.widths) - 1)
        return tuple((stride, 2, 2) for stride in slices)

    @property
    def reduction(self) -> Triple:
        """What the sides of a patch have to be multiples of."""
        return (prod(item[0] for item in self.strides), 2 ** len(self.strides), 2 ** len(self.strides))

    def check(self) -> None:
        """Refuse a form that cannot be built.

        Raises:
            SettingsError: ``E831`` for an unknown name, ``E833`` for stages that do not match.
            DatasetError: ``E832`` for a patch that the stages do not divide.
        """
        mask_network_facts(self.name)
        stages = len(self.widths)
        has_strides = len(self.slice_strides) == (0 if self.is_planar else stages - 1)
        is_possible = 2 <= stages <= MOST_STAGES and self.label_count >= 2 and 1 <= self.supervised < stages
        is_positive = min((*self.widths, self.channels, self.depth), default=0) >= 1
        if not (has_strides and is_possible and is_positive and set(self.slice_strides) <= {1, 2}):
            form = f"widths {self.widths}, slice strides {self.slice_strides}, depth {self.depth}"
            raise SettingsError("E833", found=f"{form}, supervised {self.supervised}, labels {self.label_count}")
        sides = zip(self.patch, self.reduction, strict=True)
        if any(side < 1 or side % least for side, least in sides) or min(self.patch[1:]) < LEAST_SIDE * 2 ** (
            stages - 1
        ):
            found, expected = " x ".join(map(str, self.patch)), " x ".join(map(str, self.reduction))
            raise DatasetError("E832", network=self.name, found=found, expected=expected)


def mask_network_facts(name: str) -> MaskNetworkFacts:
    """Return the facts of a network.

    Raises:
        SettingsError: ``E831``, there is no network of this name.
    """
    if name not in MASK_NETWORKS:
        raise SettingsError("E831", found=name, expected=", ".join(sorted(MASK_NETWORKS)))
    return MASK_NETWORKS[name]
