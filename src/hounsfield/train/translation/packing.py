"""Packing of a translator: from kept weights to an ONNX package that says what it is."""

from datetime import UTC, datetime

import torch
from pydantic import ValidationError
from torch import Tensor

from hounsfield.errors import SettingsError
from hounsfield.model.interface import GeneratorInterface
from hounsfield.model.manifest import ClassEntry, Manifest
from hounsfield.model.networks.translation import ImageGenerator, build_translators
from hounsfield.model.package import ModelPackage
from hounsfield.train.assess import Assessment
from hounsfield.train.chance import generator_at
from hounsfield.train.export import compare_with_torch, onnx_bytes
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.statement import bilingual, data_counts, metric_entry, slug, software_versions
from hounsfield.train.synthesis.packing import GeneratorFacts
from hounsfield.train.translation.plan import TranslationPlan

_ONE_OF = "generator."
_TRIED = 4


def kept_translator(plan: TranslationPlan, weights: dict[str, Tensor]) -> ImageGenerator:
    """Return the generator of the weights that a run keeps."""
    generator = build_translators(plan.network).generator
    own = {name.removeprefix(_ONE_OF): tensor for name, tensor in weights.items() if name.startswith(_ONE_OF)}
    generator.load_state_dict(own)
    return generator.eval()


def export_translator(generator: ImageGenerator, plan: TranslationPlan) -> bytes:
    """Return a generator as ONNX, compared with torch.

    Raises:
        HounsfieldError: ``E838``, torch and onnxruntime disagree.
    """
    interface = interface_of(plan)
    shape = (_TRIED, *interface.input_shape(1))
    tried = torch.rand(shape, generator=generator_at(0, "example"))
    network = onnx_bytes(generator.eval(), interface, tried[:1])
    compare_with_torch(generator, network, interface, tried)
    return network


def interface_of(plan: TranslationPlan) -> GeneratorInterface:
    """Return the interface of a plan's generator."""
    form = plan.network
    return GeneratorInterface(
        input="images", logits="synthetic", channels=form.channels, rows=form.side, columns=form.side,
        source_channels=form.channels,
    )  # fmt: skip


def translator_package(
    plan: TranslationPlan, facts: GeneratorFacts, network: bytes, assessment: Assessment | None = None
) -> ModelPackage:
    """Return the package of a translator, not written yet."""
    manifest = translator_manifest(plan, facts, assessment)
    return ModelPackage(manifest, network, "", manifest.identity, "")


def translator_manifest(plan: TranslationPlan, facts: GeneratorFacts, assessment: Assessment | None) -> Manifest:
    """Return the manifest of a translator.

    Raises:
        SettingsError: ``E830``, it cannot hold what is stated.
    """
    data_name, entries = facts.data_name, []
    if assessment is not None:
        entries = [metric_entry(assessment, name, item, data_name) for name, item in assessment.metrics.items()]
    try:
        return Manifest(
            name=slug(plan.name),
            version="1.0.0",
            task="synthesis",
            purpose=bilingual("ui.translation.purpose", data=data_name),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input=Recipe().model.input,
            network=interface_of(plan),
            prepare=list(plan.prepare),
            classes=[ClassEntry(name="image", is_finding=False)],
            answer="image",
            data=Recipe().model.data.model_copy(update=data_counts(Recipe(), facts.sizes, data_name)),
            licence=facts.licence,
            metrics=entries,
            limits=[
                bilingual("ui.synthesis.limit.patients"),
                bilingual("ui.translation.limit.invents"),
                bilingual("ui.synthesis.limit.data", data=data_name),
            ],
            command=facts.command,
            seed=plan.seed,
            software=software_versions(),
        )
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
