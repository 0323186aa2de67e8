"""Start: what of another model's weights fits a network, and how it is learned on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hounsfield.errors import SettingsError
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Reason, RunPlan
from hounsfield.train.recipe import Recipe, faults_of
from hounsfield.train.transfer.names import our_name
from hounsfield.train.transfer.origin import Origin, read_origin
from hounsfield.train.transfer.plan import TransferPlan, TransferRecipe

PlanT = TypeVar("PlanT", bound=RunPlan)

_PREFIXES = (
    "", "kept/", "network/", "average/", "module.", "model.", "net.", "network.", "backbone.", "encoder.", "_orig_mod.",
)  # fmt: skip
"""What stands before the names in checkpoints: of our runs, of wrappers, of frameworks."""

_SETTLED = ("centre", "scale")
"""Buffers that the data of the run decide."""
_FORMED = ("class_count", "label_count", "channels", *_SETTLED)
"""Settings of a network that the run decides by itself."""


@dataclass(frozen=True)
class Start:
    """Weights to begin with.

    Attributes:
        tensors: by the names of the network.
        plan: where they come from and how they are learned on.
    """

    tensors: Mapping[str, Tensor] = field(repr=False)
    plan: TransferPlan

    @torch.no_grad()
    def load_into(self, network: nn.Module) -> None:
        """Put the weights into a network that was built fresh; what is not among them stays as it is."""
        state = network.state_dict()
        for name, tensor in self.tensors.items():
            state[name].copy_(tensor)


@runtime_checkable
class StartsFrom(Protocol):
    """A way whose network may start from other weights."""

    start: Start | None


@dataclass(frozen=True)
class Wish:
    """What options and recipe ask of the weights to start from; ``origin`` is None where chance begins."""

    origin: Origin | None
    rules: TransferRecipe

    def formed(self, recipe: Recipe, options: TrainOptions) -> Recipe:
        """Return the recipe with the form of the origin's network, unless a person or the recipe names another."""
        if self.origin is None or self.origin.form is None or options.network or recipe.network:
            return recipe
        sides = {"rows", "columns", "patch"} if options.size else set()
        form = {key: value for key, value in self.origin.form.items() if key not in {*_FORMED, *sides}}
        return recipe.model_copy(update={"network": form})

    def begin(self, plan: PlanT, settings: object, build: Callable[[], nn.Module]) -> tuple[PlanT, Start | None]:
        """Return the plan with what it starts from, and the weights.

        Args:
            plan: all but the start is settled.
            settings: of the network.
            build: makes the network; it is only looked at.

        Raises:
            SettingsError: ``E911``, no tensor fits.
        """
        if self.origin is None:
            return plan, None
        with torch.device("meta"):
            network = build()
        tensors, wanted = fitting(self.origin.tensors, network, settings)
        if not tensors:
            raise SettingsError(
                "E911",
                source=self.origin.name,
                network=plan.network_name,
                found=len(self.origin.tensors),
                expected=wanted,
            )
        origin = self.origin
        told = TransferPlan(
            name=origin.name,
            version=origin.version,
            digest=origin.digest,
            licence=origin.licence,
            data=origin.data,
            taken=len(tensors),
            wanted=wanted,
            freeze_epochs=self.rules.freeze_epochs,
            trunk_rate=self.rules.trunk_rate,
        )
        reasons = (*plan.reasons, _reason(told))
        return plan.model_copy(update={"transfer": told, "reasons": reasons}), Start(tensors, told)


def read_wish(options: TrainOptions, recipe: Recipe) -> Wish:
    """Return what is asked for; options win over the recipe.

    Raises:
        SettingsError: ``E830`` a share that is none, or rules without a source; ``E912``, ``E913``.
        ModelError: there is no such package, or it is not whole.
    """
    named = {
        "source": options.start_from,
        "freeze_epochs": options.freeze_epochs,
        "trunk_rate": options.trunk_rate,
    }
    asked = {key: value for key, value in named.items() if value is not None}
    # a digest of the recipe speaks of the recipe's source
    asked |= {"sha256": ""} if options.start_from else {}
    given = recipe.transfer.model_dump() if recipe.transfer else {}
    try:
        rules = TransferRecipe.model_validate({**given, **asked})
    except ValidationError as error:
        raise SettingsError("E830", found=f"transfer.{faults_of(error)}") from error
    if not rules.source and (asked or given):
        raise SettingsError("E830", found="transfer.source: --freeze and --trunk-rate need --from")
    return Wish(read_origin(rules.source, rules.sha256) if rules.source else None, rules)


def refuse_start(options: TrainOptions, recipe: Recipe, task: str) -> None:
    """Refuse weights to start from, and batches of several sizes, where a way of learning knows neither.

    Raises:
        SettingsError: ``E916``.
    """
    if options.start_from or recipe.transfer or options.multi_scale or recipe.multi_scale:
        raise SettingsError("E916", found=task)


def fitting(tensors: Mapping[str, Tensor], network: nn.Module, settings: object) -> tuple[dict[str, Tensor], int]:
    """Return the tensors whose name and shape are those of the network, and how many it has.

    Its last layer, which answers another question, and what the data decide are left out.

    Args:
        tensors: by the names they have at their origin.
        network: on any device.
        settings: of the network, for the names that MONAI and torchvision give its parts.
    """
    fresh = _fresh(network)
    wanted = {
        name: tensor.shape
        for name, tensor in network.state_dict().items()
        if tensor.dtype.is_floating_point and not name.startswith(fresh) and name not in _SETTLED
    }
    best: dict[str, Tensor] = {}
    for prefix in _PREFIXES:
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        named = {
            our_name(name, settings) if isinstance(settings, NetworkSettings) else name: tensor
            for name, tensor in own.items()
        }
        fits = {name: named[name] for name in wanted if name in named and named[name].shape == wanted[name]}
        best = fits if len(fits) > len(best) else best
    return best, len(wanted)


def _fresh(network: nn.Module) -> tuple[str, ...]:
    """Return how the names of the last layer begin."""
    if isinstance(network, Classifier):
        return tuple(f"{name}." for name, module in network.named_modules() if module is network.last)
    return ("heads.",)


def _reason(told: TransferPlan) -> Reason:
    facts: dict[str, str | int | float] = {
        "source": f"{told.name} {told.version}".strip(),
        "digest": told.digest[:12],
        "taken": told.taken,
        "wanted": told.wanted,
        "freeze": told.freeze_epochs,
        "rate": told.trunk_rate,
    }
    return Reason(choice="transfer", key="ui.train.reason.transfer", facts=facts)
