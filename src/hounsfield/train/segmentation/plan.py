"""The plan of a segmentation: everything a run obeys, resolved."""

from typing import Any

from pydantic import Field

from hounsfield.model.networks.mask_catalogue import UNetSettings
from hounsfield.train.augment import Augmentation
from hounsfield.train.plan import RunPlan


class SegmentationPlan(RunPlan):
    """A resolved run of segmentation.

    Attributes:
        label_names: of the data, the background first.
        is_instances: whether the masks number objects; the network then learns interior and border.
        prepare: preparing steps of every channel, as ``prepare.sequence.build_steps`` takes them.
        channel_names: of the images, in order; colour counts as three.
        spacing_mm: slice, row, column spacing that images are brought to; None where it stays as it is.
        network: form of the U-Net, with the patch it sees.
        augment: kinds of ``train.augment`` in order.
        batches_per_epoch: batches that count as one epoch, whatever the number of cases.
        patch_shares: smallest and largest share of a patch that is cut and brought to its size; None cuts it as it is.
        foreground_fraction: share of patches that are centred on a labelled sample.
        overlap_fraction: of the sliding window.
        channel_dropout: share of the channels of a case that training leaves out (modality dropout); one always stays.
        quantity: what the preparing steps start from; ``display`` takes everything that can be shown.
    """

    label_names: tuple[str, ...]
    is_instances: bool = False
    prepare: tuple[dict[str, Any], ...]
    channel_names: tuple[str, ...]
    spacing_mm: tuple[float, float, float] | None = None
    network: UNetSettings
    augment: tuple[Augmentation, ...] = ()
    batches_per_epoch: int = Field(50, ge=1, le=10_000)
    patch_shares: tuple[float, float] | None = None
    foreground_fraction: float = Field(0.5, ge=0, le=1)
    overlap_fraction: float = Field(0.5, ge=0, lt=1)
    channel_dropout: float = Field(0.0, ge=0, lt=1)
    quantity: str = "arbitrary"

    @property
    def network_name(self) -> str:
        """Name of the network."""
        return self.network.name

    @property
    def learned_names(self) -> tuple[str, ...]:
        """Labels of the network's logits: those of the data, or background, interior and border of objects."""
        return ("background", "interior", "border") if self.is_instances else self.label_names

    def deciding(self) -> dict[str, Any]:
        """Return what decides the weights; what was added later only where it is used, so that older runs go on."""
        values = super().deciding()
        for name in ("channel_dropout", "patch_shares"):
            if not getattr(self, name):
                del values[name]
        return values
