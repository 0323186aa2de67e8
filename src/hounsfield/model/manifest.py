"""Manifest: everything a model package says about itself, as checked JSON without code, expressions or import names."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from hounsfield.core.codes import CodedConcept, concept_for
from hounsfield.core.prediction import Interval, ModelIdentity, OperatingPoint, PredictedClass
from hounsfield.errors import ManifestMismatch
from hounsfield.model.contract import InputContract
from hounsfield.model.interface import (
    BoxInterface,
    CamExplanation,
    GeneratorInterface,
    HeadsInterface,
    MaskOutput,
    NetworkInterface,
    NoExplanation,
    OcclusionExplanation,
    OutOfDistribution,
    SequenceInterface,
)
from hounsfield.model.statements import Bilingual, DataStatement, IntervalEntry, Metric

NETWORK_PART: Final = "network.onnx"
CARD_PART: Final = "card.md"
MANIFEST_PART: Final = "manifest.json"
OBJECT_LABELS: Final = ("background", "interior", "border")
"""Classes of a network whose objects are told apart by their borders (``model.instances``)."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Text = Annotated[str, Field(max_length=4000)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Explanation = Annotated[CamExplanation | OcclusionExplanation | NoExplanation, Field(discriminator="method")]

HeadKind = Literal["class", "ordered-class", "labels", "number"]
Answer = HeadKind | Literal["several", "image"]

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ConceptEntry(BaseModel):
    """A coded concept that the table of ``core`` does not hold."""

    model_config = STRICT

    value: Annotated[str, Field(min_length=1, max_length=16)]
    scheme: Annotated[str, Field(min_length=1, max_length=16)]
    meaning: Annotated[str, Field(min_length=1, max_length=64)]
    meaning_zh: Annotated[str, Field(max_length=64)] = ""


class OperatingPointEntry(BaseModel):
    """Where the score of a class is cut, and what that was worth where it was set."""

    model_config = STRICT

    threshold: Annotated[float, Field(ge=0, le=1)]
    sensitivity: IntervalEntry
    specificity: IntervalEntry
    data_set: Annotated[str, Field(min_length=1, max_length=400)]


class ClassEntry(BaseModel):
    """One class, in the order of the network's logits.

    Attributes:
        name: machine name, as in the training labels.
        concept: None takes the table's concept of this name, or one of the private scheme.
        is_finding: False for a class that means nothing of the kind was seen.
        operating_point: None for classes that are not findings.
        rule_out: a second point of high sensitivity, below which a score speaks against the finding; None without one.
        rule_in: a second point of high specificity, from which a score speaks for it.
    """

    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[^\x00-\x20\x7f<>][^\x00-\x1f\x7f<>]{0,63}$")]
    concept: ConceptEntry | None = None
    is_finding: bool = True
    operating_point: OperatingPointEntry | None = None
    rule_out: OperatingPointEntry | None = None
    rule_in: OperatingPointEntry | None = None

    def rule_points(self) -> tuple[OperatingPoint, OperatingPoint] | None:
        """Return the points to rule out and to rule in, None where the package does not have both."""
        if self.rule_out is None or self.rule_in is None:
            return None
        return _operating_point(self.rule_out), _operating_point(self.rule_in)

    def predicted_class(self) -> PredictedClass:
        """Return the class as the noun that predictions carry."""
        point = self.operating_point
        return PredictedClass(
            self.name,
            CodedConcept(**self.concept.model_dump()) if self.concept else concept_for(self.name),
            self.is_finding,
            None if point is None else _operating_point(point),
        )


class CalibrationEntry(BaseModel):
    """Temperature that the logits are divided by before softmax, and where it was set."""

    model_config = STRICT

    temperature: Annotated[float, Field(gt=0, le=1000)] = 1.0
    method: Literal["none", "temperature"] = "none"
    data_set: Text = ""


class HeadEntry(BaseModel):
    """One of several things that a model answers of an image.

    Attributes:
        name: of the head, which is the class of the manifest in its place.
        answer: what its output means, as ``Manifest.answer``.
        classes: the classes, the labels, the grades in their order, or the name of the number.
        columns: of the manifest that it was learned from: one, or one for each label.
        unit: of the number, UCUM where there is a code.
        calibration: temperature of its probabilities.
    """

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=64)]
    answer: HeadKind
    classes: Annotated[list[ClassEntry], Field(min_length=1, max_length=1000)]
    columns: Annotated[list[Text], Field(max_length=1000)] = []
    unit: Annotated[str, Field(max_length=64)] = ""
    calibration: CalibrationEntry = CalibrationEntry()

    @model_validator(mode="after")
    def _check_classes(self) -> "HeadEntry":
        """Refuse classes that do not make the answer."""
        names = [entry.name for entry in self.classes]
        if len(set(names)) != len(names):
            raise ValueError("two classes have the same name")
        if not makes_answer(self.answer, len(names)) or (self.unit and self.answer != "number"):
            raise ValueError(f"{len(names)} classes and the unit {self.unit!r} do not make the answer {self.answer}")
        return self


