"""The networks by name, with their size limits: readable without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hounsfield.errors import DatasetError, SettingsError


@dataclass(frozen=True)
class NetworkFacts:
    """What a network takes and can show.

    Attributes:
        name: the name that recipes and the command line use.
        least_side: smallest rows or columns it can be built for, in pixels.
        largest_side: largest rows or columns it is sensible for: beyond it the dense layers no longer fit in memory.
        usual_side: the side it is planned with when the images are smaller than its least.
        has_activation_map: whether a class activation map is exported beside the logits.
        dropout: share of activations dropped before the last layers, unless a recipe says otherwise.
        source: where the form comes from.
    """

    name: str
    least_side: int
    largest_side: int
    usual_side: int
    has_activation_map: bool
    dropout: float
    source: str


_ROWS = (
    NetworkFacts("article", 22, 256, 28, False, 0.5, "conv 32-64-128 with 2x2 max-pooling, dense 128, dropout 0.5"),
    NetworkFacts("lenet", 16, 128, 32, False, 0.0, "LeCun 1998, LeNet-5 with full second convolution"),
    NetworkFacts("alexnet", 63, 256, 128, False, 0.5, "Krizhevsky 2014 (one tower)"),
    NetworkFacts("vgg11", 32, 256, 64, False, 0.5, "Simonyan 2014, configuration A"),
    NetworkFacts("vgg13", 32, 256, 64, False, 0.5, "Simonyan 2014, configuration B"),
    NetworkFacts("vgg16", 32, 256, 64, False, 0.5, "Simonyan 2014, configuration D"),
    NetworkFacts("vgg19", 32, 256, 64, False, 0.5, "Simonyan 2014, configuration E"),
    NetworkFacts("resnet18", 16, 1024, 64, True, 0.0, "He 2015, from MONAI"),
    NetworkFacts("resnet34", 16, 1024, 64, True, 0.0, "He 2015, from MONAI"),
    NetworkFacts("resnet50", 16, 1024, 64, True, 0.0, "He 2015, from MONAI"),
    NetworkFacts("small-residual", 16, 1024, 64, True, 0.2, "residual blocks, global average pooling, linear head"),
    NetworkFacts("densenet121", 16, 1024, 64, True, 0.0, "Huang 2017, from MONAI"),
    NetworkFacts("densenet169", 16, 1024, 64, True, 0.0, "Huang 2017, from MONAI"),
    NetworkFacts("small-densenet", 16, 1024, 64, True, 0.1, "DenseNet of growth 16 in three blocks, from MONAI"),
    NetworkFacts("efficientnet-b0", 32, 1024, 64, True, 0.2, "Tan 2019, from MONAI"),
    NetworkFacts("efficientnet-b1", 32, 1024, 64, True, 0.2, "Tan 2019, from MONAI"),
    NetworkFacts("efficientnet-b2", 32, 1024, 64, True, 0.3, "Tan 2019, from MONAI"),
    NetworkFacts("efficientnet-b3", 32, 1024, 64, True, 0.3, "Tan 2019, from MONAI"),
)

NETWORKS: Mapping[str, NetworkFacts] = MappingProxyType({row.name: row for row in _ROWS})
"""Every network by name."""

MOST_MEMBERS = 8


@dataclass(frozen=True)
class NetworkSettings:
    """Everything that decides the form of a network.

    Attributes:
        name: one of ``NETWORKS``.
        class_count: number of logits.
        channels: channels of an image.
        rows: rows of an image.
        columns: columns of an image.
        standardise: give each image mean 0 and deviation 1 before the first layer, so that brightness and contrast of
            the whole image do not count.
        centre: subtracted from every sample before the first layer, when images are not standardised.
        scale: factor on the centred samples.
        dropout: None for the network's own.
        batch_norm: batch normalisation after each convolution, for the VGG family.
        dense_width: width of the two dense layers of AlexNet and VGG; None for 4096 from a side of 128, else 512.
        stem_width: channels of the first layers of ``small-residual``.
        stem_kernel: kernel of its first convolution.
        stem_stride: stride of its first convolution.
        widths: channels of each stage of ``small-residual``.
        depths: blocks of each stage.
        strides: stride of the first block of each stage.
        members: networks of this form side by side in ``small-residual``; each learns by itself, their mean answers.
    """

    name: str
    class_count: int
    channels: int = 1
    rows: int = 28
    columns: int = 28
    standardise: bool = False
    centre: float = 0.0
    scale: float = 1.0
    dropout: float | None = None
    batch_norm: bool = True
    dense_width: int | None = None
    stem_width: int = 16
    stem_kernel: int = 5
    stem_stride: int = 2
    widths: tuple[int, ...] = (32, 64, 128)
    depths: tuple[int, ...] = (2, 2, 2)
    strides: tuple[int, ...] = (2, 2, 2)
    members: int = 1

    @property
    def dropout_fraction(self) -> float:
        """The dropout asked for, or the network's own."""
        return network_facts(self.name).dropout if self.dropout is None else self.dropout

    @property
    def dense_count(self) -> int:
        """Width of the dense layers of AlexNet and VGG."""
        if self.dense_width is not None:
            return self.dense_width
        return 4096 if min(self.rows, self.columns) >= 128 else 512

    def check(self) -> None:
        """Refuse a form that cannot be built.

        Raises:
            SettingsError: ``E831`` for an unknown name, ``E833`` for stages that do not match, or counts that are none.
            DatasetError: ``E832`` for images the network cannot take.
        """
        facts = network_facts(self.name)
        sides = (self.rows, self.columns)
        if min(sides) < facts.least_side or max(sides) > facts.largest_side:
            expected = f"{facts.least_side}-{facts.largest_side}"
            raise DatasetError("E832", network=self.name, found=f"{self.rows} x {self.columns}", expected=expected)
        form = f"widths {self.widths}, depths {self.depths}, strides {self.strides}, classes {self.class_count}"
        counts = (*self.widths, *self.depths, *self.strides, self.class_count, self.channels, self.dense_count)
        is_positive = bool(self.widths) and min(*counts, self.stem_width, self.stem_kernel, self.stem_stride) >= 1
        has_members = self.members == 1 or (self.name == "small-residual" and 1 < self.members <= MOST_MEMBERS)
        is_matching = len(self.widths) == len(self.depths) == len(self.strides)
        if not (is_matching and is_positive and has_members and 0 <= self.dropout_fraction < 1):
            raise SettingsError("E833", found=f"{form}, members {self.members}, dropout {self.dropout_fraction:g}")


def catalogue_name(name: str) -> str:
    """Return the name in the catalogue that a person means: without case, hyphens and underscores; else as it is."""
    means = {_bare(known): known for known in NETWORKS}
    return means.get(_bare(name), name)


def _bare(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def network_facts(name: str) -> NetworkFacts:
    """Return the facts of a network.

    Raises:
        SettingsError: ``E831``, there is no network of this name.
    """
    if name not in NETWORKS:
        raise SettingsError("E831", found=name, expected=", ".join(sorted(NETWORKS)))
    return NETWORKS[name]
