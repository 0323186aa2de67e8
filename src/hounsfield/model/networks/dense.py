"""Densely connected networks from MONAI, with a stem for their image size and a linear head."""

from torch import nn

from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import PooledClassifier
from hounsfield.model.networks.residual import SMALL_STEM_SIDE

FORMS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "densenet121": (64, 32, (6, 12, 24, 16)),
    "densenet169": (64, 32, (6, 12, 32, 32)),
    "small-densenet": (32, 16, (4, 6, 8)),
}
"""First width, growth and layers of each block: Huang 2017, table 1; the last is ours, of half a million parameters."""


def densenet(settings: NetworkSettings) -> PooledClassifier:
    """Return MONAI's DenseNet; below ``SMALL_STEM_SIDE`` with a 3x3 stem and without the first pooling."""
    from monai.networks.nets.densenet import DenseNet  # three seconds of imports: only for whom it is for

    first, growth, blocks = FORMS[settings.name]
    whole = DenseNet(
        spatial_dims=2,
        in_channels=settings.channels,
        out_channels=settings.class_count,
        init_features=first,
        growth_rate=growth,
        block_config=blocks,
    )
    parts = dict(whole.features.named_children())
    if min(settings.rows, settings.columns) < SMALL_STEM_SIDE:
        parts["conv0"] = nn.Conv2d(settings.channels, first, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(parts["conv0"].weight)  # type: ignore[arg-type]  # as MONAI starts its convolutions
        del parts["pool0"]
    trunk = nn.Sequential(*parts.values(), nn.ReLU())
    linear = whole.class_layers[-1]
    if not isinstance(linear, nn.Linear):
        raise TypeError("the last layer of a DenseNet is linear")
    return PooledClassifier(trunk, linear, settings)
