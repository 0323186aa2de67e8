"""Packing of a generator: from kept weights to an ONNX package that says what it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from hounsfield.errors import SettingsError
from hounsfield.model.generator import codes
from hounsfield.model.interface import GeneratorInterface
from hounsfield.model.manifest import ClassEntry, Manifest
from hounsfield.model.network_check import check_network
from hounsfield.model.networks.gan import ConvolutionalGenerator, build_adversaries
from hounsfield.model.package import ModelPackage, write_package
from hounsfield.train.assess import Assessment
from hounsfield.train.export import compare_with_torch, onnx_bytes
from hounsfield.train.parts import PartSizes
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.statement import bilingual, data_counts, machine_name, metric_entry, slug, software_versions
from hounsfield.train.synthesis.plan import SynthesisPlan

TRIED = 8
_ONE_OF = "generator."


@dataclass(frozen=True)
class GeneratorFacts:
    """What a package states beside the plan.

    Attributes:
        data_name: name of the data set.
        sizes: cases of each part.
        licence: of the weights.
        command: what made it.
    """

    data_name: str
    sizes: PartSizes
    licence: str
    command: str


def export_generator(generator: ConvolutionalGenerator, plan: SynthesisPlan) -> bytes:
    """Return a generator as ONNX, compared with torch.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
    """
    generator.eval()
    interface, classes = interface_of(plan), len(plan.class_names)
    tried = torch.from_numpy(codes(0, classes, plan.network.latent, TRIED, plan.seed))
    network = onnx_bytes(generator, interface, tried[:1])
    compare_with_torch(generator, network, interface, tried)
    return network


def rehearse_generator(plan: SynthesisPlan, facts: GeneratorFacts) -> None:
    """Export and check an untrained generator, so that what could not be packed in the end is refused at the start.

    Raises:
        ModelError: a package does not take this network.
        SettingsError: ``E830``, a manifest cannot hold what is stated.
    """
    network = export_generator(build_adversaries(plan.network).generator, plan)
    check_network(network, generator_manifest(plan, facts))


def kept_generator(plan: SynthesisPlan, weights: dict[str, Tensor]) -> ConvolutionalGenerator:
    """Return the generator of the weights that a run keeps."""
    generator = build_adversaries(plan.network).generator
    own = {name.removeprefix(_ONE_OF): tensor for name, tensor in weights.items() if name.startswith(_ONE_OF)}
    generator.load_state_dict(own)
    return generator.eval()


def unwritten(plan: SynthesisPlan, facts: GeneratorFacts, network: bytes) -> ModelPackage:
    """Return the package of a generator that is not judged yet."""
    manifest = generator_manifest(plan, facts)
    return ModelPackage(manifest, network, "", manifest.identity, "")


def pack_generator(
    plan: SynthesisPlan, facts: GeneratorFacts, network: bytes, assessment: Assessment, output: Path, *, copies: bool
) -> tuple[Manifest, str]:
    """Write the package of a judged generator; return its manifest and the SHA-256 of the network."""
    manifest = generator_manifest(plan, facts, assessment, copies=copies)
    identity = write_package(output, manifest, network)
    return manifest, identity.weights_digest


def interface_of(plan: SynthesisPlan) -> GeneratorInterface:
    """Return the interface of a plan's generator."""
    form = plan.network
    return GeneratorInterface(
        input="codes", logits="synthetic", channels=form.channels, rows=form.side, columns=form.side, latent=form.latent
    )


def generator_manifest(
    plan: SynthesisPlan, facts: GeneratorFacts, assessment: Assessment | None = None, *, copies: bool = False
) -> Manifest:
    """Return the manifest of a generator.

    Raises:
        SettingsError: ``E830``, it cannot hold what is stated.
    """
    names, data_name = plan.class_names, facts.data_name
    limits = [bilingual("ui.synthesis.limit.patients"), bilingual("ui.synthesis.limit.data", data=data_name)]
    limits += [bilingual("ui.synthesis.limit.copies")] if copies else []
    measured = f"; features of {plan.features[0]} (weights {plan.features[1][:12]}), not Inception's"
    metrics = []
    if assessment is not None:
        metrics = [metric_entry(assessment, name, item, data_name) for name, item in assessment.metrics.items()]
    try:
        return Manifest(
            name=slug(plan.name),
            version="1.0.0",
            task="synthesis",
            purpose=bilingual("ui.synthesis.purpose", classes=", ".join(names), data=data_name),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=Recipe().model.input,
            network=interface_of(plan),
            prepare=list(plan.prepare),
            classes=[ClassEntry(name=machine_name(name, index), is_finding=False) for index, name in enumerate(names)],
            answer="image",
            data=Recipe().model.data.model_copy(update=data_counts(Recipe(), facts.sizes, data_name)),
            licence=facts.licence,
            metrics=[item.model_copy(update={"data_set": item.data_set + measured}) for item in metrics],
            limits=limits,
            command=facts.command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