def makes_answer(answer: Answer, class_count: int) -> bool:
    """Tell whether as many classes can make an answer."""
    return class_count >= 2 if answer in ("class", "ordered-class") else class_count == 1 or answer != "number"


class Part(BaseModel):
    """Digest and size of a part of the package."""

    model_config = STRICT

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """What a model package says about itself.

    Attributes:
        format_version: version of this form.
        name: the model's name, a file name's worth.
        version: version of the model.
        task: the task it serves, such as ``chest-xray``.
        purpose: what it is for, in both languages.
        created: ISO 8601 time.
        input: which images it takes.
        network: names and sizes of the network's input and outputs.
        prepare: the preparing steps, as ``prepare.sequence.build_steps`` takes them.
        classes: the classes, in the order of the logits; labels that may all be present, the name of the number, or the
            names of the heads.
        answer: what the logits mean: one class of several or of ordered ones (softmax), labels that do not exclude each
            other (the logistic function of each), a number as it is, several of these, each a head, or a synthetic
            image of one of the classes.
        heads: what each output means, for the answer ``several``.
        unit: of the number, UCUM where there is a code.
        calibration: temperature of the probabilities.
        explanation: how a map of what the network looked at is made.
        out_of_distribution: the score that tells unknown kinds of image, None without one.
        masks: how labels of samples are answered; None for a model that answers with a class an image.
        data: what it was trained, tuned and tested on.
        licence: licence of the weights, an SPDX expression where there is one.
        metrics: figures with intervals.
        limits: what it does not know, in both languages.
        command: the exact command that made it.
        seed: seed of the run.
        software: names and versions that made it.
        parts: digests, filled in by ``write_package``.
    """

    model_config = STRICT

    format_version: Literal[1] = 1
    name: Slug
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+([-+.][0-9A-Za-z.-]{1,32})?$")]
    task: Slug
    purpose: Bilingual
    created: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")]
    input: InputContract
    network: BoxInterface | HeadsInterface | GeneratorInterface | SequenceInterface | NetworkInterface
    prepare: Annotated[list[dict[str, JsonValue]], Field(max_length=32)]
    classes: Annotated[list[ClassEntry], Field(min_length=1, max_length=1000)]
    answer: Answer = "class"
    heads: Annotated[list[HeadEntry], Field(max_length=64)] = []
    unit: Annotated[str, Field(max_length=64)] = ""
    calibration: CalibrationEntry = CalibrationEntry()
    explanation: Explanation = NoExplanation()
    out_of_distribution: OutOfDistribution | None = None
    masks: MaskOutput | None = None
    data: DataStatement
    licence: Annotated[str, Field(min_length=1, max_length=400)]
    metrics: Annotated[list[Metric], Field(max_length=200)] = []
    limits: Annotated[list[Bilingual], Field(max_length=50)] = []
    command: Text = ""
    seed: int | None = None
    software: dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=80)]] = {}
    parts: dict[Literal["network.onnx", "card.md"], Part] = {}

    @model_validator(mode="after")
    def _check_agreement(self) -> "Manifest":
        """Refuse a manifest whose entries contradict each other."""
        names = [entry.name for entry in self.classes]
        if len(set(names)) != len(names):
            raise ValueError("classes: two classes have the same name")
        if isinstance(self.explanation, CamExplanation) and not self.network.activation_maps:
            raise ValueError("explanation: method cam needs network.activation_maps")
        score = self.out_of_distribution
        if score is not None and score.score == "output" and not self.network.outside:
            raise ValueError("out_of_distribution: score output needs network.outside")
        if score is not None and not set(score.class_thresholds) <= set(names):
            raise ValueError("out_of_distribution: class_thresholds names an unknown class")
        self._check_answer()
        self._check_masks()
        self._check_sequence()
        if any(not isinstance(step.get("step"), str) for step in self.prepare):
            raise ValueError("prepare: every item names its step")
        return self

    def _check_masks(self) -> None:
        """Refuse channels, slices and outputs that do not belong to what the network answers with."""
        network, masks = self.network, self.masks
        if masks is None:
            series_count = len(self.input.series)
            has_fit = network.channels == 2 * series_count if series_count else network.channels in (1, 3)
            if not has_fit or network.slices is not None:
                raise ValueError("network: channels other than 1 or 3, or two for each series, and slices, need masks")
            return
        if network.activation_maps or network.outside or self.explanation.method != "none":
            raise ValueError("masks: a network of masks has no maps and no score of its own")
        if len(masks.channel_names) != network.channels:
            raise ValueError("masks: one name for each channel of the network")
        if masks.object_name is not None and [entry.name for entry in self.classes] != list(OBJECT_LABELS):
            raise ValueError("masks: objects need the classes background, interior, border")

    def _check_sequence(self) -> None:
        """Refuse a sequence with maps, masks or an outside score, and steps that may leave too many frames."""
        network = self.network
        if not isinstance(network, SequenceInterface):
            return
        if network.activation_maps or network.outside or self.masks is not None or self.explanation.method != "none":
            raise ValueError("network: a sequence has no maps, masks or score of its own")
        limits = [step.get("most", 16) for step in self.prepare if step.get("step") == "sample-frames"]
        if not any(isinstance(limit, int) and limit <= network.most_frames for limit in limits):
            raise ValueError("prepare: a sequence needs sample-frames with at most network.most_frames")

    def _check_answer(self) -> None:
        """Refuse fewer classes than the answer needs, and what a number or labels cannot have."""
        count, has_boxes = len(self.classes), isinstance(self.network, BoxInterface)
        if (self.answer == "image") != isinstance(self.network, GeneratorInterface):
            raise ValueError("answer: an image is the answer of a generator, and its only one")
        if not makes_answer(self.answer, count) and not has_boxes:
            raise ValueError(f"classes: {count} do not make the answer {self.answer}")
        if self.answer != "class" and (self.masks is not None or has_boxes or self.out_of_distribution is not None):
            raise ValueError("answer: masks, boxes and the score for unknown kinds of image need classes")
        if self.unit and self.answer != "number":
            raise ValueError("unit: only a number has one")
        self._check_heads()

    def _check_heads(self) -> None:
        """Refuse heads without an output each, or that are not the classes."""
        network = self.network
        outputs = network.heads if isinstance(network, HeadsInterface) else ()
        if (self.answer == "several") != bool(self.heads) or len(outputs) != len(self.heads):
            raise ValueError("heads: one output for each head, and heads for the answer several alone")
        if self.heads and [head.name for head in self.heads] != [entry.name for entry in self.classes]:
            raise ValueError("heads: their names are the classes, in the same order")

    @property
    def identity(self) -> ModelIdentity:
        """Who this is: name, version, task and weights digest."""
        part = self.parts.get(NETWORK_PART)
        return ModelIdentity(self.name, self.version, self.task, part.sha256 if part else "")

    @property
    def predicted_classes(self) -> tuple[PredictedClass, ...]:
        """The classes as the nouns that predictions carry."""
        return tuple(entry.predicted_class() for entry in self.classes)

    def to_json(self) -> bytes:
        """Return the manifest as JSON, the same bytes for the same manifest."""
        return (json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n").encode()


def read_manifest(raw: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestMismatch: ``E503``, it is not JSON of the wanted form; the facts name the first faults.
    """
    try:
        manifest = Manifest.model_validate(json.loads(raw, object_pairs_hook=_unique), strict=False)
        # half a letter (a lone surrogate) in a preparing step could not be written again
        manifest.to_json()
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5]]
        raise ManifestMismatch("E503", found="; ".join(faults)[:600]) from error
    except (ValueError, RecursionError) as error:
        raise ManifestMismatch("E503", found=str(error)[:200]) from error
    return manifest


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema of the manifest."""
    return Manifest.model_json_schema()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that comes twice: two readers could take different values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _operating_point(entry: OperatingPointEntry) -> OperatingPoint:
    sensitivity, specificity = entry.sensitivity, entry.specificity
    return OperatingPoint(
        entry.threshold,
        Interval(sensitivity.value, sensitivity.low, sensitivity.high, sensitivity.level),
        Interval(specificity.value, specificity.low, specificity.high, specificity.level),
        entry.data_set,
    )
