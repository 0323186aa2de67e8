"""Interface of a network in a manifest: its input and outputs, its map, and its score for unknown kinds of image."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

TensorName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_./:-]{0,127}$")]
Side = Annotated[int, Field(ge=1, le=4096)]


class NetworkInterface(BaseModel):
    """Names and sizes of the network's input and outputs; the network is refused when it differs.

    Attributes:
        input: name of the one input, float32 (image, channel, row, column).
        channels: 1 for grey, 3 for colour; other numbers for masks of several series alone.
        slices: slices of the input, for masks of volumes; None for an input without them.
        rows: rows of the input.
        columns: columns of the input.
        logits: name of the output (image, class); for masks see ``MaskOutput``.
        activation_maps: name of the output (image, class, row, column) whose mean over the map is the class's logit
            without its bias, None without one.
        outside: name of the output that tells unknown kinds of image: (image,) or (image, 1), or (image, class) with a
            value for each class, of which the most probable class's counts. None without one.
    """

    model_config = _STRICT

    input: TensorName = "images"
    channels: Annotated[int, Field(ge=1, le=16)] = 1
    slices: Side | None = None
    rows: Side
    columns: Side
    logits: TensorName = "logits"
    activation_maps: TensorName | None = None
    outside: TensorName | None = None


class MaskOutput(BaseModel):
    """How a network answers with labels of samples instead of one class an image.

    Its logits are (image, label, row, column), or (image, label, slice, row, column) where ``network.slices`` is given,
    on the grid of its input; the labels are the manifest's classes, the background first.

    Attributes:
        overlap_fraction: part of a patch that the next one of the sliding window covers again.
        channel_names: what each channel of the input is.
        spacing_mm: slice, row, column spacing of the prepared grid, None where it is that of the image.
        object_name: what the objects are, where the labels are background, interior and border of objects that are
            told apart; None where labels are answered as they are.
    """

    model_config = _STRICT

    overlap_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    channel_names: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=16)]
    spacing_mm: tuple[float, float, float] | None = None
    object_name: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class CamExplanation(BaseModel):
    """Class activation map from the network's own second output (Zhou et al. 2016, equation 2)."""

    model_config = _STRICT

    method: Literal["cam"] = "cam"


class OcclusionExplanation(BaseModel):
    """Fall of the class's log-odds when a patch is made grey (Zeiler and Fergus 2014, section 4.2).

    Attributes:
        patch_fraction: side of the patch in parts of each side of the image.
        stride_fraction: distance between patches in parts of each side of the image.
    """

    model_config = _STRICT

    method: Literal["occlusion"] = "occlusion"
    patch_fraction: Annotated[float, Field(ge=0.02, le=0.5)] = 0.15
    stride_fraction: Annotated[float, Field(ge=0.02, le=0.5)] = 0.05


class NoExplanation(BaseModel):
    """No map is made."""

    model_config = _STRICT

    method: Literal["none"] = "none"


class OutOfDistribution(BaseModel):
    """The score that tells images of a kind the network never saw, and where it is cut.

    Scores:
        * ``output``: the network's own output ``network.outside`` (a distance, an energy, an error of rebuilding);
        * ``energy``: minus log-sum-exp of the raw logits (Liu et al. 2020, equation 4 at temperature 1);
        * ``max-logit``: the largest raw logit (Hendrycks et al. 2022);
        * ``max-probability``: the largest calibrated probability (Hendrycks and Gimpel 2017).

    Attributes:
        score: which one.
        threshold: where it is cut.
        class_thresholds: where it is cut when the class named is the most probable one; others take ``threshold``.
        outside_is: whether scores above or below the threshold lie outside.
        note: where the threshold was set.
    """

    model_config = _STRICT

    score: Literal["output", "energy", "max-logit", "max-probability"]
    threshold: float
    class_thresholds: Annotated[dict[str, float], Field(max_length=1000)] = {}
    outside_is: Literal["above", "below"] = "above"
    note: Annotated[str, Field(max_length=1000)] = ""
