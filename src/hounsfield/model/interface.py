"""Interface of a network in a manifest: its input and outputs, its map, and its score for unknown kinds of image."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are asked for."""
        return tuple(name for name in (self.logits, self.activation_maps, self.outside) if name)


class HeadsInterface(NetworkInterface):
    """A network that answers several things of one image, each with an output of its own.

    Attributes:
        heads: names of the outputs (image, class), in the order of the manifest's heads; ``logits`` is not one of them.
    """

    heads: Annotated[tuple[TensorName, ...], Field(min_length=1, max_length=64)]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are asked for."""
        return self.heads


class SequenceInterface(NetworkInterface):
    """A network that takes the frames of a film, or the slices of a stack, in their order, as one case.

    Its input is float32 (1, frame, channel, row, column) with any number of frames up to a limit, and its logits are
    (1, class). There is no padding: a sequence goes through the network alone, with the frames it has.

    Attributes:
        most_frames: frames of a sequence at most; the preparing step ``sample-frames`` sees to it.
    """

    most_frames: Annotated[int, Field(ge=1, le=4096)]


class AnchorLevel(BaseModel):
    """The anchors of one map of the pyramid: one at every place for each side and each ratio.

    Attributes:
        stride: input pixels between two places.
        sides: square root of the area of an anchor, in input pixels.
    """

    model_config = _STRICT

    stride: Annotated[int, Field(ge=1, le=1024)]
    sides: Annotated[tuple[Annotated[float, Field(gt=0, le=1e5)], ...], Field(min_length=1, max_length=16)]


class BoxInterface(NetworkInterface):
    """A network that finds objects: for each anchor the logits of the classes, and how the box differs from it.

    Attributes:
        logits: name of the output (image, anchor, class), each class by itself (sigmoid).
        deltas: name of the output (image, anchor, 4): shift of the centre in sides of the anchor and logarithm of the
            sides, rows before columns (Girshick 2014, appendix C).
        levels: the anchors, in the order of the output: by level, row, column, side, ratio.
        ratios: rows divided by columns of the anchors.
        least_score: detections below it are dropped before anything else.
        largest_overlap: of two detections of a class that both stay.
        most: detections of an image that stay.
        working_score: from which a detection is shown; set on the tuning part.
    """

    deltas: TensorName
    levels: Annotated[tuple[AnchorLevel, ...], Field(min_length=1, max_length=8)]
    ratios: Annotated[tuple[Annotated[float, Field(gt=0.01, lt=100)], ...], Field(min_length=1, max_length=16)] = (1.0,)
    least_score: Annotated[float, Field(ge=0, le=1)] = 0.05
    largest_overlap: Annotated[float, Field(ge=0, le=1)] = 0.5
    most: Annotated[int, Field(ge=1, le=10_000)] = 100
    working_score: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are asked for."""
        return self.logits, self.deltas

    @property
    def anchor_count(self) -> int:
        """Anchors of all levels."""
        return sum(
            -(-self.rows // level.stride) * -(-self.columns // level.stride) * len(level.sides) * len(self.ratios)
            for level in self.levels
        )


class GeneratorInterface(NetworkInterface):
    """A network that makes images; nothing it gives is an image of a patient.

    Attributes:
        kind: says so in the manifest.
        input: name of the input (image, ``latent`` + class): noise drawn from the standard normal distribution, then
            one for the class that is wanted and zero for the others.
        logits: name of the output (image, channel, row, column), samples from 0 to 1, white is bright.
        channels: of an image that is made.
        rows: of an image that is made.
        columns: of an image that is made.
        latent: numbers of noise for an image; 0 for a network that is given an image (image, ``source_channels``, row,
            column) instead.
        source_channels: channels of the image that is given; 0 for a network that is given noise.
    """

    kind: Literal["generator"] = "generator"
    latent: Annotated[int, Field(ge=0, le=4096)] = 0
    source_channels: Annotated[int, Field(ge=0, le=64)] = 0

    @model_validator(mode="after")
    def _check_source(self) -> "GeneratorInterface":
        if (self.latent > 0) == (self.source_channels > 0):
            raise ValueError("a generator is given either noise or an image")
        return self

    def input_shape(self, class_count: int) -> tuple[int, ...]:
        """Return the shape of what one image is made from."""
        if self.latent:
            return (self.latent + class_count,)
        return (self.source_channels, self.rows, self.columns)


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
        least_samples: smaller objects are dropped.
        smoothing_samples: objects that hang together are cut where they are narrow, after smoothing by so much;
            0 leaves them (``model.instances.decode_instances``).
    """

    model_config = _STRICT

    overlap_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.5
    channel_names: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=16)]
    spacing_mm: tuple[float, float, float] | None = None
    object_name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    least_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    smoothing_samples: Annotated[float, Field(ge=0, le=100)] = 0.0


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
