"""The planner: from options, recipe and fingerprint to a plan, each choice with its reason."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hounsfield.errors import SettingsError
from hounsfield.model.networks.catalogue import NetworkSettings, catalogue_name, network_facts
from hounsfield.train.augment import Affine, Augmentation, BiasField, Blur, Contrast, Erase, Gamma, LowResolution, Noise
from hounsfield.train.augment_choice import customary, customary_reasons
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.imaging import Told, tell_imaging
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Cut, Learning, Mixup, Plan, Reason, SplitPlan
from hounsfield.train.recipe import Recipe, faults_of

SMALL_SIDE, MIDDLE_SIDE = 40, 96
IMBALANCE = 3.0
"""Largest class divided by smallest from which rare classes are weighted."""


@dataclass(frozen=True)
class Defaults:
    """What a size of image is learned with when nobody says otherwise.

    Attributes:
        side: side that images are prepared to.
        network: name of the network.
        samples: images seen in a whole run, from which the number of epochs follows.
        learning: how the weights are found, epochs apart.
        augment: augmentation.
    """

    side: int
    network: str
    samples: int
    learning: Learning
    augment: tuple[Augmentation, ...]


def make_plan(
    options: TrainOptions, recipe: Recipe, found: Fingerprint, class_names: tuple[str, ...], threads: int
) -> Plan:
    """Return the plan of a run; the centre and scale of the network's input are settled later, from the images.

    Raises:
        SettingsError: ``E830``, a setting is not possible; ``E831``, an unknown network.
        DatasetError: ``E832``, the network cannot take images of the size asked for.
    """
    defaults, reasons = _defaults(found)
    network, more = _network(options, recipe, found, defaults, class_names)
    learning, balance_reason = _learning(options, recipe, found, defaults)
    told = tell_imaging(options.modality, recipe.model.input.modalities, found.modalities)
    augment = recipe.augment if recipe.augment is not None else _augment(defaults, found, told)
    prepare = recipe.prepare if recipe.prepare is not None else _prepare(found, network)
    plan = {
        "name": options.name or recipe.model.name or "model",
        "class_names": class_names,
        "seed": _first(options.seed, recipe.seed, 0),
        "threads": threads,
        "prepare": prepare,
        "network": asdict(network),
        "augment": augment,
        "learning": learning,
        "split": recipe.split or SplitPlan(),
        "cut": recipe.cut or Cut(),
        "clusters": recipe.clusters,
        "decoys": recipe.decoys,
        "outside": recipe.outside if network_facts(network.name).has_activation_map else None,
        "time_limit_seconds": options.time_limit_seconds,
        "reasons": (
            *reasons,
            *more,
            *_prepare_reasons(recipe, found),
            *balance_reason,
            *_augment_reasons(recipe, found, told),
        ),
    }
    try:
        return Plan.model_validate(plan)
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def _defaults(found: Fingerprint) -> tuple[Defaults, tuple[Reason, ...]]:
    if found.side <= SMALL_SIDE:
        defaults = Defaults(max(22, found.side), "article", 90_000, SMALL_LEARNING, SMALL_AUGMENT)
    elif found.side <= MIDDLE_SIDE:
        defaults = Defaults(64, "small-residual", 150_000, LARGE_LEARNING, LARGE_AUGMENT)
    else:
        defaults = Defaults(128, "small-residual", 70_000, LARGE_LEARNING, LARGE_AUGMENT)
    facts: dict[str, str | int | float] = {"side": found.side, "size": defaults.side, "network": defaults.network}
    return defaults, (Reason(choice="network", key="ui.train.reason.size", facts=facts),)


def _network(
    options: TrainOptions, recipe: Recipe, found: Fingerprint, defaults: Defaults, class_names: tuple[str, ...]
) -> tuple[NetworkSettings, tuple[Reason, ...]]:
    asked = dict(recipe.network)
    name = catalogue_name(options.network or str(asked.pop("name", defaults.network)))
    asked.pop("name", None)
    facts = network_facts(name)
    own = min(max(defaults.side, facts.usual_side if name != defaults.network else 0), facts.largest_side)
    side = _first(options.size, asked.pop("size", None), own)
    if not isinstance(side, int):
        raise SettingsError("E830", found=f"network.size: {side}")
    strange = set(asked) - {field.name for field in fields(NetworkSettings)} | {"class_count"} & set(asked)
    if strange:
        raise SettingsError("E830", found=f"network.{min(strange)}")
    values: dict[str, Any] = {"class_count": len(class_names), "rows": side, "columns": side, "standardise": True}
    if name == "small-residual" and side > MIDDLE_SIDE:
        values |= {"widths": (24, 48, 96, 128), "depths": (1, 1, 1, 1), "strides": (2, 2, 2, 1)}
        values |= {"dropout": 0.3, "members": 3}
    elif name == "small-residual":
        values |= {"stem_stride": 1, "stem_kernel": 3, "dropout": 0.3}
    if name.startswith(("vgg", "alexnet")):
        values["dense_width"] = 512 if side < 128 else 1024
    try:
        settings = TypeAdapter(NetworkSettings).validate_python({**values, **asked, "name": name})
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error
    settings.check()
    if own == defaults.side or options.size is not None:
        return settings, ()
    told: dict[str, str | int | float] = {"network": name, "size": settings.rows, "side": found.side}
    return settings, (Reason(choice="size", key="ui.train.reason.enlarged", facts=told),)


def _learning(
    options: TrainOptions, recipe: Recipe, found: Fingerprint, defaults: Defaults
) -> tuple[Learning, tuple[Reason, ...]]:
    count = max(1, round(found.case_count * SplitPlan().training))
    values: dict[str, Any] = defaults.learning.model_dump()
    values["epochs"] = max(20, min(120, round(defaults.samples / count)))
    values["batch_size"] = max(8, min(values["batch_size"], count // 8))
    reasons: tuple[Reason, ...] = ()
    ratio = max(found.class_counts) / max(1, min(count for count in found.class_counts if count))
    if ratio >= IMBALANCE and "balance" not in recipe.learning:
        values["balance"] = "loss"
        facts: dict[str, str | int | float] = {"ratio": round(ratio, 1)}
        reasons = (Reason(choice="balance", key="ui.train.reason.balance", facts=facts),)
    values |= recipe.learning
    reasons += length_reasons(options, recipe, values, count)
    named = {"epochs": options.epochs, "batch_size": options.batch_size, "learning_rate": options.learning_rate}
    values |= {key: value for key, value in named.items() if value is not None}
    try:
        return Learning.model_validate(values), reasons
    except ValidationError as error:
        raise SettingsError("E830", found=faults_of(error)) from error


def length_reasons(options: TrainOptions, recipe: Recipe, values: dict[str, Any], count: int) -> tuple[Reason, ...]:
    """Return why the run is as long and its batches as large as they are, where nobody asked for it."""
    epochs: dict[str, str | int | float] = {"epochs": values["epochs"], "count": count}
    batch: dict[str, str | int | float] = {"batch_size": values["batch_size"], "count": count}
    reasons = {
        "epochs": Reason(choice="epochs", key="ui.train.reason.epochs", facts=epochs),
        "batch_size": Reason(choice="batch_size", key="ui.train.reason.batch", facts=batch),
    }
    asked = {name for name in reasons if getattr(options, name) is not None} | set(recipe.learning)
    return tuple(reason for name, reason in reasons.items() if name not in asked)


def _prepare(found: Fingerprint, network: NetworkSettings) -> tuple[dict[str, Any], ...]:
    """Return the steps: images of many shapes are framed by chance, so they are cut to what is in them."""
    steps: list[dict[str, Any]] = [{"step": "grey"}]
    steps.append({"step": "percentile-scale", "low_percentile": 0.5, "high_percentile": 99.5})
    if not found.has_one_shape:
        steps.append({"step": "crop-foreground"})
    steps.append({"step": "pad-square"})
    steps.append({"step": "resize", "rows": network.rows, "columns": network.columns})
    return tuple(steps)


def _prepare_reasons(recipe: Recipe, found: Fingerprint) -> tuple[Reason, ...]:
    if recipe.prepare is not None:
        return ()
    key = "ui.train.reason.one-shape" if found.has_one_shape else "ui.train.reason.shapes"
    return (Reason(choice="prepare", key=key),)


def _augment(defaults: Defaults, found: Fingerprint, told: Told) -> tuple[Augmentation, ...]:
    kinds = tuple(
        kind.model_copy(update={"flip_probability": 0.0}) if found.names_sides and isinstance(kind, Affine) else kind
        for kind in defaults.augment
    )
    return customary(kinds, told.imaging)


def _augment_reasons(recipe: Recipe, found: Fingerprint, told: Told) -> tuple[Reason, ...]:
    if recipe.augment is not None:
        return ()
    sides = (Reason(choice="augment", key="ui.train.reason.sides"),) if found.names_sides else ()
    return (*sides, *customary_reasons(told))


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


SMALL_LEARNING = Learning(
    learning_rate=1.5e-3, batch_size=64, weight_decay=0.01, label_smoothing=0.02, average_decay=0.99, patience=15
)
LARGE_LEARNING = Learning(
    learning_rate=1.5e-3,
    batch_size=16,
    weight_decay=0.05,
    warm_up_epochs=2,
    label_smoothing=0.05,
    mixup=Mixup(alpha=0.2, probability=0.25),
    average_decay=0.995,
    patience=40,
    keep="last",
)
SMALL_AUGMENT: tuple[Augmentation, ...] = (
    Affine(rotation_degrees=10, scale=(0.9, 1.1), aspect=0.05, shift_fraction=0.05, flip_probability=0.5),
    Contrast(factor=(0.8, 1.2), brightness=0.1),
    Noise(deviation=0.03),
)
LARGE_AUGMENT: tuple[Augmentation, ...] = (
    Affine(rotation_degrees=15, scale=(0.85, 1.18), aspect=0.1, shift_fraction=0.07, shear=0.06, flip_probability=0.5),
    Gamma(exponent=(0.65, 1.5)),
    BiasField(strength=0.2),
    Contrast(factor=(0.8, 1.2), brightness=0.1),
    Blur(probability=0.15),
    LowResolution(probability=0.1),
    Noise(deviation=0.03),
    Erase(probability=0.2),
)
